"""The settings of the dlt source."""

import tomllib

from pipelines.settings import ROOT
from sources.intercom.settings import IntercomSettings


def test_the_sources_defaults_equal_those_of_the_config_file() -> None:
    section = tomllib.loads((ROOT / ".dlt" / "config.toml").read_text())["sources"]["intercom"]
    settings = IntercomSettings()

    assert {name: getattr(settings, name) or [] for name in section} == {
        name: default or [] for name, default in section.items()
    }
