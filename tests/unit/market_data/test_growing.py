"""A recording that grows tick by tick is the one that a replay of the same candles would have read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.candle_checks import CheckedCandles, find_gaps, resample
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import HOUR, close_time
from tradewind.market_data.adapters.synthetic import synthetic_series
from tradewind.market_data.growing import grow, present, recording_since
from tradewind.market_data.recording import ticks_of
from tradewind.market_data.window import Window

START = 1_640_995_200_000  # 2022-01-01T00:00Z
HOURS = 60
TIMEFRAMES = ("1h", "2h", "4h", "1d")
MADE = {
    pair: [
        one._replace(open_time=START + index * HOUR)
        for index, one in enumerate(
            synthetic_series(pair, "1h", seed=seed, candles=HOURS, start_price=100.0, volatility=0.02).candles()
        )
    ]
    for seed, pair in enumerate(("BTC/EUR", "ETH/EUR"))
}


def series_of(pair, hours):
    return CandleSeries.of(pair, "1h", [MADE[pair][hour] for hour in sorted(hours)])


def recording(there, begin):
    series = {pair: series_of(pair, [hour for hour in hours if hour < begin]) for pair, hours in there.items()}
    checked = {pair: CheckedCandles(one, (), find_gaps(one)) for pair, one in series.items()}
    return recording_since(START + begin * HOUR, checked, TIMEFRAMES, {}, {})


def rows(series):
    return {key: one.candles() for key, one in series.items()}


@given(
    st.fixed_dictionaries({pair: st.sets(st.integers(0, HOURS - 1), min_size=20) for pair in MADE}),
    st.integers(0, HOURS - 1),
)
def test_growing_is_the_same_as_reading(there, begin):
    """Series, ticks and gaps, with holes anywhere; longer candles are whole or not there, as in a replay."""
    # The run begins where the last candle of before it ended.
    begin = max((hour + 1 for hours in there.values() for hour in hours if hour < begin), default=0)
    growing = recording(there, begin)
    for hour in range(begin, HOURS):
        candles = {pair: MADE[pair][hour] for pair, hours in there.items() if hour in hours}
        if candles:
            grow(growing, START + hour * HOUR, candles)

    base = {pair: series_of(pair, hours) for pair, hours in there.items()}
    known = present(growing)
    series = {(pair, t): resample(one, t, known) for pair, one in base.items() for t in TIMEFRAMES}
    assert rows(growing.series) == rows(series)
    assert growing.ticks == [tick for tick in ticks_of("1h", series) if tick.time >= START + begin * HOUR]
    assert {pair: one.gaps for pair, one in growing.checked.items()} == {p: find_gaps(one) for p, one in base.items()}


def test_what_was_there_before_the_first_tick_can_be_seen_and_is_no_tick():
    """A person who asks a bot that has just begun sees the candles on which it stands."""
    found = recording({pair: set(range(30)) for pair in MADE}, 30)
    window = Window.of(found, 0)

    assert (found.ticks, found.closes_by_tick(START + 100 * HOUR)) == ([], [])
    assert window.now == START + 30 * HOUR
    assert window.candles("BTC/EUR", "1h", None, 100).candles() == MADE["BTC/EUR"][:30]
    assert found.closes(START + 29 * HOUR) == {pair: candles[29].close for pair, candles in MADE.items()}
    tick = grow(found, START + 30 * HOUR, {"BTC/EUR": MADE["BTC/EUR"][30]})
    assert [("BTC/EUR", "1h")] == [(pair, timeframe) for pair, timeframe, _ in tick.candles]
    assert Window.of(found, 1).now == close_time("1h", tick.time)
