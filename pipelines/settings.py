"""What can be configured, resolved by dlt: environment, then `.dlt/secrets.toml`, then `.dlt/config.toml`.

Defaults, with their reasons, live in `.dlt/config.toml` alone; it is found from the project's root, whatever the
current folder.
"""

import os
from pathlib import Path
from typing import TypeVar

import dlt
from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.configuration.specs.config_section_context import ConfigSectionContext
from dlt.common.runtime.run_context import switch_context
from dlt.common.typing import TSecretStrValue
from dlt.destinations.impl.postgres.configuration import PostgresCredentials

from sources.intercom.api import BASE_URLS, is_too_old, version
from sources.intercom.tables import Privacy, problems

from .errors import Misconfigured

ROOT = Path(__file__).parent.parent
DEFAULT_WORKSPACE = "intercom"
DEMO_WORKSPACE = "demo"
DESTINATIONS = ("duckdb", "postgres")
MOST_SECONDS = 86_400
SET_CREDENTIALS = (
    "Set DESTINATION__POSTGRES__CREDENTIALS to postgresql://user:password@host:5432/database, the password "
    "percent-encoded; docs/destinations.md tells more."
)

Settings = TypeVar("Settings", bound=BaseConfiguration)


@configspec
class IntercomSettings(BaseConfiguration):
    """Section `[sources.intercom]`; `.dlt/config.toml` tells what each means, and in which unit it is."""

    access_token: TSecretStrValue = None  # type: ignore[assignment]  # dlt's way of saying "required"
    region: str = None  # type: ignore[assignment]
    api_version: str = None  # type: ignore[assignment]
    rate_limit_share: float = None  # type: ignore[assignment]
    overlap: int = None  # type: ignore[assignment]
    max_shrink: float = None  # type: ignore[assignment]
    sweep_every: float = None  # type: ignore[assignment]
    sweep_budget: int = None  # type: ignore[assignment]
    include_segments: list[str] = None  # type: ignore[assignment]
    exclude_segments: list[str] = None  # type: ignore[assignment]
    exclude_columns: list[str] = None  # type: ignore[assignment]
    hash_columns: list[str] = None  # type: ignore[assignment]
    hash_key: TSecretStrValue | None = None
    base_url: str | None = None

    def on_resolved(self) -> None:
        """Checks what can be checked without asking Intercom."""
        self.access_token = self.access_token.strip()
        self.region = self.region.lower()
        self.api_version = version(self.api_version).name
        if is_too_old(self.api_version):
            raise Misconfigured(
                f"Version {self.api_version} of Intercom's API cannot search contacts as a sync needs it: set "
                "SOURCES__INTERCOM__API_VERSION to Preview, or to a number from 2.7 on."
            )
        if self.region not in BASE_URLS:
            raise Misconfigured(
                f"There is no Intercom region {self.region!r}: set SOURCES__INTERCOM__REGION to us, eu or au."
            )
        for name in ("rate_limit_share", "max_shrink"):
            if not 0 < getattr(self, name) <= 1:
                raise Misconfigured(
                    f"{name} is a part of a whole: set it between 0 and 1, not to {getattr(self, name)}."
                )
        for name, unit in (("overlap", "seconds"), ("sweep_every", "hours"), ("sweep_budget", "calls")):
            if getattr(self, name) < 0:
                raise Misconfigured(f"{name} is a number of {unit}: set it to 0 or more, not to {getattr(self, name)}.")
        for problem in problems(self.exclude_columns, self.hash_columns, self.hash_key):
            raise Misconfigured(problem)

    @property
    def url(self) -> str:
        """The API's base address: `base_url` where given, else the region's."""
        return self.base_url or BASE_URLS[self.region]

    @property
    def privacy(self) -> Privacy:
        """What of contacts is not to be kept."""
        key = (self.hash_key or "").encode()
        return Privacy(frozenset(self.exclude_columns), frozenset(self.hash_columns), key)


