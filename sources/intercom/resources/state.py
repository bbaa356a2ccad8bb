"""The source's dlt state: what earlier runs left in it."""

from typing import Any

from ..memberships import SavedState
from ..readings import FirstLoadState, state_after_first_load

MEMBERSHIPS_READ_TO = "memberships_read_to"
"""The cursor of the last run that read memberships, where later runs loaded contacts alone."""
ATTRIBUTES_READ_AT = "attributes_read_at"
"""When the last run that read the list of attributes began, in epoch seconds; for contacts and for companies."""


def saved_state(state: dict[str, Any], *, reads_memberships: bool = True) -> SavedState:
    """What a run starts from.

    A run that reads memberships starts where the last such run ended. Contacts that other runs have loaded since then
    all count as changed.
    """
    if stage := state.get("first_load"):
        return state_after_first_load(FirstLoadState(**stage))
    incremental = state.get("resources", {}).get("contacts", {}).get("incremental", {}).get("updated_at", {})
    cursor, began_at = incremental.get("last_value"), state.get("began_at")
    if reads_memberships and MEMBERSHIPS_READ_TO in state:
        cursor, began_at = state[MEMBERSHIPS_READ_TO], None
    return SavedState(
        cursor=cursor,
        began_at=began_at,
        unaccounted=state.get("unaccounted"),
        feed=state.get("feed"),
        asked_until=state.get("asked_until"),
        odd_fields=state.get("odd_fields", ()),
    )
