"""Proxies and certificates, as the host's environment names them, and what errors of the network say."""

import asyncio
import ssl

import httpx
import pytest

from sources.intercom.api import Intercom, IntercomError, Retries, SetupError, Unavailable
from sources.intercom.wire import keep_secret, trusted_certificates

TOKEN = "secret-token"
ONCE = Retries(attempts=2, wait_initial=0, wait_max=0, wait_jitter=0)
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    trusted_certificates.cache_clear()


def client() -> Intercom:
    return Intercom("https://api.intercom.io", TOKEN, retries=ONCE)


UNUSABLE = [
    ("HTTPS_PROXY", "htp://ann:canary-pw@proxy:3128"),
    ("https_proxy", "http://ann:canary-pw@proxy:port"),
    ("https_proxy", "http://ann:canary-pw@[x"),
    ("https_proxy", "http://ann:canary-pw@proxy:99999"),
    ("https_proxy", "http://ann:canary-pw@pro xy:3128"),
    ("https_proxy", "http://"),
    ("ALL_PROXY", "socks5://ann:canary-pw@127.0.0.1:9"),
    ("SSL_CERT_FILE", "/nonexistent/canary-pw.pem"),
    ("SSL_CERT_FILE", __file__),
]


@pytest.mark.parametrize(("name", "value"), UNUSABLE)
def test_a_variable_that_cannot_be_used_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SetupError, match=f"variable {name} ") as refused:
        client()

    assert "canary-pw" not in str(refused.value)


ROUTES = [
    ("fd07:b51a:cc66:f0::/64", "https://api.intercom.io/me", True),
    ("[::1]", "https://[::1]/me", False),
    ("::1", "https://[::1]/me", False),
    ("[", "https://api.intercom.io/me", True),
    ("localhost, 127.0.0.1, *", "https://api.intercom.io/me", False),
    (".intercom.io", "https://api.intercom.io/me", False),
    ("intercom.io", "https://api.intercom.io/me", False),
    ("127.0.0.1", "https://127.0.0.1/me", False),
    ("localhost", "https://localhost:8443/me", False),
    ("ntercom.io", "https://api.intercom.io/me", True),
]


@pytest.mark.parametrize(("no_proxy", "url", "goes_through_proxy"), ROUTES)
def test_entries_of_no_proxy_are_followed_and_unreadable_ones_ignored(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, url: str, goes_through_proxy: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)

    lane = client()._idle[0]

    transport = lane._transport_for_url(httpx.URL(url))
    assert (transport is not lane._transport) == goes_through_proxy


def test_a_proxy_of_another_scheme_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "nonsense://")

    assert client()._idle[0]._mounts == {}


def failure(error: Exception) -> IntercomError:
    """The error of a call that the network answers with this one."""
    calls = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        raise error

    async def ask() -> None:
        async with Intercom("https://host", TOKEN, retries=ONCE, transport=httpx.MockTransport(answer)) as asked:
            await asked.me()

    with pytest.raises(IntercomError) as failed:
        asyncio.run(ask())
    assert len(calls) == (1 if isinstance(failed.value, SetupError) else ONCE.attempts)
    return failed.value


def test_a_certificate_that_is_not_trusted_is_no_outage() -> None:
    error = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]")
    error.__cause__ = OSError("connection")
    error.__cause__.__context__ = ssl.SSLCertVerificationError("self-signed certificate")

    refused = failure(error)

    assert isinstance(refused, SetupError)
    assert "certificate of https://host is not trusted" in str(refused)


def test_a_header_that_cannot_be_sent_is_not_tried_again_and_not_repeated() -> None:
    refused = failure(httpx.LocalProtocolError("Illegal header value b'Bearer first\\nsecond'"))

    assert isinstance(refused, SetupError)
    assert "first" not in str(refused)


@pytest.mark.parametrize("kind", [httpx.RemoteProtocolError, httpx.ReadError, httpx.ProxyError, httpx.DecodingError])
def test_only_the_kind_of_an_error_that_may_quote_the_call_is_shown(kind: type[httpx.RequestError]) -> None:
    refused = failure(kind("Authorization: Bearer canary ann@example.com"))

    assert isinstance(refused, Unavailable)
    assert kind.__name__ in str(refused)
    assert "canary" not in str(refused)
    assert "example.com" not in str(refused)


HOSTILE = f"\x1b]0;title\x07\n{{}} \u202e\x9b Bearer {TOKEN} token {TOKEN} ann@example.com +353 1 234 5678 " + "x" * 500


@pytest.mark.parametrize("status", [403, 503])
def test_what_intercom_says_is_shown_as_data(status: int) -> None:
    keep_secret(TOKEN)
    body = {"type": "error.list", "errors": [{"code": HOSTILE, "message": HOSTILE}]}

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json=body, headers=[(b"x-request-id", HOSTILE.encode())])

    async def ask() -> None:
        async with Intercom("https://host", TOKEN, retries=ONCE, transport=httpx.MockTransport(answer)) as asked:
            await asked.me()

    with pytest.raises(IntercomError) as failed:
        asyncio.run(ask())

    for text in (str(failed.value), str(failed.value.request_id)):
        assert text.isprintable()
        assert not {one for one in (TOKEN, "ann@example.com", "234 5678") if one in text}
        assert len(text) < 1_000
