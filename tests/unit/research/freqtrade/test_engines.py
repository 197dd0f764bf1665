"""Two engines, one result: what the compiled engine trades is what the event engine trades, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.domain.freqtrade.scenes import STEP, market, time_of
from tests.unit.domain.freqtrade.scenes import settings as settings_of

from tradewind.domain.freqtrade.backtest import run_backtest
from tradewind.domain.freqtrade.fills import Book
from tradewind.domain.freqtrade.market import MonthlyTicks, decimals_shown
from tradewind.domain.freqtrade.signals import Callbacks, PairColumns

pytest.importorskip("numba", reason="the extra compiled is not installed")

from tradewind.research.freqtrade.compiled.engine import result_of, run_compiled

PAIRS = ("ETH/BTC", "ADA/BTC", "SOL/BTC", "XRP/BTC")
DAY = 24 * 60 * 60_000

ratios = st.sampled_from([0.0, 0.001, 0.0026, 0.00075, 0.003333333333333333])
roi_tables = st.dictionaries(
    st.sampled_from([0, 5, 10, 17, 30, 33, 60]),
    st.sampled_from([0.0, 0.002, 0.01, 0.03, 0.2, -0.005, -1.0]),
    max_size=4,
)
markets = st.fixed_dictionaries(
    {
        "step": st.sampled_from(["0.001", "0.00000001", "1", "0.03", None]),
        "tick": st.sampled_from(["0.01", "0.00000001", "0.5", "0.025", None]),
        "amount_min": st.sampled_from([None, 0.01, 1.0]),
        "amount_max": st.sampled_from([None, 2.0]),
        "cost_min": st.sampled_from([None, 5.0, 90.0]),
        "cost_max": st.sampled_from([None, 150.0]),
    }
)
rules = st.fixed_dictionaries(
    {
        "fee": ratios,
        "roi": roi_tables,
        "stoploss": st.sampled_from([-0.5, -0.05, -0.02, -0.004, -1.0]),
        "trailing_stop": st.booleans(),
        "trailing_stop_positive": st.sampled_from([0.0, 0.01, 0.003, 0.04]),
        "trailing_stop_positive_offset": st.sampled_from([0.0, 0.004, 0.02]),
        "trailing_only_offset_is_reached": st.booleans(),
        "stake_amount": st.sampled_from([100.0, 33.333333333333336, 400.0, float("inf")]),
        "max_open_trades": st.sampled_from([1, 2, 3]),
        "available_capital": st.sampled_from([0.0, 500.0]),
        "amend_last_stake_amount": st.booleans(),
        "exit_timeout": st.sampled_from([None, 300.0, 600.0]),
        "use_exit_signal": st.booleans(),
        "exit_profit_only": st.booleans(),
        "exit_profit_offset": st.sampled_from([0.0, 0.002, -0.01]),
        "ignore_roi_if_entry_signal": st.booleans(),
    }
)
shapes = st.fixed_dictionaries(
    {
        "first": st.integers(0, 40),
        "count": st.integers(1, 160),
        "scale": st.sampled_from([1.0, 100.0, 27_000.0, 5e-5]),
        "decimals": st.sampled_from([2, 4, 8, 17]),
        "moves": st.sampled_from([0.0005, 0.004, 0.02]),
        "jumps": st.booleans(),
        "dense": st.sampled_from([0.03, 0.2, 0.6]),
        "months": st.booleans(),
    }
)


def columns_of(pair, random, shape, filters):
    """Candles that walk at random, with prices of as many decimals as were asked for; 17 leaves the noise of floats."""
    count = shape["count"]
    moves = random.normal(0, shape["moves"], (4, count))
    close = shape["scale"] * np.exp(np.cumsum(moves[0]))
    before = np.concatenate(([shape["scale"]], close[:-1]))
    open_ = before * np.exp(moves[1]) if shape["jumps"] else before
    high = np.maximum(open_, close) * (1 + np.abs(moves[2]))
    low = np.minimum(open_, close) * (1 - np.abs(moves[3]))
    prices = [
        column.round(shape["decimals"]) if shape["decimals"] < 17 else column for column in (open_, high, low, close)
    ]
    prices = [np.maximum(column, 1e-8) for column in prices]
    times = time_of(shape["first"] + 1) + STEP * np.arange(count)
    ticks = MonthlyTicks.of(times - 20 * DAY, decimals_shown(prices[0])) if shape["months"] else MonthlyTicks((), ())
    enter, leave = random.random((2, count)) < shape["dense"]
    tags = (
        (["", "deep"][number % 2] for number in range(count)),
        (["", "", "busy"][number % 3] for number in range(count)),
    )
    return PairColumns(market(pair, **filters), ticks, times, *prices, prices[0], enter, leave, *map(list, tags))


def shown(trade):
    """Everything about a trade, of its orders those that filled."""
    fields = {name: value for name, value in vars(trade).items() if name not in ("orders", "market")}
    return fields | {"orders": [vars(order) for order in trade.orders if order.filled_at is not None]}


def both(columns, rules):
    """The results of both engines, in a form that is compared and read."""
    first = min(int(each.open_time[0]) for each in columns.values()) - STEP
    span = first, max(int(each.open_time[-1]) for each in columns.values())
    run = run_compiled(columns, rules, span)
    rows = {pair: each.rows() for pair, each in columns.items()}
    results = result_of(run, columns, rules, Callbacks(), Book(rules)), run_backtest(rows, rules, Callbacks(), span)
    return [
        {
            "closed": [shown(trade) for trade in result.closed],
            "open": [shown(trade) for trade in result.still_open],
            "balances": result.balances,
            "final": result.final_balance,
            "counts": result.counts,
            "span": (result.start, result.end),
        }
        for result in results
    ]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shapes=st.lists(shapes, min_size=1, max_size=4), filters=markets, changes=rules)
def test_both_engines_make_the_same_trades(seed, shapes, filters, changes):
    """Whatever the candles, signals and settings; several pairs that begin and end at different times."""
    random = np.random.default_rng(seed)
    columns = {pair: columns_of(pair, random, shape, filters) for pair, shape in zip(PAIRS, shapes, strict=False)}

    compiled, event = both(columns, settings_of(**changes))

    assert event == compiled
