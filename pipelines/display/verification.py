"""The result of `verify`, for people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .terminal import lines_as_text, print_notes, print_rows, stdout

if TYPE_CHECKING:
    from ..commands.verify import Difference, Verification

MOST_GROUPS = 20
"""Groups of differences that are shown: enough to see what they have in common."""


def show_verification(verification: Verification) -> None:
    """Unexplained differences come first."""
    explained = len(verification.differences) - verification.unexplained
    print_rows(
        {
            "workspace": f"{verification.workspace_id}: {verification.contacts:,} of {verification.contacts_known:,} "
            f"contacts compared (seed {verification.seed}), {verification.contacts_gone:,} of them removed",
            "agree": f"{verification.agreeing:,} of {verification.compared:,} memberships",
            "differ": f"{explained:,} explained, {verification.unexplained:,} unexplained",
            "cost": f"{verification.api_calls:,} calls, {verification.seconds:.1f} s",
        }
    )
    groups = _groups(verification.differences)
    for group in groups[:MOST_GROUPS]:
        _show_group(group)
    if hidden := sum(map(len, groups[MOST_GROUPS:])):
        stdout.print(f"and {hidden:,} more: --json prints all of them", highlight=False)
    print_notes(_advice(verification))


def _groups(differences: Iterable[Difference]) -> list[list[Difference]]:
    """Groups of differences with the same segment and explanation. Each unexplained one is a group, and comes first."""
    groups: dict[Any, list[Difference]] = defaultdict(list)
    for difference in sorted(differences, key=lambda difference: difference.explanation is not None):
        reason = difference.explanation or difference.contact_id
        groups[difference.segment_id, difference.in_intercom, reason].append(difference)
    return list(groups.values())


def _show_group(group: list[Difference]) -> None:
    first, *others = group
    side = "in Intercom, not in the warehouse" if first.in_intercom else "in the warehouse, not in Intercom"
    contacts = f"{len(group):,} contacts" if others else f"contact {first.contact_id}"
    reason, style = (first.explanation.words, "") if first.explanation else ("unexplained", "red")
    text = f"segment {first.segment_id}, {contacts}: {side}\n  {reason}"
    stdout.print(lines_as_text(text), style=style, highlight=False, soft_wrap=True)


def _advice(verification: Verification) -> Iterable[str]:
    """The next step, if there is one."""
    if not verification.contacts:
        yield "The warehouse holds no contacts, so nothing was compared. If Intercom has contacts, run sync --full."
    elif verification.unexplained:
        yield (
            f"{verification.unexplained:,} differences are unexplained. Run intercom-warehouse sync --full, then "
            f"intercom-warehouse verify --sample {verification.contacts} --seed {verification.seed}. Report what is "
            "still unexplained then, with its ids."
        )
