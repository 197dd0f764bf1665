"""`tradewind restart`: end processes of a supervised bot and start them again."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tradewind.cli.options import BotOrName
from tradewind.cli.stop import Services


def restart(
    bot: BotOrName,
    services: Services = None,
    *,
    unhealthy_only: Annotated[
        bool, typer.Option("--unhealthy-only", help="Only processes with a service that is not ready.")
    ] = False,
) -> None:
    """Start the processes of a bot again, also those that were stopped by name. It trades on where it was."""
    from tradewind.cli.found import find, service_rows  # noqa: PLC0415
    from tradewind.kernel.settings import Settings  # noqa: PLC0415
    from tradewind.topology.control import ask  # noqa: PLC0415

    places, names = find(bot, Settings()), list(services or ())
    if unhealthy_only:
        # Asked first: a bot that nobody supervises, or a name that does not exist, is no healthy one.
        meant = {row["process"] for row in ask(places.supervisor, {"do": "named", "names": names})}
        names = [row["process"] for row in service_rows(places) if _unhealthy(row) and row["process"] in meant]
        if not names:
            print("nothing to do: all are ready", file=sys.stderr)
            return
    for row in ask(places.supervisor, {"do": "restart", "names": list(dict.fromkeys(names))}):
        print(f"{row['process']} ({', '.join(row['services'])}): started again")


def _unhealthy(row: dict[str, object]) -> bool:
    """What was stopped by name is as somebody wanted it."""
    return not row["ready"] and row["state"] != "Stopped"
