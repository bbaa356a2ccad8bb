"""What the sandbox answers is what Intercom describes, in its OpenAPI descriptions beside this repository."""

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

DESCRIPTIONS = Path(__file__).parents[3] / "shared" / "intercom-openapi"
# The first and the last of all, and one of each kind between. 2.17 has no description.
DESCRIBED = ("2.7", "2.11", "2.14", "2.16", "Preview")
TOKEN = "sandbox-token"

pytestmark = pytest.mark.skipif(
    not DESCRIPTIONS.is_dir(), reason=f"no OpenAPI descriptions of Intercom in ../{'/'.join(DESCRIPTIONS.parts[-2:])}"
)


class Fault(NamedTuple):
    """Where an answer is not as described, and the keyword of JSON Schema that says so."""

    place: str
    keyword: str


class Contradiction(NamedTuple):
    """Faults that stand, in those versions, since the description is the one that errs."""

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
        "described as integers in the format date-time, which is one of text; every example has epoch seconds",
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
        "not nullable, though a lead need not have an address, and no example shows one without",
    ),
    Contradiction(
        ("2.11",),
        ("contacts.pages.next.per_page",),
        "required",
        "required in this version alone; pages seen live have the number of the next page in its place",
    ),
    Contradiction(
        ("2.11",),
        ("me.job_title", "me.away_mode_enabled", "me.away_mode_reassign", "me.team_ids"),
        "required",
        "required in this version alone, and missing in its own example",
    ),
)


def excepted(version: str) -> set[Fault]:
    known = [contradiction for contradiction in CONTRADICTIONS if version in contradiction.versions]
    return {Fault(place, contradiction.keyword) for contradiction in known for place in contradiction.places}


# Every kind of answer


class Question(NamedTuple):
    """A call, what kind of thing answers it, and its path as described."""

    kind: str
    path: str
    method: str = "GET"
    described: str = ""
    status: int = 200
    body: dict[str, Any] | None = None
    headers: dict[str, str] = {}  # noqa: RUF012  # a named tuple's defaults are never changed

    @property
    def operation(self) -> str:
        return self.described or self.path.partition("?")[0]


class Answer(NamedTuple):
    question: Question
    body: Any


class Cast(NamedTuple):
    """Who is asked about."""

    segment: str
    contact: str
    merged: str
    archived: str
    latest_activity: str


SEARCH = "/contacts/search"
FEED = "/contacts/activities"
USERS: dict[str, Any] = {"field": "role", "operator": "=", "value": "user"}
NOBODY: dict[str, Any] = {"field": "role", "operator": "=", "value": "nobody"}


def a_search(query: Any, *, status: int = 200, **options: Any) -> Question:
    kind = "contacts" if status == 200 else "error"
    return Question(kind, SEARCH, "POST", status=status, body={"query": query, **options})


def an_error(status: int, path: str, described: str = "", **options: Any) -> Question:
    return Question("error", path, described=described, status=status, **options)


def things(cast: Cast) -> Iterator[Question]:
    yield Question("me", "/me")
    yield Question("segments", "/segments")
    yield Question("segments", "/segments?include_count=true")
    yield Question("segment", f"/segments/{cast.segment}", described="/segments/{id}")
    yield Question("contact", f"/contacts/{cast.contact}", described="/contacts/{id}")
    yield Question("contact_segments", f"/contacts/{cast.contact}/segments", described="/contacts/{id}/segments")
    yield Question("contact", f"/contacts/{cast.archived}", described="/contacts/{id}")
    yield Question("contact_segments", f"/contacts/{cast.archived}/segments", described="/contacts/{id}/segments")
    yield Question("contacts", "/contacts")
    yield Question("contacts", "/contacts?per_page=150")
    yield a_search(USERS, pagination={"per_page": 150})
    yield a_search(NOBODY)


