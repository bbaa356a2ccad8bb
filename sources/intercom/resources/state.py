"""What the source's dlt state says of earlier runs."""

from typing import Any

from ..memberships import SavedState
from ..readings import FirstLoadState, state_after_first_load


def saved(state: dict[str, Any]) -> SavedState:
    """What the source's state says of earlier runs."""
    if stage := state.get("first_load"):
        return state_after_first_load(FirstLoadState(**stage))
    cursor = state.get("resources", {}).get("contacts", {}).get("incremental", {}).get("updated_at", {})
    return SavedState(
        cursor=cursor.get("last_value"),
        began_at=state.get("began_at"),
        unaccounted=state.get("unaccounted"),
        feed=state.get("feed"),
        asked_until=state.get("asked_until"),
    )
