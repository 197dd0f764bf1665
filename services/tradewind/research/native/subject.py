"""One pair of a bot, for the analyses: what its strategies say, with all candles or with some of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.domain.candle_checks import resample
from tradewind.domain.consensus import Voter
from tradewind.domain.series import CandleSeries, Integers
from tradewind.domain.timeframe import close_time
from tradewind.market_data.recording import Recording, timeframes_of
from tradewind.research.analyses.columns import Column, Columns, Role
from tradewind.research.native.given import classes_of, strategies_of, told_by
from tradewind.strategies.base import VectorisedStrategy


class BotSubject:
    """`bot` on one pair of its candles; see `analyses.subject.Subject`. A column for each voter's side and confidence.

    Longer candles are made from those that are known, as in the bot.
    """

    def __init__(self, bot: TradingBot, recording: Recording, pair: str) -> None:
        self.pair, self._bot, self._recording = pair, bot, recording
        self._series = recording.series[pair, recording.timeframe]
        self.times: Integers = self._series.open_time
        self.name, self.timeframe = bot.key, recording.timeframe
        self.warm_up = max(
            strategy.warm_up * _candles_in(voter.timeframe, self.timeframe) for voter, strategy in self._strategies()
        )
        self.earliest = 1

    def all(self) -> Columns:
        """What they say of all candles."""
        return self._asked(self._series)

    def known_after(self, candles: int) -> Columns:
        """What they say of the first `candles` when nothing is known that closed later."""
        return self._asked(self._series.slice(0, candles))

    def begun_before(self, last: int, candles: int) -> Columns:
        """What they say of the candle in row `last` and the `candles` before it, when nothing else is known."""
        return self._asked(self._series.slice(max(last - candles, 0), last + 1))

    def _asked(self, series: CandleSeries) -> Columns:
        known = {(self.pair, timeframe): resample(series, timeframe) for timeframe in timeframes_of(self._bot.spec)}
        recording = replace(self._recording, series=known)
        found: dict[str, Column] = {}
        for voter, strategy in self._strategies():
            told = told_by(voter, recording, self.pair, strategy)
            name = f"{voter.strategy} {voter.timeframe}"
            found[f"{name} side"] = Column(Role.SIGNAL, told.side.astype(np.float64))
            found[f"{name} confidence"] = Column(Role.INDICATOR, told.confidence.astype(np.float64))
        return found

    def _strategies(self) -> list[tuple[Voter, VectorisedStrategy]]:
        """Made anew for every question: what a class keeps must not answer the next one."""
        return strategies_of(self._bot, classes_of(self._bot, self._recording))


def _candles_in(timeframe: str, base: str) -> int:
    return close_time(timeframe, 0) // close_time(base, 0)
