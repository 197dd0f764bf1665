"""The account by REST: what the venue tells becomes orders, fills and balances, exactly, or an exception."""

from __future__ import annotations

import json
import time
from decimal import Decimal

import pytest
from tests.unit.execution.adapters.ccxt.scripted import PAIR, Reply, a_stop, a_target, an_order, binance_order

from tradewind.domain.order import Fill, OrderState, OrderType, Side
from tradewind.execution.adapters.ccxt.reading import UnreadableAnswerError
from tradewind.execution.adapters.ccxt.venue import open_venue as open_real_venue
from tradewind.execution.ports import Answer, VenueFill, VenueRefusalError
from tradewind.execution.venue_call import call_venue
from tradewind.kernel.ccxt_client import ClientSettings

ORDER = "/api/v3/order"
TRADES = "GET /api/v3/myTrades"
ID = an_order().client_order_id


def trade(number: int, **changes: object) -> dict[str, object]:
    """A trade of the account as Binance tells it."""
    return {
        "symbol": "BTCUSDT",
        "id": number,
        "orderId": 4711,
        "price": "30000.50000000",
        "qty": "0.00500000",
        "commission": "0.00000500",
        "commissionAsset": "BTC",
        "time": 1_700_000_000_123 + number,
        "isBuyer": True,
        "isMaker": False,
        **changes,
    }


# ------------------------------------------------------------------------------------------------------------- creating


async def test_an_order_is_signed_with_the_time_that_the_sender_took_in_the_venue_s_clock(open_venue):
    """A process that stood still since then sends what the venue finds too old, and not an order anew."""
    venue, session = await open_venue("binance")
    venue.clock.offset = 2.5
    session.on(f"POST {ORDER}", Reply(binance_order(an_order())))
    await call_venue(lambda: venue.create([an_order()]), 5.0, signed_at=1_700_000_000.25)
    await venue.create([an_order()])
    given, present = (int(sent.fields["timestamp"]) for sent in session.to(ORDER))
    assert given == 1_699_999_997_750
    assert abs(present - time.time() * 1000) < 60_000


async def test_a_market_order_is_answered_with_its_fills(open_venue):
    venue, session = await open_venue("binance")
    order = an_order(type=OrderType.MARKET, price=None)
    fills = [
        {"price": "30000.10", "qty": "0.01000000", "commission": "0.00001", "commissionAsset": "BTC", "tradeId": 56},
        {"price": "30000.20", "qty": "0.00500000", "commission": "0.00002", "commissionAsset": "BNB", "tradeId": 57},
    ]
    told = binance_order(order, status="FILLED", executedQty="0.015", cummulativeQuoteQty="450.002", fills=fills)
    session.on(f"POST {ORDER}", Reply(told))
    answer = await venue.create([order])
    (known,) = answer.orders
    assert (known.state, known.filled, known.pair) == (OrderState.FILLED, Decimal("0.015"), PAIR)
    common = {"client_order_id": ID, "pair": PAIR, "side": Side.BUY, "maker": False, "time": 1_700_000_000_123}
    assert answer.updates == (
        VenueFill(
            Fill(
                "56",
                amount=Decimal("0.01"),
                price=Decimal("30000.1"),
                fee=Decimal("0.00001"),
                fee_currency="BTC",
                **common,
            )
        ),
        VenueFill(
            Fill(
                "57",
                amount=Decimal("0.005"),
                price=Decimal("30000.2"),
                fee=Decimal("0.00002"),
                fee_currency="BNB",
                **common,
            )
        ),
    )


async def test_a_refused_question_after_an_acknowledgement_is_no_refusal_of_the_order(open_venue):
    """Were it told as one, an order that lives at the venue would be dead here."""
    venue, session = await open_venue("bybit")
    session.on("POST /v5/order/create", Reply({"retCode": 0, "result": {"orderId": "77", "orderLinkId": ID}}))
    session.on("GET /v5/order/realtime", Reply({"retCode": 10006, "retMsg": "Too many visits!"}))
    answer = await venue.create([an_order()])
    assert answer == Answer()


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        ("NEW", "0", OrderState.ACCEPTED),
        ("PARTIALLY_FILLED", "0.005", OrderState.PARTIALLY_FILLED),
        ("FILLED", "0.015", OrderState.FILLED),
        ("CANCELED", "0.005", OrderState.CANCELED),
        ("EXPIRED", "0", OrderState.EXPIRED),
        ("EXPIRED_IN_MATCH", "0", OrderState.EXPIRED),
        ("REJECTED", "0", OrderState.REJECTED),
        ("PENDING_CANCEL", "0", OrderState.ACCEPTED),
    ],
)
async def test_each_state_of_an_order(open_venue, status, filled, state):
    venue, session = await open_venue("binance")
    session.on(f"GET {ORDER}", Reply(binance_order(an_order(), status=status, executedQty=filled)))
    found = await venue.find(an_order())
    assert (found.state, found.filled) == (state, Decimal(filled))


