"""What really goes out to each venue, read off the body that an unmodified ccxt client would send."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.execution.adapters.ccxt.scripted import Reply, a_stop, a_target, an_order, binance_order

from tradewind.domain.order import OrderType, Side, TimeInForce
from tradewind.execution.ports import VenueRefusalError
from tradewind.execution.venues import VENUES

ID = an_order().client_order_id

CREATED = {
    "kraken": ("/0/private/AddOrder", Reply({"error": [], "result": {"txid": ["OAAA-BBBB-CCCC"], "descr": {}}})),
    "bybit": ("/v5/order/create", Reply({"retCode": 0, "result": {"orderId": "77", "orderLinkId": ID}})),
    "cryptocom": ("/exchange/v1/private/create-order", Reply({"code": 0, "result": {"order_id": "88"}})),
}

KRAKEN_ORDER = {
    "status": "open",
    "cl_ord_id": ID,
    "vol": "0.01500000",
    "vol_exec": "0.00500000",
    "opentm": 1586822919.3342,
    "descr": {"pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "price": "30000.5", "price2": "0"},
    "oflags": "fciq",
}
BYBIT_ORDER = {
    "symbol": "BTCUSDT",
    "orderType": "Limit",
    "orderLinkId": ID,
    "orderId": "77",
    "orderStatus": "PartiallyFilled",
    "price": "30000.5",
    "qty": "0.015",
    "cumExecQty": "0.005",
    "side": "Buy",
    "createdTime": "1672217748287",
}
CRYPTOCOM_ORDER = {
    "order_id": "88",
    "client_oid": ID,
    "order_type": "LIMIT",
    "side": "BUY",
    "quantity": "0.015",
    "limit_price": "30000.5",
    "cumulative_quantity": "0.005",
    "status": "ACTIVE",
    "instrument_name": "BTC_USDT",
    "create_time": 1686870220684,
}
LOOKUPS = {
    "kraken": ("/0/private/OpenOrders", Reply({"error": [], "result": {"open": {"OAAA-BBBB-CCCC": KRAKEN_ORDER}}})),
    "bybit": ("/v5/order/realtime", Reply({"retCode": 0, "result": {"category": "spot", "list": [BYBIT_ORDER]}})),
    "cryptocom": ("/exchange/v1/private/get-order-detail", Reply({"code": 0, "result": CRYPTOCOM_ORDER})),
}


def method_of(exchange, path):
    return "GET" if (exchange, path) == ("bybit", "/v5/order/realtime") else "POST"


async def test_binance_gets_our_id_and_the_exact_digits(open_venue):
    venue, session = await open_venue("binance")
    session.on("POST /api/v3/order", Reply(binance_order(an_order())))
    await venue.create([an_order()])
    (sent,) = session.sent
    assert sent.body[VENUES["binance"].create_field] == ID
    assert {name: sent.body[name] for name in ("symbol", "side", "type", "quantity", "price", "timeInForce")} == {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "quantity": "0.015",
        "price": "30000.5",
        "timeInForce": "GTC",
    }
    assert sent.body["recvWindow"] == "5000"


@pytest.mark.parametrize("exchange", sorted(CREATED))
async def test_other_venues_get_our_id_under_their_own_name(open_venue, exchange):
    venue, session = await open_venue(exchange)
    row = VENUES[exchange]
    path, reply = CREATED[exchange]
    lookup, found = LOOKUPS[exchange]
    session.on(f"POST {path}", reply)
    session.on(f"{method_of(exchange, lookup)} {lookup}", found)
    answer = await venue.create([an_order()])
    (created,) = session.to(path)
    (asked,) = session.to(lookup)
    assert created.fields[row.create_field] == ID
    assert "30000.5" in created.fields.values()
    assert "0.015" in created.fields.values()
    assert asked.fields[row.lookup_field] == ID
    # The acknowledgement names an id alone: the state comes from the question.
    (told,) = answer.orders
    assert (told.client_order_id, told.amount, told.filled) == (ID, Decimal("0.015"), Decimal("0.005"))
    assert told.state == "PartiallyFilled"


async def test_binance_is_asked_by_our_id(open_venue):
    venue, session = await open_venue("binance")
    session.on("GET /api/v3/order", Reply(binance_order(an_order())))
    found = await venue.find(an_order())
    assert session.sent[0].query[VENUES["binance"].lookup_field] == ID
    assert "orderId" not in session.sent[0].query
    assert found.client_order_id == ID


@pytest.mark.parametrize(
    ("order", "expected", "absent"),
    [
        (
            an_order(type=OrderType.MARKET, price=None),
            {"type": "MARKET", "quantity": "0.015"},
            {"price", "quoteOrderQty"},
        ),
        (an_order(post_only=True), {"type": "LIMIT_MAKER", "price": "30000.5"}, {"timeInForce"}),
        (an_order(time_in_force=TimeInForce.IOC), {"type": "LIMIT", "timeInForce": "IOC"}, {"stopPrice"}),
        (an_order(time_in_force=TimeInForce.FOK), {"type": "LIMIT", "timeInForce": "FOK"}, {"stopPrice"}),
        (a_stop(), {"type": "STOP_LOSS", "stopPrice": "28000.25", "side": "SELL"}, {"price", "timeInForce"}),
        (
            a_stop(type=OrderType.STOP_LIMIT, price=Decimal(27900)),
            {"type": "STOP_LOSS_LIMIT", "stopPrice": "28000.25", "price": "27900", "timeInForce": "GTC"},
            set(),
        ),
    ],
    ids=["market", "post-only", "ioc", "fok", "stop", "stop-limit"],
)
async def test_every_type_of_order_in_binances_words(open_venue, order, expected, absent):
    venue, session = await open_venue("binance")
    session.on("POST /api/v3/order", Reply(binance_order(order)))
    await venue.create([order])
    body = session.sent[0].body
    assert {name: body[name] for name in expected} == expected
    assert not absent & set(body)


@pytest.mark.parametrize("side", list(Side))
async def test_a_stop_and_a_target_go_out_as_one_list(open_venue, side):
    """Of what was bought the stop lies below and the target above; of what was sold, the other way round."""
    venue, session = await open_venue("binance")
    stop, target = a_stop(side=side), a_target(side=side)
    reports = [binance_order(stop, type="STOP_LOSS"), binance_order(target, type="LIMIT_MAKER", orderId=4712)]
    session.on("POST /api/v3/orderList/oco", Reply({"orderListId": 1, "orderReports": reports}))
    answer = await venue.create([target, stop])
    (sent,) = session.sent
    stop_at, target_at = ("below", "above") if side is Side.SELL else ("above", "below")
    expected = {
        "symbol": "BTCUSDT",
        "side": side.value.upper(),
        "quantity": "0.015",
        f"{stop_at}Type": "STOP_LOSS",
        f"{stop_at}StopPrice": "28000.25",
        f"{stop_at}ClientOrderId": stop.client_order_id,
        f"{target_at}Type": "LIMIT_MAKER",
        f"{target_at}Price": "33000.1",
        f"{target_at}ClientOrderId": target.client_order_id,
        "listClientOrderId": f"oco-{stop.client_order_id}",
    }
    assert {name: sent.body.get(name) for name in expected} == expected
    assert f"{stop_at}Price" not in sent.body
    assert {order.client_order_id for order in answer.orders} == {stop.client_order_id, target.client_order_id}
    assert VENUES["binance"].id_pattern.fullmatch(expected["listClientOrderId"])


async def test_a_stop_limit_leg_carries_its_limit(open_venue):
    venue, session = await open_venue("binance")
    stop, target = a_stop(type=OrderType.STOP_LIMIT, price=Decimal(27900)), a_target()
    session.on("POST /api/v3/orderList/oco", Reply({"orderReports": []}))
    assert (await venue.create([stop, target])).orders == ()
    body = session.sent[0].body
    assert (body["belowType"], body["belowPrice"], body["belowTimeInForce"]) == ("STOP_LOSS_LIMIT", "27900", "GTC")


@pytest.mark.parametrize(
    "orders",
    [
        [a_stop(), a_stop()],
        [a_stop(), a_target(amount=Decimal("0.01"))],
        [a_stop(), a_target(side=Side.BUY)],
    ],
    ids=["two stops", "other amount", "other side"],
)
async def test_what_is_no_group_is_never_sent(open_venue, orders):
    venue, session = await open_venue("binance")
    with pytest.raises(VenueRefusalError, match="NotAGroup"):
        await venue.create(orders)
    assert session.sent == []


async def test_where_there_is_no_group_the_stop_rests_alone(open_venue):
    """Two orders over one amount could sell it twice."""
    venue, session = await open_venue("kraken")
    stop, target = a_stop(), a_target()
    session.on("POST /0/private/AddOrder", CREATED["kraken"][1])
    resting = {**KRAKEN_ORDER, "cl_ord_id": stop.client_order_id, "vol_exec": "0"}
    session.on("POST /0/private/OpenOrders", Reply({"error": [], "result": {"open": {"OAAA-BBBB-CCCC": resting}}}))
    answer = await venue.create([stop, target])
    (created,) = session.to("/0/private/AddOrder")
    assert (created.body["ordertype"], created.body["price"]) == ("stop-loss", "28000.25")
    assert {order.client_order_id: order.state for order in answer.orders} == {
        stop.client_order_id: "Accepted",
        target.client_order_id: "Canceled",
    }
    assert not venue.oco


async def test_without_a_stop_nothing_rests_where_there_is_no_group(open_venue):
    venue, session = await open_venue("kraken")
    with pytest.raises(VenueRefusalError, match="NotAGroup"):
        await venue.create([a_target(), a_target()])
    assert session.sent == []


async def test_kraken_amends_a_stop_in_place(open_venue):
    venue, session = await open_venue("kraken")
    session.on("POST /0/private/AmendOrder", Reply({"error": [], "result": {"amend_id": "T"}}))
    answer = await venue.amend(a_stop(), Decimal("28500.1"))
    body = session.sent[0].body
    assert (body["cl_ord_id"], body["trigger_price"]) == (a_stop().client_order_id, "28500.1")
    assert "txid" not in body
    assert answer.orders[0].stop_price == Decimal("28500.1")


async def test_bybit_amends_a_stop_in_place(open_venue):
    venue, session = await open_venue("bybit")
    session.on("POST /v5/order/amend", Reply({"retCode": 0, "result": {"orderId": "77"}}))
    await venue.amend(a_stop(), Decimal("28500.1"))
    body = session.sent[0].body
    assert (body["orderLinkId"], body["triggerPrice"]) == (a_stop().client_order_id, "28500.1")


@pytest.mark.parametrize("exchange", ["binance", "cryptocom"])
async def test_a_venue_that_cannot_amend_is_not_asked_to(open_venue, exchange):
    venue, session = await open_venue(exchange)
    with pytest.raises(VenueRefusalError, match="NotSupported"):
        await venue.amend(a_stop(), Decimal("28500.1"))
    assert not venue.amends
    assert session.sent == []


async def test_bybit_cancels_a_stop_in_the_book_of_stops(open_venue):
    venue, session = await open_venue("bybit")
    session.on("POST /v5/order/cancel", Reply({"retCode": 0, "result": {"orderId": "77", "orderLinkId": ID}}))
    gone = {**BYBIT_ORDER, "orderStatus": "Cancelled"}
    session.on("GET /v5/order/realtime", Reply({"retCode": 0, "result": {"list": [gone]}}))
    answer = await venue.cancel(a_stop())
    body = session.to("/v5/order/cancel")[0].body
    assert (body["orderLinkId"], body["orderFilter"]) == (a_stop().client_order_id, "tpslOrder")
    assert "orderId" not in body
    assert answer.orders[0].state == "Canceled"


async def test_kraken_cancels_by_our_id(open_venue):
    venue, session = await open_venue("kraken")
    session.on("POST /0/private/CancelOrder", Reply({"error": [], "result": {"count": 1}}))
    gone = {**KRAKEN_ORDER, "status": "canceled"}
    session.on("POST /0/private/OpenOrders", Reply({"error": [], "result": {"open": {}}}))
    session.on("POST /0/private/ClosedOrders", Reply({"error": [], "result": {"closed": {"OAAA": gone}}}))
    answer = await venue.cancel(an_order())
    assert session.to("/0/private/CancelOrder")[0].body["cl_ord_id"] == ID
    assert session.to("/0/private/ClosedOrders")[0].body["cl_ord_id"] == ID
    assert (answer.orders[0].state, answer.orders[0].filled) == ("Canceled", Decimal("0.005"))


async def test_a_stop_is_not_sent_where_it_would_not_rest(open_venue):
    venue, session = await open_venue("cryptocom")
    with pytest.raises(VenueRefusalError, match="NotSupported"):
        await venue.create([a_stop()])
    assert session.sent == []


async def test_cryptocom_cancels_by_our_id(open_venue):
    venue, session = await open_venue("cryptocom")
    session.on("POST /exchange/v1/private/cancel-order", Reply({"code": 0, "result": {"order_id": "88"}}))
    session.on("POST /exchange/v1/private/get-order-detail", LOOKUPS["cryptocom"][1])
    answer = await venue.cancel(an_order())
    assert session.to("/exchange/v1/private/cancel-order")[0].fields["client_oid"] == ID
    assert answer.orders[0].state == "PartiallyFilled"  # taken note of, not done


@pytest.mark.parametrize(
    "order",
    [
        an_order(amount=Decimal("0.0150001")),
        an_order(price=Decimal("30000.505")),
        a_stop(stop_price=Decimal("28000.251")),
        an_order(amount=Decimal("0.000001")),
        an_order(client_order_id="not/an id of ours"),
        an_order(price=None),
        an_order(pair="DOGE/USDT"),
    ],
    ids=["amount", "price", "stop", "too small", "id", "no price", "no market"],
)
async def test_an_order_that_would_be_changed_on_its_way_is_not_sent(open_venue, order):
    venue, session = await open_venue("binance")
    with pytest.raises(VenueRefusalError):
        await venue.create([order])
    assert session.sent == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.integers(1, 900_000_000), ticks=st.integers(1, 100_000_000))
async def test_digits_survive_the_way_through_ccxt(open_venue, steps, ticks):
    """Whatever is on the grid goes out as it is, without an exponent and without a float in between."""
    venue, session = await open_venue("binance")
    amount, price = steps * Decimal("0.00001"), ticks * Decimal("0.01")
    order = an_order(amount=amount, price=price)
    session.on("POST /api/v3/order", Reply(binance_order(order, origQty=f"{amount:f}", price=f"{price:f}")))
    answer = await venue.create([order])
    body = session.sent[0].body
    assert (Decimal(body["quantity"]), Decimal(body["price"])) == (amount, price)
    assert not set(body["quantity"] + body["price"]) & set("eE")
    assert answer.orders[0].amount == amount
