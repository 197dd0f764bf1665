"""Trades a bot with one set of values after the other: candles are read, and equal stances computed, once.

A strategy whose parameters a trial leaves as they were says what it said before: what is kept is kept by kind,
parameters and candles.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from tradewind.contracts.api.document import parse_bot
from tradewind.contracts.api.overrides import apply_overrides
from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.contracts.strategies import FREQTRADE
from tradewind.domain.candle_checks import iso_time
from tradewind.domain.errors import ConfigError
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import close_time
from tradewind.market_data.recording import Recording, load_candles
from tradewind.plan import has_class
from tradewind.research.native.given import check_backtest, given_of
from tradewind.research.native.run import loop_of
from tradewind.research.optimize.bench import Parts, Watch, Window
from tradewind.research.optimize.loss import Traded
from tradewind.research.optimize.space import Values
from tradewind.research.optimize.vary import overrides_of
from tradewind.strategies.base import Stances, VectorisedStrategy
from tradewind.strategies.loader import build_strategy

KEPT = 4_000_000
"""As many stances of candles are kept, 17 bytes each."""


@dataclass(frozen=True, slots=True)
class NativeSetup:
    """A bot: its manifest as a mapping, with what `--set` and other options put over it."""

    document: Mapping[str, Any]
    origin: str

    @classmethod
    def of(cls, path: Path, document: Mapping[str, Any], overrides: list[str]) -> NativeSetup:
        """Raises `ConfigError` for overrides that have no place."""
        return cls(apply_overrides(document, overrides)[0], str(path))

    def open(self) -> NativeBench:
        """Candles are read when they are needed."""
        return NativeBench(self)

    def bot(self, overrides: list[str]) -> TradingBot:
        """The bot with values of a trial; raises `ConfigError` for those that cannot be."""
        bot = parse_bot(apply_overrides(self.document, overrides)[0], self.origin)
        check_backtest(bot)
        if has_class(bot):
            # A study that goes on another day would not notice that the file has changed.
            fix = "search the class by tradewind optimize --strategy FILE --data DIR, or --set another kind"
            raise ConfigError("spec.strategies", f"kind {FREQTRADE}", "strategies that are built in", fix)
        return bot


class NativeBench:
    """One bot. The candles of the latest window are kept."""

    def __init__(self, setup: NativeSetup) -> None:
        self._setup = setup
        self._kept: tuple[Window | None, Recording] | None = None
        self.stances = KeptStances()

    def trade(self, values: Values | None, window: Window | None, watch: Watch | None = None) -> Traded:
        """As `Bench` says."""
        overrides = [] if values is None else overrides_of(values)
        if window is not None:
            ends = {"start": window.start, "end": window.stop}
            overrides += [f"spec.data.span.{name}={iso_time(time)}" for name, time in ends.items()]
        bot = self._setup.bot(overrides)
        given = given_of(bot, self._recording(bot, window), self.stances.build)
        loop = loop_of(given)
        times = given.times
        start, end = (int(times[0]), close_time(bot.spec.timeframe, int(times[-1]))) if len(times) else (0, 0)
        balance = given.rules.start_balance

        def on_tick(tick: int) -> bool:
            if parts is not None:
                time = int(times[tick])
                parts.reach(tick, lambda: Traded(tuple(loop.trades), balance, start, time - start))
            return True

        parts = Parts(0, len(times), watch) if watch is not None else None
        outcome = loop.run(on_tick)
        return Traded(outcome.trades, balance, start, end - start)

    def span(self) -> Window:
        """From the first candle of all that is given to the end of the last."""
        recording = self._recording(self._setup.bot([]), None)
        series = [one.series for one in recording.checked.values() if len(one.series)]
        start = min(int(one.open_time[0]) for one in series)
        return Window(start, max(close_time(recording.timeframe, int(one.open_time[-1])) for one in series))

    def digest(self) -> str:
        """Sixteen hexadecimal digits that tell the candles that were read last from others."""
        assert self._kept is not None, "candles are read by trading"
        digest = hashlib.sha256()
        for pair, checked in sorted(self._kept[1].checked.items()):
            series = checked.series
            digest.update(repr((pair, len(series))).encode())
            for column in (series.open_time, series.open, series.high, series.low, series.close, series.volume):
                digest.update(np.ascontiguousarray(column).data)
        return digest.hexdigest()[:16]

    def _recording(self, bot: TradingBot, window: Window | None) -> Recording:
        if self._kept is None or self._kept[0] != window:
            self.stances.forget()
            self._kept = window, load_candles(bot)
        return self._kept[1]


class KeptStances:
    """Builds strategies that remember their stances, the latest of them, `KEPT` candles in all."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, str, str], Stances] = OrderedDict()
        self._candles = 0
        self.computed = 0
        """How often a strategy was asked."""

    def build(self, kind: str, parameters: BaseModel) -> VectorisedStrategy:
        """As `build_strategy`."""
        return _Remembering(self, build_strategy(kind, parameters), kind, parameters.model_dump_json())

    def forget(self) -> None:
        """There are other candles now."""
        self._kept.clear()
        self._candles = 0

    def of(self, strategy: VectorisedStrategy, kind: str, parameters: str, candles: CandleSeries) -> Stances:
        """The stances of `candles`."""
        key = (kind, parameters, candles.pair, candles.timeframe)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        self.computed += 1
        found = self._kept[key] = strategy.stances(candles)
        self._candles += len(found)
        while self._candles > KEPT and len(self._kept) > 1:
            self._candles -= len(self._kept.popitem(last=False)[1])
        return found


class _Remembering:
    """A strategy that is asked once."""

    def __init__(self, kept: KeptStances, strategy: VectorisedStrategy, kind: str, parameters: str) -> None:
        self._kept, self._strategy, self._parameters = kept, strategy, parameters
        self.kind, self.warm_up, self.reasons = kind, strategy.warm_up, strategy.reasons

    def stances(self, candles: CandleSeries) -> Stances:
        """As it said before."""
        return self._kept.of(self._strategy, self.kind, self._parameters, candles)
