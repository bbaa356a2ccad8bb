"""The queries in docs/questions.md and their answers. `python -m tests.questions COPY` writes the answers of a demo."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import duckdb
import typer

from pipelines.settings import ROOT

DOCUMENT = ROOT / "docs" / "questions.md"
QUESTION = re.compile(
    r"### (?P<title>.+)\n(?P<text>[^`]*(?:`[^`\n]+`[^`]*)*)```sql\n(?P<query>[^`]+)```\n\n(?P<answer>(?:\|.*\n)+)"
)


class Question(NamedTuple):
    """A question, its query and the Markdown table below the query."""

    title: str
    query: str
    answer: str


def questions() -> Iterator[Question]:
    for found in QUESTION.finditer(DOCUMENT.read_text(encoding="utf-8")):
        yield Question(found["title"], found["query"], found["answer"])


def answer_of(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """The rows as a Markdown table."""
    rows = connection.execute(query).fetchall()
    names = [column[0] for column in connection.description or ()]
    lines = [names, ["---"] * len(names), *([_cell(value) for value in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: object) -> str:
    return "null" if value is None else str(value)


def write_answers(warehouse: Annotated[Path, typer.Argument(help="The published copy of a demo.")]) -> None:
    """Replaces the answers in docs/questions.md by those of a demo."""
    text = DOCUMENT.read_text(encoding="utf-8")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for question in questions():
            whole = f"```sql\n{question.query}```\n\n"
            text = text.replace(whole + question.answer, whole + answer_of(connection, question.query))
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    typer.run(write_answers)
