"""Each mistake by raw HTTP, without a client in between: Binance's status, code and words, which bots match on."""

from __future__ import annotations

import hashlib
import hmac
import time
from urllib.parse import urlencode

import aiohttp
import pytest

LIMIT = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "2400"}
MARKET = {"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
ORDER = ("POST", "/api/v3/order")
KLINES = ("GET", "/api/v3/klines")


def without(values, *names):
    return {name: value for name, value in values.items() if name not in names}


def signed(values, *, secret="s" * 64, late=0):
    """A form with the wall clock, `late` milliseconds ago, and its signature."""
    form = urlencode({**values, "timestamp": time.time_ns() // 1_000_000 - late})
    return f"{form}&signature={hmac.new(secret.encode(), form.encode(), hashlib.sha256).hexdigest()}"


@pytest.fixture
async def ask(venue):
    """Half an hour into a candle: `(status, code, message)` of a request as it is written."""
    await venue.move(venue.now + venue.hour // 2)

    async def answer(method, path, form, headers=None):
        address = aiohttp.client.URL(f"{venue.url}{path}?{form}", encoded=True)
        headers = venue.headers if headers is None else headers
        async with venue.session.request(method, address, headers=headers) as reply:
            told = await reply.json()
            assert reply.content_type == "application/json"
            return reply.status, told["code"], told["msg"]

    return answer


@pytest.mark.parametrize(
    ("call", "sent", "code", "words"),
    [
        (ORDER, {**LIMIT, "symbol": "eth/usdt"}, -1100, "Illegal characters found in parameter 'symbol'"),
        (ORDER, {**LIMIT, "price": "1e3"}, -1100, "legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'"),
        (ORDER, without(LIMIT, "symbol"), -1102, "Mandatory parameter 'symbol' was not sent"),
        (ORDER, without(LIMIT, "timeInForce"), -1102, "Mandatory parameter 'timeInForce' was not sent"),
        (ORDER, without(MARKET, "quantity"), -1102, "Param 'quantity' or 'quoteOrderQty' must be sent"),
        (("GET", "/api/v3/order"), {"symbol": "ETHUSDT"}, -1102, "Param 'origClientOrderId' or 'orderId' must be sent"),
        (ORDER, {**LIMIT, "colour": "red"}, -1104, "read '8' parameter(s) but was sent '9'"),
        (ORDER, {**LIMIT, "newClientOrderId": ""}, -1105, "Parameter 'newClientOrderId' was empty."),
        (ORDER, {**MARKET, "price": "2400"}, -1106, "Parameter 'price' sent when not required."),
        (ORDER, {**LIMIT, "quantity": "0.12345678901"}, -1111, "too much precision"),
        (ORDER, {**LIMIT, "timeInForce": "DAY"}, -1115, "Invalid timeInForce."),
        (ORDER, {**LIMIT, "type": "MAYBE"}, -1116, "Invalid orderType."),
        (ORDER, {**LIMIT, "side": "HOLD"}, -1117, "Invalid side."),
        (ORDER, {**LIMIT, "symbol": "DOGEUSDT"}, -1121, "Invalid symbol."),
        (("GET", "/api/v3/myTrades"), {"symbol": "ETHUSDT", "limit": "0"}, -1130, "parameter 'limit' is not valid"),
        (("GET", "/api/v3/account"), {"recvWindow": "60001"}, -1131, "recvWindow must be less than 60000."),
        (ORDER, {**LIMIT, "price": "2400.001"}, -1013, "Filter failure: PRICE_FILTER"),
        (ORDER, {**LIMIT, "quantity": "0.00015"}, -1013, "Filter failure: LOT_SIZE"),
        (ORDER, {**LIMIT, "quantity": "0.0010"}, -1013, "Filter failure: NOTIONAL"),
        (ORDER, {**LIMIT, "quantity": "1000"}, -2010, "Account has insufficient balance for requested action."),
        (("DELETE", "/api/v3/order"), {"symbol": "ETHUSDT", "orderId": "4711"}, -2011, "Unknown order sent."),
        (("DELETE", "/api/v3/openOrders"), {"symbol": "ETHUSDT"}, -2011, "Unknown order sent."),
        (("GET", "/api/v3/order"), {"symbol": "ETHUSDT", "orderId": "4711"}, -2013, "Order does not exist."),
        (
            ("POST", "/api/v3/order/cancelReplace"),
            {**LIMIT, "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": "4711"},
            -2022,
            "Order cancel-replace failed.",
        ),
    ],
)
async def test_a_signed_call_that_is_wrong(ask, call, sent, code, words):
    """The first thing that is wrong, by its code, and in Binance's words."""
    status, told, message = await ask(*call, signed(sent))

    assert (400, code) == (status, told), message
    assert words in message


@pytest.mark.parametrize(
    ("call", "form", "code", "words"),
    [
        (KLINES, "symbol=ETHUSDT", -1102, "Mandatory parameter 'interval' was not sent"),
        (KLINES, "symbol=ETHUSDT&interval=7m", -1120, "Invalid interval."),
        (KLINES, "symbol=DOGEUSDT&interval=1h", -1121, "Invalid symbol."),
        (KLINES, "symbol=ETHUSDT&symbol=BTCUSDT&interval=1h", -1101, "Duplicate values for a parameter detected."),
        (KLINES, "symbol=ETHUSDT&interval=1h&colour=red", -1101, "Too many parameters; expected '2' and received '3'."),
        (KLINES, "symbol=%ff&interval=1h", -1100, "Illegal characters found in a parameter."),
        (
            ("GET", "/api/v3/ticker/price"),
            'symbol=ETHUSDT&symbols=["BTCUSDT"]',
            -1128,
            "Combination of optional parameters invalid.",
        ),
    ],
)
async def test_a_public_call_that_is_wrong(ask, call, form, code, words):
    """The same, where nobody is asked who they are."""
    status, told, message = await ask(*call, form)

    assert (400, code) == (status, told), message
    assert words in message


async def test_an_order_twice_under_one_name(ask, venue):
    """The second is refused while the first is open, and the first stays as it was."""
    named = {**LIMIT, "newClientOrderId": "mine"}
    async with venue.session.post(f"{venue.url}/api/v3/order", data=signed(named), headers=venue.headers) as reply:
        assert reply.status == 200
    assert (400, -2010, "Duplicate order sent.") == await ask(*ORDER, signed(named))
    assert 1 == (await venue.admin("GET", "status"))["openOrders"]


@pytest.mark.parametrize(
    ("form", "headers", "refusal"),
    [
        (lambda: signed(MARKET), {}, (401, -2014, "API-key format invalid.")),
        (lambda: signed(MARKET), {"X-MBX-APIKEY": "not a key"}, (401, -2014, "API-key format invalid.")),
        (
            lambda: signed(MARKET),
            {"X-MBX-APIKEY": "x" * 64},
            (401, -2015, "Invalid API-key, IP, or permissions for action."),
        ),
        (lambda: signed(MARKET, secret="x"), None, (400, -1022, "Signature for this request is not valid.")),
        (lambda: signed(MARKET).replace("BUY", "SELL"), None, (400, -1022, "Signature for this request is not valid.")),
        (
            lambda: signed(MARKET, late=60_000),
            None,
            (400, -1021, "Timestamp for this request is outside of the recvWindow."),
        ),
        (
            lambda: signed(MARKET, late=-60_000),
            None,
            (400, -1021, "Timestamp for this request was 1000ms ahead of the server's time."),
        ),
        (
            lambda: urlencode({**MARKET, "timestamp": "1"}),
            None,
            (400, -1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed."),
        ),
    ],
)
async def test_who_is_not_let_in(ask, venue, form, headers, refusal):
    """Key, signature and time, each by its own code; nothing was traded."""
    assert refusal == await ask(*ORDER, form(), headers)
    assert "100000.00000000" == (await venue.admin("GET", "status"))["balances"]["USDT"]["free"]
