"""Contacts with irregular values that real workspaces have, added to a simulated one on request."""

from datetime import UTC, datetime
from typing import Any

from ..people import DAY_SECONDS
from .workspace import Workspace

LONG_NAME = "the_longest_name_of_a_custom_attribute_".ljust(80, "x")
PAST, FUTURE = (int(datetime(year, 6, 15, tzinfo=UTC).timestamp()) for year in (1935, 2043))

# Names that are equal once they are in lower case or without spaces, two long ones, some with dots and spaces.
COLLIDING: dict[str, Any] = {
    "Plan": "Pro",
    "plan": "pro",
    "plan ": "PRO",
    "PLAN": 4,
    LONG_NAME: "long",
    f"{LONG_NAME[:-1]}y": "as long",
    "plan.tier": "gold",
    "plan_tier": "silver",
    "Plan Tier": None,
    ".": "a dot",
    "Größe 📏": 180.5,
}
ODD_NAMES = ("NUL\u0000inside", "\u0000", "👩‍👩‍👧‍👦 🏳️‍🌈", "\u202eright to left", "", " ")


def add_odd_contacts(workspace: Workspace, *, crowd: int = 300) -> dict[str, list[str]]:
    """Signs up irregular contacts, `crowd` of them within one second. Returns their ids by what is irregular."""
    second = int(workspace.now().timestamp()) - 100 * DAY_SECONDS
    return {
        "crowd": [workspace.sign_up(created_at=second, updated_at=second, signed_up_at=second) for _ in range(crowd)],
        "dates": [_dated(workspace, *dates) for dates in ((PAST, PAST), (PAST, FUTURE), (FUTURE, FUTURE))],
        "names": [workspace.sign_up(name=name) for name in ODD_NAMES],
        "attributes": [
            workspace.sign_up(custom_attributes=COLLIDING),
            workspace.sign_up(custom_attributes={"Plan": 1}),
        ],
        "emails": [workspace.sign_up(role=role, email=None) for role in ("user", "lead")],
    }


def _dated(workspace: Workspace, created_at: int, updated_at: int) -> str:
    return workspace.sign_up(created_at=created_at, updated_at=updated_at)
