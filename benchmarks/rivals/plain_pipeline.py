"""Loads a workspace with dlt's own REST source: contacts page by page, and the segments of each contact."""

import json
from pathlib import Path
from typing import Annotated

import dlt
import typer
from dlt.sources.rest_api import rest_api_source
from dlt.sources.rest_api.typing import RESTAPIConfig

TABLES = ("contacts", "contact_segments")


def plain(
    base_url: str,
    token: str,
    folder: Path,
    seconds: Annotated[float, typer.Option(help="Read no further page of contacts after this time.")],
    per_page: Annotated[int, typer.Option(help="Contacts per page.")],
) -> None:
    """Loads a workspace into DuckDB with default settings, and prints the number of rows by table."""
    source = rest_api_source(configuration(base_url, token, per_page))
    source.contacts.add_limit(max_time=seconds)
    pipeline = dlt.pipeline(
        "plain",
        pipelines_dir=str(folder),
        destination=dlt.destinations.duckdb(str(folder / "warehouse.duckdb")),
        dataset_name="plain",
    )
    pipeline.run(source)
    counts = pipeline.dataset().row_counts(table_names=list(TABLES)).fetchall()
    typer.echo(json.dumps(dict(counts)))


def configuration(base_url: str, token: str, per_page: int) -> RESTAPIConfig:
    """Contacts and their segments, configured like parents and children in dlt's documentation."""
    return {
        "client": {
            "base_url": base_url,
            "auth": {"type": "bearer", "token": token},
            "headers": {"Intercom-Version": "Preview"},
        },
        "resources": [
            {
                "name": "contacts",
                "primary_key": "id",
                "endpoint": {
                    "path": "contacts",
                    "params": {"per_page": per_page},
                    "data_selector": "data",
                    "paginator": {
                        "type": "cursor",
                        "cursor_path": "pages.next.starting_after",
                        "cursor_param": "starting_after",
                    },
                },
            },
            {
                "name": "contact_segments",
                "parallelized": True,
                "include_from_parent": ["id"],
                "endpoint": {
                    "path": "contacts/{resources.contacts.id}/segments",
                    "data_selector": "data",
                    "paginator": "single_page",
                },
            },
        ],
    }


if __name__ == "__main__":
    typer.run(plain)
