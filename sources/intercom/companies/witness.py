"""The second witness: a company that a reading does not show in a segment is asked for again, before it has left.

A run asks what takes fewer calls: each company for its segments, or a segment for its companies.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil

from ..api import Intercom, Refused
from ..catalog import COMPANIES_OF_A_SEGMENT, SEGMENTS_OF_A_COMPANY, Resource
from ..lists import ListReader, ReadRecords
from ..tables import Privacy

COMPANIES_A_PAGE = COMPANIES_OF_A_SEGMENT.per_page or 1

Suspects = Mapping[str, Collection[str]]
"""Companies by segment that a reading no longer shows there."""


@dataclass(frozen=True)
class Testimony:
    """What the second answers say.

    Args:
        left: by segment the companies that are not in it any more.
        unclear: segments of which an answer is missing, or incomplete.
    """

    left: Mapping[str, set[str]]
    unclear: frozenset[str]


async def ask_again(client: Intercom, privacy: Privacy, suspects: Suspects, sizes: Mapping[str, int]) -> Testimony:
    """Asks about each suspect. `sizes`: how many companies the reading shows in each segment."""
    many = [key for key, lost in suspects.items() if len(lost) > 1 + ceil(sizes.get(key, 0) / COMPANIES_A_PAGE)]
    by_segment = await _asked(client, COMPANIES_OF_A_SEGMENT, privacy, many)
    rest = {key: lost for key, lost in suspects.items() if key not in by_segment.parents}
    companies = {company for lost in rest.values() for company in lost}
    by_company = await _asked(client, SEGMENTS_OF_A_COMPANY, privacy, sorted(companies))
    there = set(by_segment.records) | {(segment, company) for company, segment in by_company.records}
    unclear = frozenset(key for key, lost in rest.items() if not by_company.parents.issuperset(lost))
    left = {key: {one for one in lost if (key, one) not in there} for key, lost in suspects.items()}
    return Testimony({key: lost for key, lost in left.items() if key not in unclear}, unclear)


async def segments_of(client: Intercom, privacy: Privacy, companies: Collection[str]) -> set[tuple[str, str]]:
    """The pairs (company, segment) of these companies, as far as Intercom answers."""
    found = await _asked(client, SEGMENTS_OF_A_COMPANY, privacy, companies)
    return {(company, segment) for company, segment in found.records}


async def _asked(client: Intercom, resource: Resource, privacy: Privacy, parents: Collection[str]) -> ReadRecords:
    """The records of these parents; none where Intercom refuses to list them at all."""
    try:
        return await ListReader(client, resource, privacy).of_parents(parents)
    except Refused:
        return ReadRecords()
