"""What each answer of a venue means for an order: refused, not taken, or unknown. One row for each kind."""

from __future__ import annotations

import asyncio
import time
from decimal import ROUND_HALF_EVEN, Decimal, Underflow, getcontext

import aiohttp
import pytest
from tests.unit.execution.adapters.ccxt.scripted import Reply, a_stop, a_target, an_order, binance_order

from tradewind.execution.adapters.ccxt.calls import VenueCalls
from tradewind.execution.live_venue import STALE_TIMESTAMP, TOO_MANY_REQUESTS, NotTakenError
from tradewind.execution.ports import DUPLICATE, Answer, VenueRefusalError

ORDER = "POST /api/v3/order"
TIME = "GET /api/v3/time"


def said(code: int, message: str, status: int = 400, **headers: str) -> Reply:
    return Reply({"code": code, "msg": message}, status, {name.replace("_", "-"): h for name, h in headers.items()})


BINANCE_REFUSALS = [
    ("InsufficientFunds", said(-2010, "Account has insufficient balance for requested action.")),
    ("WouldActAtOnce", said(-2010, "Order would immediately match and take.")),
    ("WouldActAtOnce", said(-2010, "Stop price would trigger immediately.")),
    (DUPLICATE, said(-2010, "Duplicate order sent.")),
    ("MarketClosed", said(-2010, "Market is closed.")),
    ("InvalidOrder", said(-2010, "The relationship of the prices for the orders is not correct.")),
    ("FilterFailure", said(-1013, "Filter failure: PRICE_FILTER")),
    ("FilterFailure", said(-1013, "Filter failure: LOT_SIZE")),
    ("FilterFailure", said(-1013, "Filter failure: NOTIONAL")),
    ("FilterFailure", said(-1013, "Filter failure: MAX_NUM_ORDERS")),
    ("BadRequest", said(-1111, "Precision is over the maximum defined for this asset.")),
    ("BadRequest", said(-1102, "Mandatory parameter 'side' was not sent, was empty/null, or malformed.")),
    ("BadSymbol", said(-1121, "Invalid symbol.")),
    ("AuthenticationFailed", said(-2014, "API-key format invalid.", 401)),
    ("AuthenticationFailed", said(-2015, "Invalid API-key, IP, or permissions for action.", 401)),
    ("AuthenticationFailed", said(-1022, "Signature for this request is not valid.")),
    ("PermissionDenied", said(-2010, "This symbol is not permitted for this account.")),
    ("AccountSuspended", said(-2010, "This action is disabled on this account.")),
]


@pytest.mark.parametrize(
    ("reason", "reply"), BINANCE_REFUSALS, ids=[f"{r}-{n}" for n, (r, _) in enumerate(BINANCE_REFUSALS)]
)
async def test_a_definite_no_of_binance(open_venue, reason, reply):
    venue, session = await open_venue("binance")
    session.on(ORDER, reply)
    with pytest.raises(VenueRefusalError) as caught:
        await venue.create([an_order()])
    assert caught.value.reason == reason
    assert not isinstance(caught.value, NotTakenError)
    assert len(session.sent) == 1


UNKNOWN = {
    "the line broke": Reply(error=aiohttp.ServerDisconnectedError()),
    "no answer in time": Reply(error=TimeoutError()),
    "502 of a proxy": Reply("<html>Bad Gateway</html>", 502),
    "503 overloaded": said(-1008, "Server is currently overloaded with other requests.", 503),
    "500 with a code that is else a refusal": said(-2010, "Account has insufficient balance.", 500),
    "execution status unknown": said(-1006, "An unexpected response was received from the message bus.", 400),
    "backend timeout": said(-1007, "Timeout waiting for response from backend server. Send status unknown.", 408),
    "a code nobody knows": said(-9999, "Something new."),
    "an unknown error": said(-1000, "An unknown error occurred while processing the request."),
    "a page in place of an answer": Reply("<html>hello</html>", 200),
    "an answer cut short": Reply('{"symbol":"BTCUSDT","orderId":47', 200),
    "an answer without a state": Reply({"symbol": "BTCUSDT", "orderId": 1, "status": "SOMETHING_NEW", "origQty": "1"}),
}


@pytest.mark.parametrize("reply", UNKNOWN.values(), ids=UNKNOWN)
async def test_what_leaves_the_outcome_unknown_is_no_refusal(open_venue, reply):
    """Nor is it an acceptance: nothing is answered about the order, and it is not sent a second time."""
    venue, session = await open_venue("binance")
    session.on(ORDER, reply)
    session.on("GET /api/v3/order", said(-2013, "Order does not exist."))
    results = await asyncio.gather(venue.create([an_order()]), return_exceptions=True)
    assert not isinstance(results[0], VenueRefusalError)
    assert isinstance(results[0], Exception) or results[0] == Answer()
    assert len([sent for sent in session.sent if sent.method == "POST"]) == 1


