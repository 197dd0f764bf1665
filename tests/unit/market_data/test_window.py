"""The window on a recording: everything up to the present, nothing after it, at any timeframe."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tradewind.contracts.api.document import load_bot
from tradewind.domain.candle_checks import resample
from tradewind.domain.timeframe import DAY, HOUR, close_time
from tradewind.market_data.recording import load_recording
from tradewind.market_data.window import Window

QUICKSTART = Path(__file__).parents[3] / "manifests" / "samples" / "quickstart.yaml"
PAIR = "BTC/EUR"
TIMEFRAMES = ("1h", "2h", "4h", "1d", "1w", "1M")


@cache
def recording():
    """Two months and a bit of hourly candles, with one strategy that looks at four hours."""
    overrides = (
        "spec.data.span.start=2022-01-10T07:00:00Z",
        "spec.data.span.end=2022-03-20",
        "spec.strategies[0].timeframes=[4h]",
    )
    return load_recording(load_bot(QUICKSTART, overrides))


@given(
    settled=st.integers(0, 1649),
    timeframe=st.sampled_from(TIMEFRAMES),
    since=st.none() | st.integers(0, 1700).map(lambda hours: 1_641_790_800_000 + hours * HOUR - 77),
    limit=st.integers(1, 300),
)
def test_nothing_of_the_future_is_seen_and_nothing_of_the_past_is_missing(settled, timeframe, since, limit):
    """What is told is what a bot could have known then: whole candles made of the base candles so far."""
    window = Window.of(recording(), settled)
    told = window.candles(PAIR, timeframe, since, limit)

    base = recording().series[PAIR, "1h"]
    known = resample(base.slice(0, settled), timeframe) if settled else base.slice(0, 0)
    if since is not None:
        first = int(known.open_time.searchsorted(since))
        expected = known.slice(first, first + limit)
    else:
        expected = known.slice(max(len(known) - limit, 0), len(known))
    for column in ("open_time", "open", "high", "low", "close", "volume"):
        np.testing.assert_allclose(getattr(told, column), getattr(expected, column), rtol=1e-12)
    assert all(close_time(timeframe, time) <= window.now for time in told.open_time.tolist())


def test_before_the_first_tick_there_is_nothing():
    """A bot that has just started knows no candle, however many the recording holds."""
    window = Window.of(recording(), 0)

    assert window.now is None
    assert len(window.candles(PAIR, "1h", None, 10)) == 0
    assert len(window.candles(PAIR, "1d", 0, 10)) == 0
    assert len(window.last_day(PAIR)) == 0
    assert window.daily_closes() == {PAIR: {}, "ETH/EUR": {}}


def test_a_day_is_over_when_its_last_candle_has_closed():
    """The day that is still running has no close yet."""
    to_midnight = 17  # from 07:00 on
    before, after = Window.of(recording(), to_midnight - 1), Window.of(recording(), to_midnight)

    assert before.daily_closes()[PAIR] == {}
    day = 1_641_772_800_000
    last = recording().series[PAIR, "1h"].candle(to_midnight - 1)
    assert last.open_time == day + DAY - HOUR
    assert after.daily_closes()[PAIR] == {day: last.close}


def test_the_last_day_is_24_hours_of_market_time():
    """The ticker's numbers come from these candles and no others."""
    window = Window.of(recording(), 100)
    day = window.last_day(PAIR)

    assert len(day) == 24
    assert int(day.open_time[-1]) + HOUR == window.now
