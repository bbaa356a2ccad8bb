"""Whether a search compares seconds or days: Intercom documents days for contacts alone, so each run asks."""

from dataclasses import dataclass

from ..api import JSON
from .pages import SearchPages

PLAUSIBLE = 1_000
"""Records that can have been updated within a second, or since the call before."""


@dataclass(frozen=True)
class Probe:
    """What two calls found. `exact_times`: search compares seconds. `total`: how many records there are, if known."""

    exact_times: bool
    total: int | None


async def probed(pages: SearchPages, everything: JSON) -> Probe:
    """Asks for the record that was updated last, and then for those updated later than a second before it.

    By the second there is at least that record; by the day none, since `>` begins with the next day. If in doubt days
    are taken, which find more under either rule.

    Raises:
        Refused: Intercom refuses the search.
        Unavailable: Intercom does not answer.
    """
    updated_at, total = await pages.newest(everything)
    if not updated_at:
        return Probe(exact_times=False, total=total)
    found = await pages.count({"field": "updated_at", "operator": ">", "value": updated_at - 1})
    return Probe(exact_times=0 < (found or 0) <= PLAUSIBLE, total=total)
