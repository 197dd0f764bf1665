"""What the account is worth when somebody asks is what the equity curve of the running bot says, tick by tick."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.backtest.valuation import Valuation
from tradewind.domain.equity import EquityCurve, equity_of
from tradewind.domain.timeframe import DAY

D = Decimal
TICKS = 40
QUARTER = DAY // 4


def valuation(closes, times=None):
    times = np.arange(TICKS) * QUARTER if times is None else times
    return Valuation(D(1000), "EUR", times, {pair: np.array(column, dtype=float) for pair, column in closes.items()})


amounts = st.integers(0, 5).map(lambda number: D(number) / 3)
prices = st.lists(st.sampled_from([0.1, 7.35, 7.4, 99.99, 100.0, 100.01, 250.0]), min_size=TICKS, max_size=TICKS)
holdings = st.dictionaries(st.integers(0, TICKS - 1), st.tuples(st.integers(0, 2000), amounts, amounts), max_size=6)


@given(prices, prices, holdings, st.sets(st.integers(0, TICKS - 1), min_size=1))
def test_it_is_the_equity_curve(first, second, held, asked):
    """Value, peak and start of the day, at whatever ticks it is asked: exact, not nearly."""
    closes = {"AAA/EUR": first, "BBB/EUR": second}
    ours, curve, balances = valuation(closes), EquityCurve(D(1000)), {"EUR": D(1000)}
    for tick in range(TICKS):
        if tick in held:
            cash, aaa, bbb = held[tick]
            balances = {"EUR": D(cash), "AAA": aaa, "BBB": bbb, "DUST": D(1)}
            ours.hold(tick, balances)
        now = {pair: column[tick] for pair, column in closes.items()}
        curve.mark(tick * QUARTER, equity_of(balances, now, "EUR"))
        if tick in asked:
            assert (curve.equity, curve.peak, curve.day_start) == (ours.at(tick), ours.peak(tick), ours.day_start(tick))
            assert ours.peak(tick) == ours.peak(tick)

    assert curve.points == list(ours.points(TICKS))
    assert [float(value) for _, value in curve.daily()] == ours.daily(TICKS)


def test_what_is_held_at_a_tick_may_change_once_more():
    """As at the end, when the last close is traded at."""
    ours = valuation({"AAA/EUR": [10.0] * TICKS})
    ours.hold(3, {"EUR": D(0), "AAA": D(5)})
    ours.hold(3, {"EUR": D(50)})

    assert [D(1000), D(50)] == [ours.at(2), ours.at(3)]


def test_the_curve_is_valued_where_it_is_looked_at():
    """From the front, from the back, and a part of it; beyond its end there is nothing."""
    ours = valuation({})
    points = ours.points(3)

    assert 3 == len(points)
    assert (2 * QUARTER, D(1000)) == points[-1] == points[2]
    assert [(QUARTER, D(1000))] == points[1:2]
    assert [] == list(ours.points(0)) == ours.daily(0)
