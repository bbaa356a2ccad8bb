"""Which of the published workspaces a command reads."""

from typing import NamedTuple

from ..destinations import Ask, Warehouse
from ..errors import Misconfigured
from ..folder import state_in
from ..settings import DEFAULT_WORKSPACE

WORKSPACES = "select distinct workspace_id from intercom.segments order by workspace_id"


class PublishedWorkspace(NamedTuple):
    """A workspace, and its name here. `is_only`: no other one is published."""

    workspace_id: str
    name: str
    is_only: bool


def published_workspace(warehouse: Warehouse, ask: Ask, name: str | None) -> PublishedWorkspace | None:
    """The workspace of that name, or the only one; null if none is published.

    Raises:
        Misconfigured: there is no such workspace.
    """
    published = [workspace_id for (workspace_id,) in ask(WORKSPACES)]
    folders = warehouse.working_folder().glob("*/")
    names = {state_in(folder).get("workspace_id"): folder.name for folder in folders}
    if name is None and len(published) == 1:
        return PublishedWorkspace(published[0], names.get(published[0], DEFAULT_WORKSPACE), is_only=True)
    wanted = name or DEFAULT_WORKSPACE
    found = next((one for one in published if names.get(one) == wanted), None)
    if found is None and published:
        known = ", ".join(sorted(names[one] for one in published if one in names)) or "none that has a name here"
        raise Misconfigured(f"No workspace called {wanted} is published. Choose one with --workspace: {known}.")
    return found and PublishedWorkspace(found, wanted, len(published) == 1)
