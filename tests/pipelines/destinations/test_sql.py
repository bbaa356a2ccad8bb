"""SQL that Python writes: quoted, and translated to each destination's dialect."""

from dataclasses import replace

import pytest

from pipelines.destinations import DESTINATIONS, Dialect, Query, descriptions, destination_named, statement

DIALECTS = {name: destination_named(name).dialect for name in DESTINATIONS}
DUCKDB, POSTGRES = DIALECTS["duckdb"], DIALECTS["postgres"]


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_names_that_are_reserved_words_are_quoted(dialect: Dialect) -> None:
    written = statement(dialect, "select release from {schema}.{table} as rows", schema="order", table="select")

    assert written == 'SELECT "release" FROM "order"."select" AS "rows"'


def test_a_function_is_called_by_its_name_in_the_dialect() -> None:
    template = "select 1 where position(? in note) > 0"

    assert 'STRPOS("note", %s)' in statement(DUCKDB, template)
    assert 'POSITION(%s IN "note")' in statement(POSTGRES, template)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_every_parameter_is_one_of_dlts(dialect: Dialect) -> None:
    assert statement(dialect, "delete from {t} where a in (?, ?)", t="t") == 'DELETE FROM "t" WHERE "a" IN (%s, %s)'


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@pytest.mark.parametrize("name", ['a"b', "a b", "{table}", "'{text}'", "Ä", "%s"])
def test_any_name_and_any_text_arrives_as_it_is(dialect: Dialect, name: str) -> None:
    written = statement(dialect, "select '{text}' from {table}", text=name, table=name)

    text, quoted = name.replace("'", "''"), name.replace('"', '""')
    assert written == f"""SELECT '{text}' FROM "{quoted}\""""


def test_a_query_stands_in_a_template_as_it_is() -> None:
    written = statement(POSTGRES, "select count(*) from {faults} as faults", faults=Query("select 1 as Faulty"))

    assert written == 'SELECT COUNT(*) FROM (select 1 as Faulty) AS "faults"'


def test_a_destination_gets_only_the_descriptions_that_it_can_keep() -> None:
    dialect = replace(DUCKDB, comments=frozenset(("table", "view")))

    written = list(descriptions(dialect, "view", "marts", "segments", "Ann's segments.", {"name": "Its name."}))

    assert written == ["""COMMENT ON view "marts"."segments" IS 'Ann''s segments.'"""]
