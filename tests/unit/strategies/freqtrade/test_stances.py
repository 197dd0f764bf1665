"""The signals of a freqtrade strategy as stances: an entry is of its candle, and a position is held until an exit."""

from __future__ import annotations

import numpy as np
from pandas import DataFrame

from tradewind.strategies.freqtrade.interface import IStrategy
from tradewind.strategies.freqtrade.voting import signals_of, stances_of

COUNT = 8


class Scripted(IStrategy):
    """Signals on given candles."""

    timeframe = "1h"
    startup_candle_count = 2
    enter: tuple[int, ...] = (1, 2, 5, 6)
    leave: tuple[int, ...] = (4, 6)

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[list(self.enter), "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[list(self.leave), "exit_long"] = 1
        return dataframe


def stances(**changes):
    strategy = Scripted({})
    for name, value in changes.items():
        setattr(strategy, name, value)
    frame = DataFrame({"close": np.full(COUNT, 100.0)})
    frame = strategy.populate_exit_trend(strategy.populate_entry_trend(frame, {}), {})
    return stances_of(*signals_of(strategy, frame))


def test_an_entry_counts_on_its_candle_and_is_held_with_no_confidence():
    """So a position that its stop has closed is not entered again until the next signal; both at once is an exit.

    What is said while it warms up is not meant.
    """
    found = stances()

    assert [0, 0, 1, 1, 0, 1, 0, 0] == found.side.tolist()
    assert [1, 1, 1, 0, 1, 1, 1, 1] == found.confidence.tolist()


def test_a_strategy_without_exit_signals_holds():
    """Its stops and targets end what it began."""
    found = stances(use_exit_signal=False)

    assert [0, 0, 1, 1, 1, 1, 1, 1] == found.side.tolist()
    assert [1, 1, 1, 0, 0, 1, 1, 0] == found.confidence.tolist()
