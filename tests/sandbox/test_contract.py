"""The sandbox's answers match Intercom's OpenAPI descriptions, which lie beside this repository."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from sandbox.api import create_app
from sandbox.world import VERSIONS, NextPageStyle, Workspace, add_odd_contacts

from ..support.nightly import nightly_except

DESCRIPTIONS = Path(__file__).parents[3] / "shared" / "intercom-openapi"
# The first, the last, and one version of each kind between. 2.17 has no description.
DESCRIBED = ("2.7", "2.11", "2.14", "2.16", "Preview")
TOKEN = "sandbox-token"

pytestmark = pytest.mark.skipif(
    not DESCRIPTIONS.is_dir(),
    reason=f"Intercom's OpenAPI descriptions are not in ../{'/'.join(DESCRIPTIONS.parts[-2:])}",
)


class Fault(NamedTuple):
    """A place where an answer differs from the description, and the violated keyword of JSON Schema."""

    place: str
    keyword: str


class Contradiction(NamedTuple):
    """Accepted faults in those versions, because the description is wrong."""

    versions: tuple[str, ...]
    places: tuple[str, ...]
    keyword: str
    reason: str


CONTRADICTIONS = (
    Contradiction(
        DESCRIBED,
        (
            *("contact.created_at", "contact.updated_at", "contact.signed_up_at", "contact.last_seen_at"),
            *("contact.last_replied_at", "contact.last_contacted_at", "contact.last_email_opened_at"),
            *("contact.last_email_clicked_at", "contact.android_last_seen_at", "contact.ios_last_seen_at"),
        ),
        "format",
        "described as integers in the format date-time, which is a format of text; every example has epoch seconds",
    ),
    Contradiction(
        ("Preview",),
        ("activities.data.created_at",),
        "format",
        "as above",
    ),
    Contradiction(
        DESCRIBED,
        ("contact.email",),
        "type",
        "not nullable, but a lead may have no address; no example shows that",
    ),
    Contradiction(
        DESCRIBED,
        ("data_attributes.data.created_at", "data_attributes.data.updated_at"),
        "format",
        "as above",
    ),
    Contradiction(
        ("2.11",),
        ("contacts.pages.next.per_page",),
        "required",
        "required in this version alone; live pages have the number of the next page in its place",
    ),
    Contradiction(
        ("2.11",),
        ("me.job_title", "me.away_mode_enabled", "me.away_mode_reassign", "me.team_ids"),
        "required",
        "required in this version alone, and missing in its example",
    ),
)


def excepted(version: str) -> set[Fault]:
    known = [contradiction for contradiction in CONTRADICTIONS if version in contradiction.versions]
    return {Fault(place, contradiction.keyword) for contradiction in known for place in contradiction.places}


# All kinds of answers


class Request(NamedTuple):
    """A request, the kind of its answer, and its path as described."""

    kind: str
    path: str
    method: str = "GET"
    described: str = ""
    status: int = 200
    body: dict[str, Any] | None = None
    headers: dict[str, str] = {}  # noqa: RUF012  # the defaults of a named tuple never change

    @property
    def operation(self) -> str:
        return self.described or self.path.partition("?")[0]


class Answer(NamedTuple):
    request: Request
    body: Any


class Examples(NamedTuple):
    """Ids for the requests."""

    segment: str
    contact: str
    merged: str
    archived: str
    latest_activity: str


SEARCH = "/contacts/search"
FEED = "/contacts/activities"
USERS: dict[str, Any] = {"field": "role", "operator": "=", "value": "user"}
NO_CONTACTS: dict[str, Any] = {"field": "role", "operator": "=", "value": "none"}


def a_search(query: Any, *, status: int = 200, **options: Any) -> Request:
    kind = "contacts" if status == 200 else "error"
    return Request(kind, SEARCH, "POST", status=status, body={"query": query, **options})


def an_error(status: int, path: str, described: str = "", **options: Any) -> Request:
    return Request("error", path, described=described, status=status, **options)


def valid_requests(examples: Examples) -> Iterator[Request]:
    yield Request("me", "/me")
    yield Request("data_attributes", "/data_attributes")
    yield Request("data_attributes", "/data_attributes?model=contact&include_archived=true")
    yield Request("segments", "/segments")
    yield Request("segments", "/segments?include_count=true")
    yield Request("segment", f"/segments/{examples.segment}", described="/segments/{id}")
    yield Request("contact", f"/contacts/{examples.contact}", described="/contacts/{id}")
    yield Request("contact_segments", f"/contacts/{examples.contact}/segments", described="/contacts/{id}/segments")
    yield Request("contact", f"/contacts/{examples.archived}", described="/contacts/{id}")
    yield Request("contact_segments", f"/contacts/{examples.archived}/segments", described="/contacts/{id}/segments")
    yield Request("contacts", "/contacts")
    yield Request("contacts", "/contacts?per_page=150")
    yield a_search(USERS, pagination={"per_page": 150})
    yield a_search(NO_CONTACTS)


def requests_about_removals(examples: Examples) -> Iterator[Request]:
    yield Request("activities", FEED)
    yield Request("activities", f"{FEED}?per_page=1")
    yield Request("activities", f"{FEED}?starting_after={examples.latest_activity}")
    yield an_error(400, f"{FEED}?per_page=0")
    yield an_error(400, f"{FEED}?starting_after=invalid")


def refused_requests(examples: Examples) -> Iterator[Request]:
    yield an_error(401, "/me", headers={"Authorization": "Bearer wrong"})
    yield an_error(400, "/me", headers={"Intercom-Version": "preview"})
    yield an_error(404, "/segments/none", "/segments/{id}")
    yield an_error(404, "/contacts/none", "/contacts/{id}")
    yield an_error(404, "/contacts/none/segments", "/contacts/{id}/segments")
    yield an_error(400, "/contacts?per_page=0")
    yield an_error(400, "/contacts?starting_after=invalid")
    yield a_search("all contacts", status=400)
    yield a_search({"field": "shoe_size", "operator": "=", "value": 1}, status=400)
    yield a_search({"field": "created_at", "operator": "~", "value": 1}, status=400)


def refused_requests_from_2_16_on(examples: Examples) -> Iterator[Request]:
    yield an_error(410, f"/contacts/{examples.merged}", "/contacts/{id}")
    yield a_search(USERS, status=400, sort={"field": "created_at", "order": "desc"})


async def ask(workspace: Workspace, version: str, requests: list[Request], *, limit: int = 1000) -> list[Answer]:
    transport = httpx.ASGITransport(create_app(workspace, limit=limit))
    headers = {"Authorization": f"Bearer {TOKEN}", "Intercom-Version": version}
    answers = []
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        for request in requests:
            options: dict[str, Any] = {"headers": headers | request.headers, "json": request.body}
            response = await client.request(request.method, request.path, **options)
            assert response.status_code == request.status, (request, response.text)
            answers.append(Answer(request, response.json()))
    return answers


def a_workspace() -> tuple[Workspace, Examples]:
    workspace = Workspace(contacts=300, segments=25, start=datetime(2026, 3, 1, 12, tzinfo=UTC))
    add_odd_contacts(workspace, crowd=5)
    contact, archived = list(workspace.contacts)[:2]
    lead, user = workspace.sign_up(role="lead"), workspace.sign_up()
    workspace.merge(lead, contact)
    workspace.archive(archived)
    workspace.delete(user)
    (latest,) = workspace.feed.after(None, 1000)[-1:]
    return workspace, Examples(next(iter(workspace.segments)), contact, lead, archived, latest.id)


def every_answer(version: str) -> list[Answer]:
    workspace, examples = a_workspace()
    requests = [*valid_requests(examples), *refused_requests(examples)]
    if VERSIONS[version].reports_merges:
        requests += refused_requests_from_2_16_on(examples)
    if VERSIONS[version].reports_removals:
        requests += requests_about_removals(examples)
    answers = asyncio.run(ask(workspace, version, requests))
    workspace.faults.status(500)
    answers += asyncio.run(ask(workspace, version, [an_error(500, "/me"), an_error(429, "/me")], limit=1))
    return answers


# The descriptions as JSON Schema


@cache
def description(version: str) -> dict[str, Any]:
    text = (DESCRIPTIONS / f"{version}.yaml").read_text(encoding="utf-8")
    described: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)  # the safe one, in C
    return described


def json_schema(described: Any) -> Any:
    """Replaces `nullable` of OpenAPI 3.0 with JSON Schema's type null."""
    if isinstance(described, list):
        return [json_schema(item) for item in described]
    if not isinstance(described, dict):
        return described
    schema = {key: json_schema(value) for key, value in described.items() if key != "nullable"}
    if described.get("nullable") is not True:
        return schema
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    if isinstance(schema.get("type"), str):
        return schema | {"type": [schema["type"], "null"]}
    return {"anyOf": [{"type": "null"}, schema]}