async def test_bybits_closed_order_that_filled_in_part_was_canceled(open_venue):
    venue, session = await open_venue("bybit")
    told = {
        "symbol": "BTCUSDT",
        "orderLinkId": ID,
        "orderStatus": "PartiallyFilledCanceled",
        "qty": "2",
        "cumExecQty": "1",
    }
    session.on("GET /v5/order/realtime", Reply({"retCode": 0, "result": {"list": []}}))
    session.on("GET /v5/order/history", Reply({"retCode": 0, "result": {"list": [{**told, "side": "Buy"}]}}))
    found = await venue.find(an_order())
    assert (found.state, found.filled) == (OrderState.CANCELED, Decimal(1))


# ----------------------------------------------------------------------------------------------------------- asking


async def test_only_binances_own_word_makes_an_order_absent(open_venue):
    venue, session = await open_venue("binance")
    session.on(f"GET {ORDER}", Reply({"code": -2013, "msg": "Order does not exist."}, 400))
    assert await venue.find(an_order()) is None


@pytest.mark.parametrize(
    "reply",
    [
        Reply({"code": -2011, "msg": "Unknown order sent."}, 400),
        Reply({"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, 401),
        Reply({"code": -1121, "msg": "Invalid symbol."}, 400),
        Reply({"code": -2013, "msg": "Order does not exist."}, 503),
        Reply("not found", 404),
        Reply({}, 200),
        Reply(error=TimeoutError()),
    ],
    ids=["unknown order", "key", "symbol", "503", "404", "nothing", "timeout"],
)
async def test_no_other_answer_makes_an_order_absent(open_venue, reply):
    venue, session = await open_venue("binance")
    session.on(f"GET {ORDER}", reply)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it is, it must not be None
        await venue.find(an_order())


@pytest.mark.parametrize(
    ("exchange", "empty"),
    [
        (
            "kraken",
            {
                "POST /0/private/OpenOrders": {"error": [], "result": {"open": {}}},
                "POST /0/private/ClosedOrders": {"error": [], "result": {"closed": {}}},
            },
        ),
        (
            "bybit",
            {
                "GET /v5/order/realtime": {"retCode": 0, "result": {"list": []}},
                "GET /v5/order/history": {"retCode": 0, "result": {"list": []}},
            },
        ),
        ("cryptocom", {"POST /exchange/v1/private/get-order-detail": {"code": 40401, "message": "NOT_FOUND"}}),
    ],
    ids=["kraken", "bybit", "cryptocom"],
)
async def test_where_absence_is_not_certain_it_is_not_told(open_venue, exchange, empty):
    venue, session = await open_venue(exchange)
    for path, body in empty.items():
        session.on(path, Reply(body))
    with pytest.raises((LookupError, VenueRefusalError)):
        await venue.find(an_order())


async def test_open_orders_are_everybodys(open_venue, recorded):
    venue, session = await open_venue("binance")
    session.on("GET /api/v3/openOrders", Reply([*recorded["openOrders"], binance_order(a_stop())]))
    theirs, ours = await venue.open_orders()
    assert (theirs.client_order_id, theirs.pair, theirs.amount) == ("myOrder1", "LTC/BTC", Decimal("1.0"))
    assert (ours.client_order_id, ours.stop_price) == (a_stop().client_order_id, Decimal("28000.25"))
    assert "symbol" not in session.sent[0].query


async def test_an_order_placed_without_an_id_of_the_client_is_met_by_the_venues(open_venue):
    """A person's order at the venue's own page; the emergency stop must reach it too."""
    venue, session = await open_venue("kraken")
    by_hand = {
        "status": "open",
        "userref": 0,
        "vol": "0.5",
        "vol_exec": "0",
        "descr": {"pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "price": "20000"},
    }
    session.on("POST /0/private/OpenOrders", Reply({"error": [], "result": {"open": {"OHAND-AAAA-BBBB": by_hand}}}))
    (told,) = await venue.open_orders()
    assert told.client_order_id == "venue:OHAND-AAAA-BBBB"
    session.on("POST /0/private/CancelOrder", Reply({"error": [], "result": {"count": 1}}))
    gone = {**by_hand, "status": "canceled"}
    session.on("POST /0/private/QueryOrders", Reply({"error": [], "result": {"OHAND-AAAA-BBBB": gone}}))
    answer = await venue.cancel(an_order(client_order_id=told.client_order_id))
    assert session.to("/0/private/CancelOrder")[0].body["txid"] == "OHAND-AAAA-BBBB"
    assert answer.orders[0].state is OrderState.CANCELED


async def test_balances_are_totals_and_name_the_currencies_that_are_gone(open_venue, recorded):
    venue, session = await open_venue("binance")
    account = json.loads(json.dumps(recorded["account"]))
    account["balances"][2] |= {"free": "1.00000001", "locked": "0.30000000"}
    session.on("GET /api/v3/account", Reply(account))
    assert await venue.balances() == {"BTC": Decimal(0), "ETH": Decimal("1.30000001"), "USDT": Decimal(0)}


# ------------------------------------------------------------------------------------------------------------ canceling


async def test_a_cancel_is_told_by_our_id_not_by_its_own(open_venue, recorded):
    venue, session = await open_venue("binance")
    session.on(f"DELETE {ORDER}", Reply(recorded["canceled"]))
    answer = await venue.cancel(an_order(client_order_id="myOrder1", pair="LTC/BTC"))
    (told,) = answer.orders
    assert session.sent[0].query["origClientOrderId"] == "myOrder1"
    assert (told.client_order_id, told.state) == ("myOrder1", OrderState.CANCELED)
    assert (told.amount, told.filled) == (Decimal(10), Decimal(8))


async def test_with_a_leg_its_whole_group_ends(open_venue):
    venue, session = await open_venue("binance")
    stop, target = a_stop(), a_target()
    reports = [
        binance_order(leg, status="CANCELED", clientOrderId="the cancel", origClientOrderId=leg.client_order_id)
        for leg in (stop, target)
    ]
    session.on(f"DELETE {ORDER}", Reply({"orderListId": 1, "symbol": "BTCUSDT", "orderReports": reports}))
    answer = await venue.cancel(stop)
    assert [(told.client_order_id, told.state) for told in answer.orders] == [
        (stop.client_order_id, OrderState.CANCELED),
        (target.client_order_id, OrderState.CANCELED),
    ]


async def test_a_cancel_of_what_is_not_open_is_refused_by_name(open_venue):
    venue, session = await open_venue("binance")
    session.on(f"DELETE {ORDER}", Reply({"code": -2011, "msg": "Unknown order sent."}, 400))
    with pytest.raises(VenueRefusalError) as caught:
        await venue.cancel(an_order())
    assert caught.value.reason == "UnknownOrder"


# ---------------------------------------------------------------------------------------------------------------- fills


async def test_fills_come_from_the_trades_with_fee_role_and_order(open_venue):
    venue, session = await open_venue("binance")
    sold = {"isBuyer": False, "isMaker": True, "commission": "0.15000250", "commissionAsset": "USDT", "orderId": 4712}
    session.on(TRADES, Reply([trade(1), trade(2), trade(3, **sold)]))
    ours, theirs = binance_order(an_order()), binance_order(an_order(), clientOrderId="web_1", orderId=4712)
    session.on(f"GET {ORDER}", Reply(ours), Reply(theirs))
    first, _, last = await venue.fills()
    assert first == Fill(
        trade_id="1",
        client_order_id=ID,
        pair=PAIR,
        side=Side.BUY,
        amount=Decimal("0.005"),
        price=Decimal("30000.5"),
        fee=Decimal("0.000005"),
        fee_currency="BTC",
        maker=False,
        time=1_700_000_000_124,
    )
    assert (last.side, last.maker, last.fee, last.fee_currency) == (Side.SELL, True, Decimal("0.1500025"), "USDT")
    assert last.client_order_id == "web_1"
    # Two trades of one order are one question.
    assert [sent.query["orderId"] for sent in session.to(ORDER)] == ["4711", "4712"]


async def test_whose_order_it_is_need_not_be_asked_when_it_was_told(open_venue):
    venue, session = await open_venue("binance")
    session.on(f"POST {ORDER}", Reply(binance_order(an_order())))
    await venue.create([an_order()])
    session.on(TRADES, Reply([trade(1)]))
    (fill,) = await venue.fills()
    assert fill.client_order_id == ID
    assert len(session.sent) == 2


async def test_many_orders_are_named_by_a_page_of_them(open_venue):
    """After a restart with a year of trades, a question for each order would take longer than a ban."""
    venue, session = await open_venue("binance")
    session.on(TRADES, Reply([trade(number, orderId=100 + number) for number in range(1, 41)]))
    page = [binance_order(an_order(), orderId=100 + number, clientOrderId=f"id-{number}") for number in range(1, 41)]
    session.on("GET /api/v3/allOrders", Reply(page[:30]), Reply(page[30:]))
    fills = await venue.fills()
    assert [fill.client_order_id for fill in fills] == [f"id-{number}" for number in range(1, 41)]
    asked = [sent.query for sent in session.to("/api/v3/allOrders")]
    assert [(query["orderId"], query["limit"]) for query in asked] == [("101", "1000"), ("131", "1000")]


async def test_trades_of_orders_that_the_venue_does_not_know_are_an_error(open_venue):
    venue, session = await open_venue("binance")
    session.on(TRADES, Reply([trade(number, orderId=100 + number) for number in range(1, 41)]))
    session.on("GET /api/v3/allOrders", Reply([]))
    with pytest.raises(UnreadableAnswerError, match="does not know"):
        await venue.fills()


async def test_kraken_is_asked_for_the_order_of_a_trade(open_venue):
    venue, session = await open_venue("kraken")
    told = {"ordertxid": "OAAA", "pair": "XBTUSDT", "time": 1700000000.5, "type": "buy", "ordertype": "limit"}
    told |= {"price": "30000.5", "cost": "150.0025", "fee": "0.39", "vol": "0.005", "maker": True, "trade_id": 9}
    session.on("POST /0/private/TradesHistory", Reply({"error": [], "result": {"trades": {"TAAA": told}, "count": 1}}))
    order = {"status": "closed", "cl_ord_id": ID, "vol": "0.005", "vol_exec": "0.005"}
    order["descr"] = {"pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "price": "30000.5"}
    session.on("POST /0/private/QueryOrders", Reply({"error": [], "result": {"OAAA": order}}))
    (fill,) = await venue.fills()
    assert (fill.trade_id, fill.client_order_id, fill.maker) == ("TAAA", ID, True)
    assert (fill.amount, fill.fee, fill.fee_currency) == (Decimal("0.005"), Decimal("0.39"), "USDT")


async def test_pages_of_trades_are_read_to_the_end_and_once(open_venue):
    venue, session = await open_venue("binance", since=1_700_000_000_000)
    pages = [range(1, 1001), range(1001, 2001), range(2001, 2004)]
    session.on(TRADES, *(Reply([trade(number) for number in page]) for page in pages))
    session.on(f"GET {ORDER}", Reply(binance_order(an_order())))
    fills = await venue.fills()
    assert [int(fill.trade_id) for fill in fills] == list(range(1, 2004))
    asked = [sent.query for sent in session.to("/api/v3/myTrades")]
    assert [(query.get("startTime"), query.get("fromId")) for query in asked] == [
        ("1700000000000", None),
        (None, "1001"),
        (None, "2001"),
    ]


async def test_reading_begins_where_all_is_stored_and_not_before_it_was_said(open_venue):
    """A fill that was read and not stored is read again: only the caller knows."""
    venue, session = await open_venue("binance")
    session.on(TRADES, Reply([trade(1), trade(2)]))
    session.on(f"GET {ORDER}", Reply(binance_order(an_order())))
    await venue.fills()
    assert len(await venue.fills()) == 2
    venue.fills_stored()
    session.on(TRADES, Reply([]))
    assert await venue.fills() == []
    venue.fills_stored()
    await venue.fills()
    assert [sent.query.get("fromId") for sent in session.to("/api/v3/myTrades")] == [None, None, "3", "3"]


async def test_elsewhere_trades_are_read_again_from_before_the_mark(open_venue):
    venue, session = await open_venue("bybit")
    told = {
        "symbol": "BTCUSDT",
        "execId": "e1",
        "orderId": "77",
        "orderLinkId": ID,
        "side": "Buy",
        "execPrice": "30000.5",
        "execQty": "0.005",
        "execFee": "0.000005",
        "feeCurrency": "BTC",
        "isMaker": False,
        "execTime": "1700000100000",
    }
    session.on("GET /v5/execution/list", Reply({"retCode": 0, "result": {"list": [told], "category": "spot"}}))
    (fill,) = await venue.fills()
    assert (fill.client_order_id, fill.fee, fill.fee_currency) == (ID, Decimal("0.000005"), "BTC")
    venue.fills_stored()
    assert await venue.fills() == [fill]
    asked = [sent.query.get("startTime") for sent in session.to("/v5/execution/list")]
    assert asked[-2:] == ["1700000040000", "1700000100000"]


@pytest.mark.parametrize("missing", ["commission", "price", "qty", "time"])
async def test_a_trade_that_lacks_what_money_depends_on_is_an_error(open_venue, missing):
    venue, session = await open_venue("binance")
    session.on(TRADES, Reply([{name: value for name, value in trade(1).items() if name != missing}]))
    session.on(f"GET {ORDER}", Reply(binance_order(an_order())))
    with pytest.raises((UnreadableAnswerError, TypeError)):
        await venue.fills()


async def test_a_trade_of_no_order_is_an_error(open_venue):
    venue, session = await open_venue("binance")
    session.on(TRADES, Reply([trade(1, orderId=None)]))
    with pytest.raises(UnreadableAnswerError, match="names no order"):
        await venue.fills()


async def test_a_venue_that_repeats_itself_is_not_read_for_ever(open_venue, monkeypatch):
    monkeypatch.setattr("tradewind.execution.adapters.ccxt.trades.PAGE", 1)
    monkeypatch.setattr("tradewind.execution.adapters.ccxt.trades.PAGES", 3)
    venue, session = await open_venue("binance")
    session.on(TRADES, *(Reply([trade(number)]) for number in range(1, 10)))
    with pytest.raises(UnreadableAnswerError, match="do not end"):
        await venue.fills()


async def test_a_failed_question_is_never_an_empty_answer(open_venue):
    venue, session = await open_venue("binance")
    for path in ("openOrders", "account", "myTrades"):
        session.on(f"GET /api/v3/{path}", Reply("Bad Gateway", 502))
    for ask in (venue.open_orders, venue.balances, venue.fills):
        with pytest.raises(Exception):  # noqa: B017, PT011 - any but an answer
            await ask()


# ---------------------------------------------------------------------------------------------------------------- start


async def test_the_bound_of_a_create_is_timeout_window_and_the_clocks_error(open_venue):
    venue, session = await open_venue("binance", call_timeout=8.0)
    session.on("GET /api/v3/exchangeInfo", Reply({"symbols": []}))
    session.on("GET /api/v3/time", Reply({"serverTime": int(time.time() * 1000) + 120_000}))
    await venue.start()
    assert 8.0 + 5.0 + 1.0 <= venue.resend_after < 8.0 + 5.0 + 2.0
    assert -121 < venue.clock.offset < -119


@pytest.mark.parametrize("exchange", ["kraken", "cryptocom"])
async def test_without_a_window_nothing_is_ever_sent_again(open_venue, exchange):
    venue, _ = await open_venue(exchange)
    assert venue.resend_after is None


@pytest.mark.parametrize("exchange", ["kraken", "cryptocom"])
async def test_where_the_time_is_a_counter_it_is_left_alone(open_venue, exchange):
    """Kraken refuses a nonce below the last one, so a corrected clock would lock us out."""
    venue, session = await open_venue(exchange)
    await venue.measure_clock()
    assert session.sent == []


async def test_a_venue_is_opened_with_texts_for_numbers_and_its_window():
    venue = open_real_venue(ClientSettings("binance", api_key="k", secret="s"), "account", [PAIR], call_timeout=3.0)
    try:
        assert venue.client.number is str
        assert venue.client.options["recvWindow"] == 5000
        assert venue.client.options["fetchMargins"] is False
        assert (venue.oco, venue.amends, venue.transactional) == (True, False, False)
    finally:
        venue.client.timeout_on_exit = 0
        await venue.close()
