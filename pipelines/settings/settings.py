"""Settings: environment, then `.dlt/secrets.toml`, then `.dlt/config.toml`.

`.dlt/config.toml` of the clone has every default with its reason, and is a part of the installed package. What is dlt's
own, such as the address of a database, dlt reads from the same files and variables.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sources.intercom.catalog import DEFAULT
from sources.intercom.settings import SettingValues
from sources.intercom.wire import keep_secret, plainly

from ..destinations import DESTINATIONS, TOOLS, destination_named
from ..errors import Misconfigured
from .configuration import Configuration, variable
from .monitoring import AlertSettings, MonitoringSettings
from .names import check_names, outside_of_sections
from .places import HOME_VARIABLE, data_folder, home, settings_files
from .values import as_kind, kind_of

if TYPE_CHECKING:  # what reads Intercom is imported by commands that do
    from sources.intercom.settings import IntercomSettings
    from sources.intercom.tables import Privacy

DEFAULT_WORKSPACE = "intercom"
INTERCOM = "sources.intercom"
DEMO_WORKSPACE = "demo"
MOST_SECONDS, MOST_DAYS = 86_400, 365
FEWEST_RUNS, MOST_RUNS = 2, 1000
"""Readers of the run before need its files until they are done."""


class Section(Protocol):
    """The dataclass of a section. Fields without a default have to be configured."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def on_resolved(self) -> None:
        """Raises Misconfigured or SetupError where a value cannot work."""


Settings = TypeVar("Settings", bound=Section)


@dataclass
class WarehouseSettings:
    """Section `[warehouse]`."""

    data_dir: str
    destination: str
    wait_for_readers: float
    publish_raw: bool
    day_timezone: str
    compare_builds_every: float
    maintain_lake_every: int
    kept_runs: int
    compatibility: list[str]

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
        if unknown := [one for one in self.compatibility if one not in TOOLS]:
            raise Misconfigured(
                f"compatibility names {unknown[0]!r}. It may name {', '.join(TOOLS)}. Correct it in .dlt/config.toml."
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


SECTIONS: Mapping[str, type[Any]] = {
    "sources.intercom": SettingValues,
    "warehouse": WarehouseSettings,
    "monitoring": MonitoringSettings,
    "alerts": AlertSettings,
}
FIELDS = {section: frozenset(field.name for field in fields(kind)) for section, kind in SECTIONS.items()}
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
    from .for_dlt import use

    use(home(), _configuration())


@cache
def _configuration() -> Configuration:
    configuration = Configuration(settings_files(), DOCUMENTED)
    for secret in configuration.values_of(SECRETS):  # also those of commands that need no token
        keep_secret(secret)
    return configuration


def intercom_settings(workspace: str = DEFAULT_WORKSPACE) -> "IntercomSettings":
    """The settings of a workspace. A workspace with its own name has its own section and token.

    Raises:
        Misconfigured: a setting is missing or cannot be read.
        SetupError: a value that cannot work.
    """
    from sources.intercom.settings import IntercomSettings

    use_project_config()
    if workspace != DEFAULT_WORKSPACE and not _configuration().value((*INTERCOM.split("."), "access_token"), workspace):
        raise Misconfigured(_no_token(f"{workspace}.{INTERCOM}"))
    return _resolved(IntercomSettings, INTERCOM, workspace)


def chosen_resources(workspace: str = DEFAULT_WORKSPACE) -> list[str]:
    """The setting `resources` of a workspace, which needs no token."""
    names: list[str] | None = _value(INTERCOM, "resources", workspace)
    return [DEFAULT] if names is None else names


def hashing(workspace: str = DEFAULT_WORKSPACE) -> "Privacy":
    """Which columns of contacts a workspace hashes, and the key. It needs no token."""
    from sources.intercom.tables import Privacy

    columns = _value(INTERCOM, "hash_columns", workspace) or ()
    key = _value(INTERCOM, "hash_key", workspace) or ""
    return Privacy(hashed=frozenset(columns), key=key.encode())


def sandbox_settings(token: str) -> "IntercomSettings":
    """The project's defaults for a workspace in this process. The configuration of a real one does not count."""
    from sources.intercom.settings import IntercomSettings

    use_project_config()
    settings = _resolved(IntercomSettings, INTERCOM, access_token=token)
    settings.access_token, settings.base_url, settings.region = token, "http://sandbox.invalid", "us"
    settings.include_segments, settings.exclude_segments = [], []
    settings.exclude_columns, settings.hash_columns, settings.track_attributes = [], [], []
    settings.keep_bodies_for = ""
    return settings


def warehouse_settings() -> WarehouseSettings:
    settings = _resolved(WarehouseSettings, "warehouse")
    if destination_named(settings.destination).is_configured_by_dlt:
        use_project_config()
    return settings


def alert_settings(workspace: str = DEFAULT_WORKSPACE) -> AlertSettings:
    return _resolved(AlertSettings, "alerts", workspace)


def monitoring_settings(workspace: str = DEFAULT_WORKSPACE) -> MonitoringSettings:
    return _resolved(MonitoringSettings, "monitoring", workspace)


def _resolved(kind: type[Settings], section: str, workspace: str | None = None, **given: Any) -> Settings:
    """A section, with the values that are given instead of configured ones."""
    check_names(_configuration().document, FIELDS, CREDENTIALS | {HOME_VARIABLE})
    configured = {name: _value(section, name, workspace) for name in FIELDS[section] - given.keys()}
    values = given | {name: value for name, value in configured.items() if value is not None}
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    if missing := ", ".join(sorted(needed - values.keys())):
        raise Misconfigured(
            _no_token(section)
            if missing == "access_token"
            else f"Section [{section}] has no {missing}. Set it in .dlt/config.toml."
        )
    settings = kind(**values)
    settings.on_resolved()
    return settings


def _value(section: str, name: str, workspace: str | None) -> Any:
    """A setting of a workspace, or that of all workspaces; null where it is not configured."""
    names = (*section.split("."), name)
    value, wanted = _configuration().value_for(names, workspace), kind_of(get_type_hints(SECTIONS[section])[name])
    try:
        return None if value is None else as_kind(wanted, value)
    except (ValueError, TypeError, OverflowError):
        shown = "" if name in SECRETS else f", not {plainly(repr(value))}"
        raise Misconfigured(
            f"{name} has to be {KINDS.get(wanted, 'text')}{shown}. Correct it in .dlt/ ({section}.{name}) or in the "
            f"variable {variable(names)}."
        ) from None


def _no_token(section: str) -> str:
    variable = f"{section}.access_token".replace(".", "__").upper()
    if outside_of_sections(_configuration().document, "access_token"):
        return f"There is no access token in [{section}] of .dlt/, but one outside of it. Move it below that line."
    return (
        f"There is no access token. Set the environment variable {variable}, or put access_token under [{section}] in "
        ".dlt/secrets.toml, a file that intercom-warehouse init writes. The token is in Intercom's Developer Hub: your "
        "app, Configure, Authentication."
    )
