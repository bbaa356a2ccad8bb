"""The marts have the same rows on every engine that can build them."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipelines.commands import RawExport
from pipelines.destinations import Dialect
from pipelines.lake import Engine, RunFolders, build_marts
from pipelines.models import load_models
from pipelines.models.definitions import downstream

from ..support.deployments import Deployment, lively_workspace
from ..support.engines import unequal_in_run
from .witnesses import ClickHouse, DataFusion, Snowflake

HAVE_ATTRIBUTES = frozenset(("contact_attributes", "company_attributes", "ticket_attributes"))
"""Their columns are written in each engine's own SQL: these have none of it, and so fewer columns."""
BEFORE_1970 = frozenset(("contacts", "contact_timeline"))
"""ClickHouse turns a time before 1970 into 1970-01-01."""
WITHOUT_DATES, WITHOUT_LISTS = ("int_days",), ("contact_companies", "contact_subscriptions", "contact_tags")
"""fakesnow makes every integer a bigint, which its DuckDB adds to no date; lists in contacts need another query."""

FEWEST = 65
"""Marts, of 74. Less is no witness."""


@dataclass
class Partial:
    """An engine that leaves out models, those that read them, and checks of these."""

    engine: Engine
    left_out: frozenset[str]
    checks: int = 0
    dialect: Dialect = field(init=False)

    def __post_init__(self) -> None:
        self.dialect = self.engine.dialect
        self.create_schema, self.show = self.engine.create_schema, self.engine.show

    def write(self, schema: str, name: str, select: str, folder: Path) -> None:
        if name not in self.left_out:
            self.engine.write(schema, name, select, folder)

    def create_view(self, schema: str, name: str, select: str) -> None:
        if name not in self.left_out:
            self.engine.create_view(schema, name, select)

    def first(self, query: str) -> Mapping[str, Any] | None:
        if re.search(rf"\.({'|'.join(self.left_out)})\b", query) and self.left_out:
            return None
        self.checks += 1
        return self.engine.first(query)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Four synced days of a workspace with all lists, and their raw tables beside the data folder."""
    folder = tmp_path_factory.mktemp("witnessed")
    deployment = Deployment(folder / "data", lively_workspace(contacts=150, segments=6), resources=("default",))
    for _ in range(4):
        deployment.workspace.live(days=1, churn=0.2)
        deployment.sync()
    RawExport(deployment.warehouse, folder / "raw", kept=2).run()
    return deployment


@pytest.mark.filterwarnings("default:Arrow output on a DB-API result")  # fakesnow's own
@pytest.mark.parametrize(
    ("name", "engine", "cannot", "differ"),
    [
        ("DataFusion", DataFusion, (), frozenset()),
        ("ClickHouse", ClickHouse, (), BEFORE_1970),
        ("fakesnow", Snowflake, (*WITHOUT_DATES, *WITHOUT_LISTS), frozenset()),
    ],
)
def test_an_engine_builds_marts_that_are_equal(
    deployment: Deployment, tmp_path: Path, name: str, engine: type[Engine], cannot: tuple[str, ...], differ: set[str]
) -> None:
    left_out = frozenset(model.name for model in downstream(load_models(), cannot))
    witness = Partial(engine(), left_out)
    raw = RunFolders(deployment.folder.with_name("raw"), kept=2).current

    built = build_marts(witness, raw, tmp_path, schema="witness")
    skipped = left_out | HAVE_ATTRIBUTES
    unequal = unequal_in_run(deployment.warehouse.published, tmp_path, skipped)

    assert built.faults == ()
    assert unequal.keys() <= differ, unequal
    equal = len({folder.name for folder in tmp_path.iterdir()} - skipped - unequal.keys())
    models = len(built.models) - len(left_out)
    sys.stdout.write(f"\n{name}: {models} models, {witness.checks} checks, {equal} marts equal\n")
    assert equal >= FEWEST
