"""One backtest: a strategy file, a configuration, candles; freqtrade's rules over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame

from tradewind.domain.errors import ConfigError
from tradewind.domain.freqtrade.market import Market, MonthlyTicks
from tradewind.domain.freqtrade.signals import PairColumns, Result, Settings
from tradewind.research.freqtrade.detail import read_details
from tradewind.research.freqtrade.engine import Engine
from tradewind.research.freqtrade.frames import trimmed
from tradewind.research.freqtrade.play import Backtest, played
from tradewind.research.freqtrade.stage import BacktestInput, Stage, staged
from tradewind.strategies.freqtrade.analysis import only_numbers
from tradewind.strategies.freqtrade.callbacks import callbacks_of, own_callbacks
from tradewind.strategies.freqtrade.informative import milliseconds

__all__ = ["BacktestInput", "BacktestOutput", "backtest"]


@dataclass(frozen=True, slots=True)
class BacktestOutput:
    """The outcome, with what a summary needs besides: `market_change` is the mean over pairs, a ratio."""

    settings: Settings
    pairs: list[str]
    result: Result
    market_change: float


def backtest(
    given: BacktestInput, progress: Callable[[int], None] | None = None, *, engine: Engine = Engine.AUTO
) -> BacktestOutput:
    """Run it, with detail candles where its configuration has a `timeframe_detail`.

    Raises `ConfigError` for what cannot be run, naming what is wrong.
    """
    detail = given.config.get("timeframe_detail")
    # Whoever else stages a strategy has no use for it, and refuses it by its name.
    given = replace(given, config={name: value for name, value in given.config.items() if name != "timeframe_detail"})
    with staged(given) as stage:
        return run_stage(given, stage, engine, progress, detail=detail)


def run_stage(
    given: BacktestInput,
    stage: Stage,
    engine: Engine = Engine.AUTO,
    progress: Callable[[int], None] | None = None,
    worth: int | None = None,
    *,
    detail: str | None = None,
) -> BacktestOutput:
    """Run a strategy that is on stage; `worth` says from how many candles on compiling is. Raises as `backtest`."""
    strategy, settings = stage.strategy, stage.settings
    details = detail and read_details(detail, settings.timeframe, stage.pairs, given.files, given.timerange)
    startup = int(strategy.startup_candle_count)
    kept: dict[str, DataFrame] = {}
    columns: dict[str, PairColumns] = {}
    empty: set[str] = set()
    for pair in stage.pairs:
        one = stage.analyzed(pair)
        empty |= one.never_a_number()
        frame = trimmed(one.frame, startup, given.timerange)
        if len(frame):
            kept[pair] = frame
            strategy.dp.keep_analyzed(pair, frame)
            columns[pair] = _columns(frame, stage.markets[pair], one.ticks)
    if not kept:
        raise ConfigError(
            "timerange", given.config.get("timerange"), f"more than {startup} candles of warm-up", "choose a longer one"
        )
    if empty and not any(pair.enter.any() for pair in columns.values()):
        raise only_numbers(strategy, empty)
    times = [milliseconds(frame["date"]) for frame in kept.values()]
    span = min(int(each[0]) for each in times), max(int(each[-1]) for each in times)
    callbacks, own = callbacks_of(strategy, stage.session), own_callbacks(strategy)
    whole = Backtest(columns, settings, callbacks, own, span, stage.book, details or None)
    result = played(whole, engine, progress, worth)
    changes = [float(frame["close"].iloc[-1] / frame["close"].iloc[0] - 1) for frame in kept.values()]
    return BacktestOutput(settings, stage.pairs, result, sum(changes) / len(changes))


def _columns(frame: DataFrame, market: Market, ticks: MonthlyTicks) -> PairColumns:
    """Each candle with the signals and tags of the one before it; the first has none, and is left out."""
    prices = (frame[name].to_numpy(dtype=float)[1:] for name in ("open", "high", "low", "close", "volume"))
    signals = (_signal(frame, name)[:-1] for name in ("enter_long", "exit_long"))
    tags = (_tags(frame, name) for name in ("enter_tag", "exit_tag"))
    return PairColumns(market, ticks, milliseconds(frame["date"])[1:], *prices, *signals, *tags)


def _signal(frame: DataFrame, name: str) -> NDArray[np.bool_]:
    if name not in frame.columns:
        return np.zeros(len(frame), dtype=bool)
    signal: NDArray[np.bool_] = np.asarray(frame[name]) == 1
    return signal


def _tags(frame: DataFrame, name: str) -> list[str]:
    """Without the last; nothing where there are none."""
    if name not in frame.columns:
        return []
    tags = [tag if isinstance(tag, str) else "" for tag in frame[name].tolist()[:-1]]
    return tags if any(tags) else []
