"""The matching kernel, rule by rule: `semantics` sections 2 and 7."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewind.domain.candle import Candle
from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import (
    CandleMatch,
    Ended,
    Ending,
    MarketCandle,
    Matched,
    MatchingRules,
    Reduced,
    WorkingOrder,
    acts_at,
)
from tradewind.domain.order import OrderType, Side, TimeInForce

BTC = Instrument("BTC/EUR", "BTC", "EUR", Decimal("0.1"), Decimal("0.01"), Decimal("0.01"), Decimal(0))
RULES = MatchingRules()
SLIPPING = MatchingRules(slippage_basis_points=Decimal(10))
SEQUENCE = iter(range(10_000))
D = Decimal


def candle(open_, high, low, close, volume=1000):
    return MarketCandle(D(str(open_)), D(str(high)), D(str(low)), D(str(close)), D(str(volume)))


def order(name, side, kind, amount=1, **fields):
    for key in ("price", "stop_price"):
        if key in fields:
            fields[key] = D(str(fields[key]))
    return WorkingOrder(name, next(SEQUENCE), Side(side), OrderType(kind), D(str(amount)), **fields)


def resting(name, side, price, amount=1, **fields):
    return order(name, side, "limit", amount, price=price, rested=True, **fields)


def stop(name, side, price, amount=1, **fields):
    return order(name, side, "stop", amount, stop_price=price, **fields)


def walk(market, orders, rules=RULES, consumed=0, phases=("open_phase", "path_phase")):
    matching = CandleMatch(BTC, rules, market, orders, D(consumed))
    return [event for phase in phases for event in getattr(matching, phase)()]


def opening(market, orders, rules=RULES):
    return walk(market, orders, rules, phases=("open_phase",))


def path(market, orders, rules=RULES):
    return walk(market, orders, rules, phases=("path_phase",))


def filled(name, amount, price, *, maker):
    return Matched(name, D(str(amount)), D(str(price)), maker)


def ended(name, reason, ending=Ending.EXPIRED):
    return Ended(name, ending, reason)


# ------------------------------------------------------------------------------------------------------ market orders


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_market_order_fills_whole_at_the_open(side):
    """Whatever the volume: what was decided on t trades at the open of t+1."""
    assert opening(candle(100, 110, 90, 105, 0.001), [order("a", side, "market", 50)]) == [
        filled("a", 50, 100, maker=False)
    ]


@pytest.mark.parametrize(("side", "price"), [("buy", "100.2"), ("sell", "99.8")])
def test_slippage_is_against_us_and_to_the_far_tick(side, price):
    """10 basis points of 100.05 are 0.10005: 100.15005 is paid as 100.2, 99.94995 - 0.1 is got as 99.8."""
    assert opening(
        candle("100.05" if side == "buy" else "99.95", 110, 90, 105), [order("a", side, "market")], SLIPPING
    ) == [filled("a", 1, price, maker=False)]


def test_slippage_never_sells_for_nothing():
    """At the lowest price that there is the tick is the floor."""
    rules = MatchingRules(slippage_basis_points=D(5000))
    assert opening(candle("0.1", "0.1", "0.1", "0.1"), [order("a", "sell", "market")], rules) == [
        filled("a", 1, "0.1", maker=False)
    ]


def test_market_orders_leave_the_volume_to_the_limit_orders():
    """The share of volume bounds what rests, not what takes."""
    orders = [order("a", "buy", "market", 500), order("b", "buy", "limit", 500, price=101)]
    assert opening(candle(100, 110, 90, 105, 400), orders) == [
        filled("a", 500, 100, maker=False),
        filled("b", 100, 100, maker=False),
    ]


def test_a_market_order_does_not_act_on_the_path():
    """It is placed at an open or a close, never in between."""
    waiting = order("a", "buy", "market")
    assert path(candle(100, 110, 90, 105), [waiting]) == []
    assert waiting.amount == 1


def test_at_the_end_of_the_recording_market_orders_fill_at_the_close_and_nothing_else_does():
    """The forced exits; a resting order has had its candle."""
    orders = [order("a", "sell", "market"), resting("b", "sell", 100), stop("c", "sell", 106)]
    assert walk(candle(100, 110, 90, 105), orders, SLIPPING, phases=("close_phase",)) == [
        filled("a", 1, "104.8", maker=False)
    ]


# -------------------------------------------------------------------------------------------------------------- stops


@pytest.mark.parametrize(("side", "at"), [("sell", 102), ("buy", 98), ("sell", 100), ("buy", 100)])
def test_a_gap_through_a_stop_fills_at_the_open(side, at):
    """Not at the stop's price, which the market never traded at; exactly at the open counts as reached."""
    assert opening(candle(100, 110, 90, 105), [stop("a", side, at)]) == [filled("a", 1, 100, maker=False)]


