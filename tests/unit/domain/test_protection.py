"""Where protective legs stand, and what orders they are."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tradewind.domain.instrument import Instrument
from tradewind.domain.order import Leg, Order, OrderType, Side
from tradewind.domain.protection import Levels, bracket_levels, last_levels, legs

D = Decimal
INSTRUMENT = Instrument("BTC/EUR", "BTC", "EUR", D("0.1"), D("0.001"), D("0.001"), D(5))
ENTRY = Order("entry", "decided", Leg.ENTRY, "BTC/EUR", Side.BUY, OrderType.MARKET, D(1), 0)


def leg(kind, number, *, level, tag=""):
    order = Order(f"{number}", "d", kind, "BTC/EUR", Side.SELL, OrderType.STOP, D(1), 0, tag=tag)
    stop = kind is Leg.STOP
    return replace(order, stop_price=level if stop else None, price=None if stop else level)


def test_levels_are_ratios_of_the_average_price_rounded_up():
    """To the safe side; of a bracket that asks for nothing there are none."""
    assert Levels(D("96.7"), D("107.8")) == bracket_levels(INSTRUMENT, D("100.01"), D("0.0333"), D("0.0777"))
    assert Levels(None, D("110.1")) == bracket_levels(INSTRUMENT, D("100.01"), None, D("0.1"))
    assert Levels(D("90.1"), None) == bracket_levels(INSTRUMENT, D("100.01"), D("0.1"), None)
    assert bracket_levels(INSTRUMENT, D(100), None, None) is None


def test_the_last_levels_are_those_of_the_latest_legs():
    """A raised stop stays raised, with its reason; a leg that there never was stays away."""
    old = [leg(Leg.STOP, 2, level=95, tag="stop_loss"), leg(Leg.TARGET, 3, level=110)]
    new = [leg(Leg.STOP, 4, level=99, tag="trailing_stop_loss"), leg(Leg.TARGET, 5, level=111)]
    assert last_levels([ENTRY, *old, *new]) == Levels(99, 111, "trailing_stop_loss")
    assert last_levels([ENTRY, new[0]]) == Levels(99, None, "trailing_stop_loss")
    assert last_levels([ENTRY, new[1]]) == Levels(None, 111)
    assert last_levels([ENTRY]) is None


def test_legs_are_one_group_on_the_other_side():
    """A stop by its stop price, a target by its price, each with the reason that it gives and an id of its own."""
    stop, target = legs("default/bot", ENTRY, Levels(D(95), D(110)), amount=D("0.5"), attempt="filled-1", time=7)

    assert (OrderType.STOP, None, D(95), "stop_loss") == (stop.type, stop.price, stop.stop_price, stop.tag)
    assert (OrderType.LIMIT, D(110), None, "roi") == (target.type, target.price, target.stop_price, target.tag)
    assert "entry.filled-1" == stop.group == target.group
    assert {(Side.SELL, D("0.5"), 7, True)} == {
        (o.side, o.amount, o.created_time, o.reduce_only) for o in (stop, target)
    }
    assert stop.client_order_id != target.client_order_id


def test_one_leg_alone_is_no_group():
    """There is nothing to share its amount with; another attempt is another order."""
    (first,) = legs("default/bot", ENTRY, Levels(None, D(110)), amount=D(1), attempt="filled-1", time=7)
    (again,) = legs("default/bot", ENTRY, Levels(None, D(110)), amount=D(1), attempt="after-x", time=7)

    assert first.group is None
    assert first.client_order_id != again.client_order_id
