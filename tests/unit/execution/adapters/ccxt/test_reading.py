"""Numbers are exact or an error, and a fill is the same whoever tells of it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.execution.adapters.ccxt.scripted import PAIR, an_order, binance_order

from tradewind.domain.order import OrderState
from tradewind.execution.adapters.ccxt.reading import (
    UnreadableAnswerError,
    balances_from,
    decimal_from,
    external_id,
    fill_from,
    has_state,
    order_from,
)
from tradewind.execution.adapters.ccxt.stream import fill_of_report, order_of_report

ID = an_order().client_order_id
amounts = st.decimals("0.00000001", "90000000", places=8, allow_nan=False)


def report(**changes: object) -> dict[str, object]:
    """An execution report of one trade."""
    return {
        "e": "executionReport",
        "s": "BTCUSDT",
        "c": ID,
        "C": "",
        "S": "BUY",
        "x": "TRADE",
        "X": "PARTIALLY_FILLED",
        "q": "0.01500000",
        "z": "0.00500000",
        "P": "0.00000000",
        "i": 4711,
        "I": 88,
        "t": 56,
        "T": 1_700_000_000_123,
        "l": "0.00500000",
        "L": "30000.50000000",
        "n": "0.00000500",
        "N": "BTC",
        "m": False,
        **changes,
    }


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amount=amounts,
    price=amounts,
    fee=st.one_of(st.just(Decimal(0)), amounts),
    currency=st.sampled_from(["BTC", "USDT", "BNB"]),
    side=st.sampled_from(["BUY", "SELL"]),
    maker=st.booleans(),
    number=st.integers(1, 2**53),
)
async def test_a_fill_is_the_same_by_stream_and_by_question(  # noqa: PLR0917 - what a fill has
    open_venue, amount, price, fee, currency, side, maker, number
):
    """Told twice it must be one fill, to the last digit, also where no fee leaves the currency out."""
    venue, _ = await open_venue("binance")
    by_stream = report(
        S=side, t=number, l=f"{amount:f}", L=f"{price:f}", n=f"{fee:f}", N=currency if fee else None, m=maker
    )
    by_question = {
        "symbol": "BTCUSDT",
        "id": number,
        "orderId": 4711,
        "price": f"{price:.8f}",
        "qty": f"{amount:.8f}",
        "commission": f"{fee:.8f}",
        "commissionAsset": currency,
        "time": 1_700_000_000_123,
        "isBuyer": side == "BUY",
        "isMaker": maker,
    }
    asked = fill_from(venue.client.parse_trade(by_question, venue.client.market(PAIR)), ID)
    told = fill_of_report(venue.client, by_stream)
    assert told == asked
    assert (told.amount, told.price, told.fee) == (amount, price, fee)


async def test_a_fill_in_the_answer_to_a_create_is_the_same_too(open_venue):
    from tests.unit.execution.adapters.ccxt.scripted import Reply  # noqa: PLC0415

    venue, session = await open_venue("binance")
    fills = [{"price": "30000.5", "qty": "0.005", "commission": "0.000005", "commissionAsset": "BTC", "tradeId": 56}]
    told = binance_order(an_order(), status="PARTIALLY_FILLED", executedQty="0.005", fills=fills)
    session.on("POST /api/v3/order", Reply(told))
    answer = await venue.create([an_order()])
    assert answer.updates[0].fill == fill_of_report(venue.client, report())
    assert answer.orders[0] == order_of_report(venue.client, report())


async def test_a_cancel_reports_under_our_id(open_venue):
    venue, _ = await open_venue("binance")
    told = order_of_report(venue.client, report(x="CANCELED", X="CANCELED", c="the cancel's own", C=ID, P="28000.25"))
    assert (told.client_order_id, told.state, told.stop_price) == (ID, OrderState.CANCELED, Decimal("28000.25"))


@pytest.mark.parametrize("changes", [{"X": "NOVEL"}, {"c": ""}, {"q": 0.015}, {"z": None}], ids=str)
async def test_a_report_that_cannot_be_read_is_an_error(open_venue, changes):
    venue, _ = await open_venue("binance")
    with pytest.raises(UnreadableAnswerError):
        order_of_report(venue.client, report(**changes))


@pytest.mark.parametrize("value", [0.1, None, "", "abc", "NaN", "Infinity", True], ids=repr)
def test_only_exact_numbers_are_numbers(value):
    with pytest.raises(UnreadableAnswerError):
        decimal_from(value, "amount")


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_text_keeps_its_digits(number):
    assert decimal_from(str(number), "amount") == number


def test_a_fee_without_its_currency_is_an_error():
    trade = {"id": "1", "symbol": PAIR, "side": "buy", "timestamp": 1, "amount": "1", "price": "1"}
    with pytest.raises(UnreadableAnswerError, match="without its currency"):
        fill_from({**trade, "fee": {"cost": "0.1", "currency": None}}, ID)
    assert fill_from({**trade, "fee": {"cost": "0", "currency": None}}, ID).fee_currency == "USDT"


@pytest.mark.parametrize(
    "order",
    [
        {"clientOrderId": ID, "status": "open", "amount": "1"},
        {"clientOrderId": ID, "symbol": PAIR, "status": None, "amount": "1"},
        {"clientOrderId": ID, "symbol": PAIR, "status": "open", "amount": 1.5},
    ],
    ids=["no pair", "no state", "a float"],
)
def test_an_order_that_cannot_be_read_is_an_error(order):
    with pytest.raises(UnreadableAnswerError):
        order_from(order, ID)


def test_an_order_without_any_id_is_an_error():
    assert external_id(77) == "venue:77"
    with pytest.raises(UnreadableAnswerError):
        external_id(None)


def test_an_order_that_was_rejected_after_a_fill_ended_it_did_not_never_begin():
    """Bybit tells so of an order that it stopped in the middle; money has moved."""
    told = {"symbol": PAIR, "status": "rejected", "amount": "0.010", "filled": "0.005"}
    assert order_from(told, ID).state is OrderState.CANCELED
    assert order_from({**told, "filled": "0"}, ID).state is OrderState.REJECTED


def test_an_acknowledgement_has_no_state():
    assert not has_state({"id": "77", "status": None, "amount": "1"})
    assert not has_state({"id": "77", "status": "open", "amount": None})
    assert has_state({"id": "77", "status": "open", "amount": "1"})


def test_nothing_is_told_of_currencies_that_nobody_asked_for_and_nobody_holds():
    told = {"total": {"BTC": "0", "DOGE": "0.00", "ETH": "2", "XRP": None}}
    assert balances_from(told, frozenset({"BTC"})) == {"BTC": Decimal(0), "ETH": Decimal(2)}
