"""The market streams as Binance's protocol has them: subscribing, combined messages, listen keys, slow clients."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import orjson
import pytest

from tradewind.sim_exchange.wire import connection


@pytest.fixture
async def inside(venue):
    await venue.move(venue.now + venue.hour // 2)
    return venue


async def told(socket):
    return orjson.loads((await socket.receive(timeout=10)).data)


async def ask(socket, method, params, identity=1):
    """The answer to a request, with the events before it passed over."""
    await socket.send_json({"method": method, "params": params, "id": identity})
    while True:
        answer = await told(socket)
        if answer.get("id") == identity:
            return answer


async def test_streams_of_the_address_and_of_requests(inside):
    """What the address names is followed at once; more and less by request."""
    async with inside.session.ws_connect(f"{inside.websocket_url}/ws/ethusdt@trade/btcusdt@trade") as socket:
        assert {"result": ["ethusdt@trade", "btcusdt@trade"], "id": 1} == await ask(socket, "LIST_SUBSCRIPTIONS", [])
        assert {"result": None, "id": "a"} == await ask(socket, "SUBSCRIBE", ["ethusdt@kline_1h"], "a")
        assert {"result": None, "id": 3} == await ask(socket, "UNSUBSCRIBE", ["ethusdt@trade", "btcusdt@trade"], 3)
        assert {"result": ["ethusdt@kline_1h"], "id": 4} == await ask(socket, "LIST_SUBSCRIPTIONS", [], 4)
        await inside.move(inside.now + inside.hour * 3 // 4)
        assert "kline" == (await told(socket))["e"]


async def test_combined_messages_name_their_stream(inside):
    """By the address, or by a property that is set; `!ticker@arr` is a list."""
    address = f"{inside.websocket_url}/stream?streams=ethusdt@bookTicker/!ticker@arr"
    async with inside.session.ws_connect(address) as socket:
        assert {"result": True, "id": 1} == await ask(socket, "GET_PROPERTY", ["combined"])
        await inside.move(inside.now + inside.hour * 3 // 4)
        seen = {}
        while len(seen) < 2:
            message = await told(socket)
            seen[message["stream"]] = message["data"]
        assert "ETHUSDT" == seen["ethusdt@bookTicker"]["s"]
        assert "24hrTicker" == seen["!ticker@arr"][0]["e"]
        assert {"result": None, "id": 2} == await ask(socket, "SET_PROPERTY", ["combined", False], 2)
        await inside.move(inside.now + inside.hour * 4 // 5)
        message = await told(socket)
        assert isinstance(message, list) or "stream" not in message


async def test_every_stream_tells_what_rest_tells(inside):
    """Candle, day, best prices and book of the streams are those of REST at the same time."""
    names = ["kline_1h", "ticker", "miniTicker", "bookTicker", "depth5", "depth20@100ms", "aggTrade", "depth@100ms"]
    streams = "/".join(f"ethusdt@{name}" for name in names)
    async with inside.session.ws_connect(f"{inside.websocket_url}/stream?streams={streams}") as socket:
        await inside.move(inside.now + inside.hour * 3 // 4)
        seen = {}
        while len(seen) < len(names):
            message = await told(socket)
            seen[message["stream"].partition("@")[2]] = message["data"]
        await ask(socket, "LIST_SUBSCRIPTIONS", [])

    async def rest(path, **query):
        async with inside.session.get(f"{inside.url}/api/v3/{path}", params={"symbol": "ETHUSDT", **query}) as answer:
            return await answer.json()

    day, book = await rest("ticker/24hr"), await rest("ticker/bookTicker")
    candle = (await rest("klines", interval="1h", limit=1))[0]
    assert candle[:6] == [seen["kline_1h"]["k"][name] for name in "tohlcv"]
    assert (day["lastPrice"], day["volume"]) == (seen["ticker"]["c"], seen["ticker"]["v"])
    assert (day["highPrice"], day["quoteVolume"]) == (seen["miniTicker"]["h"], seen["miniTicker"]["q"])
    assert (book["bidPrice"], book["askQty"]) == (seen["bookTicker"]["b"], seen["bookTicker"]["A"])
    assert (await rest("depth", limit=5)) == seen["depth5"]
    assert 20 == len(seen["depth20@100ms"]["bids"])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", 3),
        ("[]", 2),
        ('{"method": "SHOUT", "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": [], "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": [1], "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": "a", "id": 1}', 2),
        ('{"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}', 1),
        ('{"method": "GET_PROPERTY", "params": ["colour"], "id": 1}', 0),
        ('{"method": "LIST_SUBSCRIPTIONS", "id": [1]}', 2),
    ],
)
async def test_requests_that_are_none_are_answered(inside, text, code):
    """With Binance's code for it; the connection goes on."""
    async with inside.session.ws_connect(f"{inside.websocket_url}/ws") as socket:
        await socket.send_str(text)
        assert code == (await told(socket))["error"]["code"]
        assert {"result": [], "id": 9} == await ask(socket, "LIST_SUBSCRIPTIONS", [], 9)


