"""A workspace as rows of the tables that Fivetran loads, without columns for which Intercom has nothing."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from sandbox.lists import statistics_of
from sandbox.people import Json
from sandbox.world import Workspace

from .deployments import Deployment
from .lists import related

SCHEMA = "intercom_fivetran"
TABLES: Mapping[str, Mapping[str, str]] = yaml.safe_load((Path(__file__).parent / "fivetran.yml").read_text())
WITHOUT_SOURCE = {"_fivetran_end", "section_id"}
WHEN_LOADED = {"_fivetran_synced", "_fivetran_deleted"}


def records(workspace: Workspace, name: str) -> Iterator[Json]:
    yield from workspace.lists[name].of().values()


def text(value: Any) -> str | None:
    return None if value is None else str(value)


def number(value: Any) -> int | None:
    """Of an id; null for one that is no number."""
    return int(value) if value and str(value).isdecimal() else None


def at(seconds: int | None) -> datetime | None:
    """UTC without a zone."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def times(record: Json, *names: str) -> dict[str, datetime | None]:
    return {name: at(record.get(name)) for name in names}


def version(record: Json) -> dict[str, Any]:
    """What each table of a history has: the current row, since its record was last updated."""
    return {"_fivetran_active": True, "_fivetran_start": at(record["updated_at"])}


def versioned(parent: str, record: Json) -> dict[str, Any]:
    return {f"{parent}_updated_at": at(record["updated_at"]), **version(record)}


def admins(workspace: Workspace) -> Iterator[Json]:
    for one in records(workspace, "admins"):
        yield {"id": text(one["id"]), "job_title": one.get("job_title"), "name": one["name"]}


def articles(workspace: Workspace) -> Iterator[Json]:
    for one in records(workspace, "articles"):
        seen = statistics_of(one)
        copied = {name: one[name] for name in ("body", "default_locale", "description", "state", "title", "url")}
        counts = {f"statistics_{name}": seen[name] for name in ("conversations", "reactions", "views")}
        shares = [f"{kind}_reaction_percentage" for kind in ("happy", "neutral", "sad")]
        collection = min(map(str, one["parent_ids"]), default=None)
        yield {
            **{"id": text(one["id"]), "type": "article", "author_id": text(one["author_id"])},
            **{"collection_id": collection, "parent_type": collection and "collection"},
            **{"statistics_type": "article_statistics", "workspace_id": one["workspace_id"]},
            **copied,
            **counts,
            **{f"statistics_{name}": float(seen[name]) for name in shares},
            **version(one),
            **times(one, "created_at", "updated_at"),
        }


def collections(workspace: Workspace) -> Iterator[Json]:
    for one in records(workspace, "collections"):
        copied = {name: one[name] for name in ("default_locale", "description", "icon", "name", "order", "url")}
        ids = {name: text(one[name]) for name in ("id", "parent_id", "help_center_id", "workspace_id")}
        yield {**copied, **ids, "type": "collection", **version(one), **times(one, "created_at", "updated_at")}


def companies(workspace: Workspace) -> Iterator[Json]:
    for one in records(workspace, "companies"):
        plan, copied = (
            one["plan"] or {},
            ("industry", "monthly_spend", "name", "session_count", "user_count", "website"),
        )
        yield {
            **{"id": text(one["id"]), "plan_id": plan.get("id"), "plan_name": plan.get("name")},
            **{name: one[name] for name in copied},
            **version(one),
            **times(one, "created_at", "updated_at"),
        }


def company_tags(workspace: Workspace) -> Iterator[Json]:
    for one in records(workspace, "companies"):
        for tag in one["tags"]["tags"]:
            yield {"company_id": text(one["id"]), "tag_id": number(tag["id"]), **versioned("company", one)}


def contacts(workspace: Workspace) -> Iterator[Json]:
    for one in workspace.contacts.values():
        sent, copied = one.attributes, ("email", "id", "name", "role", "unsubscribed_from_emails")
        mailed = ("last_email_clicked_at", "last_email_opened_at")
        yield {
            **{name: sent[name] for name in copied},
            "admin_id": sent["owner_id"] and int(sent["owner_id"]),
            **version(sent),
            **times(sent, "created_at", "updated_at", "signed_up_at", "last_contacted_at", "last_replied_at", *mailed),
        }


def contact_tags(workspace: Workspace) -> Iterator[Json]:
    for contact_id, tag_id in related(workspace, "tags"):
        sent = workspace.contacts[contact_id].attributes
        yield {"contact_id": contact_id, "tag_id": number(tag_id), **versioned("contact", sent)}


def contact_companies(workspace: Workspace) -> Iterator[Json]:
    for contact_id, company_id in related(workspace, "companies"):
        sent = workspace.contacts[contact_id].attributes
        yield {"contact_id": contact_id, "company_id": company_id, **versioned("contact", sent)}


