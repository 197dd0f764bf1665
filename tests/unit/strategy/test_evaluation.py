"""Evaluating at once is the same as evaluating the window up to each candle, and as growing candle by candle."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.contracts.strategies import STRATEGY_KINDS
from tradewind.market_data.adapters.synthetic import synthetic_series
from tradewind.strategies.loader import build_strategy
from tradewind.strategy.evaluation import Evaluator

SERIES = synthetic_series("BTC/EUR", "1h", seed=3, candles=400, start_price=100.0, volatility=0.02)


def evaluator(kind, series):
    found = Evaluator("s", build_strategy(kind, STRATEGY_KINDS[kind].parameters()), series)
    found.compute()
    return found


@pytest.mark.parametrize("kind", sorted(STRATEGY_KINDS))
def test_the_window_says_the_same(kind):
    """Stance, confidence, since and reasons from all candles at once equal those from the candles so far."""
    whole = evaluator(kind, SERIES)
    for position in range(60, 400, 17):
        window = evaluator(kind, SERIES.slice(0, position + 1))
        time = int(SERIES.open_time[position])

        assert window.evaluation(time, time) == whole.evaluation(time, time)


@pytest.mark.parametrize("kind", sorted(STRATEGY_KINDS))
def test_a_stance_says_since_when_and_why(kind):
    """`since` is the candle at which the stance began; its reasons are those of that candle, on every candle of it."""
    whole = evaluator(kind, SERIES)
    found = [whole.evaluation(time, time) for time in SERIES.open_time.tolist()]
    changes = [b for a, b in pairwise(found) if a.stance != b.stance]

    assert changes
    assert all(change.since == change.candle_time for change in changes)
    assert all(a.since == b.since and a.reasons == b.reasons for a, b in pairwise(found) if a.stance == b.stance)
    assert all(change.reasons for change in changes)


def test_latest_is_the_last_complete_candle():
    """Asked for a moment, it answers with the candle at or before it; before the first there is nothing to say."""
    whole = evaluator("EmaCross", SERIES)
    time = int(SERIES.open_time[100])

    assert time == whole.latest(time + 1, time).candle_time
    assert whole.latest(int(SERIES.open_time[0]) - 1, time) is None


@given(seed=st.integers(0, 1000), known=st.integers(0, 150), kind=st.sampled_from(sorted(STRATEGY_KINDS)))
def test_candle_by_candle_says_the_same_as_at_once(seed, known, kind):
    """A bot on an exchange, which knows no later candle, says on each what a replay of all of them says."""
    series = synthetic_series("BTC/EUR", "1h", seed=seed, candles=150, start_price=100.0, volatility=0.02)
    whole, growing = evaluator(kind, series), evaluator(kind, series.slice(0, known))
    for candle in series.candles():
        growing.see(candle)
        time = candle.open_time

        assert growing.evaluation(time, time) == whole.evaluation(time, time)


def test_a_candle_of_the_past_is_refused():
    """What was decided rested on its absence: taking it in silently would make up another past."""
    candles = SERIES.candles()
    growing = evaluator("EmaCross", SERIES.slice(0, 100))
    growing.see(candles[101])

    with pytest.raises(ValueError, match="not later"):
        growing.see(candles[100])
