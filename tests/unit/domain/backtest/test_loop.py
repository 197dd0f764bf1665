"""The loop over small markets whose trades can be worked out by hand; 0.1 % of fee on each side."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.unit.domain.backtest.market import AAA, BBB, HOUR, backtest_of, rules

D = Decimal


def run(given, markets, **options):
    return backtest_of(given, markets, **options).run()


def told(trade):
    return trade.pair[:1], trade.open_time // HOUR, trade.close_time // HOUR, trade.close_rate, trade.exit_reason


def test_a_signal_acts_at_the_next_open_and_money_adds_up():
    """Bought for what the close said, at the open; sold at the open after the voters left."""
    outcome = run(rules(), {AAA: ([100, 100, 110, 120, 130], ".LL..")})

    (trade,) = outcome.trades
    assert ("A", 2, 4, D(120), "exit_signal") == told(trade)
    assert (D(10), D(100), "cross") == (trade.amount, trade.open_rate, trade.entry_tag)
    assert D(200) - D(1) - D("1.2") == trade.profit
    assert {"EUR": D(10_000) + trade.profit, "AAA": D(0)} == dict(outcome.balances)
    assert (0, 5) == (outcome.open_positions, outcome.ticks)
    assert (2, 2, 0) == tuple(outcome.orders[name] for name in ("sent", "filled", "canceled"))
    assert [D(10_000), D(10_000), D(10_099), D(10_199), D(10_000) + trade.profit] == [v for _, v in outcome.equity]


def test_stop_and_target_rest_from_the_opening_on():
    """Inside the candle of the entry too; what one sells the other no longer has."""
    given = rules(stop="0.05", target="0.1")
    falls = run(given, {AAA: ([100, 100, (100, 104, 94, 96), 96], ".L..")})
    rises = run(given, {AAA: ([100, 100, 101, (101, 115, 100, 114), 114], ".LLLL")})

    assert [("A", 2, 2, D(95), "stop_loss")] == [told(trade) for trade in falls.trades]
    assert [("A", 2, 3, D(110), "roi")] == [told(trade) for trade in rises.trades]
    assert {"sent": 3, "filled": 2, "canceled": 1} == {name: n for name, n in falls.orders.items() if n}


def test_a_target_is_filled_by_a_share_of_the_volume_until_it_is_sold():
    """1000 of volume fill 250 of the 1000 in each candle; the stop covers what is left, and sells it in the end."""
    closes = [1, 1, (1, 1.2, 1, 1.15), (1.15, 1.2, 1.1, 1.15), (1.15, 1.16, 0.9, 0.92), 0.92]
    outcome = run(rules(stop="0.05", target="0.1"), {AAA: (closes, ".LLLLL")})

    (trade,) = outcome.trades
    assert ("A", 2, 4, "stop_loss") == (*told(trade)[:3], trade.exit_reason)
    assert D(1000) == trade.amount
    assert (750 * D("1.1") + 250 * D("0.95")) / 1000 == trade.close_rate


def test_a_target_and_its_stop_may_share_a_position_within_one_candle():
    """Partly sold at the target on the way up, the rest at the stop on the way down."""
    outcome = run(rules(stop="0.05", target="0.1"), {AAA: ([1, 1, (1, 1.15, 0.8, 1), 1], ".L..")})

    assert [("A", 2, 2, (750 * D("0.95") + 250 * D("1.1")) / 1000, "stop_loss")] == [told(t) for t in outcome.trades]
    assert {"sent": 3, "filled": 2, "canceled": 1} == {name: n for name, n in outcome.orders.items() if n}


def test_a_trailing_stop_is_raised_at_the_close_and_acts_from_the_next_candle_on():
    """From its activation on, and never lowered."""
    given = rules(stop="0.1", trailing=("0.05", "0.1"))
    closes = [100, 100, 105, (105, 120, 104, 119), (119, 119, 115, 116), (116, 117, 113, 115), 115]
    outcome = run(given, {AAA: (closes, ".LLLLLL")})

    assert [("A", 2, 5, D(114), "trailing_stop_loss")] == [told(trade) for trade in outcome.trades]


def test_a_trailing_stop_that_would_act_at_once_is_an_exit():
    """At the next open."""
    given = rules(stop="0.1", trailing=("0.05", "0.1"))
    outcome = run(given, {AAA: ([100, 100, 105, (105, 120, 104, 112), 111, 111], ".LLLLL")})

    assert [("A", 2, 4, D(112), "trailing_stop_loss")] == [told(trade) for trade in outcome.trades]


def test_a_stop_stays_where_it_is_while_its_target_trades():
    """The price has gone past the target; what is left of it goes with the next candles."""
    given = rules(stop="0.05", target="0.1", trailing=("0.05", "0.02"))
    outcome = run(given, {AAA: ([1, 1, (1, 1.2, 1, 1.15), (1.15, 1.2, 1.12, 1.15), 1.15, 1.2, 1.2], ".LLLLLL")})

    assert [("A", 2, 5, D("1.1"), "roi")] == [told(trade) for trade in outcome.trades]


def test_a_pair_that_closed_at_a_candle_is_not_entered_again_on_it():
    """On the next one it is, while the voters still ask for it."""
    outcome = run(rules(stop="0.05"), {AAA: ([100, 100, 100, (100, 100, 94, 96), 96, 96, 96], ".LLLLLL")})

    assert [(2, 3), (5, 6)] == [told(trade)[1:3] for trade in outcome.trades]


def test_slots_are_given_in_the_order_of_the_pairs():
    """What is on its way takes one."""
    markets = {BBB: ([100] * 5, ".LLLL"), AAA: ([100] * 5, ".LLL.")}
    outcome = run(rules(slots=1), markets)

    assert [("B", 2)] == [told(trade)[:2] for trade in outcome.trades]


def test_the_end_leaves_nothing_open_and_takes_back_what_is_on_its_way():
    """Sold at the last close: also a pair whose candles ended before, and one that is being sold already."""
    markets = {AAA: ([100, 100, 100, 105, 107], ".LLLL"), BBB: ([100, 100, 103], ".LL")}
    outcome = run(rules(), markets)
    late = run(rules(), {AAA: ([100, 100], ".L")})
    leaving = run(rules(), {AAA: ([100, 100, 100, 104], ".LL.")})

    assert [("A", 2, 4, D(107), "force_exit"), ("B", 2, 4, D(103), "force_exit")] == [told(t) for t in outcome.trades]
    assert ((), 1) == (late.trades, late.orders["canceled"])
    assert [("A", 2, 3, D(104), "exit_signal")] == [told(trade) for trade in leaving.trades]


def test_an_entry_does_not_outlive_its_decision_over_a_gap():
    """It waits for two candles; then its slot is free for another pair."""
    markets = {AAA: ([100, 100, *[None] * 5, 100], ".LL"), BBB: ([100] * 8, "....LLLL")}
    outcome = run(rules(slots=1), markets)

    assert ["B"] == [told(trade)[0] for trade in outcome.trades]
    assert 1 == outcome.orders["canceled"]


def test_an_entry_whose_candle_comes_after_its_decision_is_void():
    """Nobody else traded meanwhile; the pair may be entered anew on that candle."""
    outcome = run(rules(), {AAA: ([100, 100, *[None] * 5, 100, 101], ".LLL")})

    assert [(8, 8)] == [told(trade)[1:3] for trade in outcome.trades]
    assert 1 == outcome.orders["canceled"]


def test_an_entry_that_opens_too_dear_is_refused_by_the_venue():
    """The money is not there; the pair is free again."""
    outcome = run(rules(slots=1, stake="9900"), {AAA: ([100, 100, (150, 150, 150, 150), 100, 100], ".L...")})

    assert () == outcome.trades
    assert 1 == outcome.orders["expired"]


def test_limits_on_losses_stop_entries():
    """For the day, or until the equity is back."""
    market = {AAA: ([100, 100, 90, 80, 80, 80, 80, 80], ".LL.LLLL")}

    assert 2 == len(run(rules(), market).trades)
    assert 1 == len(run(rules(loss="0.01"), market).trades)
    assert 1 == len(run(rules(drawdown="0.01"), market).trades)
    assert 0 == len(run(rules(state="EmergencyStopped"), market).trades)


def test_a_limit_that_nothing_can_lift_any_more_ends_the_search():
    """With cash alone the drawdown stays what it is; so does a manifest that stops trading."""
    heard = []
    market = {AAA: ([100, 100, 90, 80, *[80] * 50], ".LL." + "L" * 50), BBB: ([50] * 54, "." * 10 + "L" * 44)}
    outcome = backtest_of(rules(drawdown="0.01"), market).run(lambda tick: heard.append(tick) or True)

    assert 1 == len(outcome.trades)
    assert [1, 2, 3, 4, 5, 10] == heard
    assert 54 == outcome.ticks


def test_a_limit_holds_while_what_is_held_may_lift_it():
    """The other pair's position brings the equity back."""
    market = {
        AAA: ([100, 100, 50, 50, 50, 50, 50, 50, 50, 50], ".LL..LLLLL"),
        BBB: ([100, 100, 100, 100, 100, 100, 160, 160, 160, 160], ".LLLLLLLLL"),
    }
    outcome = run(rules(drawdown="0.04"), market)

    assert ["A", "A", "B"] == sorted(told(trade)[0] for trade in outcome.trades)