@pytest.mark.parametrize(("side", "at"), [("sell", 99), ("buy", 101)])
def test_a_stop_that_the_open_does_not_reach_waits(side, at):
    """The path may reach it."""
    waiting = stop("a", side, at)
    assert opening(candle(100, 110, 90, 105), [waiting]) == []
    assert waiting.waits_for_stop


@pytest.mark.parametrize(("side", "at"), [("sell", 90), ("sell", 95), ("buy", 110), ("buy", 101)])
def test_on_the_path_a_stop_fills_at_its_price_when_the_price_reaches_it(side, at):
    """Touched is reached, at the extreme too."""
    assert path(candle(100, 110, 90, 105), [stop("a", side, at)]) == [filled("a", 1, at, maker=False)]


@pytest.mark.parametrize(("side", "at"), [("sell", "89.9"), ("buy", "110.1")])
def test_a_stop_beyond_the_extremes_stays(side, at):
    """One tick further is not reached."""
    assert walk(candle(100, 110, 90, 105), [stop("a", side, at)]) == []


def test_a_triggered_stop_slips_like_a_market_order():
    """Stop fills as good as limit fills are what makes a backtest lie."""
    assert path(candle(100, 110, 90, 105), [stop("a", "sell", 95)], SLIPPING) == [filled("a", 1, "94.9", maker=False)]


@pytest.mark.parametrize(("side", "at"), [("sell", 101), ("sell", 100), ("buy", 99)])
def test_a_leg_placed_after_the_open_whose_stop_the_price_has_passed_acts_at_once(side, at):
    """At the price that there is: the open."""
    assert path(candle(100, 110, 90, 105), [stop("a", side, at)]) == [filled("a", 1, 100, maker=False)]


def test_stops_come_before_market_orders_and_these_before_limit_orders_at_the_open():
    """An order of events that every venue of ours shares; among equals, who came first."""
    orders = [
        order("limit", "buy", "limit", price=101),
        order("market", "buy", "market"),
        stop("second", "sell", 101),
        stop("third", "sell", 105),
    ]
    assert [event.order_id for event in opening(candle(100, 110, 90, 105), orders)] == [
        "second",
        "third",
        "market",
        "limit",
    ]


# ------------------------------------------------------------------------------------------------------- limit orders


@pytest.mark.parametrize(("side", "price"), [("buy", 101), ("buy", 100), ("sell", 99), ("sell", 100)])
def test_a_new_limit_order_that_is_marketable_takes_at_the_open(side, price):
    """It pays the market's price, not its own, and the taker's fee."""
    assert opening(candle(100, 110, 90, 105), [order("a", side, "limit", price=price)]) == [
        filled("a", 1, 100, maker=False)
    ]


@pytest.mark.parametrize(("side", "price"), [("buy", "99.9"), ("sell", "100.1")])
def test_a_new_limit_order_that_is_not_marketable_comes_to_rest(side, price):
    """From then on it makes."""
    waiting = order("a", side, "limit", price=price)
    market = candle(100, 110, 90, 105)
    assert opening(market, [waiting]) == []
    assert waiting.rested
    assert path(market, [waiting]) == [filled("a", 1, price, maker=True)]


@pytest.mark.parametrize(("side", "price"), [("buy", "101"), ("sell", "99")])
def test_a_gap_through_a_resting_limit_order_fills_it_at_its_own_price(side, price):
    """Somebody sold to it on the way down; it does not get the better open."""
    assert opening(candle(100, 110, 90, 105), [resting("a", side, price)]) == [filled("a", 1, price, maker=True)]


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_resting_limit_order_at_the_open_is_not_crossed(side):
    """Others may stand before it in the queue at that price."""
    assert opening(candle(100, 110, 90, 105), [resting("a", side, 100)]) == []


@pytest.mark.parametrize(("side", "price"), [("buy", "90"), ("sell", "110"), ("buy", "89"), ("sell", "111")])
def test_a_limit_order_that_is_only_touched_does_not_fill(side, price):
    """Touched is not crossed."""
    assert walk(candle(100, 110, 90, 105), [resting("a", side, price)]) == []


