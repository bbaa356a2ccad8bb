"""The copy of the DuckDB file that readers open: all of it, or the marts alone.

It is written beside the last one and takes its place in one step: who has the old copy open keeps it.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb

from .models import LAYERS, Model, Place, comments, load_models, select_of

MART = LAYERS[-1]


def publish_all(file: Path, published: Path) -> None:
    """Copies the file as it is."""
    with duckdb.connect(str(file)) as connection:
        connection.execute("checkpoint")
    with replaced(published) as copy:
        shutil.copyfile(file, copy)


def publish_marts(file: Path, published: Path, *, raw: str, marts: str, storage_version: str) -> None:
    """Copies the marts and nothing else: no loaded table, and no view that could show one.

    A view on loaded tables becomes a table. A view on other models stays one, with the tables that it reads beside it.
    """
    place = Place(raw, marts, "duckdb")
    with replaced(published) as copy, duckdb.connect(str(file)) as connection:
        ((source,),) = connection.execute("select current_database()").fetchall()
        connection.execute(f"attach {place.literal(str(copy))} as copy (storage_version '{storage_version}')")
        connection.execute(f"use copy; create schema {place.identifier(marts)}")
        for model in published_models(load_models()):
            for statement in _statements(model, place, source):
                connection.execute(statement)
        connection.execute(f"use {place.identifier(source)}; checkpoint copy; detach copy")


@contextmanager
def replaced(file: Path) -> Iterator[Path]:
    """A place to write the successor of a file, which it replaces in one step when the block is done."""
    drop_successor(file)
    yield _successor(file)
    _successor(file).replace(file)


def drop_successor(file: Path) -> None:
    """Deletes what a killed run had written and not put in the file's place."""
    for leftover in (_successor(file), log_of(_successor(file))):
        leftover.unlink(missing_ok=True)


def log_of(file: Path) -> Path:
    """Where DuckDB writes what is not in the file yet."""
    return file.with_name(f"{file.name}.wal")


def _successor(file: Path) -> Path:
    return file.with_suffix(".next")


def published_models(models: Iterable[Model]) -> list[Model]:
    """The marts, and what those need that are views on other models; each after those it reads, as it is published."""
    known = {model.name: model for model in models}
    shows_loaded = partial(_shows_loaded, known=known)
    chosen = {name for name, model in known.items() if model.path.parent.name == MART}
    for model in reversed(known.values()):  # whoever reads a model comes before it here
        if model.name in chosen and model.materialized == "view" and not shows_loaded(model):
            chosen |= model.reads
    return [
        replace(known[name], materialized="table") if shows_loaded(known[name]) else known[name]
        for name in known
        if name in chosen
    ]


def _shows_loaded(model: Model, *, known: dict[str, Model]) -> bool:
    """Whether a model is a view on loaded tables, by way of other views too."""
    if model.materialized == "table":
        return False
    return bool(model.loaded) or any(_shows_loaded(known[name], known=known) for name in model.reads)


def _statements(model: Model, place: Place, source: str) -> Iterator[str]:
    name = place.relation(model.name)
    rows = f"select * from {place.identifier(source)}.{name}"  # noqa: S608 (our own names)
    yield f"create {model.materialized} {name} as {rows if model.materialized == 'table' else select_of(model, place)}"
    yield from comments(model, place)
