"""Claims about notices: what receivers get, and that no receiver changes a run or learns a secret."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import tomllib
from collections.abc import Iterator

import duckdb
import pytest

from pipelines.alerts import Alert
from pipelines.errors import ExitCode, Misconfigured
from pipelines.folder import Run
from pipelines.monitoring.notice import Notice
from pipelines.monitoring.webhook import Patience, Sent, send, shown
from pipelines.settings import ROOT, monitoring_settings
from pipelines.settings.monitoring import PARTS

from ...support.patience import HANG_SECONDS
from ...support.terminal import COMMAND, LOGGING_ALL, TOKEN, Terminal
from .receiver import REDIRECT, Receiver, receiving

AT_ONCE = Patience(timeout=HANG_SECONDS, attempts=3, pause=0, deadline=HANG_SECONDS)
SECRET = "/services/T000/secret-canary-91c4?key=secret-canary-91c4"
ALERTING = json.dumps([{"when": "empty", "segments": ["Nowhere"]}])
ALERT = Alert("empty", "1", "<!channel> & co", None, None, '<!channel> & co "{outcome}" has no members.')
DOCUMENT = (ROOT / "docs" / "monitoring.md").read_text()
RECIPES = re.findall(r"^```toml\n(\[monitoring\].*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
RUN = Run("20260302T090000-abcdef", "acme", "sync", "2026-03-02T09:00:00+00:00", "acme-id", "2026-03-02T09:00:05+00:00")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def dead_url() -> str:
    """Nothing listens there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_receiver_gets_all_that_is_known_of_a_run_and_no_token(terminal: Terminal, receiver: Receiver) -> None:
    terminal.copy_first_sync()

    ended = terminal.run(
        "sync",
        "--json",
        MONITORING__NOTIFY_URL=receiver.url + SECRET,
        MONITORING__NOTIFY_ON="run",
        ALERTS__RULES=ALERTING,
    )

    outcome, (body,) = json.loads(ended.output), receiver.bodies
    ((path, headers, raw),) = receiver.requests
    assert path == SECRET
    assert {name: body[name] for name in ("reasons", "command", "workspace", "outcome", "exit_code", "problem")} == {
        "reasons": ["run", "alert"],
        "command": "sync",
        "workspace": "intercom",
        "outcome": "done",
        "exit_code": 0,
        "problem": None,
    }
    assert (body["run_id"], body["api_calls"], body["alerts"]) == (
        outcome["run_id"],
        outcome["api_calls"],
        outcome["alerts"],
    )
    assert body["text"].splitlines() == [
        "intercom-warehouse: sync of workspace intercom ended: done (exit code 0), 1 alert",
        outcome["alerts"][0]["text"],
    ]
    assert TOKEN not in f"{headers}{raw!r}"
    people = terminal.workspace.contacts.values()
    assert [one.id for one in people if str(one.attributes["email"]) in raw.decode()] == []
    assert "secret-canary" not in ended.output + ended.errors


def test_by_default_only_failures_and_alerts_are_sent(terminal: Terminal, receiver: Receiver) -> None:
    terminal.copy_first_sync()
    variables = {"MONITORING__NOTIFY_URL": receiver.url}

    for token in (TOKEN, "a-wrong-token", None):
        terminal.run("sync", **variables, SOURCES__INTERCOM__ACCESS_TOKEN=token)

    assert [(body["outcome"], body["exit_code"], body["reasons"]) for body in receiver.bodies] == [
        ("refused", 3, ["run", "failure"]),
        ("usage", 2, ["run", "failure"]),
    ]
    assert "access token" in receiver.bodies[1]["problem"]
    assert "a-wrong-token" not in str(receiver.bodies)


