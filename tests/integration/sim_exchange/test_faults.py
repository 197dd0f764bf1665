"""Faults on request, over real HTTP: the venue misbehaves as asked, once for each count, and its truth stays whole."""

from __future__ import annotations

import asyncio

import aiohttp
import ccxt.async_support as ccxt
import pytest

PAIR = "ETH/USDT"


@pytest.fixture
async def client(venue):
    await venue.move(venue.now + venue.hour // 2)
    client = await venue.client()
    await client.load_markets()
    return client


async def order(client, identity="mine", **params):
    return await client.create_order(PAIR, "limit", "buy", 1, 1000, {"clientOrderId": identity, **params})


async def test_a_timeout_after_accept_leaves_an_order(venue, client):
    """The client hears nothing; the order is there, and is found by its client order id."""
    await venue.fault("TimeoutAfterAccept", method="POST /api/v3/order")
    client.timeout = 300
    with pytest.raises(ccxt.RequestTimeout):
        await order(client)
    client.timeout = 10_000
    found = await client.fetch_order(None, PAIR, {"origClientOrderId": "mine"})
    assert ("open", 1.0) == (found["status"], found["amount"])
    await order(client, "next")


async def test_a_rejected_order_is_not_there(venue, client):
    """Refused for certain: nothing reserved, nothing to find; the next one is taken."""
    await venue.fault("Reject", symbol="ETHUSDT")
    with pytest.raises(ccxt.InvalidOrder, match="-2010"):
        await order(client)
    with pytest.raises(ccxt.OrderNotFound):
        await client.fetch_order(None, PAIR, {"origClientOrderId": "mine"})
    assert "open" == (await order(client))["status"]


async def test_a_delayed_order_comes_too_late_for_its_window(venue, client):
    """What was under way for longer than the receive window is refused, however it was signed."""
    await venue.fault("DelayBeyondTimeout", seconds=0.3, clientOrderId="mine")
    with pytest.raises(ccxt.InvalidNonce):
        await order(client, recvWindow=100)
    assert [] == await client.fetch_open_orders(PAIR)
    await venue.fault("DelayBeyondTimeout", seconds=0.2, clientOrderId="mine")
    assert "open" == (await order(client, recvWindow=5000))["status"]


@pytest.mark.parametrize(("after", "there"), [(False, 0), (True, 1)])
async def test_a_server_error_before_and_after_accept(venue, client, after, there):
    """A 5xx says nothing about the order: before it was taken there is none, afterwards there is one."""
    await venue.fault("ServerError", method="POST /api/v3/order", afterAccept=after)
    with pytest.raises(ccxt.OperationFailed):
        await order(client)
    assert there == len(await client.fetch_open_orders(PAIR))


async def test_both_server_errors_wait_for_their_moment(venue, client):
    """One of each: each is used up by one order, and the third is well."""
    await venue.fault("ServerError", method="POST /api/v3/order", afterAccept=True)
    await venue.fault("ServerError", method="POST /api/v3/order")
    for identity in ("first", "second"):
        with pytest.raises(ccxt.OperationFailed):
            await order(client, identity)
    await order(client, "third")
    assert ["first", "third"] == [one["clientOrderId"] for one in await client.fetch_open_orders(PAIR)]


async def test_a_ban_and_too_many_requests(venue, client):
    """418 until the ban is over, for everything; 429 for as many requests as were asked for."""
    await venue.fault("RateLimit", count=2)
    for _ in range(2):
        with pytest.raises(ccxt.DDoSProtection, match=" 429 "):
            await client.public_get_ping()
    await client.public_get_ping()
    await venue.fault("Ban", seconds=0.4)
    with pytest.raises(ccxt.DDoSProtection, match=" 418 "):
        await client.fetch_balance()
    with pytest.raises(ccxt.DDoSProtection, match=" 418 "):
        await client.public_get_ping()
    async with asyncio.timeout(60):
        while True:
            try:
                await client.public_get_ping()
                break
            except ccxt.DDoSProtection:
                await asyncio.sleep(0.05)


async def test_a_skewed_clock_shifts_the_time_and_the_window(venue, client):
    """For as many looks at the clock as were asked for."""
    await venue.fault("ClockSkew", milliseconds=-60_000)
    assert client.milliseconds() - await client.fetch_time() > 50_000
    assert client.milliseconds() - await client.fetch_time() < 10_000
    await venue.fault("ClockSkew", milliseconds=60_000)
    with pytest.raises(ccxt.InvalidNonce):
        await client.fetch_balance()
    await client.fetch_balance()


async def test_faults_are_listed_and_taken_back(venue, client):
    """What waits, with what is left of it, until somebody clears it."""
    await venue.fault("Reject", count=3, symbol="ETHUSDT")
    with pytest.raises(ccxt.InvalidOrder):
        await order(client)
    waiting = await venue.admin("GET", "faults")
    assert [("Reject", 2, "ETHUSDT")] == [(one["kind"], one["count"], one["symbol"]) for one in waiting]
    await venue.admin("DELETE", "faults")
    assert [] == await venue.admin("GET", "faults")
    await order(client)


@pytest.mark.parametrize(
    ("path", "document", "word"),
    [
        ("faults", {"kind": "Earthquake"}, "faults.kind"),
        ("faults", {"kind": "Reject", "count": 0}, "faults.count"),
        ("faults", {"kind": "Ban"}, "faults.seconds"),
        ("faults", [1], "JSON object"),
        ("clock", {}, "milliseconds"),
        ("clock", {"to": "tomorrow"}, "milliseconds"),
        ("clock", {"to": 10**30}, "milliseconds"),
        ("clock", [], "JSON object"),
        ("clock", {"to": 10**15, "klines": {}}, "klines: received {}; allowed: a list"),
        ("clock", {"to": 10**15, "klines": [["ETHUSDT", "1h"]]}, "klines[0]"),
        ("clock", {"to": 10**15, "klines": [["ETHUSDT", "1h", True]]}, "open time in milliseconds"),
        ("clock", {"to": 10**15, "klines": [["ETHUSDT", "1h", -1]]}, "open time in milliseconds"),
        ("clock", {"to": 10**15, "klines": [["ETHUSDT", "1h", 0], ["ETHEUR", "1h", 0]]}, "klines[1]: received ETHEUR"),
        ("clock", {"to": 10**15, "klines": [["ETHUSDT", "1m", 0]]}, "received 1m; allowed: one of 1h, 2h"),
    ],
)
async def test_mistakes_in_admin_calls_say_the_fix(venue, path, document, word):
    """400, with the field and what is allowed."""
    async with venue.session.post(f"{venue.url}/sim/{path}", json=document, headers=venue.headers) as answer:
        body = await answer.json()
        assert 400 == answer.status
        assert word in body["msg"]
    assert venue.now == (await venue.admin("GET", "clock"))["time"]


async def test_admin_calls_want_the_key(venue):
    """Nobody else moves the clock."""
    async with aiohttp.ClientSession() as session:
        for method, path in (("GET", "clock"), ("POST", "clock"), ("GET", "faults"), ("GET", "status")):
            async with session.request(method, f"{venue.url}/sim/{path}") as answer:
                assert 401 == answer.status


async def test_the_clock_is_moved_once_for_each_time(venue, client):
    """The same time again changes nothing and says the same; the number of user events is told."""
    await client.create_order(PAIR, "limit", "sell", 1, venue.open_price(PAIR, 1) + 15)
    first = await venue.move(venue.now + 3 * venue.hour)
    assert first == await venue.move(venue.now + 3 * venue.hour)
    assert first == await venue.move(venue.now)
    assert (venue.now + 3 * venue.hour, 2) == (first["time"], first["events"])
    assert first == await venue.admin("GET", "clock")
    status = await venue.admin("GET", "status")
    assert ("max", 0, ["ETHUSDT", "BTCUSDT"]) == (status["speed"], status["openOrders"], status["symbols"])
    end = await venue.move(2**53)
    assert end["ended"]


async def test_candles_that_a_move_closes_are_told_with_it(venue, client):
    """As the call for candles tells them, in the order of the question; what has not closed there is not told."""
    asked = [["BTCUSDT", "1h", venue.now], ["ETHUSDT", "2h", venue.now], ["ETHUSDT", "1h", venue.now - 1]]
    first, *others = (await venue.admin("POST", "clock", {"to": venue.now + venue.hour, "klines": asked}))["klines"]
    assert float(first[1]) == venue.open_price("BTC/USDT", 0)
    assert [None, None] == others
    moved = await venue.admin("POST", "clock", {"to": venue.now + 2 * venue.hour, "klines": asked[1:2]})
    usual = {"symbol": "ETHUSDT", "interval": "2h", "startTime": venue.now, "limit": 1}
    assert moved["klines"] == await client.public_get_klines(usual)


async def test_a_move_that_stops_at_an_opening_tells_no_candle(venue, client):
    """The candle has only begun."""
    await venue.move(venue.now + venue.hour)
    await client.create_order(PAIR, "market", "sell", 1)
    opened = venue.now + venue.hour
    document = {"to": opened + venue.hour, "pauseOnOpen": True, "klines": [["ETHUSDT", "1h", opened]]}
    told = await venue.admin("POST", "clock", document)
    assert (True, []) == (told["paused"], told["klines"])
    assert 1 == len((await venue.admin("POST", "clock", document))["klines"])