async def test_there_are_no_other_sockets(inside):
    """An address that is none is refused at the handshake."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await inside.session.ws_connect(f"{inside.websocket_url}/elsewhere")
    assert 403 == caught.value.status


async def test_the_account_by_listen_key(inside):
    """The old way: a key by REST, and its stream; without the API key there is none, and a made-up one is deaf."""
    address = f"{inside.url}/api/v3/userDataStream"
    async with inside.session.post(address) as answer:
        assert 401 == answer.status
    async with inside.session.post(address, headers=inside.headers) as answer:
        key = (await answer.json())["listenKey"]
    async with inside.session.put(address, params={"listenKey": key}, headers=inside.headers) as answer:
        assert {} == await answer.json()
    client = await inside.client()
    async with (
        inside.session.ws_connect(f"{inside.websocket_url}/ws/{key}") as socket,
        inside.session.ws_connect(f"{inside.websocket_url}/ws/{'0' * 60}") as deaf,
    ):
        await ask(socket, "LIST_SUBSCRIPTIONS", [])
        await client.create_order("ETH/USDT", "limit", "buy", 1, 1000)
        report, position = await told(socket), await told(socket)
        assert ("executionReport", "NEW", 1) == (report["e"], report["x"], report["I"])
        assert "outboundAccountPosition" == position["e"]
        assert {"ETH": "0.00000000", "USDT": "1000.00000000"} == {one["a"]: one["l"] for one in position["B"]}
        assert {"result": [], "id": 1} == await ask(deaf, "LIST_SUBSCRIPTIONS", [])


async def test_an_order_list_is_told_as_one(inside):
    """Both legs and the list, and the list again when it is done."""
    client = await inside.pro()
    async with inside.session.ws_connect(f"{inside.websocket_url}/ws-api/v3") as socket:
        params = client.sign_params({})
        await socket.send_json({"id": 1, "method": "userDataStream.subscribe.signature", "params": params})
        assert {"subscriptionId": 0} == (await told(socket))["result"]
        await client.private_post_order_oco(
            {"symbol": "ETHUSDT", "side": "SELL", "quantity": "1", "price": "2520", "stopPrice": "2300"}
        )
        await inside.move(inside.now + 10 * inside.hour)
        events = []
        while [event.get("L") for event in events if event["e"] == "listStatus"] != ["EXECUTING", "ALL_DONE"]:
            message = await told(socket)
            assert 0 == message["subscriptionId"]
            events.append(message["event"])
        reports = [event for event in events if event["e"] == "executionReport"]
        assert list(range(1, len(reports) + 1)) == [report["I"] for report in reports]
        assert {"NEW", "TRADE"} <= {report["x"] for report in reports}


async def test_a_client_that_does_not_read_is_disconnected_and_nobody_waits(make_venue, monkeypatch):
    """Its connection ends when too much waits for it; the venue and the others go on meanwhile."""
    monkeypatch.setattr(connection, "MOST_WAITING", 50)
    venue = await make_venue()
    await venue.move(venue.now + venue.hour // 2)
    host, port = venue.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    streams = "ethusdt@depth20/btcusdt@depth20/ethusdt@depth/btcusdt@depth"
    writer.write(
        f"GET /stream?streams={streams} HTTP/1.1\r\nhost: venue\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n".encode()
    )
    assert b"101" in await reader.readline()
    hub = venue.standalone.application.hub
    time = venue.now + venue.hour // 2
    async with asyncio.timeout(60):
        while hub.connections:
            time += venue.hour // 600
            await venue.move(time)
    assert not hub.connections
    writer.close()