@pytest.mark.parametrize("kind", ["dead", "errors", "redirects"])
def test_no_receiver_changes_the_result_or_sees_the_address_printed(
    terminal: Terminal, receiver: Receiver, dead_url: str, kind: str
) -> None:
    terminal.copy_first_sync()
    receiver.answers = [500 if kind == "errors" else REDIRECT]
    receiver.headers = {"Location": f"{receiver.url}/elsewhere{SECRET}"}
    url = (dead_url if kind == "dead" else receiver.url) + SECRET

    ended = terminal.run("models", "--log-format", "json", MONITORING__NOTIFY_URL=url, MONITORING__NOTIFY_ON="run")

    events = [json.loads(line) for line in ended.errors.splitlines()]
    (warning,) = (event for event in events if event["event"] == "notify_failed")
    assert (ended.exit_code, events[-1]["event"]) == (0, "ended")
    assert "secret-canary" not in ended.output + ended.errors
    reasons = {"dead": "ConnectError", "errors": "HTTP 500", "redirects": "a redirect, which is not followed"}
    assert reasons[kind] in warning["message"]
    assert len(receiver.requests) == {"dead": 0, "errors": 3, "redirects": 1}[kind]


@pytest.mark.nightly
def test_a_library_that_logs_all_it_does_logs_no_address(terminal: Terminal, receiver: Receiver) -> None:
    terminal.copy_first_sync()
    program = [str(COMMAND.with_name("python")), "-c", LOGGING_ALL, "models"]
    variables = {"MONITORING__NOTIFY_URL": receiver.url + SECRET, "MONITORING__NOTIFY_ON": "run"}

    done = subprocess.run(program, env=terminal.environment(**variables), cwd="/", capture_output=True, text=True)

    assert (done.returncode, len(receiver.requests)) == (0, 1)
    assert "secret-canary" not in done.stdout + done.stderr


