"""Trades sets of parameters of a freqtrade strategy: imported once, candles read once, each trial a new strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tradewind.domain.freqtrade.fills import Book
from tradewind.domain.freqtrade.trade import Trade
from tradewind.domain.money import decimal_of
from tradewind.domain.trade import ClosedTrade
from tradewind.research.freqtrade.engine import Engine
from tradewind.research.freqtrade.frames import KeptFrames
from tradewind.research.freqtrade.run import BacktestInput, Way, config_of, run_strategy
from tradewind.research.freqtrade.summary import closed_trade
from tradewind.research.optimize.bench import Parts, Watch, Window
from tradewind.research.optimize.freqtrade_space import FreqtradeSpace
from tradewind.research.optimize.loss import Traded
from tradewind.research.optimize.remembered import Remembered
from tradewind.research.optimize.space import Values
from tradewind.research.timerange import Timerange
from tradewind.strategies.freqtrade.imports import freqtrade_imports
from tradewind.strategies.freqtrade.informative import milliseconds
from tradewind.strategies.freqtrade.interface import IStrategy
from tradewind.strategies.freqtrade.loading import StrategyFile, make_strategy, read_strategy


@dataclass(frozen=True, slots=True)
class FreqtradeSetup:
    """What to trade, by which engine, compiled from `worth` candles on; `own` is the configuration as it was written."""

    given: BacktestInput
    spaces: tuple[str, ...]
    own: dict[str, Any]
    engine: Engine = Engine.AUTO
    worth: int | None = None

    def open(self) -> FreqtradeBench:
        """Import the strategy and find what is to vary; candles are read when they are needed."""
        with freqtrade_imports():
            config = config_of(self.given)
            file = read_strategy(self.given.strategy, config.get("strategy"))
            space = FreqtradeSpace(make_strategy(file, config), self.spaces, self.own)
        return FreqtradeBench(self, file, space)


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays the same from trial to trial."""

    window: Window | None
    frames: KeptFrames
    remembered: Remembered


class FreqtradeBench:
    """One strategy. The candles of the latest window are kept."""

    def __init__(self, setup: FreqtradeSetup, file: StrategyFile, space: FreqtradeSpace) -> None:
        self._setup, self.file, self.space = setup, file, space
        self.kept: Kept | None = None

    def trade(self, values: Values | None, window: Window | None, watch: Watch | None = None) -> Traded:
        """As `Bench` says. The compiled engine has traded all before anybody could watch."""
        given = self._setup.given
        if window is not None:
            # freqtrade's timeranges have their last candle in them.
            timerange = f"{window.start}-{window.stop - 1}"
            given = replace(given, config={**given.config, "timerange": timerange})
        with freqtrade_imports():
            config = config_of(given)
            tried = None if values is None else self.space.parameters_of(values)
            strategy = make_strategy(self.file, config, tried, self.space.varied)
            kept = self._on(window, given, strategy)
            watching = None if watch is None else _Watching(kept.frames, config, strategy, watch)
            way = Way(self._setup.engine, self._setup.worth, watching, kept.frames, kept.remembered.analyzed)
            output = run_strategy(given, config, strategy, way)
        result, wallet = output.result, output.settings.stakes.dry_run_wallet
        trades = tuple(closed_trade(trade) for trade in result.closed)
        return Traded(trades, decimal_of(wallet), result.start, result.end - result.start)

    def _on(self, window: Window | None, given: BacktestInput, strategy: IStrategy) -> Kept:
        if self.kept is None or self.kept.window != window:
            timerange = Timerange.parse(given.config.get("timerange"))
            startup = int(strategy.startup_candle_count)
            frames = KeptFrames(given.files, timerange, startup, whole=window is not None)
            self.kept = Kept(window, frames, Remembered())
        return self.kept


class _Watching:
    """Looks at the book at each candle's time, and tells a watch of the parts that are over."""

    def __init__(self, frames: KeptFrames, config: dict[str, Any], strategy: IStrategy, watch: Watch) -> None:
        self._frames, self._timeframe, self._watch = frames, strategy.timeframe, watch
        self._pairs: Sequence[str] = config["exchange"]["pair_whitelist"]
        self._parts: Parts | None = None
        self._start = 0
        self._trades: list[ClosedTrade] = []

    def __call__(self, book: Book, time: int) -> None:
        """Everything before the candle at `time` is over."""
        if self._parts is None:
            last = (milliseconds(self._frames.load(pair, self._timeframe)["date"])[-1] for pair in self._pairs)
            self._start = time
            self._parts = Parts(time, int(max(last)) - time, self._watch)
        self._parts.reach(time, lambda: self._traded(book, time))

    def _traded(self, book: Book, time: int) -> Traded:
        new: Sequence[Trade] = book.closed[len(self._trades) :]
        self._trades += map(closed_trade, new)
        wallet = decimal_of(book.wallet.rules.dry_run_wallet)
        return Traded(tuple(self._trades), wallet, self._start, time - self._start)
