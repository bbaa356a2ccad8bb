"""Claims about `explain`: its story agrees with the log and with the workspace, and it claims no more than that."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipelines.commands.explain import Explain, Explained, Question, SegmentStory, Spell
from pipelines.commands.status import Days
from pipelines.destinations import Warehouse
from pipelines.destinations.duckdb import DuckDB
from pipelines.errors import Misconfigured, NothingToRead
from pipelines.explanation import sentences
from pipelines.explanation.timeline import bar
from sandbox.segments import Rule
from sandbox.segments.rules import Everyone, Tagged
from sandbox.world import Workspace
from sources.intercom.api import SetupError
from sources.intercom.tables import Privacy

from ...soak.truth import Truth
from ...support.deployments import AT_ONCE, START, Deployment, standing_still
from ...support.terminal import Terminal

pytestmark = pytest.mark.xdist_group("explain")  # all tests but a few read one warehouse
SEGMENTS: dict[str, Rule] = {
    "Everyone": Everyone(),
    "Crowd": Tagged("crowd"),
    "Club": Tagged("club"),
    "Edited": Tagged("a"),
    "Doomed": Tagged("doomed"),
}
NAMES = (
    *("stayer", "leaver", "rejoiner", "joiner", "deleted", "lead"),
    *("user", "missed", "archived", "edited", "clubber", "outsider"),
)
"""Contacts, by what becomes of them."""
MISSED = 3
"""The day without a sync."""
FIRST = START.date()


def named_workspace() -> Workspace:
    workspace = Workspace(contacts=0, segments=0, seed=9, start=START, monotonic=standing_still)
    for number in range(40):
        workspace.sign_up(id=f"{number:024x}", email=f"{number}@example.com", external_id=f"user-{number}")
    for name, rule in SEGMENTS.items():
        workspace.make_segment(name, rule)
    for name in NAMES:
        if name not in ("joiner", "missed", "clubber", "outsider", "edited"):
            workspace.tag(id_of(name), "crowd")
    for name, tag in (("edited", "a"), ("clubber", "club"), ("stayer", "doomed")):
        workspace.tag(id_of(name), tag)
    return workspace


def id_of(name: str) -> str:
    return f"{NAMES.index(name):024x}"


def segment_of(workspace: Workspace, name: str) -> str:
    return next(one.id for one in workspace.segments.values() if one.name == name)


def day_1(workspace: Workspace) -> None:
    workspace.tag(id_of("joiner"), "crowd")
    workspace.untag(id_of("rejoiner"), "crowd")
    workspace.delete(id_of("deleted"))
    workspace.merge(id_of("lead"), id_of("user"))


def day_2(workspace: Workspace) -> None:
    workspace.untag(id_of("leaver"), "crowd")
    workspace.archive(id_of("archived"))


def day_3(workspace: Workspace) -> None:
    workspace.tag(id_of("missed"), "crowd")


def day_4(workspace: Workspace) -> None:
    workspace.tag(id_of("rejoiner"), "crowd")


def day_5(workspace: Workspace) -> None:
    workspace.edit_segment(segment_of(workspace, "Edited"), Tagged("b"))
    workspace.delete_segment(segment_of(workspace, "Doomed"))
    workspace.untag(id_of("clubber"), "club")


DAYS: tuple[Callable[[Workspace], None], ...] = (day_1, day_2, day_3, day_4, day_5)


@dataclass
class Lived(Deployment):
    """Six days of a workspace: on one there was no sync, and on the last one segment was excluded."""

    ids: dict[str, str] = field(default_factory=dict)
    truth: Truth = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ids = {one.name: one.id for one in self.workspace.segments.values()}
        self.truth = Truth(self.workspace)

    def live(self, *, with_syncs: bool) -> "Lived":
        for number, events in enumerate((None, *DAYS)):
            if events:
                self.workspace.advance(hours=23)
                self.truth.record()
                events(self.workspace)
                self.truth.record()
                self.workspace.advance(hours=1)
            if number == len(DAYS):
                self.settings.exclude_segments = ["Club"]
            if number != MISSED and with_syncs:
                _ = self.load() if number < len(DAYS) else self.sync()
            elif number != MISSED:
                self.workspace.advance(seconds=1)
        return self

    def explain(self, name: str, **options: Any) -> Explained:
        return Explain(self.warehouse, id_of(name), **options).run()

    def story(self, name: str, segment: str) -> SegmentStory:
        (story,) = self.explain(name, segment=segment).segments
        return story


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    return Lived(tmp_path_factory.mktemp("lived") / "data", named_workspace()).live(with_syncs=True)


@pytest.fixture
def changing(lived: Lived, tmp_path: Path) -> Lived:
    """A copy, for tests that change it."""
    shutil.copytree(lived.folder, tmp_path / "data")
    return Lived(tmp_path / "data", named_workspace()).live(with_syncs=False)


def logged(lived: Lived, contact_id: str) -> dict[str, list[list[tuple[Any, ...]]]]:
    """Spells by segment, from the raw log alone: when, seen by, in which run; once or twice."""
    rows = lived.query(
        "select segment_id, is_member, observed_at, seen_by, run_id from intercom_raw.membership_changes"
        " where contact_id = ? order by segment_id, observed_at",
        contact_id,
    )
    spells: dict[str, list[list[tuple[Any, ...]]]] = {}
    for segment_id, is_member, *change in rows:
        found = spells.setdefault(segment_id, [])
        if is_member:
            found.append([])
        found[-1].append(tuple(change))
    return spells


def changes_of(spell: Spell) -> list[tuple[Any, ...]]:
    found = (spell.entry, spell.exit)
    return [(one.observed_at, one.seen_by, one.run_id) for one in found if one]


@pytest.mark.parametrize("name", NAMES)
def test_the_story_has_the_changes_of_the_log_and_no_other(lived: Lived, name: str) -> None:
    explained = lived.explain(name)

    told = {story.segment_id: [changes_of(spell) for spell in story.spells] for story in explained.segments}
    assert told == logged(lived, id_of(name))
    assert told.keys() >= {lived.ids["Everyone"]}


@pytest.mark.parametrize("name", NAMES)
def test_each_window_holds_a_true_change_and_the_current_segments_are_the_true_ones(lived: Lived, name: str) -> None:
    explained = lived.explain(name)

    for story in explained.segments:
        pair = (story.segment_id, id_of(name))
        for spell in story.spells:
            if spell.entered_after:
                entry = lived.truth.during(spell.entered_after, spell.entered_at)
                assert pair in entry.ever - entry.always
            if spell.left_at:
                left = lived.truth.during(spell.left_after, spell.left_at)
                assert pair in left.ever - left.always
    observed = {one.segment_id for one in explained.segments if one.is_current} - {lived.ids["Club"]}
    assert observed == {key for key, contact_id in lived.workspace.pairs() if contact_id == id_of(name)}


@pytest.mark.parametrize("name", NAMES)
def test_sightings_are_the_scans_of_the_log_within_a_spell(lived: Lived, name: str) -> None:
    for story in lived.explain(name).segments:
        rows = lived.query(
            "select status, observed_at from intercom_raw.segment_scans where segment_id = ?", story.segment_id
        )
        for spell in story.spells:
            within = [
                status for status, at in rows if spell.entered_at < at and (spell.left_at is None or at < spell.left_at)
            ]
            seen = spell.sightings
            counted = (seen.complete, seen.confirmed, seen.others) if seen else (0, 0, 0)
            complete, confirmed = within.count("complete"), within.count("confirmed")
            assert counted == (complete, confirmed, len(within) - complete - confirmed)


def test_a_baseline_is_found_and_its_entry_has_no_begin(lived: Lived) -> None:
    (spell,) = lived.story("stayer", "Crowd").spells

    assert (spell.is_baseline, spell.enter_reason, spell.entered_after) == (True, "baseline", None)
    assert spell.entry
    assert spell.entry.seen_how == "page"


def test_a_leave_names_the_scan_whose_lookup_by_id_came_without_the_contact(lived: Lived) -> None:
    (spell,) = lived.story("leaver", "Crowd").spells

    assert spell.leave_reason == "left"
    assert spell.exit
    assert (spell.exit.seen_how, spell.exit.scan and spell.exit.scan.status) == ("lookup", "complete")


def test_a_return_is_a_spell_of_its_own(lived: Lived) -> None:
    first, second = lived.story("rejoiner", "Crowd").spells

    assert (first.leave_reason, second.enter_reason, second.spell_number) == ("left", "joined", 2)
    assert second.left_at is None
    assert "again" in sentences.entered(second)


def test_a_deleted_contact_has_its_removal_as_evidence(lived: Lived) -> None:
    explained = lived.explain("deleted")

    (removal,) = explained.removals
    assert (removal.status, removal.is_reported, explained.contact.removal_status) == ("deleted", True, "deleted")
    assert {spell.leave_reason for one in explained.segments for spell in one.spells} == {"contact_deleted"}


def test_a_merge_is_told_on_both_sides(lived: Lived) -> None:
    lead, user = lived.explain("lead"), lived.explain("user")

    assert {spell.leave_reason for one in lead.segments for spell in one.spells} == {"contact_merged"}
    assert [one.merged_into_contact_id for one in lead.removals] == [id_of("user")]
    assert [one.contact_id for one in user.absorbed] == [id_of("lead")]
    assert user.removals == ()


def test_an_archived_contact_says_that_the_log_does_not_keep_where_it_was_learned(lived: Lived) -> None:
    explained = lived.explain("archived")

    (removal,) = explained.removals
    assert (removal.status, removal.is_reported) == ("archived", False)
    assert "the log does not keep by which" in sentences.removed(removal, is_own=True)


def test_a_missed_day_is_in_the_story_and_widens_the_window(lived: Lived) -> None:
    story = lived.story("missed", "Crowd")
    missed = date.fromordinal(FIRST.toordinal() + MISSED)

    assert lived.story("stayer", "Crowd").days_unobserved == (Days(missed, missed),)
    (spell,) = story.spells
    assert spell.entered_after
    assert (spell.entered_at - spell.entered_after).days == 2
    assert story.days_unobserved == ()  # the missed day is before the entry


def test_an_edit_and_a_deletion_of_a_segment_are_reasons(lived: Lived) -> None:
    edited, doomed = lived.story("edited", "Edited"), lived.story("stayer", "Doomed")

    assert [spell.leave_reason for spell in edited.spells] == ["segment_edited"]
    assert len(edited.edited_at) == 1
    assert [spell.leave_reason for spell in doomed.spells] == ["segment_deleted"]
    assert doomed.is_deleted
    assert doomed.spells[0].exit
    assert doomed.spells[0].exit.seen_how == "segment"


def test_an_excluded_segment_keeps_its_last_known_state_and_says_so(lived: Lived) -> None:
    story = lived.story("clubber", "Club")

    assert story.is_current
    assert story.newest_scan
    assert story.newest_scan.status == "excluded"
    assert any("excluded" in note and "proves no absence" in note for note in sentences.notes(story))


def test_a_segment_in_which_no_scan_saw_the_contact_is_said_to_be_that(lived: Lived) -> None:
    story = lived.story("outsider", "Crowd")

    assert (story.spells, story.is_current) == ((), False)
    assert list(sentences.notes(story))[-1] == f"No scan has seen the contact in this segment since {FIRST}."


@pytest.mark.parametrize("named", ["{:024x}", "user-{}", "{}@example.com", " {}@EXAMPLE.com "])
def test_a_contact_is_found_by_id_external_id_or_address(lived: Lived, named: str) -> None:
    text = named.format(NAMES.index("joiner"))

    assert Explain(lived.warehouse, text).run().contact.contact_id == id_of("joiner")


@pytest.mark.parametrize("text", ["none@example.com", "", "it's {workspace} \" -- ; drop", "{text}", "%s ?", "\udcff"])
def test_an_unknown_contact_is_refused_without_repeating_it(lived: Lived, text: str) -> None:
    with pytest.raises(Misconfigured, match="has no contact with that id, external id or e-mail address") as refused:
        Explain(lived.warehouse, text).run()

    assert text == "" or text not in str(refused.value)


def test_several_contacts_with_an_address_are_listed_by_id(changing: Lived) -> None:
    for number in (30, 31):
        changing.workspace.update(f"{number:024x}", email="shared@example.com")
    changing.sync()

    with pytest.raises(Misconfigured, match=f"2 contacts have that e-mail address: {30:024x}, {31:024x}\\."):
        Explain(changing.warehouse, "Shared@example.com").run()


def test_hashed_columns_are_found_by_their_text_and_excluded_ones_are_not_there(
    make_deployment: Callable[..., Deployment],
) -> None:
    deployment = make_deployment(contacts=20, segments=2)
    contact_id = min(deployment.workspace.contacts)
    deployment.workspace.update(contact_id, email="Ada@example.com", external_id="ada", name="Ada")
    deployment.settings.hash_columns, deployment.settings.exclude_columns = ["email"], ["external_id", "name"]
    deployment.settings.hash_key = "a key for this test only, of no use elsewhere"
    deployment.sync()

    explained = Explain(deployment.warehouse, "ada@example.com", privacy=deployment.settings.privacy).run()

    assert explained.contact.contact_id == contact_id
    assert (explained.contact.external_id, explained.contact.name) == (None, None)
    assert "ada" not in json.dumps(explained.contact.email)
    for text, privacy in (("ada", deployment.settings.privacy), ("ada@example.com", Privacy())):
        with pytest.raises(Misconfigured, match=r"No contact has an external id here\."):
            Explain(deployment.warehouse, text, privacy=privacy).run()


@pytest.mark.parametrize(
    ("segment", "said"), [("Crowdy", "No segment has that id or name"), ("Mine", "2 segments have or had that name")]
)
def test_a_segment_that_is_unknown_or_ambiguous_is_refused(changing: Lived, segment: str, said: str) -> None:
    if segment == "Mine":
        for rule in (Tagged("one"), Tagged("two")):
            changing.workspace.make_segment(segment, rule)
        changing.sync()

    with pytest.raises(Misconfigured, match=said):
        changing.explain("stayer", segment=segment)


def test_a_published_copy_without_raw_tables_has_the_story_and_says_that_the_evidence_is_elsewhere(
    changing: Lived,
) -> None:
    whole = changing.explain("rejoiner")
    changing.warehouse = Warehouse(changing.folder, DuckDB(changing.folder, publish_raw=False))
    changing.sync()

    explained = changing.explain("rejoiner")

    assert not explained.has_log
    kept = [[(spell.entered_at, spell.left_at) for spell in one.spells] for one in explained.segments]
    assert kept == [[(spell.entered_at, spell.left_at) for spell in one.spells] for one in whole.segments]
    assert {spell.entry for one in explained.segments for spell in one.spells} == {None}


def test_nothing_published_is_said(tmp_path: Path) -> None:
    with pytest.raises(NothingToRead):
        Explain(Warehouse(tmp_path), "ada@example.com").run()


def asked(lived: Lived, name: str, **options: Any) -> Explained:
    question = Question(lived.settings, clock=lived.workspace.now, transport=lived.transport, retries=AT_ONCE)
    return question.answered(lived.explain(name, **options))


def test_intercom_is_asked_what_it_says_now(changing: Lived) -> None:
    changing.workspace.untag(id_of("stayer"), "crowd")
    changing.workspace.tag(id_of("stayer"), "club")
    before = changing.workspace.calls.total()

    explained = asked(changing, "stayer")

    assert changing.workspace.calls.total() - before == 3
    says = {one.segment_name: one.in_intercom for one in explained.segments}
    assert (says["Everyone"], says["Crowd"], says["Doomed"]) == (True, False, False)
    assert explained.now
    assert explained.now.unseen_segment_ids == (changing.ids["Club"],)
    assert "not a member" in str(
        sentences.intercom_says(asked(changing, "stayer", segment="Crowd").segments[0], explained)
    )


def test_a_removed_contact_is_said_to_be_removed(lived: Lived) -> None:
    deleted, lead = asked(lived, "deleted").now, asked(lived, "lead").now

    assert deleted
    assert lead
    assert (deleted.status, lead.status, lead.merged_into_contact_id) == ("deleted", "merged", id_of("user"))
    assert deleted.is_whole


def test_the_token_of_another_workspace_is_refused(lived: Lived) -> None:
    explained = msgspec.structs.replace(lived.explain("stayer"), workspace_id="other")

    with pytest.raises(SetupError, match="the token belongs to sandbox"):
        Question(lived.settings, transport=lived.transport, retries=AT_ONCE).answered(explained)


def test_a_timeline_has_a_cell_for_each_day_and_folds_what_does_not_fit(lived: Lived) -> None:
    last = date.fromordinal(FIRST.toordinal() + len(DAYS))

    def drawn(name: str, segment: str, *, width: int = 60, is_ascii: bool = False) -> str:
        return bar(lived.story(name, segment), FIRST, last, width=width, is_ascii=is_ascii)

    assert drawn("stayer", "Crowd") == "███▒██"
    assert drawn("rejoiner", "Crowd") == "█··░██"
    assert drawn("rejoiner", "Crowd", is_ascii=True) == "#..-##"
    assert drawn("rejoiner", "Crowd", width=3) == "█░█"
    assert drawn("clubber", "Club") == "███▒█▒"


def test_the_command_prints_the_story_and_logs_nothing_of_it(terminal: Terminal) -> None:
    terminal.copy_first_sync()
    contact_id = min(terminal.workspace.contacts)
    terminal.workspace.update(contact_id, name="Ada \x1b[31mLovelace", email="ada@example.com")
    terminal.run("sync")
    files = {path: path.read_bytes() for path in terminal.folder.rglob("*.jsonl")}

    ended = terminal.run("explain", "ada@example.com", "--ask", "--log-format", "json")

    assert ended.exit_code == 0, ended.errors
    assert contact_id in ended.output
    assert "Ada \\x1b[31mLovelace, ada@example.com" in ended.output
    assert "found by the first complete scan" in ended.output
    assert "That agrees." in ended.output
    assert not [word for word in (contact_id, "Ada", "ada@") if word in ended.errors]
    assert {path: path.read_bytes() for path in terminal.folder.rglob("*.jsonl")} == files


def test_a_terminal_without_unicode_gets_a_plain_timeline(terminal: Terminal) -> None:
    terminal.copy_first_sync()
    contact_id = min(terminal.workspace.contacts)

    ended = terminal.run_installed("explain", contact_id, PYTHONIOENCODING="ascii")

    assert ended.exit_code == 0, ended.errors
    assert "# a member" in ended.output
    assert ended.output.isascii()


def test_an_unknown_contact_ends_with_the_code_of_wrong_usage(terminal: Terminal) -> None:
    terminal.copy_first_sync()

    ended = terminal.run("explain", "nobody@example.com")

    assert (ended.exit_code, ended.output) == (2, "")
    assert ended.is_one_paragraph
    assert "nobody@" not in ended.errors
