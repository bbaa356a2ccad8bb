"""What the lists beside contacts and segments cost."""

from ..measuring import served, sync
from ..report import Row, at_most
from .bench import Bench

CONTACTS, COMPANIES, ARTICLES = 5_000, 12_000, 300
LATENCY, LIMIT = 0.05, 1_666
"""Intercom's quota for private apps, in calls in ten seconds."""
OPTIONAL = {"SOURCES__INTERCOM__SWEEP_BUDGET": 0}


def lists(bench: Bench) -> list[Row]:
    """A first sync with all lists and one without them, of 12,000 companies, and a second one without changes."""
    folder = bench.folder / "lists"
    with served(
        folder.with_suffix(".sandbox"),
        contacts=bench.contacts(CONTACTS),
        limit=LIMIT,
        latency=LATENCY,
        companies=bench.contacts(COMPANIES),
        articles=ARTICLES,
    ) as sandbox:
        alone = sync(sandbox, bench.folder / "lists_alone", SOURCES__INTERCOM__RESOURCES="[]")
        first = sync(sandbox, folder, SOURCES__INTERCOM__RESOURCES='["all"]')
        again = sync(sandbox, folder, SOURCES__INTERCOM__RESOURCES='["all"]', **OPTIONAL)
    took = f"{first.cost.seconds:.1f} s / {alone.cost.seconds:.1f} s"
    calls = f"{first.calls:,} / {alone.calls:,}"
    return [
        Row("lists", "first sync with lists / without, wall", first.cost.seconds / alone.cost.seconds, details=took),
        Row("lists", "first sync with lists / without, calls", first.calls / alone.calls, details=calls),
        Row("lists", "second sync, calls", again.calls, "", details=f"{again.cost.seconds:.1f} s"),
        Row("lists", "second / first, calls", again.calls / first.calls, target=at_most(0.35)),
    ]
