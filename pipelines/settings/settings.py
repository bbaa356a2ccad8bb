"""Settings, resolved by dlt: environment, then `.dlt/secrets.toml`, then `.dlt/config.toml`.

`.dlt/config.toml` of the clone has every default with its reason, and is a part of the installed package.
"""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dlt
from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigurationException,
    ConfigValueCannotBeCoercedException,
)
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.configuration.specs.base_configuration import extract_inner_hint, is_secret_hint
from dlt.common.configuration.specs.config_section_context import ConfigSectionContext

from sources.intercom.catalog import DEFAULT
from sources.intercom.settings import IntercomSettings
from sources.intercom.tables import Privacy
from sources.intercom.wire import keep_secret, plainly

from ..destinations import DESTINATIONS, destination_named
from ..errors import Misconfigured
from .configuration import Configuration, use, variable
from .monitoring import AlertSettings, MonitoringSettings
from .names import check_names
from .places import HOME_VARIABLE, data_folder, home, settings_files

DEFAULT_WORKSPACE = "intercom"
DEMO_WORKSPACE = "demo"
MOST_SECONDS, MOST_DAYS = 86_400, 365
FEWEST_RUNS, MOST_RUNS = 2, 1000
"""Readers of the run before need its files until they are done."""

Settings = TypeVar("Settings", bound=BaseConfiguration)
Value = TypeVar("Value")


@configspec
class WarehouseSettings(BaseConfiguration):
    """Section `[warehouse]`."""

    data_dir: str = None  # type: ignore[assignment]
    destination: str = None  # type: ignore[assignment]
    wait_for_readers: float = None  # type: ignore[assignment]
    publish_raw: bool = None  # type: ignore[assignment]
    day_timezone: str = None  # type: ignore[assignment]
    compare_builds_every: float = None  # type: ignore[assignment]
    maintain_lake_every: int = None  # type: ignore[assignment]
    kept_runs: int = None  # type: ignore[assignment]

    def on_resolved(self) -> None:
        """Raises Misconfigured for an unknown destination or timezone, and for a number that is out of range."""
        if not 0 <= self.wait_for_readers <= MOST_SECONDS:
            raise Misconfigured(
                f"wait_for_readers is a number of seconds, and {self.wait_for_readers} is out of range. Set it between "
                f"0 and a day, {MOST_SECONDS}."
            )
        if not 0 <= self.compare_builds_every <= MOST_DAYS:
            raise Misconfigured(
                f"compare_builds_every is a number of days, and {self.compare_builds_every} is out of range. Set it "
                f"between 0 and {MOST_DAYS}."
            )
        if self.maintain_lake_every < 1:
            raise Misconfigured(
                f"maintain_lake_every is a number of loads, and {self.maintain_lake_every} is out of range. Set it "
                "to 1 or more."
            )
        if not FEWEST_RUNS <= self.kept_runs <= MOST_RUNS:
            raise Misconfigured(
                f"kept_runs is a number of folders, and {self.kept_runs} is out of range. Set it between {FEWEST_RUNS} "
                f"and {MOST_RUNS}."
            )
        destination_named(self.destination)
        if not _is_timezone(self.day_timezone):
            raise Misconfigured(
                f"day_timezone is {self.day_timezone!r}, which is no timezone. Set it to UTC, or to a name such as "
                "Europe/Dublin."
            )

    @property
    def folder(self) -> Path:
        """The data folder; a relative one starts at the user's folder."""
        return data_folder(self.data_dir)


def _is_timezone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the last one for a part of a name: "America"
        return False
    return True


FIELDS: Mapping[str, frozenset[str]] = {
    "sources.intercom": frozenset(IntercomSettings().get_resolvable_fields()),
    "warehouse": frozenset(WarehouseSettings().get_resolvable_fields()),
    "monitoring": frozenset(MonitoringSettings().get_resolvable_fields()),
    "alerts": frozenset(AlertSettings().get_resolvable_fields()),
}
"""The settings of each section."""
CREDENTIALS = frozenset(variable(("destination", name, "credentials")) for name in DESTINATIONS)
DOCUMENTED = frozenset((*section.split("."), field) for section, fields in FIELDS.items() for field in fields)
SECRETS = ("access_token", "hash_key", "notify_url")
KINDS = {int: "a whole number", float: "a number", bool: "true or false", list: 'a list, such as ["Active"]'}


@cache
def use_project_config() -> None:
    """Makes dlt read the defaults and the user's `.dlt/`, and no variable that is not documented there.

    Raises:
        Misconfigured: a file cannot be read.
    """
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    use(home(), _configuration())
    for secret in _configuration().values_of(SECRETS):  # also those of commands that need no token
        keep_secret(secret)


