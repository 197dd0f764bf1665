"""Evaluating at once is the same as evaluating the window up to each candle, and as growing candle by candle."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.contracts.strategies import STRATEGY_KINDS
from tradewind.market_data.adapters.synthetic import synthetic_series
from tradewind.strategies.loader import BUILDERS, build_strategy
from tradewind.strategy.evaluation import Evaluations, Evaluator

SERIES = synthetic_series("BTC/EUR", "1h", seed=3, candles=400, start_price=100.0, volatility=0.02)


async def begun(kind, series):
    found = Evaluator("s", build_strategy(kind, STRATEGY_KINDS[kind].parameters()), series)
    await found.compute(series)
    return found


def evaluator(kind, series):
    return asyncio.run(begun(kind, series))


@pytest.mark.parametrize("kind", sorted(BUILDERS))
def test_the_window_says_the_same(kind):
    """Stance, confidence, since and reasons from all candles at once equal those from the candles so far."""
    whole = evaluator(kind, SERIES)
    for position in range(60, 400, 17):
        window = evaluator(kind, SERIES.slice(0, position + 1))
        time = int(SERIES.open_time[position])

        assert window.evaluation(time, time) == whole.evaluation(time, time)


@pytest.mark.parametrize("kind", sorted(BUILDERS))
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


@given(seed=st.integers(0, 1000), known=st.integers(0, 150), kind=st.sampled_from(sorted(BUILDERS)))
def test_candle_by_candle_says_the_same_as_at_once(seed, known, kind):
    """A bot on an exchange, which knows no later candle, says on each what a replay of all of them says."""
    series = synthetic_series("BTC/EUR", "1h", seed=seed, candles=150, start_price=100.0, volatility=0.02)

    async def grow():
        whole, growing = await begun(kind, series), await begun(kind, series.slice(0, known))
        for candle in series.candles():
            await growing.see(candle)
            time = candle.open_time

            assert growing.evaluation(time, time) == whole.evaluation(time, time)

    asyncio.run(grow())


class Market:
    """Market-data, which has all candles so far; counts who asks for them."""

    def __init__(self):
        self.series, self.asked = SERIES.slice(0, 100), 0

    async def ask(self, service, question, *, pair, timeframe):
        assert (service, question, pair, timeframe) == ("market-data", "series", "BTC/EUR", "1h")
        self.asked += 1
        return self.series


async def test_what_another_instance_has_seen_is_asked_for():
    """An instance that saw none of the last candles says of a moment what one says that saw them all."""
    market, idle = Market(), await begun("EmaCross", SERIES.slice(0, 100))
    evaluations = Evaluations(market)
    evaluations.evaluators = {("BTC/EUR", "1h"): [idle]}
    whole, times = await begun("EmaCross", SERIES), SERIES.open_time.tolist()

    assert [whole.evaluation(times[99], 7)] == await evaluations.at(times[100], 7)
    assert market.asked == 0
    market.series = SERIES.slice(0, 200)
    assert [whole.evaluation(times[199], 7)] == await evaluations.at(times[200] + 5, 7)
    assert [whole.evaluation(times[150], 7)] == await evaluations.at(times[151], 7)
    assert market.asked == 1
    assert [whole.evaluation(times[199], 7)] == await evaluations.at(times[201], 7), "nobody has a later candle"


async def test_a_candle_of_the_past_is_refused():
    """What was decided rested on its absence: taking it in silently would make up another past."""
    candles = SERIES.candles()
    growing = await begun("EmaCross", SERIES.slice(0, 100))
    await growing.see(candles[101])

    with pytest.raises(ValueError, match="not later"):
        await growing.see(candles[100])
