"""Serves a sandbox on this machine: `python -m sandbox --help`."""

from typing import Annotated

import typer

from .api import address, create_app, listen, server
from .world import BEARER, Workspace, excluded_from_garbage_collection


def main(
    contacts: Annotated[int, typer.Option(min=0, help="Number of contacts to generate.")] = 5000,
    segments: Annotated[int, typer.Option(min=0, help="Number of segments; 25 have hand-picked rules.")] = 25,
    memberships: Annotated[
        float | None, typer.Option(min=0, help="Average number of segments per contact; larger segments are left out.")
    ] = None,
    companies: Annotated[int, typer.Option(min=0, help="Number of companies.")] = 60,
    articles: Annotated[int, typer.Option(min=0, help="Number of articles.")] = 40,
    conversations: Annotated[int, typer.Option(min=0, help="Number of conversations.")] = 0,
    tickets: Annotated[int, typer.Option(min=0, help="Number of tickets.")] = 0,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 8080,
    seed: Annotated[int, typer.Option(help="The same seed generates the same contacts, with the same ids.")] = 0,
    token: Annotated[str, typer.Option(help="The access token to accept; any other one gets 401.")] = BEARER,
    limit: Annotated[int, typer.Option(min=1, help="Calls allowed in 10 seconds, as in Intercom's headers.")] = 1666,
    latency: Annotated[float, typer.Option(min=0, help="Seconds by which every answer is delayed.")] = 0.0,
    fault_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of calls with a fault, of all kinds.")] = 0.0,
    fault_seed: Annotated[int, typer.Option(help="The same seed gives the same faults at the same calls.")] = 0,
) -> None:
    """Serve a simulated Intercom workspace on this machine, and print how to sync from it.

    It answers as Intercom's API does in versions 2.7 to 2.17 and Preview: /me, /segments, /contacts, contact search,
    and from 2.17 on the activity feed and the list of removed contacts; with access token, rate limit and errors.
    Nothing leaves this machine, and nothing is kept when it stops (Ctrl+C).

    The first line is printed when it is ready. GET /_sandbox is not a path of Intercom's and costs no quota. It returns
    the number of contacts, the members of each segment, the calls by endpoint, the calls refused with 429, the faults
    by kind, and the CPU seconds of the sandbox so far.
    """
    with excluded_from_garbage_collection():
        workspace = Workspace(
            contacts=contacts,
            segments=segments,
            memberships=memberships,
            companies=companies,
            articles=articles,
            conversations=conversations,
            tickets=tickets,
            seed=seed,
            token=token,
        )
        for segment in workspace.segments.values():
            workspace.memberships.current(segment)  # computed before the first request needs it
    workspace.faults.at_rate(fault_rate, seed=fault_seed)
    listener = listen(port)
    typer.echo(f"{contacts} contacts in {len(workspace.segments)} segments at {address(listener)}\n")
    typer.echo("In another terminal, point intercom-warehouse at it:\n")
    typer.echo(f"    export SOURCES__INTERCOM__BASE_URL={address(listener)}")
    typer.echo(f"    export SOURCES__INTERCOM__ACCESS_TOKEN={token}")
    server(create_app(workspace, limit=limit, latency=latency)).run(sockets=[listener])


if __name__ == "__main__":
    typer.run(main)
