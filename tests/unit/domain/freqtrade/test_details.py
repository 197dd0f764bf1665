"""What happens inside a candle, when candles of a shorter timeframe tell: each rule on the smallest backtest."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.domain.freqtrade.scenes import FLAT, OTHER, PAIR, STEP, market, rows, settings, time_of

from tradewind.domain.freqtrade.details import Details, run_detailed_backtest
from tradewind.domain.freqtrade.market import MonthlyTicks
from tradewind.domain.freqtrade.signals import Callbacks, PairRows
from tradewind.domain.series import CandleSeries

MINUTE = 60_000
UP, DOWN = (100.0, 104.0, 100.0, 103.0), (100.0, 100.0, 96.0, 97.0)
BOTH = (100.0, 104.0, 96.0, 100.0)
"""Of a candle that reaches both the target at 3 % and the stop at 3 % nobody can say which came first."""


def series(candles, pair=PAIR):
    """Detail candles by the minute at which they open, from the open of candle 1 on."""
    times = np.array([time_of(1) + minute * MINUTE for minute in sorted(candles)], dtype=np.int64)
    values = np.array([candles[minute] for minute in sorted(candles)], dtype=float).reshape(len(candles), 4)
    return CandleSeries(pair, "1m", times, *values.T, np.ones(len(candles)))


def play(candles, inside, *, others=None, enter=(1,), leave=(), callbacks=None, end=None, **changes):
    """Trade 5m candles with 1m inside; `others` is the same of a second pair, which signals at the same moments."""
    pairs = {PAIR: (candles, inside)} | ({OTHER: others} if others else {})
    played = {
        name: PairRows(market(name), MonthlyTicks((), ()), rows(whole, enter, leave))
        for name, (whole, _) in pairs.items()
    }
    details = Details("1m", {name: series(minutes, name) for name, (_, minutes) in pairs.items()})
    span = time_of(0), time_of(end or len(candles))
    return run_detailed_backtest(played, settings(**changes), callbacks or Callbacks(), span, details)


def told(result):
    """Pair, minute of opening and of closing, and reason of each trade."""
    return [
        (
            trade.pair,
            (trade.open_time - time_of(1)) // MINUTE,
            (trade.close_time - time_of(1)) // MINUTE,
            trade.exit_reason,
        )
        for trade in result.closed
    ]


@pytest.mark.parametrize(
    ("minutes", "found"),
    [
        ({0: FLAT, 1: UP, 2: FLAT, 3: DOWN, 4: FLAT}, (1, "roi", 103.0)),
        ({0: FLAT, 1: DOWN, 2: FLAT, 3: UP, 4: FLAT}, (1, "stop_loss", 97.0)),
    ],
    ids=["target first", "stop first"],
)
def test_of_a_stop_and_a_target_in_one_candle_the_first_counts(minutes, found):
    """Without details it would be the stop, both times."""
    result = play([BOTH, FLAT], minutes, stoploss=-0.03, roi={0: 0.03})

    (trade,) = result.closed
    assert found == (told(result)[0][2], trade.exit_reason, trade.close_rate)


def test_a_trade_that_is_held_is_looked_at_in_every_candle():
    """The entry of one candle meets the stop in the next, in its fourth minute."""
    minutes = dict.fromkeys(range(10), FLAT) | {8: DOWN}
    assert [(PAIR, 0, 8, "stop_loss")] == told(play([FLAT, BOTH, FLAT], minutes, stoploss=-0.03))


def test_a_candle_without_details_is_looked_at_as_a_whole():
    """Of both orders the rules then assume what they assume without details: the stop, in that candle, at its open."""
    minutes = dict.fromkeys((0, 1, 2, 3, 4, 10, 11, 12, 13, 14), FLAT)
    result = play([FLAT, BOTH, FLAT, FLAT], minutes, stoploss=-0.03, roi={0: 0.03})

    assert [(PAIR, 0, 5, "stop_loss")] == told(result)


def test_minutes_that_are_missing_among_others_stand_at_the_close_before():
    """So a signal to exit finds the price that was there."""
    minutes = {0: FLAT, 4: (100.0, 102.0, 100.0, 102.0), 6: FLAT}
    result = play([FLAT, (105.0, 105.0, 99.0, 100.0), FLAT], minutes, leave=(2,))

    assert [(PAIR, 0, 5, "exit_signal")] == told(result)
    assert 102.0 == result.closed[0].close_rate


def test_what_is_before_the_first_detail_candle_of_all_is_not_made_up():
    """The entry is at the first that there is."""
    minutes = dict.fromkeys(range(2, 10), FLAT)
    assert [(PAIR, 2, 5, "exit_signal")] == told(play([FLAT, FLAT, FLAT], minutes, leave=(2,)))


def test_a_slot_that_is_freed_inside_a_candle_is_there_for_another_pair_from_then_on():
    """And never for the same: a signal leads to one trade. What found no slot counts at each moment."""
    quick, slow = {0: FLAT, 1: UP, 2: FLAT, 3: FLAT, 4: FLAT}, dict.fromkeys(range(10), FLAT)
    result = play(
        [BOTH, FLAT, FLAT],
        quick | dict.fromkeys(range(5, 10), FLAT),
        others=([FLAT, FLAT, FLAT], slow),
        leave=(2,),
        max_open_trades=1,
        roi={0: 0.03},
    )

    assert [(PAIR, 0, 1, "roi"), (OTHER, 1, 5, "exit_signal")] == told(result)
    assert 1 == result.counts.rejected_signals


def test_a_trailing_stop_follows_from_minute_to_minute():
    """A high that came after the low of the candle does not raise the stop that the low would hit."""
    minutes = {0: (100.0, 100.0, 99.0, 99.0), 1: (99.0, 99.0, 98.0, 98.0), 2: (102.0, 104.0, 102.0, 104.0)}
    minutes |= {3: (104.0, 104.0, 103.5, 104.0), 4: (104.0, 104.0, 103.5, 104.0), 5: (104.0, 104.0, 100.0, 100.0)}
    whole = (100.0, 104.0, 98.0, 104.0)
    result = play([whole, (104.0, 104.0, 100.0, 100.0), FLAT], minutes, stoploss=-0.03, trailing_stop=True)

    assert [(PAIR, 0, 5, "trailing_stop_loss")] == told(result)
    assert 100.88 == result.closed[0].close_rate


def test_callbacks_are_asked_in_every_minute_once_something_is_held():
    """With the time of the minute; a candle and a pair are told once."""
    asked, candles, moments = [], [], []
    callbacks = Callbacks(
        candle=candles.append,
        moment=moments.append,
        custom_exit=lambda trade, time, rate, profit: asked.append((time - time_of(1)) // MINUTE),
    )
    play([FLAT, FLAT], dict.fromkeys(range(10), FLAT), callbacks=callbacks)

    assert list(range(10)) == asked
    assert [time_of(1), time_of(2)] == candles
    assert [time_of(1) + minute * MINUTE for minute in (1, 2, 3, 4, 6, 7, 8, 9)] == moments


def test_an_order_waits_as_many_minutes_as_it_may():
    """Placed at the open below the price, dropped two minutes later; the signal is used up."""
    callbacks = Callbacks(custom_entry_price=lambda *_: 90.0)
    result = play([FLAT, FLAT], dict.fromkeys(range(10), FLAT), callbacks=callbacks, entry_timeout=120.0)

    assert ([], 1) == (result.closed, result.counts.timedout_entry_orders)


def test_what_is_held_at_the_end_is_sold_at_the_open_of_the_last_candle():
    """As without details; the last candle is not entered."""
    prices = dict.fromkeys(range(10), FLAT)
    result = play([FLAT, (101.0, 102.0, 99.0, 100.0)], prices, enter=(1, 2))

    assert [(PAIR, 0, 5, "force_exit")] == told(result)
    assert 101.0 == result.closed[0].close_rate


def test_what_was_entered_inside_the_last_candle_of_its_pair_is_not_sold_before():
    """Its data ends there, and that of the others does not."""
    minutes = {0: FLAT, 1: UP, 2: FLAT, 3: FLAT, 4: FLAT}
    result = play(
        [BOTH, FLAT, FLAT],
        minutes | dict.fromkeys(range(5, 15), FLAT),
        others=([FLAT], dict.fromkeys(range(5), (100.0, 101.0, 99.0, 100.5))),
        max_open_trades=1,
        roi={0: 0.03},
    )

    assert [(PAIR, 0, 1, "roi"), (OTHER, 1, 4, "force_exit")] == told(result)
    assert STEP == 5 * MINUTE
