"""What a full build would make of the same raw tables."""

from collections.abc import Iterable

from pipelines.models import Fault, load_models
from pipelines.models.definitions import Place

from ...support.deployments import Deployment
from .raw_tables import Row, Warehouse

MODELS = tuple(model.name for model in load_models())


def differing(warehouse: Warehouse, faults: Iterable[Fault] | None = None) -> set[str]:
    """Models that a full build would leave different, and, if `faults` are given, checks that it would find broken."""
    whole = Warehouse(warehouse.client, marts="rebuilt")
    found = whole.build().faults
    checks = set() if faults is None else _broken(faults) ^ _broken(found)
    built, expected = _contents(warehouse), _contents(whole)
    warehouse.client.execute_many(["drop schema rebuilt cascade", "drop schema rebuilt_build cascade"])
    return {check for check, _ in checks} | {model for model in MODELS if built[model] != expected[model]}


def _broken(faults: Iterable[Fault]) -> set[tuple[str, int]]:
    return {(fault.check, fault.rows) for fault in faults}


def differing_in(deployment: Deployment) -> set[str]:
    """As `differing`, in the warehouse of a deployment."""
    with deployment.warehouse.held(), deployment.warehouse.pipeline(deployment.name).sql_client() as client:
        return differing(Warehouse(client))


def _contents(warehouse: Warehouse) -> dict[str, list[Row]]:
    place = Place("", warehouse.marts, warehouse.dialect)
    return {model: warehouse.rows(f"select * from {place.schema_of(model)}.{model} order by all") for model in MODELS}
