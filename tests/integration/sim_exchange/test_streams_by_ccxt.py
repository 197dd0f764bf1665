"""An unmodified ccxt.pro client watches the venue: market streams, orders, trades and balances as they happen."""

from __future__ import annotations

import asyncio
import contextlib

import ccxt.pro
import pytest

PAIR = "ETH/USDT"


@pytest.fixture
async def client(venue):
    await venue.move(venue.now + venue.hour // 2)
    client = await venue.pro(newUpdates=True)
    await client.load_markets()
    return client


async def seen(venue, client, watch, *, start=None):
    """The first answer of `watch` while time goes on; the venue is moved until it comes."""
    watching = asyncio.ensure_future(watch)
    time = start or (await venue.admin("GET", "clock"))["time"]
    try:
        async with asyncio.timeout(60):
            while not watching.done():
                time += venue.hour // 60
                await venue.move(time)
                await asyncio.wait({watching}, timeout=0.02)
            return watching.result()
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await watching


async def test_tickers_are_watched(venue, client):
    """Day, small day, and best bid and ask."""
    small = await seen(venue, client, client.watch_ticker(PAIR))
    assert small["low"] <= small["last"] <= small["high"]
    ticker = await seen(venue, client, client.watch_ticker(PAIR, {"name": "ticker"}))
    assert (PAIR, True) == (ticker["symbol"], ticker["bid"] < ticker["ask"])
    assert {PAIR} == set(await seen(venue, client, client.watch_tickers([PAIR])))
    books = await seen(venue, client, client.watch_bids_asks([PAIR]))
    assert books[PAIR]["bid"] < books[PAIR]["ask"]


async def test_candles_are_watched_until_they_close(venue, client):
    """The present candle as it stands, and then the next one."""
    candles = await seen(venue, client, client.watch_ohlcv(PAIR, "1h"))
    assert venue.now == candles[-1][0]
    for _ in range(200):
        candles = await seen(venue, client, client.watch_ohlcv(PAIR, "1h"))
        if candles[-1][0] == venue.now + venue.hour:
            break
    rest = {candle[0]: candle for candle in await client.fetch_ohlcv(PAIR, "1h", limit=3)}
    closed = {candle[0]: candle for candle in client.ohlcvs[PAIR]["1h"]}
    assert rest[venue.now] == closed[venue.now]


async def test_the_book_is_watched_and_stays_the_venues(venue, client):
    """Snapshot and differences join, and after many of them the book is what the venue says it is."""
    for _ in range(5):
        await seen(venue, client, client.watch_order_book(PAIR))
    nonce = client.orderbooks[PAIR]["nonce"]
    async with asyncio.timeout(60):
        while True:
            book = await client.fetch_order_book(PAIR, 1000)
            mine = client.orderbooks[PAIR]
            if mine["nonce"] == book["nonce"]:
                break
            await client.watch_order_book(PAIR)
    assert mine["nonce"] > nonce - 1
    assert [level[:2] for level in book["bids"][:10]] == [list(level[:2]) for level in mine["bids"][:10]]
    assert [level[:2] for level in book["asks"][:10]] == [list(level[:2]) for level in mine["asks"][:10]]


async def test_trades_are_watched(venue, client):
    """Each with an id, the next above the last."""
    first = await seen(venue, client, client.watch_trades(PAIR))
    second = await seen(venue, client, client.watch_trades(PAIR))
    assert int(second[0]["id"]) > int(first[-1]["id"]) - 1
    assert first[0]["amount"] > 0


async def test_orders_trades_and_balances_are_watched(venue, client):
    """An order made by REST comes by the stream: made, filled, paid."""
    orders = asyncio.ensure_future(client.watch_orders(PAIR))
    trades = asyncio.ensure_future(client.watch_my_trades(PAIR))
    balances = asyncio.ensure_future(client.watch_balance())
    await subscribed(venue, client)
    placed = await client.create_order(PAIR, "limit", "sell", 1, venue.open_price(PAIR, 0) + 18)
    async with asyncio.timeout(60):
        assert [(placed["id"], "open")] == [(one["id"], one["status"]) for one in await orders]
        assert 1.0 == (await balances)["ETH"]["used"]
    filled = asyncio.ensure_future(client.watch_orders(PAIR))
    await venue.move(venue.now + 2 * venue.hour)
    async with asyncio.timeout(60):
        done, trade = await filled, await trades
    assert ("closed", 1.0, placed["clientOrderId"]) == (
        done[-1]["status"],
        done[-1]["filled"],
        done[-1]["clientOrderId"],
    )
    assert (placed["id"], "maker", "USDT") == (trade[0]["order"], trade[0]["takerOrMaker"], trade[0]["fee"]["currency"])
    listed = await client.fetch_my_trades(PAIR)
    assert (listed[0]["id"], listed[0]["fee"]["cost"]) == (trade[0]["id"], trade[0]["fee"]["cost"])


async def subscribed(venue, client):
    """Wait until the user stream is on."""
    async with asyncio.timeout(60):
        while not any("spot" in one.subscriptions for one in client.clients.values() if "ws-api" in one.url):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        # An answer on the same connection comes after that of the subscription before it.
        await client.fetch_balance_ws()


async def test_trading_by_websocket(venue, client):
    """Made, found, canceled and refused on the WebSocket API."""
    order = await client.create_order_ws(PAIR, "limit", "buy", 1, 1000)
    assert "open" == order["status"]
    assert order["id"] == (await client.fetch_order_ws(order["id"], PAIR))["id"]
    assert 1 == len(await client.fetch_open_orders_ws(PAIR))
    told = await client.fetch_balance_ws()
    # ccxt leaves spot balances of this call unread.
    assert ["1000.00000000"] == [one["locked"] for one in told["info"]["balances"] if one["asset"] == "USDT"]
    assert "canceled" == (await client.cancel_order_ws(order["id"], PAIR))["status"]
    with pytest.raises(ccxt.pro.InsufficientFunds):
        await client.create_order_ws(PAIR, "limit", "buy", 1000, 1000)
    with pytest.raises(ccxt.pro.OrderNotFound):
        await client.cancel_order_ws("4711", PAIR)
    bought = await client.create_order_ws(PAIR, "market", "buy", 1)
    assert "closed" == bought["status"]
    assert 1 == len(await client.fetch_my_trades_ws(PAIR))
    candles = await client.fetch_ohlcv_ws(PAIR, "1h", limit=2)
    assert 2 == len(candles)


async def test_a_forged_subscription_is_refused(venue):
    """Nobody watches an account with another secret."""
    client = await venue.pro(secret="x" * 64)
    with pytest.raises(ccxt.pro.AuthenticationError):
        await client.watch_orders(PAIR)


async def test_dropped_doubled_and_reordered_updates(venue, client):
    """The user stream misbehaves as asked; REST tells the truth all along."""
    received: list[dict] = []
    original = client.handle_order_update
    client.handle_order_update = lambda one, message: (received.append(message), original(one, message))[1]
    watching = asyncio.ensure_future(client.watch_orders(PAIR))
    await subscribed(venue, client)
    await venue.admin(
        "POST",
        "faults",
        [
            {"kind": "DropUpdate", "method": "NEW", "clientOrderId": "a"},
            {"kind": "DuplicateUpdate", "clientOrderId": "b"},
            {"kind": "ReorderUpdates", "clientOrderId": "c"},
        ],
    )
    for identity in "abcd":
        await client.create_order(PAIR, "limit", "buy", 1, 1000, {"clientOrderId": identity})
    await client.fetch_balance_ws()
    assert ["b", "b", "d", "c"] == [message["c"] for message in received]
    assert [4, 3] == [message["I"] for message in received[-2:]]
    assert 4 == len(await client.fetch_open_orders(PAIR))
    await watching


async def test_a_disconnect_is_seen_and_survived(venue, client):
    """The connection ends; the client comes back and goes on watching."""
    watching = asyncio.ensure_future(client.watch_orders(PAIR))
    await subscribed(venue, client)
    await venue.fault("Disconnect")
    with pytest.raises(ccxt.pro.NetworkError):
        async with asyncio.timeout(60):
            await watching
    again = asyncio.ensure_future(client.watch_orders(PAIR))
    await subscribed(venue, client)
    await client.create_order(PAIR, "limit", "buy", 1, 1000)
    async with asyncio.timeout(60):
        assert "open" == (await again)[0]["status"]
