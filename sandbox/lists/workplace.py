"""The lists of one workspace, and what can happen in them."""

from collections.abc import Iterable
from random import Random

from ..people import CAMPAIGNS, DAY_SECONDS, TAGS, Json, tag_id
from .collection import Collection
from .exports import Exports
from .history import activity, call, ended, transcript
from .made_up import collections
from .reporting import NAMES, Reporting, dataset

LOCALES = ("en", "fr")
FIRST_ADMIN = 991_000_000
ACTIVITIES, CALLS, RECEIPTS, REPORTED = 50, 30, 40, 20
TIERS = 4
"""Company segments, and one group of companies that are in none."""


class Workplace:
    """The lists of one workspace. The same seed gives the same records, with the same ids.

    Attributes:
        collections: by the name of the warehouse's table.
        scroll_taken: how many calls of a scroll are refused, since another client scrolls.
        company_segments: by id. Each company has those that it is in.
        exports: which messages were sent, and the jobs that export that.
        reporting: the rows of reports, and the jobs that export them.
        transcripts: what was said in calls, by call.
        is_silent_of_segments: companies are sent without their segments, though they are in some.
    """

    def __init__(self, *, seed: int, now: int, companies: int, articles: int, workspace_id: str) -> None:
        self.scroll_taken = 0
        self.is_silent_of_segments = False
        self.exports = Exports()
        self.reporting = Reporting()
        self.transcripts: dict[str, list[Json]] = {}
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
        for number in range(1, ACTIVITIES + 1):
            self.add_activity(number, now - number * DAY_SECONDS // 3)
        for number in range(1, RECEIPTS + 1):
            self.exports.send(number, f"{number:024x}", now - number * DAY_SECONDS)
        for name in NAMES:
            self["reporting_datasets"].put(dataset(name))
            for number in range(1, REPORTED + 1):
                self.reporting.report(name, number, now - number * 4 * DAY_SECONDS)
        for number in range(1, CALLS + 1):
            self.add_call(number, now - number * DAY_SECONDS)
            self.end_call(str(number), now - number * DAY_SECONDS + 90, is_transcribed=number % 4 > 0)

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

    def add_activity(self, number: int, at: int) -> None:
        """What a teammate does."""
        made = activity(number, at)
        self["admin_activity_logs"].put(made)

    def add_call(self, number: int, at: int, contact_id: str = "") -> None:
        """A phone call begins. Two calls share a conversation, and a few have none."""
        conversation_id = None if number % 10 == 0 else str(700_000 + number // 2)
        self["calls"].put(call(number, contact_id or f"{number:024x}", conversation_id, at))

    def end_call(self, call_id: str, at: int, *, is_transcribed: bool = True) -> None:
        """A phone call ends, and has its transcript at once, or never."""
        self["calls"].of()[call_id] |= ended(call_id, at)
        if is_transcribed:
            self.transcripts[call_id] = transcript(call_id)

    def transcribed(self, conversation_id: str) -> list[Json]:
        """The calls of a conversation, with their transcripts."""
        calls = (one for one in self["calls"].of().values() if one["conversation_id"] == conversation_id)
        return [{**one, **self._transcript(one["id"])} for one in calls]

    def _transcript(self, call_id: str) -> Json:
        said = self.transcripts.get(call_id)
        return {"transcript": said or [], "transcript_status": "completed" if said else None}

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
