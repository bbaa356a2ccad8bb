"""Every query in docs/questions.md gives the printed answer on the demo."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import sqlglot

from .questions import Question, answer_of, questions

QUESTIONS = list(questions())
pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture(scope="module")
def published(demo: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(demo / "published.duckdb"), read_only=True) as connection:
        yield connection


def test_there_are_twenty_five_questions() -> None:
    assert len(QUESTIONS) == 25


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.title)
def test_the_printed_rows_have_an_order(question: Question) -> None:
    query = sqlglot.parse_one(question.query, dialect="duckdb")
    assert question.answer.count("\n") == 3 or query.args.get("order")


@pytest.mark.long
@pytest.mark.nightly
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.title)
def test_the_query_gives_the_printed_answer(published: duckdb.DuckDBPyConnection, question: Question) -> None:
    assert answer_of(published, question.query) == question.answer