@configspec
class WarehouseSettings(BaseConfiguration):
    """Section `[warehouse]`."""

    data_dir: str = None  # type: ignore[assignment]
    destination: str = None  # type: ignore[assignment]
    wait_for_readers: float = None  # type: ignore[assignment]
    publish_raw: bool = None  # type: ignore[assignment]

    def on_resolved(self) -> None:
        """Refuses what this project was never run on, and a wait that cannot be."""
        if not 0 <= self.wait_for_readers <= MOST_SECONDS:
            raise Misconfigured(
                f"wait_for_readers is a number of seconds: set it between 0 and a day, {MOST_SECONDS}, not to "
                f"{self.wait_for_readers}."
            )
        if self.destination not in DESTINATIONS:
            raise Misconfigured(
                f"The destination {self.destination!r} is none that is run: set WAREHOUSE__DESTINATION to "
                f"{' or '.join(DESTINATIONS)}. docs/destinations.md tells what is known of others."
            )

    @property
    def folder(self) -> Path:
        """The data folder; a relative one starts at the project's root."""
        return ROOT / self.data_dir


def use_project_config() -> None:
    """Makes dlt look for `.dlt` in the project's root instead of the current folder.

    Before it does, it begins in the current folder, where nothing may say that it has to report to nobody.
    """
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    switch_context(str(ROOT))


def intercom_settings(workspace: str = DEFAULT_WORKSPACE) -> IntercomSettings:
    """The settings of a workspace: one with a name of its own has a section, and a token, of its own.

    Raises:
        Misconfigured: something is missing or cannot be.
    """
    if workspace != DEFAULT_WORKSPACE and not dlt.secrets.get(f"{workspace}.sources.intercom.access_token"):
        raise Misconfigured(_no_token(f"{workspace}.sources.intercom"))
    return _resolved(IntercomSettings(), ("sources", "intercom"), workspace)


def sandbox_settings(token: str) -> IntercomSettings:
    """The project's defaults for a workspace that lives in this process, whatever is configured for a real one."""
    settings = _resolved(IntercomSettings(access_token=token), ("sources", "intercom"))
    settings.access_token, settings.base_url, settings.region = token, "http://sandbox.invalid", "us"
    settings.include_segments, settings.exclude_segments = [], []
    settings.exclude_columns, settings.hash_columns = [], []
    return settings


def warehouse_settings() -> WarehouseSettings:
    """Where the warehouse is."""
    return _resolved(WarehouseSettings(), ("warehouse",))


def postgres_credentials() -> PostgresCredentials:
    """How PostgreSQL is reached, in dlt's own words; times are told in UTC on every connection.

    Raises:
        Misconfigured: something is missing; no word of what is there is repeated.
    """
    sections = ("destination", "postgres")
    try:
        credentials = resolve_configuration(PostgresCredentials(), sections=sections)
    except ConfigFieldMissingException as error:
        missing = ", ".join(error.fields)
        raise Misconfigured(f"PostgreSQL's credentials lack {missing}. {SET_CREDENTIALS}") from None
    except (ConfigurationException, ValueError):
        raise Misconfigured(f"PostgreSQL's credentials cannot be understood. {SET_CREDENTIALS}") from None
    credentials.session_timezone = "UTC"
    return credentials


def _resolved(settings: Settings, sections: tuple[str, ...], workspace: str | None = None) -> Settings:
    try:
        with Container().injectable_context(ConfigSectionContext(pipeline_name=workspace, sections=sections)):
            return resolve_configuration(settings, sections=sections)
    except ConfigFieldMissingException as error:
        missing = ", ".join(error.fields)
        section = ".".join(sections)
        raise Misconfigured(
            _no_token(section)
            if "access_token" in error.fields
            else f"Section [{section}] lacks {missing}: set it in .dlt/config.toml, which comes with the project."
        ) from None
    except ConfigurationException as error:
        raise Misconfigured(f"Section [{'.'.join(sections)}] cannot be read: {type(error).__name__}. {error}") from None


def _no_token(section: str) -> str:
    variable = f"{section}.access_token".replace(".", "__").upper()
    return (
        f"There is no access token. Set the environment variable {variable}, or put access_token under [{section}] in "
        ".dlt/secrets.toml (.dlt/secrets.toml.example shows how). The token is in Intercom's Developer Hub: your app, "
        "Configure, Authentication."
    )
