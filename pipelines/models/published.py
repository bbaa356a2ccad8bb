"""The marts as the published copy holds them."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from ..destinations import MARTS, RAW, PublishedMart
from .files import LAYERS, Model, Place, comments, load_models, select_of

MART = LAYERS[-1]
PLACE = Place(RAW, MARTS, "duckdb")


def published_marts() -> list[PublishedMart]:
    """The relations of a copy that holds marts alone, each after those it reads."""
    return [
        PublishedMart(model.name, model.materialized, select_of(model, PLACE), comments(model, PLACE))
        for model in published_models(load_models())
    ]


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
