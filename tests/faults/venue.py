"""The venue of a run: `tradewind sim-exchange` as a process of its own, and what a person could ask it.

Its clock stands unless it is moved, so the campaign decides how fast the market is and when it rests. What the account
holds at the end is asked by its public calls, signed as any client signs, and never read from its files.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import aiohttp
from tests.cluster.processes import LOOPBACK
from tests.faults.warm import start
from tests.simulation.exchange import BALANCES, CREDENTIALS, INSTRUMENTS, moving_candles
from tests.topology.recordings import write_candles

from tradewind.domain.series import CandleSeries

SYMBOLS = {f"{one.base}{one.quote}": pair for pair, one in INSTRUMENTS.items()}
FEE = "0.001"
ELSEWHERE = "127.0.0.2"
"""Where a person asks from: a venue counts by address, and whoever looks all the time would use up what the bot may."""
_OPEN = {"NEW", "PARTIALLY_FILLED", "PENDING_NEW"}


@dataclass(frozen=True, slots=True)
class Books:
    """What the venue has of the account, in the words of the simulated exchange: it answers as that one would."""

    orders: list[Any]
    trades: list[Any]
    balances: list[Any]

    def all_orders(self, symbol: str, limit: int) -> list[Any]:
        """Every order in a symbol."""
        return [one for one in self.orders if one.symbol == symbol][:limit]

    def my_trades(self, symbol: str, limit: int) -> list[Any]:
        """Every trade in a symbol."""
        return [one for one in self.trades if one.symbol == symbol][:limit]

    def account(self) -> Any:
        """The balances."""
        return SimpleNamespace(balances=self.balances)


class VenueProcess:
    """A venue, always at the same port; `begin` and `kill` as often as a run wants."""

    def __init__(self, folder: Path, port: int, seed: int) -> None:
        self.folder, self.port = folder, port
        self.url, self.websocket_url = f"http://{LOOPBACK}:{port}", f"ws://{LOOPBACK}:{port}"
        self.series: dict[str, CandleSeries] = {pair: moving_candles(pair, seed) for pair in INSTRUMENTS}
        self._process: BaseProcess | None = None
        self._session: aiohttp.ClientSession | None = None
        candles = folder / "candles"
        for pair, series in self.series.items():
            write_candles(candles / f"{pair.replace('/', '-')}-1m.csv", [list(one) for one in series.candles()])
        filters = {
            pair: {
                "priceTick": str(one.price_tick),
                "amountStep": str(one.amount_step),
                "minimumAmount": str(one.minimum_amount),
                "minimumNotional": str(one.minimum_notional),
            }
            for pair, one in INSTRUMENTS.items()
        }
        (candles / "instruments.json").write_text(json.dumps(filters))

    async def begin(self, environment: dict[str, str]) -> None:
        """Be there, with the account as it was left."""
        words = ["sim-exchange", "--data", str(self.folder / "candles"), "--timeframe", "1m", "--port", str(self.port)]
        words += ["--directory", str(self.folder / "venue"), "--no-rate-limits", "--maker-fee", FEE, "--taker-fee", FEE]
        words += ["--api-key", CREDENTIALS.api_key, "--secret", CREDENTIALS.secret]
        words += [word for name, amount in BALANCES.items() for word in ("--balance", f"{name}={amount}")]
        self._process = start(words, environment, self.folder / "venue.log")
        if self._session is None:
            connector = aiohttp.TCPConnector(local_addr=(ELSEWHERE, 0))
            self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=10))

    async def answers(self) -> bool:
        """Whether it does."""
        try:
            await self.time()
        except aiohttp.ClientError:
            return False
        return True

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    async def close(self) -> None:
        """End it, and ask nothing more."""
        self.kill()
        if self._session is not None:
            await self._session.close()

    # ---------------------------------------------------------------------------------------------------------- admin

    async def time(self) -> int:
        """The market's time in milliseconds."""
        return int((await self._admin("GET", "/sim/clock"))["time"])

    async def move(self, to: int) -> None:
        """Let the market go on until then."""
        await self._admin("POST", "/sim/clock", {"to": to})

    async def disturb(self, *faults: dict[str, Any]) -> None:
        """Ask for trouble."""
        await self._admin("POST", "/sim/faults", list(faults))

    async def waiting(self) -> list[Any]:
        """The trouble that has not come yet."""
        return list(await self._admin("GET", "/sim/faults"))

    async def calm(self) -> None:
        """Be well again."""
        await self._admin("DELETE", "/sim/faults")

    async def _admin(self, method: str, path: str, body: Any = None) -> Any:
        assert self._session is not None
        headers = {"X-MBX-APIKEY": CREDENTIALS.api_key}
        data = None if body is None else json.dumps(body)
        async with self._session.request(method, self.url + path, headers=headers, data=data) as answer:
            answer.raise_for_status()
            return await answer.json()

    # -------------------------------------------------------------------------------------------------------- account

    async def books(self) -> Books:
        """Orders, trades and balances, as they are now; of every trade the order is among them."""
        trades = [self._trade(one) for symbol in SYMBOLS for one in await self._list("myTrades", symbol)]
        orders = [self._order(one) for symbol in SYMBOLS for one in await self._list("allOrders", symbol)]
        told = await self._signed("/api/v3/account", {})
        balances = [
            SimpleNamespace(currency=one["asset"], free=Decimal(one["free"]), locked=Decimal(one["locked"]))
            for one in told["balances"]
        ]
        return Books(orders, trades, balances)

    @staticmethod
    def _order(told: dict[str, Any]) -> Any:
        return SimpleNamespace(
            symbol=told["symbol"],
            order_id=told["orderId"],
            client_order_id=told["clientOrderId"],
            status=told["status"],
            is_open=told["status"] in _OPEN,
            quantity=Decimal(told["origQty"]),
            executed_quantity=Decimal(told["executedQty"]),
        )

    @staticmethod
    def _trade(told: dict[str, Any]) -> Any:
        return SimpleNamespace(
            symbol=told["symbol"],
            order_id=told["orderId"],
            trade_id=told["id"],
            quantity=Decimal(told["qty"]),
            price=Decimal(told["price"]),
            commission=Decimal(told["commission"]),
        )

    async def _list(self, call: str, symbol: str) -> list[Any]:
        told = list(await self._signed(f"/api/v3/{call}", {"symbol": symbol, "limit": 1000}))
        assert len(told) < 1000, "there may be more than one page of them"
        return told

    async def _signed(self, path: str, parameters: dict[str, Any]) -> Any:
        assert self._session is not None
        query = urlencode({**parameters, "timestamp": int(time.time() * 1000), "recvWindow": 5000})
        signature = hmac.new(CREDENTIALS.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        headers = {"X-MBX-APIKEY": CREDENTIALS.api_key}
        async with self._session.get(f"{self.url}{path}?{query}&signature={signature}", headers=headers) as answer:
            answer.raise_for_status()
            return await answer.json()
