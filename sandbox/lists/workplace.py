"""The lists of one workspace, and what can happen in them."""

from collections.abc import Iterable
from random import Random

from ..people import CAMPAIGNS, DAY_SECONDS, TAGS, Json, tag_id
from .collection import Collection
from .made_up import collections

LOCALES = ("en", "fr")
FIRST_ADMIN = 991_000_000
TIERS = 4
"""Company segments, and one group of companies that are in none."""


class Workplace:
    """The lists of one workspace. The same seed gives the same records, with the same ids.

    Attributes:
        collections: by the name of the warehouse's table.
        scroll_taken: how many calls of a scroll are refused, since another client scrolls.
        company_segments: by id. Each company has those that it is in.
        is_silent_of_segments: companies are sent without their segments, though they are in some.
    """

    def __init__(self, *, seed: int, now: int, companies: int, articles: int, workspace_id: str) -> None:
        self.scroll_taken = 0
        self.is_silent_of_segments = False
        self.company_segments = {one["id"]: one for one in map(_company_segment, range(1, TIERS))}
        self.collections = {one.name: one for one in collections(now, workspace_id)}
        self._random = Random(f"{seed} lists")
        self._workspace_id = workspace_id
        for number in range(1, 9):
            self.add_admin(number)
        for name in (*TAGS, *CAMPAIGNS):
            self["tags"].put({"type": "tag", "id": tag_id(name), "name": name})
        for number in range(1, articles + 1):
            self.add_article(number, now - number * 3_600)
        for number in range(1, companies + 1):
            self.add_company(number, now - self._random.randrange(400) * DAY_SECONDS)

    def __getitem__(self, name: str) -> Collection:
        return self.collections[name]

    def add_admin(self, number: int) -> None:
        """A teammate; one of that number is replaced."""
        admin = {
            "type": "admin",
            "id": str(FIRST_ADMIN + number),
            "name": f"Teammate {number}",
            "email": f"teammate{number}@example.com",
            "away_mode_enabled": False,
            "away_mode_reassign": False,
            "has_inbox_seat": True,
            "team_ids": [1] if number % 2 else [],
        }
        self["admins"].put(admin)

    def add_article(self, number: int, updated_at: int) -> None:
        """An article; one of that number is replaced."""
        text = {
            "title": f"Article {number}",
            "description": "",
            "body": f"<p>Text {number}</p>",
            "author_id": FIRST_ADMIN + 1,
            "state": "published",
            "created_at": updated_at - DAY_SECONDS,
            "updated_at": updated_at,
            "url": f"https://help.example.com/articles/{number}",
        }
        translated = {locale: {"type": "article_content", **text} for locale in LOCALES}
        article = {
            "type": "article",
            "id": str(number),
            "workspace_id": self._workspace_id,
            "body_markdown": f"Text {number}",
            "parent_ids": [number % 24 + 1],
            "default_locale": LOCALES[0],
            "tags": _tag_list(TAGS[:1] if number % 3 == 0 else ()),
            "folder_id": None,
            "ai_chatbot_availability": True,
            "ai_copilot_availability": True,
            "ai_sales_agent_availability": True,
            "translated_content": {"type": "article_translated_content", **translated},
        }
        self["articles"].put({**article, **text})

    def add_company(self, number: int, updated_at: int) -> str:
        """A company; one of that number is replaced. Returns its id."""
        company_id, created_at = f"{number:024x}", updated_at - DAY_SECONDS
        company = {
            "type": "company",
            "id": company_id,
            "company_id": f"acme-{number}",
            "app_id": self._workspace_id,
            "name": f"Company {number}",
            "plan": {"type": "plan", "id": "1", "name": "Pro"},
            "size": number % 500,
            "remote_created_at": created_at,
            "created_at": created_at,
            "updated_at": updated_at,
            "last_request_at": updated_at,
            "website": f"https://company{number}.example.com",
            "industry": "Software",
            "monthly_spend": number % 90,
            "session_count": number % 40,
            "user_count": 3,
            "custom_attributes": {"score": number % 7},
            "tags": _tag_list(name for name in TAGS if self._random.random() < 0.1),
            "segments": self._segments_of([f"company-segment-{number % TIERS}"]),
            "notes": self._notes(company_id),
        }
        self["companies"].put(company)
        return company_id

    def add_note(self, company_id: str, number: int, now: int) -> None:
        """A note about a company, which changes the company."""
        note = {
            "type": "note",
            "id": str(number),
            "created_at": now,
            "company": {"type": "company", "id": company_id},
            "author": {"type": "admin", "id": str(FIRST_ADMIN + 1), "name": "Teammate 1", "email": "one@example.com"},
            "body": f"<p>Note {number}</p>",
        }
        self["company_notes"].put(note, company_id)
        self["companies"].of()[company_id] |= {"notes": self._notes(company_id), "updated_at": now}

    def delete_company(self, company_id: str) -> None:
        """Deletes a company and its notes."""
        self["companies"].remove(company_id)
        self["company_notes"].records.pop(company_id, None)

    def move_company(self, company_id: str, *segment_ids: str) -> None:
        """Puts a company into these segments alone. That is no update of the company."""
        self["companies"].of()[company_id]["segments"] = self._segments_of(segment_ids)

    def edit_company_segment(self, segment_id: str, now: int) -> None:
        """Edits a segment of companies, which have it at once; who is in it stays."""
        self.company_segments[segment_id] |= {"name": f"{segment_id} of {now}", "updated_at": now}

    def delete_company_segment(self, segment_id: str) -> None:
        """Deletes a segment of companies: they are in it no more."""
        del self.company_segments[segment_id]
        for company_id in self.companies_in(segment_id):
            self.move_company(company_id, *(one for one in self.segments_of(company_id) if one != segment_id))

    def segments_of(self, company_id: str) -> list[str]:
        """The segments of a company."""
        return [one["id"] for one in self["companies"].of()[company_id]["segments"]["segments"]]

    def companies_in(self, segment_id: str) -> list[str]:
        """The companies of a segment."""
        return [one for one in self["companies"].of() if segment_id in self.segments_of(one)]

    def _segments_of(self, segment_ids: Iterable[str]) -> Json:
        found = [self.company_segments[one] for one in segment_ids if one in self.company_segments]
        return {"type": "segment.list", "segments": found}

    def _notes(self, company_id: str) -> Json:
        """What a company has of its notes."""
        count = len(self["company_notes"].of(company_id))
        place = {"type": "note.list", "data": [], "url": f"/companies/{company_id}/notes"}
        return {**place, "total_count": count, "has_more": bool(count)}


def _tag_list(names: Iterable[str]) -> Json:
    return {"type": "tag.list", "tags": [{"type": "tag", "id": tag_id(name), "name": name} for name in names]}


def _company_segment(tier: int) -> Json:
    times = {"created_at": 1_700_000_000, "updated_at": 1_700_000_000}
    return {"type": "segment", "id": f"company-segment-{tier}", "name": f"Tier {tier}", "person_type": "user", **times}
