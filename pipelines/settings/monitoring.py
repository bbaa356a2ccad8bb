"""How runs are watched: the sections `[monitoring]` and `[alerts]`."""

import json
from pathlib import Path
from typing import Any

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration

from ..errors import Misconfigured


@configspec
class MonitoringSettings(BaseConfiguration):
    """Section `[monitoring]`."""

    openmetrics_file: str = None  # type: ignore[assignment]

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


@configspec
class AlertSettings(BaseConfiguration):
    """Section `[alerts]`. `rules` is as the files have it, or JSON of that."""

    fail: bool = None  # type: ignore[assignment]
    rules: Any = None

    def on_resolved(self) -> None:
        """Raises Misconfigured where a variable holds no JSON."""
        if isinstance(self.rules, str):
            try:
                self.rules = json.loads(self.rules)
            except ValueError:
                raise Misconfigured(
                    'ALERTS__RULES is not JSON. Write a list: [{"when": "empty", "segments": ["Active"]}].'
                ) from None
