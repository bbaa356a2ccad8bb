"""What is configured about Intercom: checks of the values, and what a run is given because of them."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from urllib.parse import urlsplit

import httpx

from ..api import BASE_URLS, PATIENT, App, Intercom, Pacer, Retries, SetupError, Usage, is_too_old, version
from ..catalog import DEFAULT, choice_problems
from ..memberships import Clock, Guard, Limits, RunOptions, Selection
from ..tables import Fields, KnownFields, Privacy, problems, tracking_problems
from ..wire import duration, keep_secret, plainly
from .values import SettingValues

MOST = {
    "overlap": ("seconds", 31_536_000),
    "sweep_every": ("hours", 8_760),
    "export_wait": ("minutes", 1_440),
    "sweep_budget": ("calls", 100_000_000),
    "parts_budget": ("calls", 100_000_000),
    "events_budget": ("calls", 100_000_000),
}
"""Of each number its unit, and the most that makes sense: a year, or more calls than a year allows."""
WHERE_TOKENS_ARE = (
    "Copy the access token from your app in Intercom's Developer Hub (Configure, Authentication) into "
    "SOURCES__INTERCOM__ACCESS_TOKEN, or into .dlt/secrets.toml."
)
PLACEHOLDER = "put the access token here"
"""The token in `.dlt/secrets.toml.example`."""
QUOTES = "\"'"
LISTS = (
    "include_segments",
    "exclude_segments",
    "exclude_columns",
    "hash_columns",
    "track_attributes",
    "resources",
    "custom_objects",
)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class IntercomSettings(SettingValues):
    """The values, checked once `on_resolved` was called, and what a run is given because of them."""

    def on_resolved(self) -> None:
        """Checks what can be checked without a call to Intercom.

        Raises:
            SetupError: a value that cannot work.
        """
        self.access_token = (self.access_token or "").strip()
        self.region = self.region.strip().lower()
        self.base_url = self.base_url and self.base_url.strip()
        self.client_id = self.client_id.strip()
        self.api_version = version(self.api_version).name
        self.resources = [DEFAULT] if self.resources is None else self.resources
        for problem in chain(self._problems_of_texts(), self._problems()):
            raise SetupError(problem)
        for secret in (self.access_token, self.hash_key or ""):
            keep_secret(secret)

    def _problems_of_texts(self) -> Iterator[str]:
        if problem := token_problem(self.access_token):
            yield f"{problem} {WHERE_TOKENS_ARE}"
        yield from address_problems(self.base_url)
        if not re.fullmatch(r"[\w.-]{1,20}", self.api_version, re.ASCII):
            yield "api_version is not the name of a version. Set SOURCES__INTERCOM__API_VERSION to Preview or 2.17."
        if not _is_one_word(self.client_id):
            yield (
                "client_id holds a character that no client id has, such as a blank. Copy it from your app in "
                "Intercom's Developer Hub (Configure, Basic information), or set it to an empty text."
            )
        for name in LISTS:
            if not all(isinstance(entry, str) for entry in getattr(self, name) or ()):
                yield f'{name} has entries that are not text. Put each of them in quotes: ["Active", "5f3a"].'

    def _problems(self) -> Iterator[str]:
        if is_too_old(self.api_version):
            yield (
                f"Version {self.api_version} of Intercom's API has no contact search that a sync can use. Set "
                "SOURCES__INTERCOM__API_VERSION to Preview, or to a number from 2.7 on."
            )
        if self.region not in BASE_URLS:
            yield f"Intercom has no region {plainly(self.region)!r}. Set SOURCES__INTERCOM__REGION to us, eu or au."
        for name in ("rate_limit_share", "max_shrink"):
            if not 0 < getattr(self, name) <= 1:
                yield f"{name} is a share. Set it between 0 and 1, not to {getattr(self, name)}."
        for name, (unit, most) in MOST.items():
            if not 0 <= getattr(self, name) <= most:  # written so that nan is out of range, too
                yield (
                    f"{name} is a number of {unit}. Set it to a number from 0 to {most:,}, not to "
                    f"{getattr(self, name)}."
                )
        if self.keep_bodies_for and not duration(self.keep_bodies_for):
            yield (
                f"keep_bodies_for is {plainly(self.keep_bodies_for)!r}, which is not a duration. Set it to 90d, or to "
                "an empty text for no limit."
            )
        yield from problems(self.exclude_columns or (), self.hash_columns or (), self.hash_key)
        yield from tracking_problems(self.track_attributes or (), self.exclude_columns or ())
        yield from choice_problems(self.resources or ())

    @property
    def url(self) -> str:
        """The API's base address: `base_url` if set, else the region's."""
        return self.base_url or BASE_URLS[self.region]

    @property
    def privacy(self) -> Privacy:
        """Which columns of contacts are left out or hashed."""
        key = (self.hash_key or "").encode()
        return Privacy(frozenset(self.exclude_columns or ()), frozenset(self.hash_columns or ()), key)

    def bodies_before(self, now: datetime) -> int | None:
        """The time, in epoch seconds, before which nothing that people wrote is kept; null for no limit."""
        kept = duration(self.keep_bodies_for)
        return int((now - kept).timestamp()) if kept else None

    def fields(self, known: KnownFields | None, now: datetime) -> Fields:
        """What one run compares the fields of contacts with. `known`: what earlier runs saw."""
        privacy = replace(self.privacy, bodies_before=self.bodies_before(now))
        return Fields(known, privacy, dict.fromkeys(self.track_attributes or ()))

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
            app=app,
            run_id=run_id,
            clock=clock,
            began_at=clock(),
            guard=Guard(self.max_shrink, accept=accept_shrink),
            version=version(self.api_version),
            limits=Limits(
                timedelta(hours=self.sweep_every),
                self.sweep_budget,
                self.parts_budget,
                self.events_budget,
                self.export_wait,
            ),
            overlap=self.overlap,
            full=full,
            selection=Selection(self.include_segments or (), self.exclude_segments or ()),
            custom_objects=tuple(self.custom_objects or ()),
            client_id=self.client_id,
        )

    def check_region(self, app: App) -> None:
        """Stops a run of a workspace that lives in another region than configured.

        Raises:
            SetupError: it does.
        """
        region = (app.region or self.region).lower()
        if region != self.region:
            raise SetupError(
                f"The token's workspace is in Intercom's region {plainly(region)}, but {self.region} is configured. "
                f"Nothing was written. Set SOURCES__INTERCOM__REGION to {plainly(region)}."
            )


def token_problem(token: str) -> str | None:
    """Why a text cannot be an access token, without the text; null if it can be."""
    if not token:
        return "There is no access token."
    if token == PLACEHOLDER:
        return "The access token is still the placeholder of .dlt/secrets.toml. Nothing was sent."
    if token[0] in QUOTES or token[-1] in QUOTES:
        return "The access token begins or ends with a quotation mark that is not a part of it. Nothing was sent."
    if token.lower().startswith("bearer "):
        return "The access token begins with 'Bearer', which is not a part of it. Nothing was sent."
    if not _is_one_word(token):
        return (
            "The access token holds a character that no token has, such as a blank, a line break or a typographic "
            "quote. Nothing was sent."
        )
    return None


def _is_one_word(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def address_problems(base_url: str | None) -> Iterator[str]:
    """Why the token must not be sent to an address, without user and password of the address."""
    if base_url is None:
        return
    try:
        address = urlsplit(base_url)
        _ = address.port, httpx.URL(base_url)  # both raise an error for what they cannot read
    except (ValueError, httpx.InvalidURL):
        address = urlsplit("")
    host = address.hostname or ""
    if address.scheme not in ("https", "http") or not host or not _is_one_word(base_url):
        yield "base_url is not an address. Set SOURCES__INTERCOM__BASE_URL to https:// and a host, or delete it."
    elif address.username or address.password:
        yield "base_url holds a user or a password, which Intercom does not use. Set it without them."
    elif address.query or address.fragment:
        yield "base_url holds a query or a fragment, to which no path can be added. Set it without them."
    elif address.scheme == "http" and host not in LOOPBACK:
        yield (
            f"base_url sends the access token to {plainly(host)} without encryption. Set SOURCES__INTERCOM__BASE_URL "
            "to an address that begins with https://."
        )
