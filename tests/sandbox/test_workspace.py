"""A workspace: its rules, its clock, and its history."""

import pytest

from sandbox.segments import All, Attribute, Rule
from sandbox.segments.rules import Any as AnyOf
from sandbox.segments.rules import Everyone, Nobody, OlderThan, Tagged, Within
from sandbox.world import Workspace

from .client import DAY, SECOND, START, segment_named, still_workspace


def test_a_contact_ages_out_of_new_without_being_updated() -> None:
    workspace = still_workspace()
    new = segment_named(workspace, "New")
    contact_id = workspace.sign_up()
    before = workspace.contacts[contact_id].attributes["updated_at"]

    workspace.advance(days=30, seconds=-1)
    assert contact_id in workspace.members(new)
    workspace.advance(seconds=1)

    assert contact_id not in workspace.members(new)
    assert workspace.contacts[contact_id].attributes["updated_at"] == before


def test_a_contact_enters_and_later_leaves_slipping_away() -> None:
    workspace = still_workspace()
    slipping = segment_named(workspace, "Slipping Away")
    contact_id = workspace.sign_up(last_seen_at=SECOND)

    seen = []
    for _ in range(7):
        seen.append(contact_id in workspace.members(slipping))
        workspace.advance(days=10)

    assert seen == [False, False, False, True, True, True, False]


def test_a_future_date_is_within_no_days_until_it_arrives() -> None:
    workspace = still_workspace()
    soon = workspace.make_segment("Soon", Within("signed_up_at", 1))
    contact_id = workspace.sign_up(signed_up_at=SECOND + 100)

    assert contact_id not in workspace.members(soon)
    workspace.advance(seconds=100)

    assert contact_id in workspace.members(soon)


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        (Everyone(), True),
        (Nobody(), False),
        (Attribute("name", "=", "Ann"), True),
        (Attribute("phone", "=", None), True),
        (Attribute("location.city", "!=", "Berlin"), True),
        (Attribute("custom_attributes.plan", "IN", ("pro", "team")), True),
        (Attribute("custom_attributes.seats", ">", 3), False),
        (Attribute("custom_attributes.unknown", ">", 3), False),
        (Tagged("vip"), True),
        (Tagged("beta"), False),
        (OlderThan("last_seen_at", 0), True),
        (OlderThan("last_replied_at", 0), False),
        (All((Everyone(), Tagged("beta"))), False),
        (AnyOf((Nobody(), Tagged("vip"))), True),
    ],
)
def test_a_rule_decides_who_is_in_a_segment(rule: Rule, holds: bool) -> None:
    workspace = still_workspace(contacts=0)
    contact_id = workspace.sign_up(
        name="Ann", phone=None, last_replied_at=None, last_seen_at=SECOND, location={"city": "Cork"}
    )
    workspace.update(contact_id, custom_attributes={"plan": "pro", "seats": 3})
    workspace.tag(contact_id, "vip")

    segment_id = workspace.make_segment("Some", rule)

    assert (contact_id in workspace.members(segment_id)) == holds


def test_an_update_keeps_the_other_nested_attributes() -> None:
    workspace = still_workspace()
    contact_id = workspace.sign_up(location={"city": "Cork", "country": "Ireland"})

    workspace.update(contact_id, location={"city": "Dublin"}, name="Ann")

    contact = workspace.contacts[contact_id]
    assert (contact.value("location.city"), contact.value("location.country")) == ("Dublin", "Ireland")


def test_a_tag_moves_updated_at_and_a_contact_lists_at_most_ten() -> None:
    workspace = still_workspace()
    contact_id = workspace.sign_up()
    workspace.advance(days=1)

    for number in range(12):
        workspace.tag(contact_id, f"tag {number}")
    workspace.untag(contact_id, "tag 3")

    attributes = workspace.contacts[contact_id].attributes
    assert attributes["updated_at"] == SECOND + DAY
    assert (len(attributes["tags"]["data"]), attributes["tags"]["total_count"]) == (10, 11)
    assert attributes["tags"]["has_more"]


def test_a_silent_visit_moves_only_last_seen_at() -> None:
    workspace = still_workspace()
    contact_id = workspace.sign_up()
    workspace.advance(days=20)

    workspace.see(contact_id)

    attributes = workspace.contacts[contact_id].attributes
    assert (attributes["last_seen_at"], attributes["updated_at"]) == (SECOND + 20 * DAY, SECOND)
    assert contact_id in workspace.members(segment_named(workspace, "Active"))


def test_the_past_equals_what_was_recorded_then() -> None:
    workspace = still_workspace(contacts=300, segments=25)

    recorded = {}
    for _ in range(12):
        recorded[workspace.now()] = workspace.pairs()
        workspace.live(days=3, churn=0.05)

    assert {time: workspace.pairs(at=time) for time in recorded} == recorded
    assert len(set(map(frozenset, recorded.values()))) == 12


def test_members_updated_incrementally_equal_members_computed_at_once() -> None:
    watched, unwatched = still_workspace(contacts=300, segments=25), still_workspace(contacts=300, segments=25)

    for _ in range(20):
        watched.pairs()
        for workspace in (watched, unwatched):
            workspace.live(days=2, churn=0.05)

    assert watched.pairs() == unwatched.pairs()


def test_the_same_seed_and_calls_give_the_same_life() -> None:
    one, same, other = still_workspace(), still_workspace(workspace_id="elsewhere"), still_workspace(seed=1)
    for workspace in (one, same, other):
        workspace.live(days=10, churn=0.1)

    assert list(one.contacts) == list(same.contacts)
    assert one.pairs() == same.pairs()
    assert not one.pairs() & other.pairs()


def test_life_creates_renames_edits_and_deletes_segments_except_the_first_ones() -> None:
    workspace = still_workspace(contacts=10, segments=10)
    before = dict(workspace.segments)

    workspace.live(days=100, churn=0.1)

    names = {segment.name for segment in workspace.segments.values()}
    assert {"Active", "New", "Slipping Away", "Everyone", "Customers on the Moon"} <= names
    assert set(workspace.segments) - set(before)
    assert any(workspace.segments.get(key) != segment for key, segment in before.items())


def test_a_default_workspace_is_a_realistic_mix() -> None:
    workspace = Workspace(start=START, contacts=2000)

    sizes = sorted(len(workspace.members(segment_id)) for segment_id in workspace.segments)
    rules = [repr(segment.rule) for segment in workspace.segments.values()]
    over_time = [rule for rule in rules if "Within" in rule or "OlderThan" in rule]
    encoded = [len(contact.json) for contact in workspace.contacts.values()]

    assert (sizes[0], sizes[-1]) == (0, 2000)
    assert 1 <= sizes[1] < 50
    assert len(over_time) >= len(workspace.segments) / 3
    assert 1800 < sum(encoded) / len(encoded) < 2700


def test_ids_have_24_hexadecimal_digits() -> None:
    workspace = still_workspace()

    assert all(len(key) == 24 and int(key, 16) for key in [*workspace.contacts, *workspace.segments])


def test_the_clock_cannot_move_back() -> None:
    with pytest.raises(ValueError, match="forward"):
        still_workspace().advance(days=-1)