@cache
def components(version: str) -> Any:
    return json_schema(description(version)["components"])


def responses(version: str, request: Request) -> Any:
    """The described responses of the request. The names of path parameters differ between versions."""
    paths = description(version)["paths"]
    named = next(path for path in paths if re.sub(r"{\w+}", "{id}", path) == request.operation)
    return paths[named][request.method.lower()]["responses"]


def described_as(version: str, request: Request) -> Any:
    """The schema of the answer; the general one of errors if the status has no description."""
    described = responses(version, request).get(str(request.status))
    if described is None and request.kind == "error":
        return {"$ref": "#/components/schemas/error"}
    return json_schema(described["content"]["application/json"]["schema"])


def strict_formats() -> FormatChecker:
    checker = FormatChecker(formats=("uuid",))
    checker.checks("date-time")(lambda value: value is None or isinstance(value, str))
    return checker


def causes(error: ValidationError) -> Iterator[ValidationError]:
    """The errors inside of a value that may also be null."""
    inside = [cause for cause in error.context or () if cause.validator_value != "null"]
    if not inside:
        yield error
    for cause in inside:
        yield from causes(cause)


def place(kind: str, error: ValidationError) -> str:
    """A name such as `contact.email`, which is the same in lists of contacts."""
    path = re.sub(r"\[\d+\]", "", error.json_path).removeprefix("$")
    missing = re.match(r"'(\w+)' is a required", error.message)
    return f"{kind}{path}{f'.{missing[1]}' if missing else ''}".replace("contacts.data.", "contact.")


