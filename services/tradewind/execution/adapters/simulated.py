"""The venue on this machine, as execution reaches it: through ccxt, at an address that is known once it listens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal

from sqlalchemy import Connection

from tradewind.domain.errors import TemporaryError
from tradewind.domain.order import Fill, Order
from tradewind.execution.adapters.ccxt.stream import CcxtUserStream
from tradewind.execution.adapters.ccxt.venue import CcxtVenue, open_venue
from tradewind.execution.ports import Answer, VenueOrder
from tradewind.kernel.ccxt_client import ClientSettings
from tradewind.kernel.security import load_simulated_venue_key
from tradewind.kernel.service import Context

END_OF_TIME = 253_402_300_799_999
"""Milliseconds UTC: the last of the year 9999."""

CALL_TIMEOUT = 3.0
"""Seconds that a call may take: it goes to this machine."""


class SimulatedVenue:
    """The account at the bot's own sim-exchange. Everything but `account` is there after `start`."""

    transactional = False
    oco = True
    amends = False
    call_timeout = CALL_TIMEOUT

    def __init__(self, context: Context, account: str) -> None:
        self.account = account
        self._context = context
        self._venue: CcxtVenue | None = None
        self._started = asyncio.Event()

    @property
    def resend_after(self) -> float | None:
        """As the venue behind it says."""
        return self._there.resend_after

    @property
    def _there(self) -> CcxtVenue:
        if self._venue is None:
            raise TemporaryError("the venue is not connected yet")
        return self._venue

    def load(self, connection: Connection) -> None:
        """It keeps its own books."""

    async def start(self, pairs: Sequence[str]) -> None:
        """Learn its markets and clock; a second time measures the clock again."""
        if self._venue is not None:
            await self._venue.measure_clock()
            return
        key = load_simulated_venue_key(self._context.key_directory)
        url = self._context.address("sim-exchange")
        settings = ClientSettings(
            "binance",
            key.api_key,
            key.secret,
            rest_url=url,
            websocket_url=url.replace("http", "ws", 1),
            rate_limit=False,
            timeout=CALL_TIMEOUT,
        )
        # Importing ccxt takes seconds, in which others of this process must go on.
        venue = await asyncio.to_thread(open_venue, settings, self.account, pairs, call_timeout=CALL_TIMEOUT, since=0)
        try:
            await venue.start()
        except BaseException:
            await venue.close()
            raise
        self._venue = venue
        self._started.set()

    async def stream(self) -> CcxtUserStream:
        """The account's updates, once the venue is there."""
        await self._started.wait()
        log = self._context.log
        return CcxtUserStream(
            self._there.client, on_trouble=lambda error: log.warning("user stream interrupted", error=str(error))
        )

    async def close(self) -> None:
        """Let go of the connections."""
        if self._venue is not None:
            await self._venue.close()

    async def close_market(self) -> None:
        """Have time pass beyond the last candle: market orders that wait for another one trade at its close."""
        venue, url = self._there, self._context.address("sim-exchange")
        headers = {"Content-Type": "application/json", "X-MBX-APIKEY": venue.client.apiKey}
        body = f'{{"to": {END_OF_TIME}}}'
        await venue.calls.run(lambda: venue.client.fetch(f"{url}/sim/clock", "POST", headers, body))

    async def create(self, orders: Sequence[Order]) -> Answer:
        """Send one order or the legs of one group."""
        return await self._there.create(orders)

    async def cancel(self, order: Order) -> Answer:
        """End an order and its group."""
        return await self._there.cancel(order)

    async def amend(self, order: Order, stop_price: Decimal) -> Answer:
        """Refused: a stop moves by cancel and create."""
        return await self._there.amend(order, stop_price)

    async def find(self, order: Order) -> VenueOrder | None:
        """The order; None when the venue is certain that it has none."""
        return await self._there.find(order)

    async def open_orders(self) -> Sequence[VenueOrder]:
        """Everything open."""
        return await self._there.open_orders()

    async def fills(self) -> Sequence[Fill]:
        """The account's trades since what is stored."""
        return await self._there.fills()

    def fills_stored(self) -> None:
        """What the last `fills` answered is stored."""
        self._there.fills_stored()

    async def balances(self) -> Mapping[str, Decimal]:
        """Totals by currency."""
        return await self._there.balances()
