"""The settings of the dlt source."""

import tomllib

import pytest

from pipelines.settings import ROOT
from sources.intercom.api import SetupError
from sources.intercom.settings import IntercomSettings


def test_the_sources_defaults_equal_those_of_the_config_file() -> None:
    section = tomllib.loads((ROOT / ".dlt" / "config.toml").read_text())["sources"]["intercom"]
    settings = IntercomSettings(access_token="token")
    settings.on_resolved()

    assert {name: getattr(settings, name) or [] for name in section} == {
        name: default or [] for name, default in section.items()
    }


TOKENS = ["", "   ", "two words", "line\nbreak", "tab\there", "nul\x00", "“curly”", "zero\u200bwidth", "bell\x07"]


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_that_cannot_be_one_is_refused_and_never_repeated(token: str) -> None:
    settings = IntercomSettings(access_token=token)

    with pytest.raises(SetupError, match="access token") as refused:
        settings.on_resolved()

    assert not token.strip() or token not in str(refused.value)


def test_blanks_around_a_token_are_no_part_of_it() -> None:
    settings = IntercomSettings(access_token=" token\r\n")
    settings.on_resolved()

    assert settings.access_token == "token"


ADDRESSES = {
    "api.intercom.io": "not an address",
    "ftp://api.intercom.io": "not an address",
    "https://": "not an address",
    "https://ann:secret-canary@api.intercom.io": "user or a password",
    "http://api.intercom.io": "without encryption",
    "http://127.0.0.1.evil.example": "without encryption",
    "http://sandbox.invalid": "without encryption",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_token_is_sent_to_no_other_address(address: str) -> None:
    settings = IntercomSettings(access_token="token", base_url=address)

    with pytest.raises(SetupError, match=ADDRESSES[address]) as refused:
        settings.on_resolved()

    assert "secret-canary" not in str(refused.value)


@pytest.mark.parametrize("address", ["https://proxy.example/intercom", "http://127.0.0.1:8080", "http://[::1]:8080"])
def test_an_encrypted_address_and_this_host_are_fine(address: str) -> None:
    IntercomSettings(access_token="token", base_url=address).on_resolved()


@pytest.mark.parametrize("name", ["overlap", "sweep_every", "sweep_budget", "rate_limit_share", "max_shrink"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, 10**20])
def test_a_number_out_of_range_is_refused(name: str, value: float) -> None:
    settings = IntercomSettings(access_token="token", **{name: value})  # type: ignore[arg-type]

    with pytest.raises(SetupError, match=name):
        settings.on_resolved()


@pytest.mark.parametrize("key", ["a" * 64, "short", "0123456" * 9, "0123456789abcdef" * 2])
def test_a_key_that_can_be_guessed_is_refused(key: str) -> None:
    settings = IntercomSettings(access_token="token", hash_columns=["email"], hash_key=key)

    with pytest.raises(SetupError, match="hash_key of at least 32 random characters"):
        settings.on_resolved()


def test_thirty_two_random_digits_are_a_key() -> None:
    key = "4f1c0b9a6d3e8f27510c9b8a7d6e3f42"

    IntercomSettings(access_token="token", hash_columns=["email"], hash_key=key).on_resolved()
