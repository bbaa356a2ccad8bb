"""Views in the form of another tool's tables, in each destination."""

from pathlib import Path
from typing import Any

import pytest

from sandbox.world import Workspace

from ...support.deployments import START, standing_still
from ...support.fivetran import SCHEMA, TABLES, differences
from ...support.postgres import NEEDS_POSTGRES, run
from .sites import NEEDS_DUCKLAKE, Site

MARKS: dict[str, Any] = {"postgres": NEEDS_POSTGRES, "ducklake": [NEEDS_DUCKLAKE]}


@pytest.fixture(params=[pytest.param(name, marks=marks) for name, marks in MARKS.items()])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    address = request.getfixturevalue("server").database() if request.param == "postgres" else ""
    return Site(request.param, tmp_path / "data", address)


def test_rows_are_those_of_the_workspace(site: Site) -> None:
    workspace = Workspace(
        contacts=12, segments=1, companies=3, articles=2, conversations=12, start=START, monotonic=standing_still
    )
    deployment = site.deployment(workspace)
    deployment.warehouse.compatibility = ("fivetran",)
    deployment.sync()
    with deployment.warehouse.reading() as ask:
        counts = {table: ask(f"select count(*) from {SCHEMA}.{table}")[0][0] for table in TABLES}
    assert counts["contact_history"] == 12
    assert counts["conversation_history"] == 0

    deployment.settings.resources = ["all"]
    deployment.sync(full=True)

    assert differences(deployment) == {}
    deployment.warehouse.compatibility = ()
    deployment.sync()
    with deployment.warehouse.reading() as ask:
        assert ask(f"select count(*) from information_schema.tables where table_schema = '{SCHEMA}'") == [(0,)]
        assert ask("select count(*) > 0 from intercom.current_segment_members") == [(True,)]


@pytest.mark.parametrize("site", [pytest.param("postgres", marks=NEEDS_POSTGRES)], indirect=True)
def test_grants_on_the_views_stay(site: Site) -> None:
    deployment = site.deployment(Workspace(contacts=3, segments=1, start=START, monotonic=standing_still))
    deployment.warehouse.compatibility = ("fivetran",)
    deployment.sync()
    run(site.address, f"grant usage on schema {SCHEMA} to public; grant select on {SCHEMA}.admin to public")

    deployment.sync()

    granted = f"select has_table_privilege('public', '{SCHEMA}.admin', 'select')"
    assert run(site.address, granted) == [(True,)]