def conversations(workspace: Workspace) -> Iterator[Json]:
    for one in workspace.desk.conversations.values():
        source, reply = one["source"], one["first_contact_reply"] or {}
        rating, sla = one["conversation_rating"] or {}, one["sla_applied"] or {}
        assigned = [(kind, one[f"{kind}_assignee_id"]) for kind in ("admin", "team") if one[f"{kind}_assignee_id"]]
        kind, assignee = assigned[0] if assigned else (None, None)
        yield {
            **{"id": number(one["id"]), "state": one["state"], "read": one["read"]},
            **{"assignee_id": assignee, "assignee_type": kind},
            **{"conversation_rating_value": rating.get("rating"), "conversation_rating_remark": rating.get("remark")},
            **{"sla_name": sla.get("sla_name"), "sla_status": sla.get("sla_status")},
            **{f"source_{name}": source[name] for name in ("body", "delivered_as", "subject", "type")},
            **{f"source_author_{name}": source["author"][name] for name in ("id", "type")},
            **{"first_contact_reply_type": reply.get("type")},
            **{"first_contact_reply_created_at": at(reply.get("created_at"))},
            **version(one),
            **times(one, "created_at", "updated_at", "snoozed_until", "waiting_since"),
        }


def conversation_contacts(workspace: Workspace) -> Iterator[Json]:
    for one in workspace.desk.conversations.values():
        for contact in one["contacts"]["contacts"]:
            ids = {"conversation_id": number(one["id"]), "contact_id": contact["id"]}
            yield ids | versioned("conversation", one)


def conversation_tags(workspace: Workspace) -> Iterator[Json]:
    for one in workspace.desk.conversations.values():
        for tag in one["tags"]["tags"]:
            ids = {"conversation_id": number(one["id"]), "tag_id": number(tag["id"])}
            yield ids | versioned("conversation", one)


def conversation_parts(workspace: Workspace) -> Iterator[Json]:
    for conversation_id, one in workspace.desk.conversations.items():
        for part in workspace.desk.parts[conversation_id]:
            assigned, author = part["assigned_to"] or {}, part["author"]
            yield {
                **{"id": number(part["id"]), "conversation_id": number(conversation_id)},
                **{"part_type": part["part_type"], "body": part["body"]},
                **{"author_id": author["id"], "author_type": author["type"]},
                **{
                    "assigned_to_id": int(assigned["id"]) if assigned else None,
                    "assigned_to_type": assigned.get("type"),
                },
                **versioned("conversation", one),
                **version(part),
                **times(part, "created_at", "updated_at"),
            }


def help_centers(workspace: Workspace) -> Iterator[Json]:
    for one in records(workspace, "help_centers"):
        copied = ("id", "identifier", "display_name", "website_turned_on", "workspace_id")
        yield {**{name: one[name] for name in copied}, **version(one), **times(one, "created_at", "updated_at")}


def tags(workspace: Workspace) -> Iterator[Json]:
    yield from ({"id": number(one["id"]), "name": one["name"]} for one in records(workspace, "tags"))


def teams(workspace: Workspace) -> Iterator[Json]:
    yield from ({"id": text(one["id"]), "name": one["name"]} for one in records(workspace, "teams"))


def team_admins(workspace: Workspace) -> Iterator[Json]:
    for one in records(workspace, "teams"):
        yield from ({"team_id": text(one["id"]), "admin_id": text(admin)} for admin in one["admin_ids"])


TRUTH: Mapping[str, Callable[[Workspace], Iterator[Json]]] = {
    "admin": admins,
    "article_history": articles,
    "collection_history": collections,
    "company_history": companies,
    "company_tag_history": company_tags,
    "contact_company_history": contact_companies,
    "contact_history": contacts,
    "contact_tag_history": contact_tags,
    "conversation_contact_history": conversation_contacts,
    "conversation_history": conversations,
    "conversation_part_history": conversation_parts,
    "conversation_tag_history": conversation_tags,
    "help_center_history": help_centers,
    "tag": tags,
    "team": teams,
    "team_admin": team_admins,
}


def differences(deployment: Deployment) -> dict[str, list[Any]]:
    """By table some rows that only the views have, and some that only the workspace has."""
    found = {}
    with deployment.warehouse.reading() as ask:
        for table, truth in TRUTH.items():
            names = [name for name in TABLES[table] if name not in WITHOUT_SOURCE | WHEN_LOADED]
            columns = ", ".join(f'"{name}"' for name in names)
            where = "not _fivetran_deleted" if "_fivetran_deleted" in TABLES[table] else "true"
            rows = Counter(map(tuple, ask(f"select {columns} from {SCHEMA}.{table} where {where}")))
            expected = Counter(tuple(row[name] for name in names) for row in truth(deployment.workspace))
            assert expected, table
            if rows != expected:
                found[table] = [sorted(map(repr, one))[:2] for one in (rows - expected, expected - rows)]
    return found