def test_a_run_that_is_killed_while_it_notifies_stays_published(terminal: Terminal, receiver: Receiver) -> None:
    terminal.copy_first_sync()
    (terminal.folder / "published.duckdb").unlink()
    receiver.answers = [None]
    variables = {"MONITORING__NOTIFY_URL": receiver.url, "MONITORING__NOTIFY_ON": "run"}

    with subprocess.Popen(
        [COMMAND, "models"],
        env=terminal.environment(**variables),
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert receiver.arrived.wait(timeout=HANG_SECONDS)
        process.kill()

    assert process.returncode == -signal.SIGKILL
    with duckdb.connect(str(terminal.folder / "published.duckdb"), read_only=True) as connection:
        ((count,),) = connection.execute("select count(*) from intercom.current_segment_members").fetchall()
    assert count == len(terminal.workspace.pairs())
    (workspace,) = json.loads(terminal.run("status", "--json").output)["workspaces"]
    assert (workspace["runs"][0]["command"], workspace["runs"][0]["exit_code"]) == ("models", 0)
    assert terminal.run("models").exit_code == 0


def test_a_reader_that_closes_the_output_keeps_no_notice_back(terminal: Terminal, receiver: Receiver) -> None:
    terminal.copy_first_sync()
    environment = terminal.environment(MONITORING__NOTIFY_URL=receiver.url)
    read, write = os.pipe()
    os.close(read)

    with os.fdopen(write, "wb") as closed:
        done = subprocess.run([COMMAND, "models"], env=environment, cwd="/", stdout=closed, stderr=subprocess.DEVNULL)

    assert done.returncode == ExitCode.UNEXPECTED
    assert [body["reasons"] for body in receiver.bodies] == [["run", "failure"]]


def test_an_error_that_may_pass_is_tried_again_and_others_are_not(receiver: Receiver) -> None:
    receiver.answers = [503, 429, 204]
    passed = send([receiver.url], b"{}", 0, AT_ONCE)
    calls = len(receiver.requests)
    receiver.answers = [404]

    refused = send([receiver.url], b"{}", 0, AT_ONCE)

    assert passed == [Sent(shown(receiver.url), None)]
    assert refused == [Sent(shown(receiver.url), "it answered HTTP 404")]
    assert (calls, len(receiver.requests)) == (3, 4)


def test_a_receiver_that_never_ends_its_answer_is_left_at_the_deadline_and_holds_up_no_other(
    receiver: Receiver,
) -> None:
    """It sends a byte of a header now and then, so that no single wait is long."""
    done = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not done.wait(0.05):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        slow = f"http://127.0.0.1:{server.getsockname()[1]}"
        sent = send([slow, receiver.url], b"{}", 0, Patience(timeout=HANG_SECONDS, attempts=1, pause=0, deadline=3))
        done.set()
        thread.join()

    assert sent == [Sent(shown(slow), "it did not answer in time"), Sent(shown(receiver.url), None)]


def test_a_silent_receiver_costs_each_attempt_its_timeout(receiver: Receiver) -> None:
    receiver.answers = [None]

    sent = send([receiver.url], b"{}", 0, Patience(timeout=0.5, attempts=2, pause=0, deadline=HANG_SECONDS))

    assert sent == [Sent(shown(receiver.url), "the connection failed (ReadTimeout)")]
    assert len(receiver.requests) == 2


def test_an_address_can_hold_the_exit_code(receiver: Receiver) -> None:
    send([f"{receiver.url}/ping/{{exit_code}}"], b"{}", 7, AT_ONCE)

    assert [path for path, _, _ in receiver.requests] == ["/ping/7"]


@pytest.mark.parametrize(
    "url", ["https://user:password@host.example:8443/a?b#c", "https://host.example:8443", "https://HOST.example:8443/x"]
)
def test_an_address_is_shown_without_what_may_be_secret(url: str) -> None:
    assert shown(url) == "https://host.example:8443/…"


def test_a_template_keeps_its_form_for_any_text() -> None:
    notice = Notice(RUN, ExitCode.INCOMPLETE, 'a "problem"\n}', (ALERT,))

    body = json.loads(
        notice.body('{"text": "{slack_text}", "code": ["{exit_code}", 1], "by": {"{text}": "{command}!"}}')
    )

    assert body == {
        "text": notice.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
        "code": ["6", 1],
        "by": {"{text}": "sync!"},
    }
    assert "{outcome}" in body["text"]
    assert notice.parts.keys() == set(PARTS)


def test_a_text_names_twenty_alerts_and_the_body_has_all() -> None:
    notice = Notice(RUN, ExitCode.DONE, None, (ALERT,) * 23)

    assert notice.text.splitlines()[-1] == "and 3 more"
    assert len(json.loads(notice.body())["alerts"]) == 23


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("URL", "hooks.example/secret-canary", "notify_url 1 of 1 is not an address"),
        ("URL", "https://", "notify_url 1 of 1"),
        ("URL", "https://host:99999/x", "notify_url 1 of 1"),
        ("URL", "ftp://host/secret-canary", "notify_url 1 of 1"),
        ("URL", '["https://host/x", "https://a b/secret-canary"]', "notify_url 2 of 2"),
        ("URL", '["https://host/x", 7]', "notify_url 2 of 2"),
        ("URL", '["https://host/secret-canary"', "not JSON"),
        ("ON", "failures", "Did you mean failure?"),
        ("BODY", "{text}", "not JSON"),
        ("BODY", '{"text": "{txt}"}', "Did you mean text?"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_without_an_address(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(f"MONITORING__NOTIFY_{variable}", value)

    with pytest.raises(Misconfigured) as raised:
        monitoring_settings()

    assert reason in str(raised.value)
    assert "secret-canary" not in str(raised.value)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_of_the_document_can_be_used(monkeypatch: pytest.MonkeyPatch, recipe: str) -> None:
    for name, value in tomllib.loads(recipe)["monitoring"].items():
        monkeypatch.setenv(f"MONITORING__{name.upper()}", value if isinstance(value, str) else json.dumps(value))

    settings = monitoring_settings()
    body = json.loads(Notice(RUN, ExitCode.DONE, None, (ALERT,)).body(settings.notify_body))

    assert "has no members" in str(body)


def test_the_document_shows_each_field_and_each_placeholder() -> None:
    (example,) = re.findall(r"^```json\n(\{\n.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
    shown_body, body = json.loads(example), json.loads(Notice(RUN, ExitCode.DONE, None, (ALERT,)).body())

    assert shown_body.keys() == body.keys()
    assert shown_body["alerts"][0].keys() == body["alerts"][0].keys()
    assert {part for part in PARTS if f"`{{{part}}}`" not in DOCUMENT} == set()


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        ("https://one.example/a", ["https://one.example/a"]),
        ("https://one.example/a, https://two.example/b", ["https://one.example/a", "https://two.example/b"]),
        ('["https://one.example/a,b"]', ["https://one.example/a,b"]),
    ],
)
def test_one_address_or_several_can_be_set(monkeypatch: pytest.MonkeyPatch, value: str, urls: list[str]) -> None:
    monkeypatch.setenv("MONITORING__NOTIFY_URL", value)

    assert monitoring_settings().notify_url == urls
