"""What can be configured about Intercom; `.dlt/config.toml` gives the reason for each default."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue

from .api import BASE_URLS, PATIENT, App, Intercom, Pacer, Retries, SetupError, Usage, is_too_old, version
from .memberships import Clock, Guard, Limits, RunOptions, Selection
from .tables import Privacy, problems


@configspec
class IntercomSettings(BaseConfiguration):
    """Section `[sources.intercom]`. `overlap` is in seconds, `sweep_every` in hours, `sweep_budget` in calls."""

    access_token: TSecretStrValue = None  # type: ignore[assignment]  # dlt's way to say "required"
    region: str = "us"
    api_version: str = "Preview"
    base_url: str | None = None
    rate_limit_share: float = 0.8
    overlap: int = 900
    max_shrink: float = 0.5
    sweep_every: float = 20
    sweep_budget: int = 5000
    include_segments: list[str] | None = None
    exclude_segments: list[str] | None = None
    exclude_columns: list[str] | None = None
    hash_columns: list[str] | None = None
    hash_key: TSecretStrValue | None = None

    def on_resolved(self) -> None:
        """Checks what can be checked without a call to Intercom.

        Raises:
            SetupError: a value that cannot work.
        """
        self.access_token = self.access_token.strip()
        self.region = self.region.lower()
        self.api_version = version(self.api_version).name
        for problem in self._problems():
            raise SetupError(problem)

    def _problems(self) -> Iterator[str]:
        if is_too_old(self.api_version):
            yield (
                f"Version {self.api_version} of Intercom's API has no contact search that a sync can use. Set "
                "SOURCES__INTERCOM__API_VERSION to Preview, or to a number from 2.7 on."
            )
        if self.region not in BASE_URLS:
            yield f"Intercom has no region {self.region!r}. Set SOURCES__INTERCOM__REGION to us, eu or au."
        for name in ("rate_limit_share", "max_shrink"):
            if not 0 < getattr(self, name) <= 1:
                yield f"{name} is a share. Set it between 0 and 1, not to {getattr(self, name)}."
        for name, unit in (("overlap", "seconds"), ("sweep_every", "hours"), ("sweep_budget", "calls")):
            if getattr(self, name) < 0:
                yield f"{name} is a number of {unit}. Set it to 0 or more, not to {getattr(self, name)}."
        yield from problems(self.exclude_columns or (), self.hash_columns or (), self.hash_key)

    @property
    def url(self) -> str:
        """The API's base address: `base_url` if set, else the region's."""
        return self.base_url or BASE_URLS[self.region]

    @property
    def privacy(self) -> Privacy:
        """Which columns of contacts are left out or hashed."""
        key = (self.hash_key or "").encode()
        return Privacy(frozenset(self.exclude_columns or ()), frozenset(self.hash_columns or ()), key)

    def client(
        self,
        pacer: Pacer,
        usage: Usage,
        *,
        retries: Retries = PATIENT,
        transport: httpx.AsyncBaseTransport | None = None,
        until: float | None = None,
    ) -> Intercom:
        """A client for the configured workspace. It starts no call after `until`, by the monotonic clock."""
        return Intercom(
            self.url,
            self.access_token,
            version=self.api_version,
            pacer=pacer,
            usage=usage,
            retries=retries,
            transport=transport,
            until=until,
        )

    def options(
        self, app: App, run_id: str, *, clock: Clock, full: bool = False, accept_shrink: bool = False
    ) -> RunOptions:
        """What one run in this workspace is given."""
        return RunOptions(
            workspace_id=app.id_code,
            run_id=run_id,
            clock=clock,
            guard=Guard(self.max_shrink, accept=accept_shrink),
            version=version(self.api_version),
            timezone=app.timezone,
            limits=Limits(timedelta(hours=self.sweep_every), self.sweep_budget),
            overlap=self.overlap,
            full=full,
            selection=Selection(self.include_segments or (), self.exclude_segments or ()),
        )

    def check_region(self, app: App) -> None:
        """Stops a run of a workspace that lives in another region than configured.

        Raises:
            SetupError: it does.
        """
        if app.region and app.region.lower() != self.region:
            raise SetupError(
                f"The token's workspace is in Intercom's region {app.region.lower()}, but {self.region} is configured. "
                f"Nothing was written. Set SOURCES__INTERCOM__REGION to {app.region.lower()}."
            )
