"""A run in a plain dlt pipeline: everything comes from the pipeline that extracts the source."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext, StateInjectableContext
from dlt.extract.decorators import get_source

from ..api import App, Intercom, Pacer, SetupError, Usage
from ..readings import (
    ALL_TABLES,
    MEMBERSHIP_TABLES,
    LoadedTables,
    Prepare,
    Reading,
    RunInputs,
    check_clock,
    check_host_clock,
    check_workspace,
)
from ..search import Progress
from ..settings import IntercomSettings
from .dispositions import merge_as_destination_can
from .state import saved_state


class Readings:
    """The reading of each extraction: one source object can be extracted more than once."""

    def __init__(self, make: Callable[[], Reading]) -> None:
        self._make = make
        self._extraction: StateInjectableContext | None = None
        self._reading: Reading

    def current(self) -> Reading:
        """The reading of the extraction that runs now; new at its first call."""
        extraction = Container()[StateInjectableContext]
        if self._extraction is not extraction:
            self._extraction, self._reading = extraction, self._make()
        return self._reading


def own_reading(settings: IntercomSettings, *, full: bool, accept_shrink: bool) -> Reading:
    """A reading that prepares itself from the pipeline that extracts it."""
    pacer, usage = Pacer(settings.rate_limit_share), Usage()
    return Reading(
        lambda: settings.client(pacer, usage),
        _prepare(settings, full=full, accept_shrink=accept_shrink),
        Progress(usage, pacer),
    )


def _prepare(settings: IntercomSettings, *, full: bool, accept_shrink: bool) -> Prepare:
    async def prepare(client: Intercom) -> RunInputs:
        """Checks the selection, the destination, the workspace and the clock, before anything is read."""
        source, state, pipeline = get_source(), dlt.current.source_state(), _pipeline()
        selected = frozenset(source.resources.selected) & ALL_TABLES
        _check_selection(frozenset(source.resources.selected))
        if pipeline:
            merge_as_destination_can(source, pipeline)
        app = (await client.me()).app
        check_host_clock(_now(), client.usage)
        settings.check_region(app)
        check_workspace(app.id_code, state.get("workspace_id"), pipeline.pipeline_name if pipeline else "")
        return _inputs(settings, app, state, pipeline, selected, full=full, accept_shrink=accept_shrink)

    return prepare


def _inputs(
    settings: IntercomSettings,
    app: App,
    state: dict[str, Any],
    pipeline: dlt.Pipeline | None,
    selected: frozenset[str],
    *,
    full: bool,
    accept_shrink: bool,
) -> RunInputs:
    tables = LoadedTables(pipeline.sql_client if pipeline else None, app.id_code)
    check_clock(_now(), tables)
    run_id = f"{_now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    saved = saved_state(state, reads_memberships=not selected.isdisjoint(MEMBERSHIP_TABLES))
    options = settings.options(app, run_id, clock=_now, full=full, accept_shrink=accept_shrink)
    folder = Path(pipeline.working_dir) if pipeline else None
    fields = settings.fields(state.get("contact_fields"), options.began_at)
    return RunInputs(options, saved, tables, fields, selected, folder)


def _check_selection(chosen: frozenset[str]) -> None:
    """Memberships are compared with the contacts and segments of the same run, so they are read with them.

    Raises:
        SetupError: a table of memberships is selected without the others, or changes of contacts without contacts.
    """
    selected = chosen & ALL_TABLES
    missing = ALL_TABLES - selected
    if "contact_attribute_changes" in chosen and "contacts" not in chosen:
        raise SetupError(
            "contact_attribute_changes is read with contacts alone. Nothing was written. Select contacts too."
        )
    if missing and not selected.isdisjoint(MEMBERSHIP_TABLES):
        raise SetupError(
            f"{' and '.join(sorted(selected & MEMBERSHIP_TABLES))} cannot be read without "
            f"{', '.join(sorted(missing))}: a run compares memberships with the contacts and segments that it reads. "
            "Nothing was written. Select all resources, or none of those that hold memberships."
        )


def _pipeline() -> dlt.Pipeline | None:
    context = Container()[PipelineContext]
    return context.pipeline() if context.is_active() else None  # type: ignore[return-value]  # dlt types its own protocol


def _now() -> datetime:
    return datetime.now(UTC)
