"""Trades sets of parameters of a freqtrade strategy: imported once, candles read once, each trial a new strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pandas import DataFrame

from tradewind.domain.freqtrade.market import MonthlyTicks
from tradewind.domain.freqtrade.trade import Trade
from tradewind.domain.money import decimal_of
from tradewind.domain.timeframe import close_time
from tradewind.domain.trade import ClosedTrade
from tradewind.research.freqtrade.engine import Engine
from tradewind.research.freqtrade.frames import KeptFrames
from tradewind.research.freqtrade.run import run_stage
from tradewind.research.freqtrade.stage import Asking, BacktestInput, Load, Stage, staged
from tradewind.research.freqtrade.summary import closed_trade
from tradewind.research.optimize.bench import Parts, Watch, Window
from tradewind.research.optimize.freqtrade_space import FreqtradeSpace
from tradewind.research.optimize.loss import Traded
from tradewind.research.optimize.remembered import Remembered
from tradewind.research.optimize.space import Values
from tradewind.strategies.freqtrade.enums import RunMode
from tradewind.strategies.freqtrade.imports import freqtrade_imports
from tradewind.strategies.freqtrade.informative import milliseconds
from tradewind.strategies.freqtrade.interface import IStrategy
from tradewind.strategies.freqtrade.loading import StrategyFile, make_strategy, read_strategy


@dataclass(frozen=True, slots=True)
class FreqtradeSetup:
    """What to trade, by which engine; compiling is `worth` it from so many candles on.

    `own` is the configuration as it was written.
    """

    given: BacktestInput
    spaces: tuple[str, ...]
    own: dict[str, Any]
    engine: Engine = Engine.AUTO
    worth: int | None = None

    def open(self) -> FreqtradeBench:
        """Import the strategy and find what is to vary; candles are read when they are needed."""
        with freqtrade_imports():
            config = {**self.given.config, "runmode": RunMode.BACKTEST}
            file = read_strategy(self.given.strategy, config.get("strategy"))
            space = FreqtradeSpace(make_strategy(file, config), self.spaces, self.own)
        return FreqtradeBench(self, file, space)


class Kept:
    """What stays the same from trial to trial on one window."""

    def __init__(self, window: Window | None) -> None:
        self.window = window
        self.remembered = Remembered()
        self._frames: tuple[int, KeptFrames] | None = None

    @property
    def frames(self) -> KeptFrames:
        """Those that were read."""
        assert self._frames is not None, "candles are read by trading"
        return self._frames[1]

    def frames_of(self, given: BacktestInput, startup: int) -> KeptFrames:
        """With so many candles of warm-up; read anew where a strategy suddenly wants others."""
        if self._frames is None or self._frames[0] != startup:
            whole = self.window is not None
            self._frames = startup, KeptFrames(given.files, given.timerange, startup, whole=whole)
        return self._frames[1]


class FreqtradeBench:
    """One strategy. The candles of the latest window are kept."""

    def __init__(self, setup: FreqtradeSetup, file: StrategyFile, space: FreqtradeSpace) -> None:
        self._setup, self.file, self.space = setup, file, space
        self.kept: Kept | None = None
        self._span: Window | None = None

    def trade(self, values: Values | None, window: Window | None, watch: Watch | None = None) -> Traded:
        """As `Bench` says. The compiled engine has traded all before anybody could watch."""
        given, setup = self._setup.given, self._setup
        if window is not None:
            # freqtrade's timeranges have their last candle in them.
            timerange = f"{window.start}-{window.stop - 1}"
            given = replace(given, config={**given.config, "timerange": timerange})
        kept = self._on(window)
        tried = None if values is None else self.space.parameters_of(values)

        def made(_: Path, config: dict[str, Any]) -> IStrategy:
            return make_strategy(self.file, config, tried, self.space.varied)

        def candles_of(strategy: IStrategy) -> Load:
            return kept.frames_of(given, int(strategy.startup_candle_count)).load

        def widen(frame: DataFrame) -> tuple[DataFrame, MonthlyTicks]:
            return kept.frames.with_decimals(frame)

        asking = Asking(made, widen, kept.remembered.analyzed)
        with staged(given, candles_of, asking) as stage:
            watching = None if watch is None else _Watching(stage, watch)
            output = run_stage(given, stage, setup.engine, watching, setup.worth)
        result, wallet = output.result, output.settings.stakes.dry_run_wallet
        if window is None:
            self._span = Window(result.start, close_time(output.settings.timeframe, result.end))
        trades = tuple(closed_trade(trade) for trade in result.closed)
        return Traded(trades, decimal_of(wallet), result.start, result.end - result.start)

    def span(self) -> Window:
        """From the first candle that is traded of all that is given to the end of the last."""
        if self._span is None:
            self.trade(None, None)
        assert self._span is not None, "whoever trades learns it"
        return self._span

    def digest(self) -> str:
        """What tells the candles that were read last from others."""
        return self._on(None).frames.digest()

    def _on(self, window: Window | None) -> Kept:
        if self.kept is None or self.kept.window != window:
            self.kept = Kept(window)
        return self.kept


class _Watching:
    """Looks at the book at each candle's time, and tells a watch of the parts that are over."""

    def __init__(self, stage: Stage, watch: Watch) -> None:
        self._stage, self._watch = stage, watch
        self._parts: Parts | None = None
        self._start = 0
        self._trades: list[ClosedTrade] = []

    def __call__(self, time: int) -> None:
        """Everything before the candle at `time` is over."""
        if self._parts is None:
            load, timeframe = self._stage.load, self._stage.settings.timeframe
            last = max(int(milliseconds(load(pair, timeframe)["date"])[-1]) for pair in self._stage.pairs)
            self._start = time
            self._parts = Parts(time, last - time, self._watch)
        self._parts.reach(time, lambda: self._traded(time))

    def _traded(self, time: int) -> Traded:
        book = self._stage.book
        new: Sequence[Trade] = book.closed[len(self._trades) :]
        self._trades += map(closed_trade, new)
        wallet = decimal_of(book.wallet.rules.dry_run_wallet)
        return Traded(tuple(self._trades), wallet, self._start, time - self._start)
