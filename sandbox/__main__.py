"""Serves a sandbox on this machine: `python -m sandbox --help`."""

from typing import Annotated

import typer

from .api import address, create_app, listen, server
from .world import BEARER, Workspace, kept_from_collection


def main(
    contacts: Annotated[int, typer.Option(min=0, help="How many contacts to make up.")] = 5000,
    segments: Annotated[int, typer.Option(min=0, help="How many segments; 25 have hand-picked rules.")] = 25,
    memberships: Annotated[
        float | None, typer.Option(min=0, help="Leaves out segments until a contact is in about so many on average.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 8080,
    seed: Annotated[int, typer.Option(help="The same seed makes the same people, with the same ids.")] = 0,
    token: Annotated[str, typer.Option(help="The access token to accept; any other one gets 401.")] = BEARER,
    limit: Annotated[int, typer.Option(min=1, help="Calls allowed in 10 seconds, as in Intercom's headers.")] = 1666,
    latency: Annotated[float, typer.Option(min=0, help="Seconds every answer waits, to feel like a network.")] = 0.0,
    fault_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of calls to spoil, in every known way.")] = 0.0,
    fault_seed: Annotated[int, typer.Option(help="The same seed spoils the same calls in the same ways.")] = 0,
) -> None:
    """Serve a made-up Intercom workspace on this machine, and say how to sync from it.

    It answers as Intercom's API does in versions 2.7 to 2.17 and Preview: /me, /segments, /contacts, contact search,
    and from 2.17 on the feed of activities and the list of contacts that are not active; with access token, rate
    limit and errors. Nothing leaves this machine and nothing is kept when it stops (Ctrl+C).

    The first line is printed when it is ready. GET /_sandbox, which is no call of Intercom's and costs no quota, tells
    what there is and what was asked: the number of contacts, the members of each segment, the calls by endpoint, how
    many were refused with 429 or spoilt by a fault, and the CPU seconds that the sandbox has taken so far.
    """
    with kept_from_collection():
        workspace = Workspace(contacts=contacts, segments=segments, memberships=memberships, seed=seed, token=token)
        for segment in workspace.segments.values():
            workspace.roll(segment)  # found out before anybody waits for it
    workspace.faults.at_rate(fault_rate, seed=fault_seed)
    listener = listen(port)
    typer.echo(f"{contacts} contacts in {len(workspace.segments)} segments at {address(listener)}\n")
    typer.echo("In another terminal, point intercom-warehouse at it:\n")
    typer.echo(f"    export SOURCES__INTERCOM__BASE_URL={address(listener)}")
    typer.echo(f"    export SOURCES__INTERCOM__ACCESS_TOKEN={token}")
    server(create_app(workspace, limit=limit, latency=latency)).run(sockets=[listener])


if __name__ == "__main__":
    typer.run(main)