def faults(version: str, answers: list[Answer]) -> set[Fault]:
    found = set()
    for request, body in answers:
        schema = {"$ref": "#/described", "described": described_as(version, request)}
        validator = Draft202012Validator(schema | {"components": components(version)}, format_checker=strict_formats())
        for error in validator.iter_errors(body):
            found |= {Fault(place(request.kind, cause), str(cause.validator)) for cause in causes(error)}
    return found


# Tests


@pytest.mark.parametrize("version", nightly_except(DESCRIBED, "2.14", "Preview"))
def test_every_answer_is_as_described_except_where_the_description_is_wrong(version: str) -> None:
    assert faults(version, every_answer(version)) == excepted(version)


@pytest.mark.nightly
@pytest.mark.parametrize("version", DESCRIBED)
@pytest.mark.parametrize(("style", "end"), [("null", None), ("object", {"page": 2, "starting_after": None})])
def test_every_style_of_the_last_page_is_as_described(version: str, style: NextPageStyle, end: Any) -> None:
    workspace, _ = a_workspace()
    workspace.next_page_style = style

    answers = asyncio.run(ask(workspace, version, [a_search(NO_CONTACTS)]))

    assert answers[0].body["pages"]["next"] == end
    assert faults(version, answers) <= excepted(version)


@pytest.mark.nightly
@pytest.mark.parametrize("version", DESCRIBED)
def test_the_answers_have_every_key_of_intercoms_examples(version: str) -> None:
    answers = [answer for answer in every_answer(version) if answer.request.kind != "error"]

    by_operation = {
        operation: list(group) for operation, group in groupby(sorted(answers, key=operation_of), key=operation_of)
    }
    missing = {key for group in by_operation.values() for key in missing_from(version, group)}
    assert missing == ({"activities.data.failure_reason"} if version == "Preview" else set())  # no merge fails here


def operation_of(answer: Answer) -> str:
    return answer.request.operation


def missing_from(version: str, answers: list[Answer]) -> set[str]:
    """Keys of the examples that no answer of one operation has. A single answer may have empty lists."""
    request = answers[0].request
    described = responses(version, request)["200"]["content"]["application/json"]["examples"]
    wanted = {key for example in described.values() for key in keys(request.kind, example["value"])}
    return wanted - {key for answer in answers for key in keys(request.kind, answer.body)}


def keys(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and not name.endswith("custom_attributes"):
        for key, inside in value.items():
            yield f"{name}.{key}"
            yield from keys(f"{name}.{key}", inside)
    if isinstance(value, list):
        for item in value:
            yield from keys(name, item)


def test_an_answer_that_differs_from_the_description_is_found() -> None:
    contact = Request("contact", "/contacts/1", described="/contacts/{id}")
    pages = {"type": "pages", "next": "https://api.intercom.io/contacts?page=2"}
    answers = [
        Answer(contact, {"owner_id": 5, "avatar": None, "name": None, "has_hard_bounced": None}),
        Answer(Request("contacts", "/contacts"), {"type": "list", "data": [{"id": 1}], "pages": pages}),
        Answer(an_error(401, "/me"), {"type": "error.list", "request_id": "1", "errors": [{}]}),
    ]

    assert faults("Preview", answers) == {
        Fault("contact.owner_id", "type"),
        Fault("contact.has_hard_bounced", "type"),
        Fault("contact.id", "type"),
        Fault("contacts.pages.next", "type"),
        Fault("error.request_id", "format"),
        Fault("error.errors.code", "required"),
    }
