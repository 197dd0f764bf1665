"""Checking a batch at a time finds what checking all at once finds, wherever the batches are cut."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.candle_checks import NO_TIME, check_candles
from tradewind.domain.timeframe import HOUR
from tradewind.market_data.adapters.raw_candles import RawCandles
from tradewind.market_data.adapters.synthetic import synthetic_series
from tradewind.research.candles import checking
from tradewind.research.candles.checking import CandleCheck

COUNT = 240
NAMES = ("open", "high", "low", "close", "volume")
GOOD = synthetic_series("BTC/EUR", "1h", seed=3, candles=COUNT, start_price=100.0, volatility=0.01)
FAULTS = {
    "no number": lambda times, values, row: values[1].__setitem__(row, float("nan")),
    "no time": lambda times, values, row: times.__setitem__(row, NO_TIME),
    "zero": lambda times, values, row: values[2].__setitem__(row, 0.0),
    "volume": lambda times, values, row: values[4].__setitem__(row, -1.0),
    "misaligned": lambda times, values, row: times.__setitem__(row, times[row] + 1),
    "again": lambda times, values, row: times.__setitem__(row, times[max(row - 1, 0)]),
    "back": lambda times, values, row: times.__setitem__(row, GOOD.open_time[max(row - 1, 0)] - 3 * HOUR),
    "spike": lambda times, values, row: [column.__setitem__(row, column[row] * 3) for column in values[:4]],
    "wick": lambda times, values, row: values[1].__setitem__(row, values[1][row] * 20),
}


def columns():
    return GOOD.open_time.copy(), [getattr(GOOD, name).copy() for name in NAMES]


def batches(times, values, cuts):
    edges = [0, *sorted(cuts), len(times)]
    for start, end in pairwise(edges):
        part = slice(start, end)
        lines = np.arange(start, end) + 2
        yield RawCandles(times[part].copy(), [column[part].copy() for column in values], {}, lines)


@given(
    faults=st.lists(st.tuples(st.sampled_from(sorted(FAULTS)), st.integers(0, COUNT - 1)), max_size=12),
    holes=st.sets(st.integers(0, COUNT - 1), max_size=20),
    cuts=st.sets(st.integers(1, COUNT - 1), max_size=12),
)
def test_batches_are_checked_as_all_of_it_is(faults, holes, cuts):
    """Candles, bad rows with their numbers and reasons, and gaps; rows held back are few here, to be cut everywhere."""
    held, checking.HELD = checking.HELD, 40
    try:
        times, values = columns()
        for name, row in faults:
            FAULTS[name](times, values, row)
        kept = np.array([row for row in range(COUNT) if row not in holes])
        times, values = times[kept], [column[kept] for column in values]
        whole = check_candles("BTC/EUR", "1h", times, *values, in_order=True)
        check = CandleCheck("BTC/EUR", "1h")
        cuts = {cut for cut in cuts if 2 < cut < len(times)}
        pieces = list(check.candles(batches(times, values, cuts)))
    finally:
        checking.HELD = held

    found = check.findings
    assert [candle for piece in pieces for candle in piece.candles()] == whole.series.candles()
    displaced = {"Duplicate": "OutOfOrder"}
    assert sorted((row.row, displaced.get(row.reason, row.reason)) for row in found.bad_rows) == [
        (row.row, displaced.get(row.reason, row.reason)) for row in whole.quarantined
    ]
    assert all(row.line == row.row + 2 for row in found.bad_rows)
    assert tuple(found.first_gaps) == whole.gaps
    assert (len(times), len(whole.series), len(whole.gaps)) == (found.rows, found.candles, found.gaps)
    assert found.missing == sum(gap.missing for gap in whole.gaps)
    assert found.bad.total() == len(whole.quarantined)


@pytest.mark.parametrize("cuts", [set(), {100, 200}])
def test_a_file_that_runs_newest_first_is_turned_round(cuts):
    """It is read whole, and its rows keep their numbers."""
    times, values = columns()
    values[4][0] = -1.0
    given_batches = batches(times[::-1].copy(), [column[::-1].copy() for column in values], cuts)
    check = CandleCheck("BTC/EUR", "1h")
    pieces = list(check.candles(given_batches))

    assert [candle for piece in pieces for candle in piece.candles()] == GOOD.candles()[1:]
    assert [(COUNT - 1, COUNT + 1, "NegativeVolume")] == [
        (row.row, row.line, row.reason) for row in check.findings.bad_rows
    ]
    assert check.findings.rows == COUNT


def test_what_is_told_one_by_one_is_bounded_and_all_is_counted():
    """A file of nothing but faults is no list of a million lines."""
    times, values = columns()
    values[4][:] = -1.0
    check = CandleCheck("BTC/EUR", "1h")
    assert 0 == sum(len(piece) for piece in check.candles(batches(times, values, {100})))
    assert (COUNT, {"NegativeVolume": COUNT}) == (check.findings.rows, dict(check.findings.bad))
    assert len(check.findings.bad_rows) == checking.TOLD
    assert check.findings.first is None