@pytest.mark.parametrize(("side", "price"), [("buy", "90.1"), ("sell", "109.9"), ("buy", "99"), ("sell", "101")])
def test_a_limit_order_that_is_crossed_fills_at_its_own_price(side, price):
    """One tick through is enough, and slippage is none of its business."""
    assert walk(candle(100, 110, 90, 105), [resting("a", side, price)], SLIPPING) == [filled("a", 1, price, maker=True)]


def test_a_limit_order_whose_remainder_was_left_by_the_volume_fills_on_a_later_candle():
    """Partial by the share of volume, the rest keeps its place."""
    left = resting("a", "buy", 99, 30)
    assert walk(candle(100, 110, 90, 105, 40), [left]) == [filled("a", 10, 99, maker=True)]
    assert left.amount == 20
    assert walk(candle(100, 110, 90, 105, 400), [left]) == [filled("a", 20, 99, maker=True)]


def test_volume_is_not_used_twice_across_orders_and_phases():
    """A quarter of 40 is 10 for all of them together, served in the order in which the price reaches them."""
    orders = [resting("far", "buy", 95, 4), resting("gap", "buy", 101, 4), resting("near", "buy", 99, 4)]
    assert walk(candle(100, 110, 90, 105, 40), orders) == [
        filled("gap", 4, 101, maker=True),
        filled("near", 4, 99, maker=True),
        filled("far", 2, 95, maker=True),
    ]


def test_what_was_consumed_before_a_restart_stays_consumed():
    """The sum of the stored fills is taken off the candle's share."""
    assert walk(candle(100, 110, 90, 105, 40), [resting("a", "buy", 99, 30)], consumed=9) == [
        filled("a", 1, 99, maker=True)
    ]
    assert walk(candle(100, 110, 90, 105, 40), [resting("a", "buy", 99, 30)], consumed=99) == []


def test_the_share_of_volume_is_cut_to_the_amount_step():
    """A fill of half a step is no fill of this venue."""
    assert walk(candle(100, 110, 90, 105, "0.07"), [resting("a", "buy", 99)]) == [filled("a", "0.01", 99, maker=True)]
    assert walk(candle(100, 110, 90, 105, 0), [resting("a", "buy", 99)]) == []


# --------------------------------------------------------------------------------------------- conditions of an order


@pytest.mark.parametrize(("side", "price"), [("buy", 101), ("sell", 99), ("buy", 100)])
def test_post_only_ends_rather_than_takes(side, price):
    """It was asked never to pay the taker's fee."""
    orders = [order("a", side, "limit", price=price, post_only=True)]
    assert opening(candle(100, 110, 90, 105), orders) == [ended("a", "PostOnlyWouldTake")]
    assert orders == []


def test_post_only_rests_where_it_can():
    """And then makes."""
    orders = [order("a", "buy", "limit", price=99, post_only=True)]
    assert walk(candle(100, 110, 90, 105), orders) == [filled("a", 1, 99, maker=True)]


def test_immediate_or_cancel_takes_what_there_is_and_ends():
    """The rest does not stay."""
    orders = [order("a", "buy", "limit", 30, price=101, time_in_force=TimeInForce.IOC)]
    assert walk(candle(100, 110, 90, 105, 40), orders) == [
        filled("a", 10, 100, maker=False),
        ended("a", "NotEnoughVolume"),
    ]
    assert orders == []


def test_immediate_or_cancel_that_is_filled_does_not_also_expire():
    """One end is enough."""
    orders = [order("a", "buy", "limit", 10, price=101, time_in_force=TimeInForce.IOC)]
    assert walk(candle(100, 110, 90, 105, 40), orders) == [filled("a", 10, 100, maker=False)]


def test_fill_or_kill_fills_whole_or_not_at_all():
    """The volume decides."""
    for amount, expected in ((10, [filled("a", 10, 100, maker=False)]), ("10.01", [ended("a", "NotEnoughVolume")])):
        orders = [order("a", "buy", "limit", amount, price=101, time_in_force=TimeInForce.FOK)]
        assert walk(candle(100, 110, 90, 105, 40), orders) == expected
        assert orders == []


@pytest.mark.parametrize("force", [TimeInForce.IOC, TimeInForce.FOK])
def test_what_must_act_at_once_and_cannot_ends(force):
    """It never rests."""
    orders = [order("a", "buy", "limit", price=99, time_in_force=force)]
    assert walk(candle(100, 110, 90, 105), orders) == [ended("a", "NotMarketable")]


# -------------------------------------------------------------------------------------------------------- stop-limits


def test_a_stop_limit_takes_where_it_is_marketable_at_its_stop():
    """Triggered at 95 with a limit of 94: it sells at 95."""
    assert path(candle(100, 110, 90, 105), [order("a", "sell", "stop_limit", stop_price=95, price=94)]) == [
        filled("a", 1, 95, maker=False)
    ]


