"""Evaluating once over a recording is the same as evaluating the window up to each candle."""

from __future__ import annotations

from itertools import pairwise

import pytest

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