async def test_a_refusal_by_ccxt_of_an_answer_it_cannot_read_is_not_one_of_the_order(open_venue):
    """The order was taken; the exception is of a class that is a refusal when the venue says it."""
    venue, session = await open_venue("binance")
    session.on(ORDER, Reply(binance_order(an_order())))
    import ccxt.async_support  # noqa: PLC0415

    def unreadable(*_: object) -> None:
        raise ccxt.async_support.BadSymbol("binance does not know this market")

    venue.client.parse_order = unreadable
    with pytest.raises(ccxt.async_support.BadSymbol):
        await venue.create([an_order()])


OTHERS = [
    ("kraken", "POST /0/private/AddOrder", {"error": ["EOrder:Insufficient funds"]}, "InsufficientFunds"),
    ("kraken", "POST /0/private/AddOrder", {"error": ["EGeneral:Permission denied"]}, "PermissionDenied"),
    ("kraken", "POST /0/private/AddOrder", {"error": ["EAPI:Invalid key"]}, "AuthenticationFailed"),
    ("kraken", "POST /0/private/AddOrder", {"error": ["EOrder:Order minimum not met"]}, "InvalidOrder"),
    ("kraken", "POST /0/private/AddOrder", {"error": ["ETrade:User Locked"]}, "AccountSuspended"),
    ("kraken", "POST /0/private/AddOrder", {"error": ["EAPI:Invalid nonce"]}, STALE_TIMESTAMP),
    ("kraken", "POST /0/private/AddOrder", {"error": ["EOrder:Rate limit exceeded"]}, TOO_MANY_REQUESTS),
    ("kraken", "POST /0/private/AddOrder", {"error": ["EService:Unavailable"]}, None),
    ("kraken", "POST /0/private/AddOrder", {"error": ["EService:Busy"]}, None),
    ("bybit", "POST /v5/order/create", {"retCode": 170131, "retMsg": "Balance insufficient"}, "InsufficientFunds"),
    ("bybit", "POST /v5/order/create", {"retCode": 170141, "retMsg": "Duplicate clientOrderId"}, DUPLICATE),
    ("bybit", "POST /v5/order/create", {"retCode": 10003, "retMsg": "API key is invalid."}, "AuthenticationFailed"),
    ("bybit", "POST /v5/order/create", {"retCode": 10006, "retMsg": "Too many visits!"}, TOO_MANY_REQUESTS),
    ("bybit", "POST /v5/order/create", {"retCode": 10016, "retMsg": "Server error."}, None),
    ("cryptocom", "POST /exchange/v1/private/create-order", {"code": 306, "message": "X"}, "InsufficientFunds"),
    ("cryptocom", "POST /exchange/v1/private/create-order", {"code": 415, "message": "X"}, "InvalidOrder"),
    ("cryptocom", "POST /exchange/v1/private/create-order", {"code": 40102, "message": "X"}, STALE_TIMESTAMP),
    ("cryptocom", "POST /exchange/v1/private/create-order", {"code": 42901, "message": "X"}, TOO_MANY_REQUESTS),
    ("cryptocom", "POST /exchange/v1/private/create-order", {"code": 40801, "message": "X"}, None),
    ("cryptocom", "POST /exchange/v1/private/create-order", {"code": 50001, "message": "X"}, None),
]


@pytest.mark.parametrize(
    ("exchange", "path", "body", "reason"), OTHERS, ids=[f"{o[0]}-{n}" for n, o in enumerate(OTHERS)]
)
async def test_the_answers_of_the_other_venues(open_venue, exchange, path, body, reason):
    venue, session = await open_venue(exchange)
    session.on(path, Reply(body))
    session.on("GET /v5/market/time", Reply({"retCode": 0, "result": {}, "time": str(int(time.time() * 1000))}))
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the kind is looked at below
        await venue.create([an_order()])
    assert getattr(caught.value, "reason", None) == reason
    assert isinstance(caught.value, VenueRefusalError) == (reason is not None)


# ------------------------------------------------------------------------------------------------------------ not taken


async def test_a_stale_timestamp_is_not_taken_and_the_clock_is_measured_again(open_venue):
    venue, session = await open_venue("binance")
    session.on(ORDER, said(-1021, "Timestamp for this request was 1000ms ahead of the server's time."))
    session.on(TIME, Reply({"serverTime": int(time.time() * 1000) - 60_000}))
    with pytest.raises(NotTakenError, match="measured again") as caught:
        await venue.create([an_order()])
    assert (caught.value.reason, caught.value.retry_after) == (STALE_TIMESTAMP, 0)
    session.on(ORDER, Reply(binance_order(an_order())))
    await venue.create([an_order()])
    first, second = session.to("/api/v3/order")
    # A minute behind, as the venue's clock is: what is signed next will be taken.
    assert int(second.body["timestamp"]) - int(first.body["timestamp"]) < -55_000


