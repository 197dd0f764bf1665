"""Which candles of an exchange go out together, and which are gaps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.candle import Candle
from tradewind.domain.timeframe import MINUTE
from tradewind.market_data.gathering import GRACE, PATIENCE, Gathering

PAIRS = ("BTC/EUR", "ETH/EUR")
BTC, ETH = PAIRS


def candle(minute):
    return Candle(minute * MINUTE, 1.0, 2.0, 0.5, 1.5, 1.0)


def candles(*minutes):
    return [candle(minute) for minute in minutes]


def gathering(broken=()):
    return Gathering(PAIRS, 10 * MINUTE, lambda pair: pair in broken)


def minutes(found):
    """The minute of a tick and its pairs."""
    return None if found is None else (found.time // MINUTE, tuple(found.candles))


def test_a_tick_goes_out_when_every_pair_has_told_its_candle():
    """Not before, and then at once; in the order in which pairs are decided."""
    waiting = gathering()
    waiting.take(ETH, candles(10), 100.0)
    assert waiting.next(100.0) is None
    waiting.take(BTC, candles(10), 101.0)

    assert (10, PAIRS) == minutes(waiting.next(101.0))
    assert (None, None) == (waiting.next(1e9), waiting.due())


def test_a_later_candle_says_that_there_is_none():
    """Nobody waits for a candle that the exchange itself does not have."""
    waiting = gathering()
    waiting.take(BTC, candles(10, 11), 100.0)
    waiting.take(ETH, candles(11), 100.0)

    assert [(10, (BTC,)), (11, PAIRS), None] == [minutes(waiting.next(100.0)) for _ in range(3)]


def test_a_pair_that_keeps_a_tick_waiting_for_too_long_has_a_gap():
    """Other pairs may have a position to leave. What comes after all is told, for it is in no tick."""
    waiting = gathering()
    waiting.take(BTC, candles(10), 100.0)
    assert waiting.due() == 100.0 + GRACE
    assert waiting.next(99.9 + GRACE) is None

    assert (10, (BTC,)) == minutes(waiting.next(100.0 + GRACE))
    assert candles(10) == waiting.take(ETH, candles(10, 11), 130.0)
    waiting.take(BTC, candles(11), 130.0)
    assert (11, PAIRS) == minutes(waiting.next(130.0))


def test_a_pair_whose_stream_is_broken_is_waited_for():
    """After an outage the streams come back one after the other, and what was missed is no gap."""
    waiting = gathering(broken={ETH})
    waiting.take(BTC, candles(10, 11), 100.0)
    assert waiting.next(100.0 + GRACE) is None
    assert waiting.due() == 100.0 + PATIENCE
    waiting.take(ETH, candles(10, 11), 150.0)

    assert [(10, PAIRS), (11, PAIRS)] == [minutes(waiting.next(150.0)) for _ in range(2)]


@given(st.data())
def test_in_time_whatever_the_order_every_candle_is_in_its_tick(data):
    """Streams come in any order and in pages of any length."""
    there = {pair: sorted(data.draw(st.sets(st.integers(10, 30)))) for pair in PAIRS}
    waiting, found = gathering(), []
    left = {pair: list(times) for pair, times in there.items()}
    while any(left.values()):
        pair = data.draw(st.sampled_from([pair for pair in PAIRS if left[pair]]))
        count = data.draw(st.integers(1, len(left[pair])))
        page, left[pair] = left[pair][:count], left[pair][count:]
        assert [] == waiting.take(pair, candles(*page), 0.0)
        while (tick := waiting.next(1.0)) is not None:
            found.append(tick)
    while (tick := waiting.next(GRACE)) is not None:
        found.append(tick)

    assert [tick.time for tick in found] == [minute * MINUTE for minute in sorted(set(there[BTC]) | set(there[ETH]))]
    for pair in PAIRS:
        assert [tick.candles[pair] for tick in found if pair in tick.candles] == candles(*there[pair])


def test_a_tick_after_which_the_market_has_gone_on_is_known_as_one():
    """What is decided on it now comes too late; the latest one is not, however many came at once."""
    waiting = gathering()
    waiting.take(BTC, candles(10, 11), 100.0)
    waiting.take(ETH, candles(10, 11), 100.0)
    found = [waiting.next(100.0) for _ in range(2)]
    assert [waiting.gone_on(one.time) for one in found] == [True, False]
