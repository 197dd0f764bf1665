"""`tradewind stop`: end a bot that runs on this machine, or some of its services."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.options import BotOrName

if TYPE_CHECKING:
    from pathlib import Path

    from tradewind.topology.places import Places, Running

Services = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SERVICE]...", help="Only the processes of these services.", show_default=False),
]
PATIENCE = 600.0
"""Seconds; a supervisor ends its processes one after the other, and kills those that do not end."""


def stop(bot: BotOrName, services: Services = None) -> None:
    """End a bot in order, and return when it is gone. Services that are stopped by name stay so until `restart`.

    Orders that rest at the venue stay there, stops among them.
    """
    from tradewind.cli.found import find, supervised  # noqa: PLC0415
    from tradewind.kernel.settings import Settings  # noqa: PLC0415

    places = find(bot, Settings())
    if not services:
        _stop_all(places)
        return
    if supervised(places):
        from tradewind.topology.control import ask  # noqa: PLC0415

        for row in ask(places.supervisor, {"do": "stop", "names": services}):
            print(f"{row['process']} ({', '.join(row['services'])}): {row['state'].lower()}")
        return
    for running in _named(places, services):
        _end(running.process, running.directory)
        print(f"{running.name}: stopped")


def _stop_all(places: Places) -> None:
    from tradewind.domain.errors import NotFoundError  # noqa: PLC0415
    from tradewind.kernel.state_directory import StateDirectory  # noqa: PLC0415

    supervisor = StateDirectory(places.supervisor).holder()
    if supervisor is not None:
        _end(supervisor, places.supervisor)
    # Whoever was started by hand has no supervisor to end it.
    running = places.running()
    for one in reversed(running):
        _end(one.process, one.directory)
    if supervisor is None and not running:
        raise NotFoundError(f"{places.namespace}/{places.name} does not run here")
    print(f"{places.namespace}/{places.name}: stopped")


def _named(places: Places, names: Sequence[str]) -> list[Running]:
    from tradewind.domain.errors import NotFoundError  # noqa: PLC0415

    running = places.running()
    for name in names:
        if not any(name in (one.name, *one.addresses) for one in running):
            raise NotFoundError(f"no process of {places.namespace}/{places.name} runs {name} here")
    return [one for one in running if any(name in (one.name, *one.addresses) for name in names)]


def _end(process: int, directory: Path) -> None:
    from tradewind.domain.errors import TemporaryError  # noqa: PLC0415
    from tradewind.kernel.state_directory import StateDirectory  # noqa: PLC0415

    # It has the lock at this moment, so the number is its own.
    os.kill(process, signal.SIGTERM)
    if not StateDirectory(directory).until_free(PATIENCE):
        raise TemporaryError(f"process {process} does not end; it is still at its work in {directory}")
