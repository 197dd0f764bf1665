"""One native backtest: run, and its result in the form that a run has."""

from __future__ import annotations

from collections.abc import Callable

from tradewind.domain.backtest.loop import Backtest
from tradewind.domain.backtest.outcome import Outcome
from tradewind.domain.money import ZERO
from tradewind.research.native.given import Given
from tradewind.research.result import RunData, RunResult, result_of


def backtest(given: Given, on_tick: Callable[[int], bool] = lambda _tick: True) -> Outcome:
    """Run it. `on_tick` hears the tick that it has come to, and may end it there by answering False."""
    return loop_of(given).run(on_tick)


def loop_of(given: Given) -> Backtest:
    """The loop, not yet run."""
    instruments = given.recording.instruments
    return Backtest(given.rules, given.times, given.tapes, instruments, given.valuation(), replies=given.replies)


def result_of_backtest(given: Given, outcome: Outcome) -> RunResult:
    """The outcome with its metrics."""
    recording = given.recording
    data = RunData(
        series={pair: one.series for pair, one in recording.checked.items()},
        notes=recording.notes(),
        quarantined=sum(len(one.quarantined) for one in recording.checked.values()),
        missing=sum(gap.missing for one in recording.checked.values() for gap in one.gaps),
    )
    return result_of(
        given.bot,
        data,
        mode="Backtest",
        trades=outcome.trades,
        equity=outcome.equity,
        daily=outcome.daily,
        end_balance=outcome.balances.get(given.rules.currency, ZERO),
        open_positions=outcome.open_positions,
        orders=outcome.orders,
    )
