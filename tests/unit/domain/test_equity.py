"""The equity curve: a fold that gives after a restart what it gave before."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.equity import EquityCurve, equity_of
from tradewind.domain.timeframe import DAY, HOUR

D = Decimal


def test_equity_is_everything_at_its_latest_close():
    """What has no price counts for nothing, so that it is never invented."""
    balances = {"EUR": D(100), "BTC": D(2), "ETH": D(0), "XYZ": D(5)}
    assert equity_of(balances, {"BTC/EUR": 50.5, "ETH/EUR": 10.0}, "EUR") == D(201)
    assert equity_of({}, {}, "EUR") == 0


def test_peak_drawdown_and_the_start_of_the_day():
    """The day begins with what the last tick of the day before was worth."""
    curve = EquityCurve(D(1000))
    assert (curve.drawdown(), curve.daily()) == (0, [])
    for hour, equity in ((0, 1000), (1, 1100), (24, 990), (25, 1050), (80, 1080)):
        curve.mark(hour * HOUR, D(equity))
    assert (curve.peak, curve.day_start, curve.equity) == (1100, 1050, 1080)
    assert curve.drawdown() == D(20) / 1100
    assert curve.daily() == [(0, 1100), (DAY, 1050), (3 * DAY, 1080)]


def test_the_first_day_begins_with_the_start_balance():
    """A loss on the first tick counts as a loss of the day."""
    curve = EquityCurve(D(1000))
    curve.mark(5 * HOUR, D(900))
    assert (curve.day_start, curve.peak) == (1000, 1000)


def test_a_tick_that_is_marked_again_is_replaced_with_all_that_followed_from_it():
    """The forced exits at the end are marked on the last tick; a peak that was none must not stay."""
    curve = EquityCurve(D(1000))
    curve.mark(0, D(1100))
    curve.mark(HOUR, D(1300))
    curve.mark(HOUR, D(1200))
    assert curve.points == [(0, 1100), (HOUR, 1200)]
    assert (curve.peak, curve.equity) == (1200, 1200)
    curve.mark(HOUR, D(1050))
    assert (curve.peak, curve.drawdown()) == (1100, D(50) / 1100)


def test_an_older_tick_is_refused():
    """Folded in any other order the curve would be another one."""
    curve = EquityCurve(D(1000))
    curve.mark(HOUR, D(1000))
    with pytest.raises(ValueError, match=r"tick 0 is older than the last mark 3600000"):
        curve.mark(0, D(1000))


def test_a_curve_without_money_has_no_drawdown():
    """Nothing cannot fall."""
    assert EquityCurve(D(0)).drawdown() == 0


@given(
    st.lists(
        st.tuples(st.integers(1, 30), st.lists(st.integers(0, 2000).map(Decimal), min_size=1, max_size=3)),
        min_size=1,
        max_size=40,
    )
)
def test_rebuilt_is_live(ticks):
    """However often a tick was marked while it was live: folding the final values gives the same curve."""
    live, rebuilt, time = EquityCurve(D(1000)), EquityCurve(D(1000)), 0
    for hours, marks in ticks:
        time += hours * HOUR
        for equity in marks:
            live.mark(time, equity)
        rebuilt.mark(time, marks[-1])
    assert vars(live) == vars(rebuilt)
    assert live.peak == max(D(1000), *(equity for _, equity in live.points))
    assert 0 <= live.drawdown() <= 1


def test_a_curve_before_a_tick_is_that_of_the_ticks_before_it():
    """What a restart plays again is marked again, as if the later ticks had never been seen."""
    whole, part = EquityCurve(D(1000)), EquityCurve(D(1000))
    for tick, equity in enumerate((1100, 1300, 900)):
        whole.mark(tick * HOUR, D(equity))
    part.mark(0, D(1100))
    assert vars(whole.before(HOUR)) == vars(part)
    assert vars(whole.before(3 * HOUR)) == vars(whole)
    assert whole.points[-1] == (2 * HOUR, D(900))
