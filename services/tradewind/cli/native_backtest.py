"""`tradewind backtest BOT`: read, run, tell; what is finished when somebody presses Ctrl-C is told too."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from tradewind.cli.options import Output
from tradewind.cli.place import check_place, with_files
from tradewind.cli.progress import Progress
from tradewind.cli.results import print_result, write_run_report
from tradewind.cli.strategy_input import check_freqtrade_extra
from tradewind.contracts.api.document import load_bot
from tradewind.domain.candle_checks import iso_time
from tradewind.domain.errors import ConfigError
from tradewind.domain.money import decimal_of, plain
from tradewind.plan import check
from tradewind.research.export import export_trades
from tradewind.research.freqtrade.moving.manifest import STRATEGY
from tradewind.research.native.given import Given, given_by
from tradewind.research.native.run import backtest, result_of_backtest
from tradewind.research.native.strategy_file import with_class
from tradewind.research.result import as_document
from tradewind.research.timerange import Timerange


def native_backtest(
    path: Path,
    overrides: Sequence[str],
    *,
    timerange: str | None,
    fee: float | None,
    export: Path | None,
    report: Path | None,
    strategy: Path | None,
    output: Output,
) -> None:
    """Run the bot at `path`, with the class in the file `strategy` in place of its own where there is one.

    Raises `ConfigError` for what the user must mend, `typer.Exit` where it was ended.
    """
    given = _given(path, [*overrides, *as_overrides(timerange, fee)], strategy)
    for told in given.set_aside:
        print(f"note: {told}", file=sys.stderr)
    with Progress(given.bot.metadata.name, len(given.times)) as progress, _interruption() as interrupted:

        def on_tick(tick: int) -> bool:
            progress.reach(tick)
            return not interrupted()

        outcome = backtest(given, on_tick)
    result = result_of_backtest(given, outcome)
    if export is not None:
        export_trades(export, as_document(result, None)["trades"])
    if report is not None:
        _write(report, lambda target: write_run_report(target, given.bot, result))
    print_result(result, report, output)
    if outcome.ticks < len(given.times):
        reached = iso_time(int(given.times[outcome.ticks]))
        print(f"interrupted: this is what was finished before {reached}", file=sys.stderr)
        raise typer.Exit(130)


def _given(path: Path, overrides: Sequence[str], strategy: Path | None) -> Given:
    if strategy is None:
        bot = with_files(load_bot(path, overrides), path)
        check_place(bot)
        check(bot)
        return given_by(bot)
    check_freqtrade_extra("tradewind backtest")
    # A manifest that was moved from freqtrade is suspended until its strategy is known, as it is here.
    bot = load_bot(path, [*overrides, "spec.suspended=false"])
    bot = with_class(bot, strategy, bot.metadata.annotations.get(STRATEGY))
    check_place(bot)
    check(bot)
    return given_by(bot)


def as_overrides(timerange: str | None, fee: float | None = None) -> list[str]:
    """Options as values of the manifest, which are checked as such."""
    span = Timerange.parse(timerange)
    found = [f"spec.data.span.start={iso_time(span.start)}"] if span.start is not None else []
    found += [f"spec.data.span.end={iso_time(span.stop)}"] if span.stop is not None else []
    if fee is not None:
        ratio = plain(decimal_of(fee))
        found += [f"spec.exchanges[0].fees.{side}='{ratio}'" for side in ("maker", "taker")]
    return found


def _write(report: Path, write: Callable[[Path], None]) -> None:
    try:
        write(report)
    except OSError as error:
        told = f"{error.strerror}: {report}"
        raise ConfigError("--report", told, "a file that can be written", "correct the path") from error


@contextmanager
def _interruption() -> Iterator[Callable[[], bool]]:
    """Whether somebody has pressed Ctrl-C; a second one ends at once."""
    pressed = False

    def press(_number: int, _frame: object) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
