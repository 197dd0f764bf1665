"""One native backtest: run, and its result in the form that a run has."""

from __future__ import annotations

from collections.abc import Callable

from tradewind.domain.backtest.loop import Backtest, Outcome
from tradewind.research.native.given import Given


def backtest(given: Given, on_tick: Callable[[int], bool] = lambda _tick: True) -> Outcome:
    """Run it. `on_tick` hears the tick that it has come to, and may end it there by answering False."""
    loop = Backtest(given.rules, given.times, given.tapes, given.recording.instruments, given.valuation())
    return loop.run(on_tick)
