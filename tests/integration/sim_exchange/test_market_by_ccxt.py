"""An unmodified ccxt client reads the market of the venue: instruments, candles, books, trades, tickers."""

from __future__ import annotations

import pytest


@pytest.fixture
async def client(venue):
    return await venue.client()


async def test_markets_have_the_filters_of_the_instruments(client):
    """What ccxt rounds and refuses by is what the venue checks by; there are no derivatives and no margin."""
    markets = await client.load_markets()
    market = markets["ETH/USDT"]

    assert {"ETH/USDT", "BTC/USDT"} == set(markets)
    assert (0.01, 0.0001) == (market["precision"]["price"], market["precision"]["amount"])
    assert (0.0001, 5.0) == (market["limits"]["amount"]["min"], market["limits"]["cost"]["min"])
    assert (True, True, False) == (market["active"], market["spot"], market["margin"])
    assert {"ETH", "BTC", "USDT"} <= set(client.currencies)


async def test_candles_by_since_and_limit(venue, client):
    """From a time on and as many as asked for; without a time the latest, the present one as it stands at the end."""
    since = venue.first + 3 * venue.hour
    candles = await client.fetch_ohlcv("ETH/USDT", "1h", since=since, limit=5)
    assert [since + index * venue.hour for index in range(5)] == [candle[0] for candle in candles]
    assert [2030.0, 2050.0, 2010.0, 2040.0, 1000.0] == candles[0][1:]

    await venue.move(venue.now + venue.hour // 2)
    latest = await client.fetch_ohlcv("ETH/USDT", "1h", limit=2)
    assert [venue.now - venue.hour, venue.now] == [candle[0] for candle in latest]
    assert venue.open_price("ETH/USDT", 0) == latest[-1][1]
    assert latest[-1][5] < 1000.0

    longer = await client.fetch_ohlcv("ETH/USDT", "4h", since=venue.first // (4 * venue.hour) * 4 * venue.hour, limit=3)
    assert 4 * venue.hour == longer[1][0] - longer[0][0]
    assert 4000.0 == longer[1][5]


async def test_no_candle_tells_the_future(venue, client):
    """Whatever is asked, nothing that opens later than the venue's time is told."""
    candles = await client.fetch_ohlcv("ETH/USDT", "1h", since=venue.now - venue.hour, limit=1000)
    assert candles[-1][0] <= venue.now
    assert [] == await client.fetch_ohlcv("ETH/USDT", "1h", since=venue.now + venue.hour)


async def test_tickers(venue, client):
    """One, several, all; price, book and day agree with each other."""
    await venue.move(venue.now + venue.hour // 2)
    ticker = await client.fetch_ticker("ETH/USDT")
    prices = await client.fetch_last_prices()
    books = await client.fetch_bids_asks(["ETH/USDT"])

    assert ticker["last"] == prices["ETH/USDT"]["price"]
    assert ticker["bid"] < ticker["ask"]
    assert (ticker["bid"], ticker["ask"]) == (books["ETH/USDT"]["bid"], books["ETH/USDT"]["ask"])
    assert ticker["high"] >= ticker["last"] >= ticker["low"]
    assert {"ETH/USDT", "BTC/USDT"} == set(await client.fetch_tickers())
    assert {"BTC/USDT"} == set(await client.fetch_tickers(["BTC/USDT"]))
    assert ticker["timestamp"] <= venue.now + venue.hour // 2


async def test_the_book_lies_around_the_last_price(venue, client):
    """Bids below, asks above, best first, as many levels as asked for."""
    await venue.move(venue.now + venue.hour // 2)
    book = await client.fetch_order_book("ETH/USDT", 5)
    last = (await client.fetch_ticker("ETH/USDT"))["last"]

    assert (5, 5) == (len(book["bids"]), len(book["asks"]))
    assert book["bids"][0][0] <= last <= book["asks"][0][0]
    assert sorted(book["bids"], reverse=True) == book["bids"]
    assert sorted(book["asks"]) == book["asks"]
    assert isinstance(book["nonce"], int)


async def test_trades_of_the_market(venue, client):
    """Ids without a gap, times that have passed; the raw and the aggregate form tell the same."""
    await venue.move(venue.now + venue.hour)
    trades = await client.fetch_trades("ETH/USDT", limit=20)
    ids = [int(trade["id"]) for trade in trades]

    assert list(range(ids[0], ids[0] + len(ids))) == ids
    assert all(trade["timestamp"] <= venue.now + venue.hour for trade in trades)
    raw = await client.public_get_trades({"symbol": "ETHUSDT", "limit": 20})
    older = await client.public_get_historicaltrades({"symbol": "ETHUSDT", "limit": 20, "fromId": ids[0]})
    assert ids == [int(trade["id"]) for trade in raw] == [int(trade["id"]) for trade in older]


async def test_the_venue_tells_the_time_of_the_wall(venue, client):
    """Signatures are made with the wall clock, whatever time is simulated."""
    assert abs(await client.fetch_time() - client.milliseconds()) < 5_000
    assert "ok" == (await client.fetch_status())["status"]


async def test_trading_fees(client):
    """What the account pays, as ratios."""
    fees = await client.fetch_trading_fees()
    assert (0.001, 0.002) == (fees["ETH/USDT"]["maker"], fees["ETH/USDT"]["taker"])
    rates = await client.private_get_account_commission({"symbol": "ETHUSDT"})
    assert "0.00200000" == rates["standardCommission"]["taker"]
