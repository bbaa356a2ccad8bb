"""Settings that cannot be sent to Intercom, or compared with what it sends."""

from typing import Any

import pytest

from sources.intercom.api import App, SetupError
from sources.intercom.settings import IntercomSettings

ODD: list[tuple[dict[str, Any], str]] = [
    ({"base_url": "https://["}, "base_url is not an address"),
    ({"base_url": "https://host:port"}, "base_url is not an address"),
    ({"base_url": "https://host:99999"}, "base_url is not an address"),
    ({"base_url": "https://ho st"}, "base_url is not an address"),
    ({"base_url": "https://host/\x1b[2J"}, "base_url is not an address"),
    ({"base_url": "https://host/?key=canary"}, "base_url holds a query"),
    ({"base_url": "https://ann@host"}, "base_url holds a user"),
    ({"api_version": "2.17\r\nX: canary"}, "api_version is not the name of a version"),
    ({"api_version": "\u2460"}, "api_version is not the name of a version"),
    ({"include_segments": [1, 2]}, "include_segments has entries that are not text"),
    ({"hash_columns": [None]}, "hash_columns has entries that are not text"),
    ({"region": "\x1b[2J\u202eus"}, "no region"),
]


@pytest.mark.parametrize(("values", "message"), ODD)
def test_a_value_that_cannot_work_is_refused_before_a_call(values: dict[str, Any], message: str) -> None:
    settings = IntercomSettings(access_token="token", **values)

    with pytest.raises(SetupError, match=message) as refused:
        settings.on_resolved()

    assert str(refused.value).isprintable()
    assert "canary" not in str(refused.value)


def test_blanks_around_an_address_are_no_part_of_it() -> None:
    settings = IntercomSettings(access_token="token", base_url=" https://host/path\n")
    settings.on_resolved()

    assert settings.url == "https://host/path"


def test_the_region_of_a_workspace_is_shown_as_data() -> None:
    settings = IntercomSettings(access_token="token")

    with pytest.raises(SetupError, match="region") as refused:
        settings.check_region(App(id_code="abc", region="\x1b[2J\n"))

    assert str(refused.value).isprintable()