@cache
def _configuration() -> Configuration:
    return Configuration(settings_files(), DOCUMENTED)


def intercom_settings(workspace: str = DEFAULT_WORKSPACE) -> IntercomSettings:
    """The settings of a workspace. A workspace with its own name has its own section and token.

    Raises:
        Misconfigured: a setting is missing or cannot be read.
        SetupError: a value that cannot work.
    """
    if workspace != DEFAULT_WORKSPACE and not dlt.secrets.get(f"{workspace}.sources.intercom.access_token"):
        raise Misconfigured(_no_token(f"{workspace}.sources.intercom"))
    return _resolved(IntercomSettings(), ("sources", "intercom"), workspace)


def chosen_resources(workspace: str = DEFAULT_WORKSPACE) -> list[str]:
    """The setting `resources` of a workspace, which needs no token."""
    names = _without_token(workspace, "resources", list)
    return [DEFAULT] if names is None else names


def hashing(workspace: str = DEFAULT_WORKSPACE) -> Privacy:
    """Which columns of contacts a workspace hashes, and the key. It needs no token."""
    columns = _without_token(workspace, "hash_columns", list) or []
    key = _without_token(workspace, "hash_key", str) or ""
    return Privacy(hashed=frozenset(columns), key=key.encode())


def _without_token(workspace: str, name: str, kind: type[Value]) -> Value | None:
    """A setting of a workspace, or that of all workspaces."""
    use_project_config()
    places = (f"{workspace}.sources.intercom.{name}", f"sources.intercom.{name}")
    found = (dlt.secrets.get(place, kind) for place in places)
    return next((value for value in found if value is not None), None)


def sandbox_settings(token: str) -> IntercomSettings:
    """The project's defaults for a workspace in this process. The configuration of a real one does not count."""
    settings = _resolved(IntercomSettings(access_token=token), ("sources", "intercom"))
    settings.access_token, settings.base_url, settings.region = token, "http://sandbox.invalid", "us"
    settings.include_segments, settings.exclude_segments = [], []
    settings.exclude_columns, settings.hash_columns, settings.track_attributes = [], [], []
    return settings


def warehouse_settings() -> WarehouseSettings:
    return _resolved(WarehouseSettings(), ("warehouse",))


def alert_settings(workspace: str = DEFAULT_WORKSPACE) -> AlertSettings:
    return _resolved(AlertSettings(), ("alerts",), workspace)


def monitoring_settings(workspace: str = DEFAULT_WORKSPACE) -> MonitoringSettings:
    return _resolved(MonitoringSettings(), ("monitoring",), workspace)


def _resolved(settings: Settings, sections: tuple[str, ...], workspace: str | None = None) -> Settings:
    use_project_config()
    check_names(_configuration().document, FIELDS, CREDENTIALS | {HOME_VARIABLE})
    try:
        with Container().injectable_context(ConfigSectionContext(pipeline_name=workspace, sections=sections)):
            return resolve_configuration(settings, sections=sections)
    except ConfigFieldMissingException as error:
        missing = ", ".join(error.fields)
        section = ".".join(sections)
        raise Misconfigured(
            _no_token(section)
            if "access_token" in error.fields
            else f"Section [{section}] has no {missing}. Set it in .dlt/config.toml."
        ) from None
    except ConfigValueCannotBeCoercedException as error:
        raise Misconfigured(_wrong_type(error, sections)) from None
    except ConfigurationException as error:
        raise Misconfigured(
            f"Section [{'.'.join(sections)}] cannot be read ({type(error).__name__}). Compare it with .dlt/config.toml."
        ) from None


def _wrong_type(error: ConfigValueCannotBeCoercedException, sections: tuple[str, ...]) -> str:
    """Without the value of a secret."""
    kind = extract_inner_hint(error.hint)
    shown = "" if is_secret_hint(error.hint) else f", not {plainly(repr(error.field_value))}"
    name = f"{'.'.join(sections)}.{error.field_name}"
    return (
        f"{error.field_name} has to be {KINDS.get(kind, 'text')}{shown}. Correct it in .dlt/ ({name}) or in the "
        f"variable {variable((*sections, error.field_name))}."
    )


def _no_token(section: str) -> str:
    variable = f"{section}.access_token".replace(".", "__").upper()
    return (
        f"There is no access token. Set the environment variable {variable}, or put access_token under [{section}] in "
        ".dlt/secrets.toml, a file that intercom-warehouse init writes. The token is in Intercom's Developer Hub: your "
        "app, Configure, Authentication."
    )
