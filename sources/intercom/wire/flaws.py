"""What a run could not read, in numbers and in sentences."""

from collections import Counter

Flaws = Counter[str]
"""How often records or values that are needed could not be read, by place. Names of fields, and no values."""

MOST_PLACES = 10
"""Places that a note names."""


def flaw_notes(flaws: Flaws) -> list[str]:
    """One note with numbers and places, and no values; none if all was read."""
    if not flaws.total():
        return []
    places = [f"{count:,} in {place}" for place, count in flaws.most_common(MOST_PLACES) if count]
    return [
        f"Intercom sent records or values that could not be read, and were left out: {', '.join(places)}. The run is "
        "incomplete: no membership ended for them. The next run reads them again."
    ]
