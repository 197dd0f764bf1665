"""Whatever is sent to the venue, the answer is the venue's: a result or a refusal with a code, and never a 5xx."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from urllib.parse import quote

import aiohttp
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradewind.sim_exchange.wire.call import Security
from tradewind.sim_exchange.wire.fields import names_of
from tradewind.sim_exchange.wire.routes import ROUTES
from tradewind.sim_exchange.wire.websocket_api import METHODS

OWN = {call: sorted(names_of(route.needs + route.takes)) for call, route in ROUTES.items()}
NAMES = sorted({name for names in OWN.values() for name in names})
TEXT = """
ETHUSDT BTCUSDT ETHBTC BUY SELL LIMIT MARKET STOP_LOSS STOP_LOSS_LIMIT LIMIT_MAKER TAKE_PROFIT TAKE_PROFIT_LIMIT
GTC IOC FOK 1h 4h 1d 1m 1M FULL ACK RESULT STOP_ON_FAILURE ALLOW_FAILURE ONLY_NEW client-1 client-2 [] true false
0 1 2 0.01 2500 2480.55 1000 0.00000001 99999999999999999999 9223372036854775807 9223372036854775808 -1 NaN Infinity
1e9 1700000000000 12345678901234567890.12345678901234567890 0.00000000000000000001 ["ETHUSDT"] ["ETHUSDT","NONE"]
"""
WORDS = [*TEXT.split(), "", " ", "\x00", "\xfc", "\U0001f4b0"]
VALUES = st.one_of(st.sampled_from(WORDS), st.sampled_from(WORDS), st.text(max_size=12))
CALLS = st.sampled_from(sorted(ROUTES))


ORDER = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "2400"}
STOP = {"symbol": "ETHUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "1", "stopPrice": "2400"}
MARKET = {"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
OCO = {"symbol": "ETHUSDT", "side": "SELL", "quantity": "1", "price": "2600", "stopPrice": "2400"}
NEARLY_RIGHT = [
    ("POST", "/api/v3/order", ORDER),
    ("POST", "/api/v3/order", {**ORDER, "newClientOrderId": "client-1"}),
    ("POST", "/api/v3/order", STOP),
    ("POST", "/api/v3/order", MARKET),
    ("POST", "/api/v3/order/test", ORDER),
    ("POST", "/api/v3/order/oco", OCO),
    ("POST", "/api/v3/order/cancelReplace", {**ORDER, "cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": "1"}),
    ("DELETE", "/api/v3/order", {"symbol": "ETHUSDT", "orderId": "2"}),
    ("DELETE", "/api/v3/openOrders", {"symbol": "ETHUSDT"}),
    ("GET", "/api/v3/allOrders", {"symbol": "ETHUSDT"}),
    ("GET", "/api/v3/myTrades", {"symbol": "ETHUSDT"}),
    ("GET", "/api/v3/klines", {"symbol": "ETHUSDT", "interval": "4h"}),
    ("GET", "/api/v3/aggTrades", {"symbol": "ETHUSDT"}),
    ("GET", "/api/v3/depth", {"symbol": "ETHUSDT"}),
]


@st.composite
def requests(draw):
    """A call with parameters of its own, of others, or of nobody; signed well, badly or not."""
    if draw(st.booleans()):
        method, path, right = draw(st.sampled_from(NEARLY_RIGHT))
        changed = draw(st.dictionaries(st.sampled_from(OWN[method, path]), VALUES, max_size=2))
        return method, path, list({**right, **changed}.items()), "signed", draw(st.booleans())
    method, path = draw(CALLS)
    own = OWN[method, path] or NAMES
    names = st.one_of(st.sampled_from(own), st.sampled_from(own), st.sampled_from(own), st.sampled_from(NAMES))
    sent = draw(st.lists(st.tuples(names, VALUES), max_size=10))
    return method, path, sent, draw(st.sampled_from(["signed"] * 8 + ["unsigned", "broken"])), draw(st.booleans())


def form_of(sent, signing: str) -> str:
    form = "&".join(f"{quote(name)}={quote(value)}" for name, value in sent)
    if signing == "unsigned":
        return form
    form += ("&" if form else "") + f"timestamp={time.time_ns() // 1_000_000}"
    secret = "s" * 64 if signing == "signed" else "x"
    return f"{form}&signature={hmac.new(secret.encode(), form.encode(), hashlib.sha256).hexdigest()}"


@pytest.fixture
async def inside(venue):
    """The venue half an hour into a candle."""
    await venue.move(venue.now + venue.hour // 2)
    return venue


async def test_no_call_is_answered_with_5xx(inside):
    """Every route, parameters from hostile to nearly right; JSON, a code with each refusal, and books that balance."""
    loop = asyncio.get_running_loop()
    answered: dict[int, int] = {}

    async def ask(method, path, form, in_body, signed):
        address, body = f"{inside.url}{path}", None
        if in_body and method != "GET":
            body = form.encode()
        elif form:
            address += f"?{form}"
        headers = inside.headers if signed else {}
        async with inside.session.request(
            method, aiohttp.client.URL(address, encoded=True), data=body, headers=headers
        ) as answer:
            content = orjson.loads(await answer.read())
            answered[answer.status] = answered.get(answer.status, 0) + 1
            assert answer.status < 500, (method, path, form, content)
            if answer.status >= 400:
                assert content["code"] < 0, content
                assert content["msg"]

    @settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
    @given(requests())
    def run(request):
        method, path, sent, signing, in_body = request
        public = ROUTES[method, path].security is Security.NONE
        form = form_of(sent, "unsigned" if public else signing)
        asyncio.run_coroutine_threadsafe(ask(method, path, form, in_body, signing != "broken"), loop).result(120)

    await asyncio.to_thread(run)
    assert answered.get(200, 0) > 20
    for balance in (await inside.admin("GET", "status"))["balances"].values():
        assert not balance["free"].startswith("-")
        assert not balance["locked"].startswith("-")


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("POST", "/api/v3/order", b'{"symbol": "ETHUSDT"}', {"content-type": "application/json"}),
        ("POST", "/api/v3/order", b"\xff\xfe\x00", {}),
        ("POST", "/api/v3/order", b"=&&==&%", {}),
        ("POST", "/api/v3/order", b"a" * 100_000, {}),
        ("POST", "/api/v3/order", b"symbol=A&symbol=B", {}),
        ("GET", "/api/v3/klines?symbol=%ff&interval=1h", None, {}),
        ("GET", "/api/v3/nothing", None, {}),
        ("PATCH", "/api/v3/order", None, {}),
        ("GET", "/", None, {}),
        ("POST", "/sim/clock", b"[" * 100_000, {}),
        ("POST", "/sim/clock", b"\xff", {}),
        ("POST", "/sim/faults", b'{"kind": "Ban", "seconds": 1e400}', {}),
        ("POST", "/api/v3/userDataStream", None, {"x-mbx-apikey": "schl\xfcssel"}),
    ],
)
async def test_requests_that_are_none_at_all(venue, method, path, body, headers):
    """No form, no text, no such path: refused with JSON, below 500."""
    address = aiohttp.client.URL(f"{venue.url}{path}", encoded=True)
    async with venue.session.request(method, address, data=body, headers={**venue.headers, **headers}) as answer:
        assert 400 <= answer.status < 500
        assert orjson.loads(await answer.read())["code"] < 0


MESSAGES = st.one_of(
    st.text(max_size=30),
    st.builds(
        lambda method, params, identity: orjson.dumps({"id": identity, "method": method, "params": params}).decode(),
        st.one_of(
            st.sampled_from(
                [*METHODS, "userDataStream.subscribe.signature", "SUBSCRIBE", "UNSUBSCRIBE", "SET_PROPERTY"]
            ),
            st.integers(-5, 5),
        ),
        st.one_of(
            st.dictionaries(
                st.sampled_from([*NAMES, "apiKey", "timestamp", "signature"]),
                st.one_of(
                    VALUES, st.integers(-(2**63), 2**63 - 1), st.floats(), st.none(), st.lists(VALUES, max_size=2)
                ),
                max_size=6,
            ),
            st.lists(st.one_of(st.sampled_from(["ethusdt@trade", "ethusdt@depth5", "combined"]), st.booleans())),
            st.text(max_size=5),
        ),
        st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(max_size=50), st.none(), st.lists(st.none())),
    ),
)


@pytest.mark.parametrize("path", ["/ws-api/v3", "/ws", "/stream"])
async def test_no_message_breaks_a_websocket(inside, path):
    """Each message is answered, with a status below 500, and the connection goes on."""
    loop = asyncio.get_running_loop()
    async with inside.session.ws_connect(inside.websocket_url + path) as socket:

        async def ask(message):
            await socket.send_str(message)
            answer = orjson.loads((await socket.receive(timeout=10)).data)
            assert answer.get("status", 200) < 500
            assert {"result", "error"} & set(answer)

        @settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
        @given(MESSAGES)
        def run(message):
            asyncio.run_coroutine_threadsafe(ask(message), loop).result(120)

        await asyncio.to_thread(run)
