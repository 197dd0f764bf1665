"""`tradewind serve`: keep a bot running, with its gateway and every service on its port, until it is told to stop."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.options import Bot, Live, Overrides

if TYPE_CHECKING:
    from tradewind.cli.session import Session
    from tradewind.contracts.api.v1alpha1 import TradingBot
    from tradewind.kernel.settings import Settings


def serve(  # noqa: PLR0917 - options of a command, which are given by name
    bot: Bot,
    services: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Only these services, as one pod runs them.", show_default=False),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="A name for this process of several; without it, its services.", show_default=False),
    ] = None,
    supervised: Annotated[Path | None, typer.Option(hidden=True)] = None,
    live: Live = False,
    overrides: Overrides = None,
) -> None:
    """Run a bot and serve its API until Ctrl-C or SIGTERM. A restart goes on where it stopped."""
    import asyncio  # noqa: PLC0415

    if supervised is not None:
        from tradewind.kernel.supervised import end_with_supervisor  # noqa: PLC0415

        # Before all that takes its time: a process that is still starting shall end, too.
        end_with_supervisor(supervised)
    from tradewind.cli.place import with_files  # noqa: PLC0415
    from tradewind.contracts.api.document import load_bot  # noqa: PLC0415
    from tradewind.kernel.settings import Settings  # noqa: PLC0415
    from tradewind.kernel.telemetry.logging import configure_logging  # noqa: PLC0415

    settings = Settings()
    configure_logging(settings.log_level or "info", settings.log_style)
    names = _known([name.strip() for name in services.split(",")]) if services is not None else None
    model = with_files(load_bot(bot, overrides or ()), bot)
    asyncio.run(_serve(model, settings, names, _name(name, names), live=live))


def _name(given: str | None, names: list[str] | None) -> str:
    """The folder of this process among those of the bot; refused where it could be another one's."""
    from tradewind.domain.errors import ConfigError  # noqa: PLC0415

    if given is None:
        return "+".join(names or ())
    if names is None or not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", given):
        allowed = "small letters, digits and hyphens, beside --services: a bot in one process has no other name"
        raise ConfigError("--name", given, allowed, "correct it, or leave it out")
    return given


def _known(names: list[str]) -> list[str]:
    """The services asked for, refused where one does not exist."""
    from tradewind.catalog import by_name  # noqa: PLC0415
    from tradewind.domain.errors import ConfigError  # noqa: PLC0415

    known = by_name()
    for name in names:
        if name not in known:
            raise ConfigError("--services", name, f"services of the catalog: {', '.join(known)}", "tradewind services")
    return names


async def _serve(bot: TradingBot, settings: Settings, names: list[str] | None, name: str, *, live: bool) -> None:
    import asyncio  # noqa: PLC0415

    from tradewind.cli.place import check_place  # noqa: PLC0415
    from tradewind.cli.session import (  # noqa: PLC0415
        Session,
        check_same_bot,
        places_of,
        state_of,
    )
    from tradewind.kernel.state_directory import MANIFEST  # noqa: PLC0415
    from tradewind.topology.embedded import EmbeddedBot, EmbeddedOptions  # noqa: PLC0415
    from tradewind.topology.shared import shared_by  # noqa: PLC0415

    check_place(bot)
    shared = shared_by(bot, settings, _apart(bot, names))
    places = places_of(settings.state_directory, bot)
    path = places.serve if shared is None or names is None else places.process(name)
    fresh = not (path / MANIFEST).is_file()
    if not fresh:
        check_same_bot(bot, path, whole=False)
    options = EmbeddedOptions(until_end=False, live=live, listen=settings.listener(), services=names, settings=settings)
    embedded = EmbeddedBot(bot, state_of(path), options, shared=shared)
    session = Session(embedded)
    if not await session.start():
        return
    try:
        _announce(embedded, path, fresh=fresh)
        watching = asyncio.create_task(_end_on_new_keys(session, settings))
        try:
            await session.wait()
        finally:
            watching.cancel()
        typer.echo("stopping: draining orders and writing what is owed", err=True)
    finally:
        await embedded.stop()


def _apart(bot: TradingBot, names: list[str] | None) -> tuple[str, ...] | None:
    """The services asked for, where some that they ask are not among them; None where they are complete together."""
    from tradewind.catalog import by_name  # noqa: PLC0415
    from tradewind.plan import services  # noqa: PLC0415

    if names is None:
        return None
    used = {spec.name for spec in services(bot) if not spec.on_demand}
    called = {one for name in names for one in by_name()[name].calls}
    return tuple(names) if called & used - set(names) else None


async def _end_on_new_keys(session: Session, settings: Settings) -> None:
    from tradewind.kernel.given_files import given_files, until_changed  # noqa: PLC0415

    if files := given_files(settings):
        changed = await until_changed(files)
        typer.echo(f"{changed} has changed: ending, to be started again with what it holds now", err=True)
        session.end()


def _announce(embedded: object, path: Path, *, fresh: bool) -> None:
    from tradewind.topology.embedded import EmbeddedBot  # noqa: PLC0415

    assert isinstance(embedded, EmbeddedBot)
    assert embedded.servers is not None
    for name, address in embedded.servers.addresses.items():
        typer.echo(f"{name:12} {address}", err=True)
    typer.echo(f"state        {path} ({'fresh' if fresh else 'resumed'})", err=True)
    key = path / "api-key"
    if "gateway" in embedded.runners and key.is_file():
        typer.echo(f"API key      {key} (send it as: Authorization: Bearer KEY)", err=True)
