"""The marts as a published copy holds them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from ..destinations import MARTS, RAW, Dialect, PublishedMart
from .compatibility import published_views
from .definitions import MART, UTC, Model, Place, list_marts, load_models, select_of


def published_marts(dialect: Dialect, day_timezone: str = UTC) -> Iterator[PublishedMart]:
    """The relations of a copy that holds marts alone, each after those that it reads. Lists may be missing."""
    place = Place(RAW, MARTS, dialect, day_timezone)
    for model in published_models((*load_models(), *list_marts())):
        schema = place.schema_of(model.name)
        yield PublishedMart(schema, model.name, model.materialized, select_of(model, place))
    yield from published_views(place)


def published_models(models: Iterable[Model]) -> list[Model]:
    """The marts, and the models that views among them need; each after those that it reads, as it is published."""
    known = {model.name: model for model in models}
    shows_raw = partial(_shows_raw, known=known)
    chosen = {name for name, model in known.items() if model.layer == MART}
    for model in reversed(known.values()):  # so that a model comes after all models that read it
        if model.name in chosen and model.materialized == "view" and not shows_raw(model):
            chosen |= model.reads
    return [
        replace(known[name], materialized="table") if shows_raw(known[name]) else known[name]
        for name in known
        if name in chosen
    ]


def _shows_raw(model: Model, *, known: dict[str, Model]) -> bool:
    """Whether a model is a view on raw tables, or on such views."""
    if model.materialized == "table":
        return False
    return bool(model.loaded) or any(_shows_raw(known[name], known=known) for name in model.reads)
