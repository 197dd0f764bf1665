"""What an unmodified ccxt client raises for each mistake: its users handle errors by these classes."""

from __future__ import annotations

import ccxt.async_support as ccxt
import pytest

from tradewind.sim_exchange.wire.limits import Allowance

PAIR = "ETH/USDT"


@pytest.fixture
async def client(venue):
    await venue.move(venue.now + venue.hour // 2)
    client = await venue.client()
    await client.load_markets()
    return client


async def raised(kind, awaitable):
    """The error of exactly this class."""
    with pytest.raises(kind) as caught:
        await awaitable
    assert kind is type(caught.value)
    return str(caught.value)


def headers_of(client):
    return {name.lower(): value for name, value in client.last_response_headers.items()}


async def test_insufficient_funds(client):
    """More than there is, on either side."""
    await raised(ccxt.InsufficientFunds, client.create_order(PAIR, "limit", "buy", 1000, 1000))
    await raised(ccxt.InsufficientFunds, client.create_order(PAIR, "market", "sell", 1000))


async def test_minimum_notional_and_other_filters(client):
    """An order that is too small, or off the grid where the client does not round it itself."""
    assert "NOTIONAL" in await raised(ccxt.BadRequest, client.create_order(PAIR, "limit", "buy", 0.001, 1000))
    raw = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    await raised(ccxt.InvalidOrder, client.private_post_order({**raw, "quantity": "0.00015", "price": "1000"}))
    await raised(ccxt.InvalidOrder, client.private_post_order({**raw, "quantity": "1", "price": "1000.001"}))


async def test_bad_symbol_and_interval(client):
    """By the client's own list, and by the venue's."""
    await raised(ccxt.BadSymbol, client.fetch_ticker("DOGE/USDT"))
    await raised(ccxt.BadSymbol, client.public_get_ticker_24hr({"symbol": "DOGEUSDT"}))
    for path in ("depth", "trades", "aggtrades"):
        await raised(ccxt.BadSymbol, getattr(client, f"public_get_{path}")({"symbol": "DOGEUSDT"}))
    await raised(ccxt.BadSymbol, client.private_get_order({"symbol": "DOGEUSDT", "orderId": "1"}))
    await raised(ccxt.BadRequest, client.public_get_klines({"symbol": "ETHUSDT", "interval": "7m"}))


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({}, "-1102"),
        ({"symbol": "ETHUSDT"}, "-1102"),
        ({"symbol": "eth/usdt"}, "-1100"),
        ({"symbol": "ETHUSDT", "side": "HOLD", "type": "MARKET", "quantity": "1"}, "-1117"),
        ({"symbol": "ETHUSDT", "side": "BUY", "type": "MAYBE", "quantity": "1"}, "-1116"),
        ({"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET"}, "-1102"),
        ({"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": "NaN"}, "-1100"),
        ({"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": "1", "price": "1"}, "-1106"),
        ({"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "1"}, "-1102"),
        (
            {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "1", "timeInForce": "DAY"},
            "-1115",
        ),
        ({"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": "1", "stopPrice": "1"}, "-1106"),
        ({"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": "1", "colour": "red"}, "-1104"),
        ({"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": ""}, "-1105"),
    ],
)
async def test_parameters_that_are_missing_or_wrong(client, sent, code):
    """Each with Binance's code; ccxt calls them bad requests."""
    assert f'"code":{code}' in await raised(ccxt.BadRequest, client.private_post_order(sent))


async def test_unknown_orders(client):
    """Asked for and to be canceled."""
    await raised(ccxt.OrderNotFound, client.fetch_order("4711", PAIR))
    await raised(ccxt.OrderNotFound, client.cancel_order("4711", PAIR))
    await raised(ccxt.OrderNotFound, client.cancel_all_orders(PAIR))


async def test_bad_key_and_bad_signature(venue, client):
    """Neither is taken for the other."""
    stranger = await venue.client(apiKey="x" * 64)
    assert "-2015" in await raised(ccxt.AuthenticationError, stranger.private_get_account())
    forger = await venue.client(secret="x" * 64)
    assert "-1022" in await raised(ccxt.AuthenticationError, forger.private_get_account())
    assert "-2014" in await raised(
        ccxt.AuthenticationError, (await venue.client(apiKey="not a key")).private_get_account()
    )


async def test_a_stale_timestamp(client):
    """A client whose clock is wrong is told so, in both directions."""
    for skew in (60_000, -60_000):
        client.options["timeDifference"] = skew
        assert "-1021" in await raised(ccxt.InvalidNonce, client.fetch_balance())
    client.options["timeDifference"] = 0
    await client.fetch_balance()


async def test_too_many_requests_and_then_a_ban(make_venue):
    """429 with the time to wait, and 418 for who does not: both stop a ccxt bot in the same way."""
    venue = await make_venue(rate_limits=True, allowance=Allowance(weight=200))
    client = await venue.client()
    await client.public_get_exchangeinfo()
    assert "20" == headers_of(client)["x-mbx-used-weight-1m"]
    for _ in range(9):
        await client.public_get_exchangeinfo()
    messages = [await raised(ccxt.DDoSProtection, client.public_get_exchangeinfo()) for _ in range(10)]
    assert all(" 429 " in message and "-1003" in message for message in messages)
    assert 0 < int(headers_of(client)["retry-after"]) <= 60
    assert " 418 " in await raised(ccxt.DDoSProtection, client.public_get_exchangeinfo())
    assert " 418 " in await raised(ccxt.DDoSProtection, client.public_get_ping())


async def test_too_many_orders(make_venue):
    """More than so many orders in ten seconds."""
    venue = await make_venue(rate_limits=True, allowance=Allowance(orders_10_seconds=3))
    client = await venue.client()
    orders = [await client.create_order(PAIR, "limit", "buy", 0.01, 1000) for _ in range(3)]
    assert "3" == headers_of(client)["x-mbx-order-count-10s"]
    assert "-1015" in await raised(ccxt.DDoSProtection, client.create_order(PAIR, "limit", "buy", 0.01, 1000))
    assert 3 == len(orders) == len(await client.fetch_open_orders(PAIR))
