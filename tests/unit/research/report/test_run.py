"""Buying and holding, the comparison every strategy must stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import HOUR
from tradewind.research.report.run import buy_and_hold


def prices(run: Any, pair: str, closes: list[float], first: int = 0) -> CandleSeries:
    opens = [closes[0], *closes[:-1]]
    times = np.array([run.start + (first + hour) * HOUR for hour in range(len(closes))])
    return CandleSeries(
        pair, "1h", times, *(np.array(values, dtype=float) for values in (opens, closes, closes, closes, closes))
    )


def test_the_start_balance_is_held_in_equal_parts(run_of: Any) -> None:
    """One pair doubled, the other halved: a quarter more than at the start."""
    run = run_of()
    run = replace(run, series={"A/B": prices(run, "A/B", [10, 20]), "C/B": prices(run, "C/B", [10, 5])})
    held = buy_and_hold(run, np.array([run.start, run.start + HOUR]))
    assert held == pytest.approx([1000, 1250])


def test_a_pair_that_starts_later_is_money_until_then(run_of: Any) -> None:
    """It cannot be bought before it is traded, and a gap keeps its last price."""
    run = run_of()
    run = replace(run, series={"A/B": prices(run, "A/B", [10, 30], first=2)})
    held = buy_and_hold(run, np.array([run.start + hour * HOUR for hour in (0, 1, 2, 3, 9)]))
    assert held == pytest.approx([1000, 1000, 1000, 3000, 3000])


def test_it_is_bought_at_the_start_of_the_run_not_of_the_data(run_of: Any) -> None:
    """The warm-up is history: the price rose tenfold before trading could begin."""
    run = run_of()
    run = replace(run, start=run.start + HOUR, series={"A/B": prices(run, "A/B", [1, 10, 20])})
    assert buy_and_hold(run, np.array([run.start + HOUR])) == pytest.approx([20_000])


def test_without_candles_there_is_no_comparison(run_of: Any, series_of: Any) -> None:
    """Rather than one with nothing."""
    times = np.array([0])
    assert buy_and_hold(run_of(series={}), times) is None
    assert buy_and_hold(run_of(series={"A/B": series_of("A/B", 0)}), times) is None