def test_a_position_that_cannot_be_protected_is_sold():
    """As soon as the venue takes it: legs and exits are worth less than its minimum until the price has risen."""
    given = rules(stop="0.5", stake="4400")
    outcome = run(given, {AAA: ([100, 100, 60, 60, 60, 90, 90, 90], ".LLLLLLL")}, notional="2900")

    assert [("A", 2, 6, D(90), "emergency_exit")] == [told(trade) for trade in outcome.trades][:1]
    assert outcome.orders["rejected"] > 4


def test_an_exit_that_the_venue_refuses_leaves_the_position_protected():
    """The legs come back at the levels that they had, and sell it in the end."""
    given = rules(target="0.2", stake="3000")
    closes = [100, 100, 100, 60, 60, 100, (100, 130, 100, 125), 125, 125]
    outcome = run(given, {AAA: (closes, ".LL.L....")}, notional="2900")

    assert [("A", 2)] == [told(trade)[:2] for trade in outcome.trades]
    assert outcome.orders["rejected"] >= 1


def test_what_no_venue_takes_stays_open():
    """An exit that is refused to the end, the last one at the last close; and the dust that a fee in base leaves."""
    given = rules(stop="0.5", stake="4400")
    refused = run(given, {AAA: ([100, 100, 60, 60], ".LLL")}, notional="2900")
    dust = run(rules(stake="10", stop="0.1", fee_in_base=True), {AAA: ([9999, 9999, 9999, 9999], ".L..")})

    assert ((), 1) == (refused.trades, refused.open_positions)
    assert refused.orders["rejected"] > 4
    assert (1, D("0.000999")) == (dust.open_positions, dust.balances["AAA"])
    assert 1 == dust.orders["sent"]