def only_where_removals_are_told(cast: Cast) -> Iterator[Question]:
    yield Question("activities", FEED)
    yield Question("activities", f"{FEED}?per_page=1")
    yield Question("activities", f"{FEED}?starting_after={cast.latest_activity}")
    yield an_error(400, f"{FEED}?per_page=0")
    yield an_error(400, f"{FEED}?starting_after=rubbish")


def refusals(cast: Cast) -> Iterator[Question]:
    yield an_error(401, "/me", headers={"Authorization": "Bearer wrong"})
    yield an_error(400, "/me", headers={"Intercom-Version": "preview"})
    yield an_error(404, "/segments/none", "/segments/{id}")
    yield an_error(404, "/contacts/none", "/contacts/{id}")
    yield an_error(404, "/contacts/none/segments", "/contacts/{id}/segments")
    yield an_error(400, "/contacts?per_page=0")
    yield an_error(400, "/contacts?starting_after=rubbish")
    yield a_search("everybody", status=400)
    yield a_search({"field": "shoe_size", "operator": "=", "value": 1}, status=400)
    yield a_search({"field": "created_at", "operator": "~", "value": 1}, status=400)


def only_from_2_16_on(cast: Cast) -> Iterator[Question]:
    yield an_error(410, f"/contacts/{cast.merged}", "/contacts/{id}")
    yield a_search(USERS, status=400, sort={"field": "created_at", "order": "desc"})


async def ask(workspace: Workspace, version: str, questions: list[Question], *, limit: int = 1000) -> list[Answer]:
    transport = httpx.ASGITransport(create_app(workspace, limit=limit))
    headers = {"Authorization": f"Bearer {TOKEN}", "Intercom-Version": version}
    answers = []
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        for question in questions:
            options: dict[str, Any] = {"headers": headers | question.headers, "json": question.body}
            response = await client.request(question.method, question.path, **options)
            assert response.status_code == question.status, (question, response.text)
            answers.append(Answer(question, response.json()))
    return answers


def a_workspace() -> tuple[Workspace, Cast]:
    workspace = Workspace(contacts=300, segments=25, start=datetime(2026, 3, 1, 12, tzinfo=UTC))
    add_odd_contacts(workspace, crowd=5)
    contact, archived = list(workspace.contacts)[:2]
    lead, user = workspace.sign_up(role="lead"), workspace.sign_up()
    workspace.merge(lead, contact)
    workspace.archive(archived)
    workspace.delete(user)
    (latest,) = workspace.feed.after(None, 1000)[-1:]
    return workspace, Cast(next(iter(workspace.segments)), contact, lead, archived, latest.id)


def every_answer(version: str) -> list[Answer]:
    workspace, cast = a_workspace()
    questions = [*things(cast), *refusals(cast)]
    if VERSIONS[version].reports_merges:
        questions += only_from_2_16_on(cast)
    if VERSIONS[version].reports_removals:
        questions += only_where_removals_are_told(cast)
    answers = asyncio.run(ask(workspace, version, questions))
    workspace.faults.status(500)
    answers += asyncio.run(ask(workspace, version, [an_error(500, "/me"), an_error(429, "/me")], limit=1))
    return answers


# Intercom's descriptions as JSON Schema


@cache
def description(version: str) -> dict[str, Any]:
    text = (DESCRIPTIONS / f"{version}.yaml").read_text(encoding="utf-8")
    described: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)  # the safe one, in C
    return described


