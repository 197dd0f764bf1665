"""The venue of the simulation: the project's own simulated exchange, its wire included, in a moving market.

It answers as Binance does, checks signatures and receive windows on its own clock, and is never killed. Every order
that it takes is looked at in that moment: whether the bot's tables know it, and whether it may be taken at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
from tests.simulation.disturbances import Disturbances, Kind
from tests.simulation.trace import Trace
from tests.simulation.virtual_loop import VirtualLoop

from tradewind.domain.account_order import AccountRules
from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import MatchingRules
from tradewind.domain.order import Side, TimeInForce
from tradewind.domain.series import CandleSeries
from tradewind.sim_exchange.exchange import SimulatedExchange
from tradewind.sim_exchange.faults import Fault, FaultKind, FaultTable
from tradewind.sim_exchange.models import ExecutionReport, NewOrder, UserEvent
from tradewind.sim_exchange.models import Kind as VenueKind
from tradewind.sim_exchange.persistence import Ledger, Persistence
from tradewind.sim_exchange.wire.application import application
from tradewind.sim_exchange.wire.call import WireSettings
from tradewind.sim_exchange.wire.event_shapes import user_event_json
from tradewind.sim_exchange.wire.signature import Credentials

D = Decimal
MINUTE = 60_000
BEGIN = 1_700_000_040_000
"""The wall clock of the venue, and its market's, when a schedule begins; milliseconds."""

CANDLES = 40
PRICES = {"BTC/USDT": 60_000.0, "ETH/USDT": 2_500.0}
INSTRUMENTS = {pair: Instrument(pair, *pair.split("/"), D("0.01"), D("0.0001"), D("0.0001"), D(5)) for pair in PRICES}
BALANCES = {"USDT": D(100_000), "BTC": D(3), "ETH": D(20)}
"""What the account holds, much of it not the bot's."""

BY_HAND = "by-hand"
"""The id of an order that a person places."""

CREDENTIALS = Credentials("k" * 64, "s" * 64)


class Unkept(Persistence):
    """This venue is never started again, so nothing of it has to be kept."""

    def __init__(self) -> None:
        """Without a store."""

    async def load(self) -> Ledger:
        """There is nothing."""
        tables = ("accounts", "balances", "markets", "orders", "order_lists", "trades")
        return Ledger(None, {name: [] for name in tables})

    async def write(self, changed: dict[Any, Any]) -> None:
        """It is as durable as it needs to be."""


def moving_candles(pair: str, seed: int) -> CandleSeries:
    """A market in which stops and targets of half a percent are reached within minutes."""
    random = np.random.default_rng([seed, len(pair), ord(pair[0])])
    closes = PRICES[pair] * np.exp(np.cumsum(random.normal(0.0, 0.003, CANDLES)))
    opens = np.concatenate([[PRICES[pair]], closes[:-1]])
    spread = 1 + np.abs(random.normal(0.0, 0.002, (2, CANDLES)))
    highs, lows = np.maximum(opens, closes) * spread[0], np.minimum(opens, closes) / spread[1]
    times = BEGIN - 2 * MINUTE + MINUTE * np.arange(CANDLES)
    rounded = [np.round(column, 2) for column in (opens, highs, lows, closes)]
    return CandleSeries(pair, "1m", times, *rounded, np.full(CANDLES, 1000.0))


class Exchange:
    """The venue. `on_report` hears of what happens to orders the moment it is true."""

    def __init__(
        self,
        loop: VirtualLoop,
        seed: int,
        disturbances: Disturbances,
        trace: Trace,
        on_report: Callable[[ExecutionReport], None],
    ) -> None:
        self._loop, self._disturbances, self._trace, self._on_report = loop, disturbances, trace, on_report
        self.series = {pair: moving_candles(pair, seed) for pair in PRICES}
        self._faults = FaultTable()
        self.venue = SimulatedExchange(
            instruments=INSTRUMENTS,
            series=self.series,
            balances=BALANCES,
            rules=AccountRules(D("0.001"), D("0.001"), fee_in_base=False, matching=MatchingRules(D(0), D("0.25"))),
            start_time=BEGIN,
            persistence=Unkept(),
            seed=seed,
            faults=self._faults,
        )
        settings = WireSettings(credentials=CREDENTIALS, rate_limits=False, wall=self.now)
        self._application = application(self.venue, settings, self._faults)
        self.banned_until = 0.0
        self.frozen = False

    def now(self) -> int:
        """Its wall clock, which is its market's too, in milliseconds."""
        return BEGIN + round(self._loop.time() * 1000)

    async def open(self) -> None:
        """Be there."""
        await self.venue.load()
        self.venue.on_user_event(self._hear)
        self._loop.create_task(self._drive(), context=self._loop.outside)

    async def order_by_hand(self) -> None:
        """A person places an order beside the bot, far from the market."""
        await self.venue.place(
            NewOrder(
                symbol="BTCUSDT",
                side=Side.SELL,
                type=VenueKind.LIMIT,
                quantity=D("0.5"),
                price=D(200_000),
                time_in_force=TimeInForce.GTC,
                client_order_id=BY_HAND,
            )
        )

    def calm_down(self) -> None:
        """Nothing goes wrong here any more."""
        self._faults.clear()
        self.banned_until = 0.0

    def still_trades(self) -> bool:
        """Whether a market order waits for the rest of its fill: other orders may have to wait for it."""
        return any(one.type is VenueKind.MARKET for one in self.venue.open_orders())

    def listen(self, callback: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        """Have `callback` told of the account in Binance's words; the answer ends that."""
        return self.venue.on_user_event(
            lambda event: (
                callback(orjson.loads(orjson.dumps(user_event_json(event))))
                if isinstance(event, ExecutionReport)
                else None
            )
        )

    async def request(
        self, method: str, path: str, query: bytes, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """One call, as its wire answers it: status, headers, body."""
        if "/api/v3/order" in path and method == "POST" and self._disturbances.strikes(Kind.PARTIAL):
            fraction = D(str(round(self._disturbances.seconds(0.2, 0.8), 2)))
            self._faults.add(Fault(kind=FaultKind.PARTIAL_FILL, fraction=fraction))
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self._application(scope, receive, send)
        told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], told, sent[1]["body"]

    # ------------------------------------------------------------------------------------------------------ internals

    async def _drive(self) -> None:
        while True:
            await asyncio.sleep(self._disturbances.seconds(0.5, 3.0))
            if not self.frozen:
                await self.venue.move_clock(self.now())

    def _hear(self, event: UserEvent) -> None:
        if not isinstance(event, ExecutionReport):
            return
        order = event.order
        self._trace.note(
            "venue",
            f"{event.execution} {order.client_order_id} {order.side} {order.symbol} {order.status}"
            f" {order.executed_quantity}/{order.quantity}",
        )
        self._on_report(event)
