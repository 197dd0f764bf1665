"""`tradewind up`: run a bot as several processes of this machine, and keep them running."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.options import Bot, Live, Overrides

if TYPE_CHECKING:
    from tradewind.contracts.api.v1alpha1 import TradingBot
    from tradewind.kernel.settings import Settings
    from tradewind.topology.places import Places


def up(
    bot: Bot,
    live: Live = False,
    overrides: Overrides = None,
    replicas: Annotated[
        list[str] | None,
        typer.Option(
            "--replicas",
            metavar="NAME=NUMBER",
            help="Run a process several times, where that is possible: strategy=3. May be repeated.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run a bot in the processes of its profile until Ctrl-C or SIGTERM; one that ends is started again.

    They share the PostgreSQL of TRADEWIND_DATABASE_URL and the Redis of TRADEWIND_BUS_URL. `tradewind status`, `logs`,
    `restart` and `stop` work on them from another terminal.
    """
    from tradewind.cli.place import with_files  # noqa: PLC0415
    from tradewind.contracts.api.document import load_bot  # noqa: PLC0415
    from tradewind.kernel.settings import Settings  # noqa: PLC0415
    from tradewind.topology.processes import SERVERS, ServersMissingError  # noqa: PLC0415

    settings = Settings()
    try:
        code = _up(with_files(load_bot(bot, overrides or ()), bot), settings, replicas or [], live=live)
    except ServersMissingError:
        print(SERVERS, file=sys.stderr)
        raise
    if code:
        raise typer.Exit(code)


def _up(bot: TradingBot, settings: Settings, replicas: list[str], *, live: bool) -> int:
    import asyncio  # noqa: PLC0415

    from tradewind.cli.place import check_place  # noqa: PLC0415
    from tradewind.cli.session import check_same_bot, places_of  # noqa: PLC0415
    from tradewind.cli.terminal import Terminal  # noqa: PLC0415
    from tradewind.kernel.state_directory import MANIFEST  # noqa: PLC0415
    from tradewind.plan import check_live  # noqa: PLC0415
    from tradewind.topology.processes import (  # noqa: PLC0415
        Runtime,
        is_shared,
        make_keys,
        migration,
        parse_replicas,
        programs,
    )
    from tradewind.topology.supervised_bot import SupervisedBot  # noqa: PLC0415

    check_place(bot)
    check_live(bot, live=live)
    shared, places = is_shared(bot, settings), places_of(settings.state_directory, bot)
    runtime = Runtime(settings, places, places.supervisor / MANIFEST, make_keys(settings, places), live=live)
    children = programs(bot, runtime, parse_replicas(replicas))
    for directory in places.directories().values():
        if (directory / MANIFEST).is_file():
            check_same_bot(bot, directory, whole=False)
    style = "json" if settings.log_style == "json" else "text"
    terminal = Terminal(sys.stderr, json_lines=style == "json")
    supervised = SupervisedBot(bot, places, terminal.show, log_style=style, log_level=settings.log_level or "info")
    supervised.acquire()
    try:
        _announce([child.name for child in children], children[0].environment, places)
        return asyncio.run(supervised.run(children, migration() if shared else None))
    finally:
        terminal.close()
        supervised.release()


def _announce(names: list[str], keys: Mapping[str, str], places: Places) -> None:
    from tradewind.kernel.settings import variable  # noqa: PLC0415

    typer.echo(f"processes    {', '.join(names)}", err=True)
    typer.echo(f"state        {places.bot}", err=True)
    if key := keys.get(variable("gateway", "api_key_file")):
        typer.echo(f"API key      {key} (send it as: Authorization: Bearer KEY)", err=True)