def test_a_stop_limit_that_is_not_marketable_rests_and_fills_when_crossed_later_on_the_path():
    """Triggered at 95 with a limit of 97: it waits for the price to come back."""
    assert path(candle(100, 110, 90, 105), [order("a", "sell", "stop_limit", stop_price=95, price=97)]) == [
        filled("a", 1, 97, maker=True)
    ]


def test_a_stop_limit_that_the_price_leaves_behind_stays_triggered():
    """On the next candle it is a limit order, not a stop."""
    left = order("a", "sell", "stop_limit", stop_price=95, price=97)
    assert walk(candle(100, 100, 90, 91), [left]) == []
    assert (left.triggered, left.rested) == (True, True)
    assert walk(candle(91, 98, 91, 98), [left]) == [filled("a", 1, 97, maker=True)]


def test_a_stop_limit_takes_what_the_volume_gives_and_rests_with_the_remainder():
    """On the rest of this piece it is a limit order like any other."""
    left = order("a", "buy", "stop_limit", 30, stop_price=105, price=106)
    assert path(candle(100, 110, 90, 105, 40), [left]) == [filled("a", 10, 105, maker=False)]
    assert (left.amount, left.rested) == (20, True)


def test_a_gap_through_the_stop_of_a_stop_limit_meets_its_limit_at_the_open():
    """Beyond the limit it rests: that is what the limit is for."""
    market = candle(100, 110, 90, 105)
    inside = order("a", "sell", "stop_limit", stop_price=102, price=99)
    beyond = order("b", "sell", "stop_limit", stop_price=104, price=103)
    assert opening(market, [inside, beyond]) == [filled("a", 1, 100, maker=False)]
    assert (beyond.triggered, beyond.rested) == (True, True)
    assert path(market, [beyond]) == [filled("b", 1, 103, maker=True)]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"price": 97, "time_in_force": TimeInForce.IOC}, "NotMarketable"),
        ({"price": 97, "time_in_force": TimeInForce.FOK}, "NotMarketable"),
        ({"price": 94, "post_only": True}, "PostOnlyWouldTake"),
    ],
)
def test_the_conditions_of_a_stop_limit_hold_from_its_trigger(fields, reason):
    """An order that must act at once must not rest because a stop stood before it."""
    assert path(candle(100, 110, 90, 105), [order("a", "sell", "stop_limit", stop_price=95, **fields)]) == [
        ended("a", reason)
    ]


# ----------------------------------------------------------------------------------------------------- the path


@pytest.mark.parametrize(
    ("market", "expected"),
    [
        (candle(100, 105, 90, 101), [100, 105, 90, 101]),
        (candle(100, 110, 95, 101), [100, 95, 110, 101]),
        (candle(100, 110, 90, 101), [100, 90, 110, 101]),
        (candle(100, 100, 100, 100), [100, 100, 100, 100]),
    ],
)
def test_the_path_goes_to_the_nearer_extreme_first_and_low_when_both_are_equally_near(market, expected):
    """So that a stop and a target inside one candle have a defined order, the worse one in doubt."""
    assert list(market.path()) == expected


@pytest.mark.parametrize(
    ("market", "expected"),
    [
        (
            candle(100, 110, 94, 101),
            [filled("stop", 1, 95, maker=False), ended("target", "OtherLegFilled", Ending.CANCELED)],
        ),
        (
            candle(100, 106, 90, 101),
            [filled("target", 1, 105, maker=True), ended("stop", "OtherLegFilled", Ending.CANCELED)],
        ),
        (
            candle(100, 110, 90, 101),
            [filled("stop", 1, 95, maker=False), ended("target", "OtherLegFilled", Ending.CANCELED)],
        ),
    ],
)
def test_a_stop_and_a_target_in_one_candle(market, expected):
    """Low nearer: the stop. High nearer: the target. Equally near: the stop. Never both."""
    assert walk(market, [stop("stop", "sell", 95, group="g"), resting("target", "sell", 105, group="g")]) == expected


def test_on_one_piece_of_the_path_orders_act_as_the_price_reaches_them():
    """Not as they came."""
    orders = [resting("c", "buy", 92), stop("a", "sell", 97), resting("b", "buy", 95), stop("d", "sell", 91)]
    assert [event.order_id for event in path(candle(100, 120, 90, 105), orders)] == ["a", "b", "c", "d"]


