"""What is at risk: the statistics of days, and the thinned curve."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.timeframe import DAY, HOUR
from tradewind.portfolio.risk import concentration_of, daily_equity, downsampled, statistics


def curve(*daily, ticks=4):
    """Equity that stands still within a day, `ticks` times a day."""
    return [(day * DAY + tick * HOUR, Decimal(value)) for day, value in enumerate(daily) for tick in range(ticks)]


def closes(*daily, pair="BTC/EUR"):
    return {pair: {day * DAY: float(value) for day, value in enumerate(daily)}}


def test_value_at_risk_is_of_whole_days_after_the_start():
    """Returns 0, -10 %, +10 %, -10 %: the loss that one day in twenty exceeds, and the mean beyond it."""
    found = statistics(Decimal(1000), curve(1000, 900, 990, 891), closes(1, 1, 1, 1))

    assert found.days == 4
    assert found.value_at_risk == pytest.approx(0.1)
    assert found.conditional_value_at_risk == pytest.approx(0.1)
    assert found.max_drawdown == pytest.approx(109)
    assert found.max_drawdown_ratio == pytest.approx(0.109)
    assert found.beta == 0.0


def test_a_day_that_is_not_over_does_not_count():
    """Half a day of trading is no daily return."""
    points = curve(1000, 900, 100)

    assert statistics(Decimal(1000), points, closes(1, 1)).value_at_risk == pytest.approx(0.095)
    assert statistics(Decimal(1000), points, closes(1, 1)).days == 2


def test_with_too_few_days_there_is_no_statistic():
    """Nothing is said where there is nothing to say it from."""
    found = statistics(Decimal(1000), curve(900), closes(1))

    assert (found.value_at_risk, found.conditional_value_at_risk, found.beta) == (None, None, None)
    assert statistics(Decimal(1000), [], {}).days == 0


@given(st.lists(st.floats(0.5, 1.5), min_size=3, max_size=30), st.floats(-2, 2))
def test_an_account_that_moves_as_a_multiple_of_its_market_has_that_beta(moves, multiple):
    """Against one pair, and against two equal ones, which are the same market."""
    market, own = [100.0], [1000.0]
    for move in moves:
        change = (move - 1) / 4
        market.append(market[-1] * (1 + change))
        own.append(own[-1] * (1 + multiple * change))
    prices = {**closes(*market), **closes(*market, pair="ETH/EUR")}
    found = statistics(Decimal(1000), [(day * DAY, Decimal(repr(value))) for day, value in enumerate(own)], prices)

    still = max(after / before for before, after in pairwise(market)) - min(
        after / before for before, after in pairwise(market)
    )
    if still > 1e-3:
        assert found.beta == pytest.approx(multiple, abs=1e-6)


@given(st.lists(st.integers(0, 20 * 24), unique=True, max_size=60))
def test_the_last_equity_of_each_day_is_taken(hours):
    """Whatever ticks there are, a day ends with its last one."""
    points = [(hour * HOUR, Decimal(hour)) for hour in sorted(hours)]
    expected = {time // DAY * DAY: float(value) for time, value in points}

    assert dict(daily_equity(points)) == expected


@given(st.integers(0, 300), st.integers(2, 50))
def test_a_thinned_curve_keeps_its_ends_its_order_and_its_points(length, count):
    """At most as many points as asked for, every one of them real, none twice."""
    points = [(time, Decimal(time)) for time in range(length)]
    thin = downsampled(points, count)

    assert len(thin) == min(length, count)
    assert set(thin) <= set(points)
    assert thin == sorted(set(thin))
    if points:
        assert (thin[0], thin[-1]) == (points[0], points[-1])


def test_concentration_is_that_of_what_is_held():
    """All in one pair is 1, two equal ones a half, nothing 0."""
    assert concentration_of({"a": Decimal(5)}) == 1
    assert concentration_of({"a": Decimal(5), "b": Decimal(5), "c": Decimal(0)}) == pytest.approx(0.5)
    assert concentration_of({}) == 0
