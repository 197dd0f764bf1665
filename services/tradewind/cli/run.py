"""`tradewind run`: trade a recording from its start (or where a run was interrupted) to its end, then tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.options import Bot, Live, Output, OutputOption, Overrides

if TYPE_CHECKING:
    from tradewind.contracts.api.v1alpha1 import TradingBot
    from tradewind.kernel.settings import Settings


def run(
    bot: Bot,
    *,
    until_end: Annotated[
        bool, typer.Option("--until-end", help="End with the recording, leaving nothing open (what run always does).")
    ] = True,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Go on with an earlier run instead of starting fresh.", show_default=False),
    ] = None,
    live: Live = False,
    overrides: Overrides = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Run a bot to the end of its data, then print what it did and where the report is.

    Ctrl-C stops it safely; the directory that is then printed goes on with --resume. On the candles of an exchange
    there is no other end.
    """
    import asyncio  # noqa: PLC0415

    from tradewind.cli.place import with_files  # noqa: PLC0415
    from tradewind.contracts.api.document import load_bot  # noqa: PLC0415
    from tradewind.kernel.settings import Settings  # noqa: PLC0415
    from tradewind.kernel.telemetry.logging import configure_logging  # noqa: PLC0415

    del until_end
    settings = Settings()
    configure_logging(settings.log_level or "warning", settings.log_style)
    model = with_files(load_bot(bot, overrides or ()), bot)
    asyncio.run(_run(model, settings, resume, output, live=live))


async def _run(bot: TradingBot, settings: Settings, resume: Path | None, output: Output, *, live: bool) -> None:
    import asyncio  # noqa: PLC0415

    from tradewind.catalog import by_name  # noqa: PLC0415
    from tradewind.cli.place import check_place  # noqa: PLC0415
    from tradewind.cli.progress import Progress  # noqa: PLC0415
    from tradewind.cli.results import print_result, write_run_report  # noqa: PLC0415
    from tradewind.cli.session import (  # noqa: PLC0415
        Session,
        check_same_bot,
        fresh_directory,
        resumable_directory,
        state_of,
    )
    from tradewind.contracts.api.v1alpha1 import DataSource  # noqa: PLC0415
    from tradewind.kernel.http.server import Listener  # noqa: PLC0415
    from tradewind.topology.embedded import EmbeddedBot, EmbeddedOptions  # noqa: PLC0415
    from tradewind.topology.result import collect  # noqa: PLC0415

    check_place(bot)
    path = resumable_directory(resume) if resume is not None else fresh_directory(settings.state_directory, bot)
    if resume is not None:
        check_same_bot(bot, path, whole=True)
    listen = Listener("127.0.0.1", dict.fromkeys(by_name(), 0))
    embedded = EmbeddedBot(
        bot, state_of(path), EmbeddedOptions(until_end=True, live=live, listen=listen, settings=settings)
    )
    session = Session(embedded)
    if not await session.start():
        raise typer.Exit(130)
    try:
        status = await embedded.ask("market-data", "status")
        total = None if bot.spec.data.source is DataSource.EXCHANGE else status["ticks"]
        with Progress(bot.metadata.name, total) as progress:
            finished = await session.wait(progress.tick)
        result = await collect(embedded)
    finally:
        await embedded.stop()
    if not finished:
        typer.echo(f"interrupted; go on with: tradewind run BOT --resume {path}", err=True)
        raise typer.Exit(130)
    report = path / "report.html"
    await asyncio.to_thread(write_run_report, report, bot, result)
    print_result(result, report, output)