def test_a_target_that_no_venue_takes_is_left_away():
    """The price fell so far between decision and opening that it is worth too little; the signal sells in the end."""
    closes = [100, 100, (50, 50, 50, 50), 50, (150, 150, 150, 150), 150]
    outcome = run(rules(target="0.2", stake="3000"), {AAA: (closes, ".LLL..")}, notional="2900")

    assert ["exit_signal"] == [trade.exit_reason for trade in outcome.trades]
    assert 1 == outcome.orders["rejected"]


def test_an_entry_that_the_venue_refuses_frees_its_pair():
    """It asks for the higher of its fees, which sizing did not count on."""
    outcome = run(rules(slots=1, stake="9900", maker="0.05"), {AAA: ([100] * 4, ".LL.")})

    assert ((), 2) == (outcome.trades, outcome.orders["rejected"])


def test_it_can_be_ended_at_any_tick_and_tells_what_is_finished():
    """Of a run that was ended nothing is sold."""
    heard = []
    backtest = backtest_of(rules(), {AAA: ([100] * 8, ".L.LL...")})
    outcome = backtest.run(lambda tick: heard.append((tick, len(backtest.trades))) or tick < 4)

    assert [(1, 0), (2, 0), (3, 0), (4, 1)] == heard
    assert (4, 1, 4) == (outcome.ticks, len(outcome.trades), len(outcome.equity))
    assert 0 == outcome.open_positions


@pytest.mark.parametrize("markets", [{AAA: ([], "")}, {AAA: ([100, 100], ".."), BBB: ([], "")}])
def test_where_there_is_nothing_to_trade_nothing_is_traded(markets):
    """No candles, or of one pair only."""
    outcome = run(rules(), markets)

    assert () == outcome.trades
    assert {"EUR": D(10_000)} == dict(outcome.balances)
