"""An account at a venue that is reached through ccxt, opened once the venue can be asked.

Before `start` there is no client: importing ccxt takes seconds, and a venue of this machine listens only after its
service has started. From then on every question goes to the `CcxtVenue` behind it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal

from sqlalchemy import Connection

from tradewind.domain.errors import TemporaryError
from tradewind.domain.order import Fill, Order
from tradewind.execution.adapters.ccxt.stream import CcxtUserStream
from tradewind.execution.adapters.ccxt.venue import CcxtVenue, open_venue
from tradewind.execution.ports import Answer, VenueOrder
from tradewind.kernel.budgets import Budgets
from tradewind.kernel.ccxt_client import ClientSettings
from tradewind.kernel.service import Context
from tradewind.kernel.store.base import Write


class RemoteAccount(ABC):
    """The account. `call_timeout` is in seconds.

    Everything but `account` is there after `start`; a question before raises `TemporaryError`, and nothing was sent.
    """

    transactional = False
    oco = True
    amends = False
    call_timeout = 10.0
    since: int | None = None
    """Market time (milliseconds) from which its trades matter; None: from where they are known."""

    def __init__(self, context: Context, account: str) -> None:
        self.account = account
        self._context = context
        self._venue: CcxtVenue | None = None
        self._started = asyncio.Event()

    @abstractmethod
    def _settings(self) -> ClientSettings:
        """How it is reached."""

    def _budgets(self) -> Budgets | None:
        """What its requests take from; None where nobody counts them."""
        return None

    async def _opened(self, venue: CcxtVenue, pairs: Sequence[str]) -> None:  # noqa: B027  (there may be nothing to do)
        """Look at a venue that was just started; raises where it must not be used."""

    @property
    def resend_after(self) -> float | None:
        """As the venue behind it says."""
        return self._there.resend_after

    @property
    def _there(self) -> CcxtVenue:
        if self._venue is None:
            raise TemporaryError("the venue is not connected yet")
        return self._venue

    def load(self, connection: Connection) -> None:  # noqa: B027  (most keep their own books)
        """Read what is known of the account from before."""

    def notes(self) -> Sequence[Write]:
        """Nothing: it is asked from the beginning each time."""
        return ()

    async def close_market(self) -> None:  # noqa: B027  (only a recording ends)
        """A real market goes on."""

    async def start(self, pairs: Sequence[str]) -> None:
        """Learn its markets and clock; a second time measures the clock again."""
        if self._venue is not None:
            await self._there.measure_clock()
            return
        # Importing ccxt takes seconds, in which others of this process must go on.
        venue = await asyncio.to_thread(
            open_venue,
            self._settings(),
            self.account,
            pairs,
            call_timeout=self.call_timeout,
            since=self.since,
            tracer=self._context.tracer,
            budgets=self._budgets(),
        )
        try:
            await venue.start()
            await self._opened(venue, pairs)
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
