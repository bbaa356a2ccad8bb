"""A warehouse in a PostgreSQL database."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipelines.destinations import Warehouse
from pipelines.destinations.postgres import Postgres, configured_credentials
from pipelines.models import build
from pipelines.models.definitions import SQL

from ...support.deployments import Deployment
from ...support.postgres import Row, run


@dataclass
class PostgresDeployment(Deployment):
    """A data folder and a database, and the workspace that is synced into them."""

    address: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.warehouse = Warehouse(self.folder, Postgres(credentials(self.address)))

    def query(self, sql: str, *values: object) -> list[Row]:
        return run(self.address, sql.replace("?", "%s"), *values)

    def rebuild(self, folder: Path = SQL) -> None:
        with self.warehouse.pipeline(self.name).sql_client() as client:
            build(client, self.warehouse.dialect, raw="intercom_raw", marts="intercom", folder=folder)


def credentials(address: str) -> Any:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DESTINATION__POSTGRES__CREDENTIALS", address)
        return configured_credentials()
