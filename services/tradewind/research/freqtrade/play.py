"""Which engine plays a backtest: the compiled one where it can and where there is enough to do for it, else the other.

Both make the same trades. The event engine plays everything; the compiled one no strategy that wants to be asked while
candles go by. Starting it takes about as long as the event engine takes for `WORTH` candles.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from tradewind.domain.candle_checks import iso_time
from tradewind.domain.errors import ConfigError
from tradewind.domain.freqtrade.backtest import run_backtest
from tradewind.domain.freqtrade.details import Details, run_detailed_backtest
from tradewind.domain.freqtrade.fills import Book
from tradewind.domain.freqtrade.signals import Callbacks, PairColumns, Result, Settings
from tradewind.research.freqtrade.engine import Engine

WORTH = 200_000


@dataclass(frozen=True, slots=True)
class Backtest:
    """What an engine is given. `own` are the callbacks that the strategy has, by name."""

    columns: Mapping[str, PairColumns]
    settings: Settings
    callbacks: Callbacks
    own: Collection[str]
    span: tuple[int, int]
    book: Book
    details: Details | None = None

    def needs(self) -> list[str]:
        """What of it only the event engine honours."""
        settings = self.settings
        idle = set()
        if not settings.position_adjustment_enable:
            idle.add("adjust_trade_position")
        if not settings.stop.use_custom_stoploss:
            idle.add("custom_stoploss")
        needed = sorted({*self.own} - idle) + ["protections"] * bool(settings.protections)
        return needed if self.details is None else [*needed, f"a detail timeframe of {self.details.timeframe}"]


def played(
    backtest: Backtest, engine: Engine, progress: Callable[[int], None] | None = None, worth: int | None = None
) -> Result:
    """Play it. Raises `ConfigError` where the compiled engine is asked for and cannot.

    `progress` is told each candle's time by the event engine. Left the choice, compiling is `worth` it from so many
    candles on.
    """
    if engine is Engine.COMPILED:
        return _compiled(backtest)
    candles = sum(map(len, backtest.columns.values()))
    if (
        engine is Engine.AUTO
        and candles >= (WORTH if worth is None else worth)
        and not backtest.needs()
        and find_spec("numba") is not None
    ):
        try:
            return _compiled(backtest)
        except ConfigError:  # an entry that has to wait, which shows only on the way
            pass
    rows = {pair: columns.rows() for pair, columns in backtest.columns.items()}
    given = rows, backtest.settings, backtest.callbacks, backtest.span
    if backtest.details is not None:
        return run_detailed_backtest(*given, backtest.details, book=backtest.book, progress=progress)
    return run_backtest(*given, book=backtest.book, progress=progress)


def _compiled(backtest: Backtest) -> Result:
    needs = backtest.needs()
    if needs:
        allowed = "strategies without callbacks, protections and detail candles"
        raise ConfigError("--engine", f"compiled, with {', '.join(needs)}", allowed, "use --engine event, or auto")
    try:
        from tradewind.research.freqtrade.compiled import engine as compiled  # noqa: PLC0415 - numba is an extra
    except ImportError as error:
        fix = "pip install 'tradewind[compiled]', or use --engine event"
        raise ConfigError("--engine", f"compiled, with no {error.name}", "the extra compiled", fix) from error
    columns, settings = backtest.columns, backtest.settings
    try:
        run = compiled.run_compiled(columns, settings, backtest.span)
    except compiled.EntryWaitsError as waits:
        told = f"compiled, with an entry of {waits.pair} at {iso_time(waits.time)} that waits for its price"
        allowed = "candles that open within their own range"
        raise ConfigError("--engine", told, allowed, "use --engine event, or auto") from waits
    return compiled.result_of(run, columns, settings, backtest.callbacks, backtest.book)
