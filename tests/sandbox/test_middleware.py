"""What every answer has in common: headers, token, quota, API version."""

import email.utils
import subprocess
import sys

import httpx
import pytest

from sandbox.api import Quota, create_app, serving

from .client import DAY, HEADERS, SECOND, Client, error_code, still_workspace


def test_every_answer_has_the_quota_a_request_id_and_the_workspaces_date() -> None:
    workspace = still_workspace()
    workspace.advance(days=10)

    answer = Client(workspace, limit=83).request("GET", "/nowhere")

    assert answer.status_code == 404
    assert error_code(answer) == "not_found"
    assert answer.headers["x-ratelimit-limit"] == "83"
    assert answer.headers["x-ratelimit-remaining"] == "82"
    now = SECOND + 10 * DAY
    assert now < int(answer.headers["x-ratelimit-reset"]) <= now + 10
    assert email.utils.parsedate_to_datetime(answer.headers["date"]).timestamp() == now


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", "Basic sandbox-token"])
def test_without_the_token_an_answer_has_not_even_the_quota(authorization: str) -> None:
    headers = {"Authorization": authorization, "Intercom-Version": "Preview"}

    answer = Client(still_workspace(), headers=headers).request("GET", "/me")

    assert answer.status_code == 401
    assert answer.json()["errors"] == [{"code": "unauthorized", "message": "Access Token Invalid"}]
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


def test_a_call_beyond_the_quota_is_429_and_counted() -> None:
    workspace = still_workspace()
    client = Client(workspace, limit=2)

    answers = [client.request("GET", "/me") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0", "0"]
    assert answers[2].json()["errors"] == [
        {"code": "rate_limit_exceeded", "message": "Exceeded rate limit of 2 in 10_seconds"}
    ]
    assert (workspace.calls["me"], workspace.refused) == (2, 2)


def test_the_next_window_has_the_whole_quota() -> None:
    seconds = iter([0.0, 1.0, 9.5, 10.0])
    quota = Quota(2, monotonic=lambda: next(seconds))

    left = [quota.spend() for _ in range(3)]

    assert [(allowance.remaining, allowance.seconds_left) for allowance in left] == [(1, 9.0), (0, 0.5), (1, 10.0)]


@pytest.mark.parametrize("version", [None, "2.6", "2.18", "1.0", "preview", "Unstable", ""])
def test_an_unknown_version_is_refused(version: str | None) -> None:
    headers = {"Authorization": "Bearer sandbox-token"} | ({} if version is None else {"Intercom-Version": version})

    answer = Client(still_workspace(), headers=headers).request("GET", "/me")

    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"code": "intercom_version_invalid", "message": "The requested version could not be found"}
    ]


def test_an_unknown_method_is_not_found() -> None:
    answer = Client(still_workspace()).request("DELETE", "/me")

    assert (answer.status_code, error_code(answer)) == (404, "not_found")


def test_a_served_workspace_answers_with_one_date() -> None:
    with serving(create_app(still_workspace())) as base_url:
        answer = httpx.get(f"{base_url}/me", headers=HEADERS)

    assert answer.status_code == 200
    assert answer.headers.get_list("date") == ["Sun, 01 Mar 2026 12:00:00 GMT"]


def test_the_module_prints_how_to_sync_from_it() -> None:
    command = [sys.executable, "-m", "sandbox", "--contacts", "5", "--segments", "2", "--port", "0"]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        lines = [running.stdout.readline() for _ in range(6)]
        running.terminate()

    assert lines[0].startswith("5 contacts in 2 segments at http://127.0.0.1:")
    assert "SOURCES__INTERCOM__BASE_URL=http://127.0.0.1:" in lines[4]
    assert "SOURCES__INTERCOM__ACCESS_TOKEN=sandbox-token" in lines[5]
