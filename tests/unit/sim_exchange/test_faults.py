"""Faults: checked when they are asked for, used up by what they match, and partial fills made by the exchange."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewind.contracts.api.faults import FaultKind
from tradewind.domain.errors import ConfigError
from tradewind.domain.order import TimeInForce
from tradewind.sim_exchange.faults import Fault, FaultTable, parse_fault

D = Decimal
HOUR = 3_600_000
START = 100 * HOUR


def test_a_fault_is_read_from_the_words_of_a_document():
    document = {"kind": "PartialFill", "count": 2, "symbol": "BTCUSDT", "clientOrderId": "mine", "fraction": "0.25"}
    assert parse_fault(document) == Fault(
        kind=FaultKind.PARTIAL_FILL, count=2, symbol="BTCUSDT", client_order_id="mine", fraction=D("0.25")
    )
    assert parse_fault({"kind": "Ban", "seconds": 2, "method": None}).seconds == 2
    assert parse_fault({"kind": "ServerError", "afterAccept": True}).after_accept


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "kind"),
        ({"kind": "Explode"}, "kind"),
        ({"kind": ["Ban"]}, "kind"),
        ({"kind": "Reject", "colour": "red"}, "colour"),
        ({"kind": "Reject", "count": 0}, "count"),
        ({"kind": "Reject", "count": "many"}, ""),
        ({"kind": "Reject", "seconds": 1}, "seconds"),
        ({"kind": "Reject", "afterAccept": True}, "afterAccept"),
        ({"kind": "Ban"}, "seconds"),
        ({"kind": "Ban", "seconds": -1}, "seconds"),
        ({"kind": "DelayBeyondTimeout", "seconds": float("nan")}, "seconds"),
        ({"kind": "ClockSkew"}, "milliseconds"),
        ({"kind": "PartialFill", "fraction": "half"}, "fraction"),
        ({"kind": "PartialFill", "fraction": "NaN"}, "fraction"),
        ({"kind": "PartialFill", "fraction": 1}, "fraction"),
    ],
)
def test_nonsense_is_named(document, field):
    with pytest.raises(ConfigError) as error:
        parse_fault(document, "spec.faults[0]")
    assert error.value.field == ("spec.faults[0]" + (f".{field}" if field else ""))


def test_a_fault_is_used_up_by_what_it_matches_oldest_first():
    table = FaultTable()
    table.add(Fault(kind=FaultKind.REJECT, count=2, symbol="BTCUSDT", method="createOrder"))
    other = table.add(Fault(kind=FaultKind.REJECT, client_order_id="mine"))
    assert table.take(FaultKind.BAN) is None
    assert table.take(FaultKind.REJECT, symbol="ETHUSDT") is None
    assert table.take(FaultKind.REJECT, symbol="BTCUSDT", method="createOrder", client_order_id="mine").count == 2
    assert [fault.count for fault in table.waiting().values()] == [1, 1]
    assert table.take(FaultKind.REJECT, symbol="ETHUSDT", client_order_id="mine").client_order_id == "mine"
    assert other not in table.waiting()
    assert table.take(FaultKind.REJECT, symbol="BTCUSDT", method="createOrder").count == 1
    assert table.take(FaultKind.REJECT, symbol="BTCUSDT", method="createOrder") is None


def test_faults_can_be_taken_out():
    table = FaultTable()
    number = table.add(Fault(kind=FaultKind.RATE_LIMIT))
    assert table.remove(number)
    assert not table.remove(number)
    table.add(Fault(kind=FaultKind.RATE_LIMIT))
    table.clear()
    assert table.waiting() == {}


def part(fraction="0.25", **match):
    return Fault(kind=FaultKind.PARTIAL_FILL, fraction=D(fraction), **match)


async def test_a_partial_fill_takes_a_part_now_and_the_rest_with_the_next_candle(venue):
    venue.faults.add(part(symbol="BTCUSDT"))
    await venue.inside()
    placed = await venue.place(quantity="2")
    assert (placed.order.status.value, placed.order.executed_quantity) == ("PARTIALLY_FILLED", D("0.5"))
    assert venue.balances()["USDT"][1] == D("1.5") * D("104.5")
    await venue.restart()
    await venue.move(START + HOUR)
    assert venue.exchange.open_orders()
    await venue.move(START + HOUR + 1)
    assert [(one.price, one.quantity) for one in venue.exchange.my_trades("BTCUSDT")] == [
        (D("104.5"), D("0.5")),
        (100, D("1.5")),
    ]
    assert venue.exchange.order("BTCUSDT", order_id=1).status.value == "FILLED"


async def test_the_rest_of_a_stop_follows_also_after_a_restart(venue):
    venue.faults.add(part("0.5"))
    await venue.place("STOP_LOSS", "sell", "2", stop_price=98)
    await venue.move(START + HOUR)
    await venue.restart()
    await venue.move(START + HOUR + 1)
    assert [(one.price, one.quantity) for one in venue.exchange.my_trades("BTCUSDT")] == [(98, 1), (100, 1)]
    assert venue.exchange.open_orders() == []


async def test_the_rest_stays_the_rest_when_the_process_restarts_after_it_was_released(venue):
    venue.faults.add(part("0.5"))
    await venue.place("LIMIT", quantity="2", price=98)
    await venue.move(START + HOUR + 1)
    await venue.restart()
    await venue.move(START + 2 * HOUR)
    assert [(one.price, one.quantity) for one in venue.exchange.my_trades("BTCUSDT")] == [(98, 1), (98, 1)]


async def test_a_refused_order_uses_up_no_fault_and_all_or_nothing_is_not_cut(venue, refused):
    venue.faults.add(part())
    await venue.inside()
    with refused(-2010):
        await venue.place(quantity="9999")
    placed = await venue.place("LIMIT", price=106, time_in_force=TimeInForce.FOK)
    assert placed.order.status.value == "FILLED"
    placed = await venue.place(quantity=None, quote_quantity=50)
    assert placed.order.status.value == "FILLED"
    assert len(venue.faults.waiting()) == 1