def test_at_one_price_the_order_that_came_first_is_first():
    """The queue of a venue."""
    orders = [resting("a", "buy", 95), resting("b", "buy", 95)]
    assert [event.order_id for event in path(candle(100, 120, 90, 105), list(reversed(orders)))] == ["a", "b"]


def test_the_last_piece_of_the_path_fills_too():
    """From the farther extreme to the close."""
    assert path(candle(100, 120, 90, 92), [stop("a", "sell", 93, rested=True)]) == [filled("a", 1, 93, maker=False)]
    assert path(candle(100, 102, 80, 99), [stop("a", "buy", "102.5"), resting("b", "buy", 81)]) == [
        filled("b", 1, 81, maker=True)
    ]


# -------------------------------------------------------------------------------------------------------------- groups


def test_a_partial_fill_of_one_leg_reduces_the_other():
    """Stop and target share one amount: what the target sold, the stop no longer has."""
    legs = [stop("stop", "sell", 80, 30, group="g"), resting("target", "sell", 105, 30, group="g")]
    assert walk(candle(100, 110, 90, 101, 40), legs) == [filled("target", 10, 105, maker=True), Reduced("stop", D(20))]
    assert [leg.amount for leg in legs] == [20, 20]


def test_the_other_leg_sells_what_is_left_on_the_same_candle():
    """Target first, partly, then down through the stop: together the whole amount, once."""
    legs = [stop("stop", "sell", 95, 30, group="g"), resting("target", "sell", 105, 30, group="g")]
    assert walk(candle(100, 106, 90, 91, 40), legs) == [
        filled("target", 10, 105, maker=True),
        Reduced("stop", D(20)),
        filled("stop", 20, 95, maker=False),
        ended("target", "OtherLegFilled", Ending.CANCELED),
    ]
    assert legs == []


def test_a_gap_through_the_stop_ends_the_target():
    """At the open, before the target is looked at."""
    legs = [resting("target", "sell", 99, group="g"), stop("stop", "sell", 101, group="g")]
    assert opening(candle(100, 110, 90, 105), legs) == [
        filled("stop", 1, 100, maker=False),
        ended("target", "OtherLegFilled", Ending.CANCELED),
    ]


def test_orders_of_another_group_and_of_none_keep_their_amounts():
    """A group is a position's, not a pair's."""
    orders = [stop("a", "sell", 101, group="g"), stop("b", "sell", 80, group="h"), stop("c", "sell", 80)]
    assert opening(candle(100, 110, 90, 105), orders) == [filled("a", 1, 100, maker=False)]
    assert [left.amount for left in orders] == [1, 1]


@pytest.mark.parametrize("force", list(TimeInForce))
def test_an_order_that_its_group_emptied_a_moment_ago_is_left_alone(force):
    """Two of a group reached by the same open: the second has nothing left and has ended already."""
    first = stop("a", "sell", 101, group="g")
    second = order("b", "sell", "stop_limit", stop_price=101, price=120, post_only=True, time_in_force=force, group="g")
    third = order("c", "sell", "limit", price=99, time_in_force=force, group="g")
    assert walk(candle(100, 110, 90, 105), [first, second, third]) == [
        filled("a", 1, 100, maker=False),
        ended("b", "OtherLegFilled", Ending.CANCELED),
        ended("c", "OtherLegFilled", Ending.CANCELED),
    ]
    orders = [order(name, "sell", "limit", price=99, time_in_force=force, group="g") for name in "de"]
    assert opening(candle(100, 110, 90, 105), orders) == [
        filled("d", 1, 100, maker=False),
        ended("e", "OtherLegFilled", Ending.CANCELED),
    ]


# ------------------------------------------------------------------------------------------------------------ reading


def test_a_market_candle_has_the_decimals_of_the_feed():
    """The shortest text of the floats, which is what the venue's price list shows."""
    assert MarketCandle.of(Candle(0, 0.1, 0.3, 1e-8, 0.2, 12.5)) == MarketCandle(
        D("0.1"), D("0.3"), D("0.00000001"), D("0.2"), D("12.5")
    )


@pytest.mark.parametrize(
    ("waiting", "expected"),
    [
        (order("a", "buy", "market"), True),
        (stop("a", "buy", 100), True),
        (stop("a", "buy", 101), False),
        (order("a", "buy", "limit", price=101), False),
        (order("a", "buy", "stop_limit", stop_price=99, price=99), False),
    ],
)
def test_which_orders_act_at_a_price_whatever_it_is(waiting, expected):
    """Those are the ones whose cost is not bounded beforehand."""
    assert acts_at(waiting, D(100)) is expected