async def test_a_stale_timestamp_waits_where_the_clock_cannot_be_measured(open_venue):
    venue, session = await open_venue("binance")
    session.on(ORDER, said(-1021, "Timestamp for this request is outside of the recvWindow."))
    session.on(TIME, Reply("gone", 502))
    with pytest.raises(NotTakenError) as caught:
        await venue.create([a_stop()])
    assert caught.value.retry_after > 0


@pytest.mark.parametrize(
    ("reply", "pause", "guessed"),
    [
        (said(-1003, "Too much request weight used.", 429, Retry_After="7"), 7, False),
        (said(-1003, "Way too much request weight used; IP banned.", 418, Retry_After="120"), 120, False),
        (said(-1015, "Too many new orders; current limit is 50 orders per TEN_SECOND.", 429), 30, True),
        (said(-1003, "Too much request weight used.", 400), 30, True),
    ],
    ids=["429", "418", "429 without words", "400"],
)
async def test_too_many_requests_pause_every_call(open_venue, reply, pause, guessed):
    """But for a cancellation, where the venue did not say how long it wants to be left alone."""
    venue, session = await open_venue("binance")
    session.on(ORDER, reply)
    with pytest.raises(NotTakenError) as caught:
        await venue.create([an_order()])
    assert (caught.value.reason, caught.value.retry_after) == (TOO_MANY_REQUESTS, pause)
    asked = len(session.sent)
    calls = [venue.open_orders, venue.balances, venue.fills, lambda: venue.find(an_order())]
    if not guessed:
        calls.append(lambda: venue.cancel(an_order()))
    for call in calls:
        with pytest.raises(NotTakenError) as held:
            await call()
        assert pause - 5 < held.value.retry_after <= pause
    assert len(session.sent) == asked
    if guessed:
        session.on("DELETE /api/v3/order", Reply(binance_order(an_order(), status="CANCELED")))
        await venue.cancel(an_order())
        assert session.sent[-1].method == "DELETE"


async def test_the_end_of_a_ban_is_read_from_the_venues_words(open_venue):
    venue, session = await open_venue("binance")
    until = int((time.time() + 500) * 1000)
    session.on(ORDER, said(-1003, f"Way too much request weight used; IP banned until {until}. Please use", 418))
    with pytest.raises(NotTakenError) as caught:
        await venue.create([an_order()])
    assert 490 < caught.value.retry_after <= 500


async def test_after_the_pause_the_venue_is_asked_again(open_venue):
    venue, session = await open_venue("binance")
    now = [100.0]
    calls = VenueCalls(venue.client, venue.row, now=lambda: now[0])
    session.on(
        ORDER, said(-1003, "Too much request weight used.", 429, Retry_After="7"), Reply(binance_order(an_order()))
    )

    async def create():
        return await venue.client.create_order("BTC/USDT", "limit", "buy", "0.015", "30000.5")

    with pytest.raises(NotTakenError):
        await calls.run(create)
    now[0] = 106.9
    with pytest.raises(NotTakenError):
        await calls.run(create)
    now[0] = 107.0
    assert (await calls.run(create))["status"] == "open"
    assert len(session.sent) == 2


# ------------------------------------------------------------------------------------------------------------- and else


async def test_a_refused_group_names_its_reason(open_venue):
    venue, session = await open_venue("binance")
    session.on("POST /api/v3/orderList/oco", said(-2010, "Order would trigger immediately."))
    with pytest.raises(VenueRefusalError) as caught:
        await venue.create([a_stop(), a_target()])
    assert caught.value.reason == "WouldActAtOnce"


async def test_ccxt_leaves_our_decimal_arithmetic_alone(open_venue):
    """It sets rounding and traps of the context it finds; a replay would round another way after the first order."""
    venue, session = await open_venue("binance")
    getcontext().rounding, getcontext().traps[Underflow] = ROUND_HALF_EVEN, False
    session.on(ORDER, Reply(binance_order(an_order())))
    await venue.create([an_order()])
    assert (getcontext().rounding, getcontext().traps[Underflow]) == (ROUND_HALF_EVEN, False)
    venue.client.amount_to_precision("BTC/USDT", "0.015")
    assert getcontext().traps[Underflow]  # what it does when it is not kept apart
    getcontext().traps[Underflow] = False
    getcontext().rounding = ROUND_HALF_EVEN
    assert Decimal(1) / 3
