"""A venue on a free port, and unmodified ccxt clients pointed at it.

The market is drawn with a ruler, so that every test can say beforehand what must happen: each candle opens 10 above
the one before, spans 20 either side of its open, closes 10 above it.
"""

from __future__ import annotations

import contextlib
from decimal import Decimal

import aiohttp
import ccxt.async_support
import ccxt.pro
import pytest

from tradewind.domain.candle import Candle
from tradewind.domain.instrument import Instrument
from tradewind.domain.series import CandleSeries
from tradewind.sim_exchange.standalone import Standalone, StandaloneOptions
from tradewind.sim_exchange.wire.signature import Credentials

HOUR = 3_600_000
FIRST = 1_700_000_000_000 // HOUR * HOUR
CANDLES = 200
BEFORE = 48
NOW = FIRST + BEFORE * HOUR
PRICES = {"ETH/USDT": 2_000, "BTC/USDT": 30_000}


def ruled_series(pair: str, candles: int = CANDLES) -> CandleSeries:
    rows = []
    for index in range(candles):
        price = PRICES[pair] + 10 * index
        rows.append(Candle(FIRST + index * HOUR, price, price + 20, price - 20, price + 10, 1_000.0))
    return CandleSeries.of(pair, "1h", rows)


def open_price(pair: str, index: int) -> int:
    """The open of the candle `index` hours after `NOW`."""
    return PRICES[pair] + 10 * (BEFORE + index)


def instrument(pair: str) -> Instrument:
    base, quote = pair.split("/")
    return Instrument(pair, base, quote, Decimal("0.01"), Decimal("0.0001"), Decimal("0.0001"), Decimal(5))


def options(directory, **changes) -> StandaloneOptions:
    values = {
        "instruments": {pair: instrument(pair) for pair in PRICES},
        "series": {pair: ruled_series(pair) for pair in PRICES},
        "balances": {"USDT": Decimal(100_000), "ETH": Decimal(10)},
        "maker_fee": Decimal("0.001"),
        "taker_fee": Decimal("0.002"),
        "directory": directory,
        "credentials": Credentials("k" * 64, "s" * 64),
        "start_time": NOW,
        "rate_limits": False,
    }
    return StandaloneOptions(**{**values, **changes})


class Venue:
    """One running venue, the admin calls of it, and clients that speak to it."""

    hour, now, first = HOUR, NOW, FIRST
    open_price = staticmethod(open_price)

    def __init__(self, standalone: Standalone, session: aiohttp.ClientSession, stack) -> None:
        self.standalone, self.session, self._stack = standalone, session, stack
        self.url, self.websocket_url = standalone.url, standalone.websocket_url
        self.headers = {"X-MBX-APIKEY": "k" * 64}

    async def admin(self, method: str, path: str, document=None):
        async with self.session.request(
            method, f"{self.url}/sim/{path}", json=document, headers=self.headers
        ) as answer:
            assert 200 == answer.status, await answer.text()
            return await answer.json()

    async def move(self, to: int):
        return await self.admin("POST", "clock", {"to": to})

    async def fault(self, kind: str, **words):
        return await self.admin("POST", "faults", {"kind": kind, **words})

    async def client(self, module=ccxt.async_support, **changes):
        """An unmodified client whose addresses have another scheme and host, as its users replace them."""
        client = module.binance(
            {"apiKey": "k" * 64, "secret": "s" * 64, "enableRateLimit": False, "timeout": 10_000, **changes}
        )
        client.options["fetchOpenOrders"] = {"warnWithoutSymbol": False}
        client.urls["api"] = pointed(client.urls["api"], self.url, self.websocket_url)
        self._stack.push_async_callback(client.close)
        return client

    async def pro(self, **changes):
        return await self.client(ccxt.pro, **changes)


def pointed(value, url: str, websocket_url: str):
    if isinstance(value, dict):
        return {name: pointed(one, url, websocket_url) for name, one in value.items()}
    scheme, _, rest = value.partition("://")
    _, slash, path = rest.partition("/")
    return (websocket_url if scheme.startswith("ws") else url) + slash + path


@pytest.fixture
async def make_venue(tmp_path):
    """Start a venue with other options than the usual ones."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(directory="venue", **changes) -> Venue:
            standalone = Standalone(options(tmp_path / directory, **changes))
            await standalone.start()
            stack.push_async_callback(standalone.stop)
            session = await stack.enter_async_context(aiohttp.ClientSession())
            return Venue(standalone, session, stack)

        yield make


@pytest.fixture
async def venue(make_venue) -> Venue:
    """The usual venue: two pairs, two days of history, time that stands still until it is moved."""
    return await make_venue()
