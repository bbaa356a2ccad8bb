"""Brings the tables of incremental models up to date: the statements that derive the rows of touched members again."""

from collections.abc import Collection, Iterator

from ..destinations import Query
from .changes import KEY, KEY_IN_ANY, TOUCHED
from .definitions import Model, Place, select_of
from .restricted import Subset, creation_of, deletions, key_of, subsets_of

MOVED = "int_moved_sums"
"""The table that holds the differences of one model while it is built."""


def is_derived(model: Model) -> bool:
    return bool(model.incremental_on) and model.materialized == "table"


def derivation(model: Model, place: Place, subsets: Collection[Subset]) -> Iterator[str]:
    """Brings what the table has of touched members up to date, and then the subsets of it.

    `model` is restricted to touched members.
    """
    return _summation(model, place) if model.sums else _replacement(model, place, subsets)


def before_derivation(models: Collection[Model], place: Place, subsets: Collection[Subset]) -> Iterator[str]:
    """Keeps what touched members contribute to sums, before any model is built. `models` are restricted to them.

    Of tables that are not built, the subsets are made too: nothing else would. So are those that hold other segments of
    touched members: building the tables changes a part of them.
    """
    summed = [model for model in models if model.sums]
    built = {model.name for model in models}
    needed = subsets_of(summed) | {one for one in subsets if one.is_of_any or one.table not in built}
    for subset in sorted(needed, key=lambda one: (one.table, not one.is_of_any)):
        yield creation_of(subset, place, needed)
    for model in summed:
        created = place.statement("create or replace table {build}.{kept}", kept=_kept(model))
        yield f"{created} as {select_of(model, place)}"


def _replacement(model: Model, place: Place, subsets: Collection[Subset]) -> Iterator[str]:
    """Deletes the rows of touched members, and inserts those that they have now."""
    now, of_any = Subset(model.name, KEY), Subset(model.name, KEY_IN_ANY)
    named = {"schema": place.schema_of(model.name), "touched": TOUCHED, "now": now.name}
    pairs = zip(model.incremental_on, key_of(model), strict=True)
    equal = " and ".join(f"{{name}}.{column} = {{touched}}.{key}" for column, key in pairs)
    yield f"{place.statement('create or replace table {schema}.{now}', **named)} as {select_of(model, place)}"
    for name in (model.name, of_any.name) if of_any in subsets else (model.name,):
        for template in (
            f"delete from {{schema}}.{{name}} using {{build}}.{{touched}} where {equal}",  # noqa: S608 (our own names)
            "insert into {schema}.{name} select * from {schema}.{now}",
        ):
            yield place.statement(template, name=name, **named)
    if now not in subsets:
        yield from deletions([now], place)


def _summation(model: Model, place: Place) -> Iterator[str]:
    """Adds what touched members contribute now, less what they did. A row that is left with zeros alone is deleted."""
    keys = [column for column in model.columns if column not in model.sums]
    columns, less = (", ".join([*keys, *(sign + column for column in model.sums)]) for sign in ("", "-"))
    summed = ", ".join([*keys, *(f"cast(sum({column}) as bigint) as {column}" for column in model.sums)])
    changes = " or ".join(f"sum({column}) <> 0" for column in model.sums)
    same = " and ".join(f"sums.{key} is not distinct from moved.{key}" for key in keys)
    added = ", ".join(f"{column} = sums.{column} + moved.{column}" for column in model.sums)
    values = ", ".join(f"moved.{column}" for column in [*keys, *model.sums])
    parts = {"schema": place.schema_of(model.name), "name": model.name, "kept": _kept(model), "moved": MOVED}
    for template in (
        f"create or replace table {{build}}.{{moved}} as select {summed} from (select {columns} from {{now}} as now "  # noqa: S608 (our own names)
        f"union all select {less} from {{build}}.{{kept}}) as both group by {', '.join(keys)} having {changes}",
        f"merge into {{schema}}.{{name}} as sums using {{build}}.{{moved}} as moved on {same} "  # noqa: S608 (as above)
        f"when matched then update set {added} when not matched then insert ({columns}) values ({values})",
        f"delete from {{schema}}.{{name}} where {' and '.join(f'{column} = 0' for column in model.sums)}",  # noqa: S608 (as above)
        "drop table {build}.{moved}",
        "drop table {build}.{kept}",
    ):
        yield place.statement(template, now=Query(select_of(model, place)), **parts)


def _kept(model: Model) -> str:
    return f"{model.name}_before"
