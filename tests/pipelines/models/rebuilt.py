"""What a full build would make of the same raw tables."""

from collections.abc import Iterable

from pipelines.models import Fault, load_models
from pipelines.models.definitions import Model, Place

from ...support.deployments import Deployment
from .raw_tables import Row, Warehouse

MODELS = load_models()
KINDS = "select table_name, table_type from information_schema.tables where table_schema in ('{marts}', '{build}')"


def differing(warehouse: Warehouse, faults: Iterable[Fault] | None = None) -> set[str]:
    """Models that a full build would leave different, and, if `faults` are given, checks that it would find broken."""
    whole = Warehouse(warehouse.client, marts="rebuilt")
    found = whole.build().faults
    checks = set() if faults is None else _broken(faults) ^ _broken(found)
    built, expected = _contents(warehouse), _contents(whole)
    warehouse.client.execute_many(["drop schema rebuilt cascade", "drop schema rebuilt_build cascade"])
    return {check for check, _ in checks} | {name for name in built if built[name] != expected[name]}


def _broken(faults: Iterable[Fault]) -> set[tuple[str, int]]:
    return {(fault.check, fault.rows) for fault in faults}


def differing_in(deployment: Deployment) -> set[str]:
    """As `differing`, in the warehouse of a deployment."""
    with deployment.warehouse.held(), deployment.warehouse.pipeline(deployment.name).sql_client() as client:
        return differing(Warehouse(client))


def _contents(warehouse: Warehouse) -> dict[str, tuple[str | None, list[Row]]]:
    """The kind of each model, and the rows of tables. Views of the same tables have the same rows."""
    place = Place("", warehouse.marts, warehouse.dialect)
    kinds: dict[str, str] = dict(warehouse.rows(KINDS.format(marts=place.marts, build=place.build)))
    return {model.name: (kinds.get(model.name), _rows(warehouse, model, place)) for model in MODELS}


def _rows(warehouse: Warehouse, model: Model, place: Place) -> list[Row]:
    if model.materialized == "view":
        return []
    return warehouse.rows(f"select * from {place.schema_of(model.name)}.{model.name} order by all")