def json_schema(described: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where JSON Schema has a type of its own."""
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


def responses(version: str, question: Question) -> Any:
    """Those of the operation that was asked; the names of path parameters differ from version to version."""
    paths = description(version)["paths"]
    named = next(path for path in paths if re.sub(r"{\w+}", "{id}", path) == question.operation)
    return paths[named][question.method.lower()]["responses"]


def described_as(version: str, question: Question) -> Any:
    """A schema; that of errors in general where Intercom describes none for the status."""
    described = responses(version, question).get(str(question.status))
    if described is None and question.kind == "error":
        return {"$ref": "#/components/schemas/error"}
    return json_schema(described["content"]["application/json"]["schema"])


def strict_formats() -> FormatChecker:
    checker = FormatChecker(formats=("uuid",))
    checker.checks("date-time")(lambda value: value is None or isinstance(value, str))
    return checker


def causes(error: ValidationError) -> Iterator[ValidationError]:
    """What is wrong inside of it, for a thing that is described as null or something else."""
    inside = [cause for cause in error.context or () if cause.validator_value != "null"]
    if not inside:
        yield error
    for cause in inside:
        yield from causes(cause)


def place(kind: str, error: ValidationError) -> str:
    """Such as `contact.email`, in lists of contacts too."""
    path = re.sub(r"\[\d+\]", "", error.json_path).removeprefix("$")
    missing = re.match(r"'(\w+)' is a required", error.message)
    return f"{kind}{path}{f'.{missing[1]}' if missing else ''}".replace("contacts.data.", "contact.")


def faults(version: str, answers: list[Answer]) -> set[Fault]:
    found = set()
    for question, body in answers:
        schema = {"$ref": "#/described", "described": described_as(version, question)}
        validator = Draft202012Validator(schema | {"components": components(version)}, format_checker=strict_formats())
        for error in validator.iter_errors(body):
            found |= {Fault(place(question.kind, cause), str(cause.validator)) for cause in causes(error)}
    return found


# The tests


@pytest.mark.parametrize("version", DESCRIBED)
def test_every_answer_is_as_described_except_where_the_description_errs(version: str) -> None:
    assert faults(version, every_answer(version)) == excepted(version)


@pytest.mark.parametrize("version", DESCRIBED)
@pytest.mark.parametrize(("following", "told"), [("null", None), ("object", {"page": 2, "starting_after": None})])
def test_every_end_of_the_pages_is_as_described(version: str, following: NextPageStyle, told: Any) -> None:
    workspace, _ = a_workspace()
    workspace.next_page_style = following

    answers = asyncio.run(ask(workspace, version, [a_search(NOBODY)]))

    assert answers[0].body["pages"]["next"] == told
    assert faults(version, answers) <= excepted(version)


@pytest.mark.parametrize("version", DESCRIBED)
def test_nothing_that_is_in_intercoms_own_examples_is_missing(version: str) -> None:
    answers = [answer for answer in every_answer(version) if answer.question.kind != "error"]

    by_operation = {
        operation: list(told) for operation, told in groupby(sorted(answers, key=operation_of), key=operation_of)
    }
    missing = {key for told in by_operation.values() for key in missing_from(version, told)}
    assert missing == ({"activities.data.failure_reason"} if version == "Preview" else set())  # no merge fails here


def operation_of(answer: Answer) -> str:
    return answer.question.operation


def missing_from(version: str, answers: list[Answer]) -> set[str]:
    """Keys that no answer of one operation has: an empty list has none of its own."""
    question = answers[0].question
    described = responses(version, question)["200"]["content"]["application/json"]["examples"]
    wanted = {key for example in described.values() for key in keys(question.kind, example["value"])}
    return wanted - {key for answer in answers for key in keys(question.kind, answer.body)}


def keys(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and not name.endswith("custom_attributes"):
        for key, inside in value.items():
            yield f"{name}.{key}"
            yield from keys(f"{name}.{key}", inside)
    if isinstance(value, list):
        for item in value:
            yield from keys(name, item)


def test_an_answer_that_is_not_as_described_is_told() -> None:
    contact = Question("contact", "/contacts/1", described="/contacts/{id}")
    pages = {"type": "pages", "next": "https://api.intercom.io/contacts?page=2"}
    answers = [
        Answer(contact, {"owner_id": 5, "avatar": None, "name": None, "has_hard_bounced": None}),
        Answer(Question("contacts", "/contacts"), {"type": "list", "data": [{"id": 1}], "pages": pages}),
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
