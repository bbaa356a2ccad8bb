"""Lists within contacts: Intercom embeds ten entries at most. Which contacts have more has to be asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Embedded:
    """When a contact's list has to be asked for: by a regular expression for its JSON, and as a condition in SQL.

    `{column}` stands for the JSON as text, without blanks.
    """

    expression: str
    condition: str


MORE = Embedded(r'"has_more"\s*:\s*true', "{column} like '%%\"has_more\":true%%'")
ANY = Embedded(
    r'"total_count"\s*:\s*[1-9]',
    "({column} like '%%\"total_count\":%%' and {column} not like '%%\"total_count\":0%%')",
)
MORE_OF: Mapping[str, Embedded] = {"companies": MORE, "tags": MORE, "notes": ANY}
"""By column of contacts."""


def asked_for(contacts: pa.Table) -> Iterator[tuple[str, list[str]]]:
    """For each of these columns the contacts whose list has to be asked for."""
    for column, embedded in MORE_OF.items():
        matched = pc.match_substring_regex(contacts[column], embedded.expression)
        yield column, contacts["id"].filter(matched).to_pylist()
