"""Columns for custom attributes: what holds the values of several types, and what a column is called."""

from functools import reduce
from itertools import permutations, product

from hypothesis import given
from hypothesis import strategies as st

from pipelines.models.definitions.attributes import CONTACTS, LONGEST_NAME, SECOND, Attribute, widened

TYPES = ("boolean", SECOND, "bigint", "double", "timestamp", "text", "json")
FOUND = st.lists(st.tuples(st.text(max_size=80), st.sampled_from(TYPES)), max_size=12)


def held(*types: str) -> str:
    """The type of a column with values of these types. Its name decides nothing."""
    return reduce(lambda known, found: widened(known, [("name", found)]), types, tuple[Attribute, ...]())[0].type


def test_a_column_that_holds_values_holds_them_in_any_order() -> None:
    for types in product(TYPES, repeat=3):
        widest = held(*types)

        assert {widened((), [("name", kind) for kind in order])[0].type for order in permutations(types)} == {
            widened((), [("name", kind) for kind in types])[0].type
        }
        assert held(widest, *types) == widest, types


@given(runs=st.lists(FOUND, max_size=4))
def test_columns_stay_whatever_is_found_later(runs: list[list[tuple[str, str]]]) -> None:
    known: tuple[Attribute, ...] = ()
    for found in runs:
        before = known
        known = widened(before, found)

        now = {one.name: one for one in known}
        assert {one.name: one.column for one in before}.items() <= {one.name: one.column for one in known}.items()
        assert all(held(one.type, now[one.name].type) == now[one.name].type for one in before)
        assert now.keys() == {one.name for one in before} | {name for name, _ in found}

    columns = [one.column.casefold() for one in known]
    assert len({*columns, *CONTACTS.fixed}) == len(columns) + len(CONTACTS.fixed)
    assert all(0 < len(one.column.encode()) <= LONGEST_NAME for one in known)
