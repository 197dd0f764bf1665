"""Rules 8: which trades lock what, from when until when, and with which words."""

from __future__ import annotations

import pytest
from tests.unit.domain.freqtrade.scenes import OTHER, PAIR, START, closed

from tradewind.domain.freqtrade.protections import ALL_PAIRS, Lock, Locks, Protection, Protections

MINUTE = 60_000


def rule(method, **changes):
    given = {"lookback": 60, "lookback_text": "12 candles", "stop_duration": 30, "stop_text": "for 6 candles"}
    return Protection(method, **(given | changes))


def applied(rules, trades):
    """The locks that these rules make of trades, each applied when it closed: pair, minutes from and to, reason."""
    locks = Locks()
    protections = Protections(rules, "5m", 990.0, locks)
    for trade in trades:
        protections.apply(trade, trade.close_time)
    return [
        (lock.pair, (lock.start - START) // MINUTE, (lock.end - START) // MINUTE, lock.reason) for lock in locks.all
    ]


def test_a_cooldown_locks_one_candle_longer_and_its_words_have_for_twice():
    """Six candles from 10 to 40 end at 45."""
    assert [(PAIR, 10, 45, "Cooldown period for for 6 candles.")] == applied(
        [rule("CooldownPeriod")], [closed(0.1, 10, reason="roi")]
    )


def test_a_partial_exit_closes_no_trade_and_so_begins_no_cooldown():
    """The rules are applied, and find nothing."""
    part = closed(0.0, 10)
    part.is_open = True

    assert [] == applied([rule("CooldownPeriod")], [part])


def test_a_lock_that_covers_the_end_of_another_is_enough():
    """Of the pair, or of all pairs."""
    locks = Locks()
    locks.add(Lock(ALL_PAIRS, START, START + 100 * MINUTE, "*", "a person"))
    protections = Protections([rule("CooldownPeriod")], "5m", 990.0, locks)
    protections.apply(closed(0.1, 10), START + 10 * MINUTE)

    assert 1 == len(locks.all)
    assert locks.is_global_lock(START)
    assert not locks.is_pair_locked(PAIR, START + 100 * MINUTE)


def test_unlocking_ends_the_locks_of_a_pair():
    """From that moment on."""
    locks = Locks()
    locks.add(Lock(PAIR, START, START + 100 * MINUTE, "*", ""))
    locks.unlock(PAIR, START + MINUTE)
    locks.unlock(OTHER, START)

    assert locks.is_pair_locked(PAIR, START)
    assert not locks.is_pair_locked(PAIR, START + MINUTE)


def test_a_stoploss_guard_counts_stops_that_lost():
    """Of the pair first, then of all pairs; what left otherwise, or gained, does not count."""
    guard = rule("StoplossGuard", trade_limit=2)
    trades = [
        closed(-0.1, 0),
        closed(-0.1, 5, reason="roi"),
        closed(0.1, 10, reason="trailing_stop_loss"),
        closed(-0.1, 20, pair=OTHER, reason="trailing_stop_loss"),
        closed(-0.1, 25),
    ]
    words = "2 stoplosses in 60 min, locking for 6 candles."

    assert [(ALL_PAIRS, 20, 55, words), (PAIR, 25, 60, words), (ALL_PAIRS, 25, 60, words)] == applied([guard], trades)


def test_a_stoploss_guard_per_pair_locks_that_pair_alone():
    """And one per side says so."""
    guard = rule("StoplossGuard", trade_limit=2, only_per_pair=True, only_per_side=True)
    locks = Locks()
    protections = Protections([guard], "5m", 990.0, locks)
    for trade in (closed(-0.1, 0, pair=OTHER), closed(-0.1, 5), closed(-0.1, 10)):
        protections.apply(trade, trade.close_time)

    assert [(PAIR, "long")] == [(lock.pair, lock.side) for lock in locks.all]


def test_trades_before_the_window_do_not_count():
    """Closed exactly at its beginning is before it."""
    guard = rule("StoplossGuard", trade_limit=2)

    assert [] == applied([guard], [closed(-0.1, 0), closed(-0.1, 60)])
    assert [PAIR, ALL_PAIRS] == [pair for pair, *_ in applied([guard], [closed(-0.1, 1), closed(-0.1, 60)])]


def test_low_profit_pairs_adds_up_ratios():
    """Below what is required, from so many trades on."""
    low = rule("LowProfitPairs", trade_limit=2)

    assert [] == applied([low], [closed(-0.1, 0)])
    assert [] == applied([low], [closed(-0.1, 0), closed(0.1, 5)])
    assert [(PAIR, 5, 40, "-0.05 < 0.0 in 12 candles, locking for 6 candles.")] == applied(
        [low], [closed(-0.125, 0), closed(0.075, 5)]
    )


def test_max_drawdown_is_the_largest_fall_of_the_ratios_of_all_pairs():
    """From a start of 0; equal to the limit is allowed."""
    fall = rule("MaxDrawdown", trade_limit=2, max_allowed_drawdown=0.25)
    first, second = closed(0.5, 0), closed(-0.25, 5, pair=OTHER)

    assert [] == applied([fall], [closed(-0.5, 0)])
    assert [] == applied([fall], [first, second])
    assert [(ALL_PAIRS, 10, 45, "0.375 passed 0.25 in 12 candles, locking for 6 candles.")] == applied(
        [fall], [first, second, closed(-0.125, 10)]
    )


def test_max_drawdown_by_equity_is_a_share_of_the_capital_and_what_was_earned_before():
    """990 and 10 of a trade before the window: a loss of 500 is a half."""
    fall = rule("MaxDrawdown", max_allowed_drawdown=0.4, relative_drawdown=True)
    trades = [closed(0.1, 0, profit=10.0), closed(-0.5, 60, profit=-500.0)]

    assert [(ALL_PAIRS, 60, 95, "0.5 passed 0.4 in 12 candles, locking for 6 candles.")] == applied([fall], trades)


@pytest.mark.parametrize(("closes", "end"), [(10, 1085), (1080, 1085), (1085, 1440 + 1085)])
def test_a_lock_may_end_at_a_time_of_day(closes, end):
    """18:00 becomes 18:05, today or tomorrow."""
    cooldown = rule("CooldownPeriod", unlock_at=18 * 60, stop_text="until 18:00")

    assert [(PAIR, closes, end, "Cooldown period for until 18:00.")] == applied([cooldown], [closed(0.1, closes)])


def test_a_pair_that_closes_last_with_an_earlier_date_is_put_where_it_belongs():
    """At the end of the data; the window of a later trade is not disturbed by it."""
    guard = rule("StoplossGuard", trade_limit=3, lookback=300)
    trades = [closed(-0.1, 100), closed(-0.1, 10, pair=OTHER), closed(-0.1, 105)]

    assert [105] == [start for _, start, *_ in applied([guard], trades)]
