"""How runs are watched: the sections `[monitoring]` and `[alerts]`."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sources.intercom.wire import keep_secret

from ..errors import Misconfigured

REASONS = ("run", "failure", "alert")
"""What a receiver may be notified of: each run, one with another exit code than 0, one with alerts."""
PARTS = ("text", "slack_text", "command", "workspace", "run_id", "outcome", "exit_code", "alerts")
"""Placeholders in `notify_body`."""


@dataclass
class MonitoringSettings:
    """Section `[monitoring]`. Once resolved, `notify_url` is a list."""

    openmetrics_file: str
    notify_url: Any
    notify_on: list[Any]
    notify_body: str

    def on_resolved(self) -> None:
        """Raises Misconfigured where one of the settings cannot be used. No message repeats an address."""
        self.notify_url = _listed(self.notify_url)
        for url in self.notify_url:
            keep_secret(str(url))
        for problem in (*_of_urls(self.notify_url), *_of_reasons(self.notify_on), *_of_body(self.notify_body)):
            raise Misconfigured(f"{problem} docs/monitoring.md shows how to use it.")

    def file_below(self, root: Path) -> Path | None:
        """Where metrics are written; a relative path starts at `root`. Null if nowhere.

        Raises:
            Misconfigured: it is no file with a name.
        """
        if not self.openmetrics_file:
            return None
        try:
            file = root / Path(self.openmetrics_file).expanduser()
        except RuntimeError:
            raise Misconfigured("openmetrics_file names the home folder of a user who has none.") from None
        if not file.name or file.is_dir():
            raise Misconfigured(
                f"openmetrics_file is {self.openmetrics_file!r}, which is a folder. Add the name of a file, such as "
                "intercom.prom."
            )
        return file


def _listed(found: Any) -> list[Any]:
    """One address, a list of them, or JSON of that."""
    if isinstance(found, str) and found.lstrip().startswith("["):
        try:
            found = json.loads(found)
        except ValueError:
            raise Misconfigured(
                'MONITORING__NOTIFY_URL is not JSON. Write one address, or a list: ["https://…", "https://…"].'
            ) from None
    return found if isinstance(found, list) else [found] if found else []


def _of_urls(urls: list[Any]) -> Iterator[str]:
    for number, url in enumerate(urls, start=1):
        if not isinstance(url, str) or not _is_address(url):
            yield f"notify_url {number} of {len(urls)} is not an address. Use https://host/path."


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_port = parts.port != 0  # raises a ValueError if it is out of range
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https") and bool(parts.hostname) and is_port and url.isprintable() and " " not in url
    )


def _of_reasons(reasons: list[Any]) -> Iterator[str]:
    for reason in reasons:
        if reason not in REASONS:
            near = get_close_matches(str(reason), REASONS, 1)
            yield f"notify_on has {reason!r}. Use {', '.join(REASONS)}." + (f" Did you mean {near[0]}?" if near else "")


def _of_body(body: str) -> Iterator[str]:
    try:
        json.loads(body or "{}")
    except ValueError:
        yield "notify_body is not JSON. Leave it empty for all that is known of a run."
    for name in re.findall(r"\{(\w+)\}", body):
        if name not in PARTS:
            near = get_close_matches(name, PARTS, 1)
            yield f"notify_body has {{{name}}}. Use {', '.join(PARTS)}." + (f" Did you mean {near[0]}?" if near else "")


@dataclass
class AlertSettings:
    """Section `[alerts]`. `rules` is as the files have it, or JSON of that."""

    fail: bool
    rules: Any

    def on_resolved(self) -> None:
        """Raises Misconfigured where a variable holds no JSON."""
        if isinstance(self.rules, str):
            try:
                self.rules = json.loads(self.rules)
            except ValueError:
                raise Misconfigured(
                    'ALERTS__RULES is not JSON. Write a list: [{"when": "empty", "segments": ["Active"]}].'
                ) from None
