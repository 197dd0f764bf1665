"""What execution needs from a venue.

An answer may carry `writes`: a venue that lives in our own store (paper) becomes true in the transaction that
records its answer, so that a kill before it looks exactly like a request that never arrived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from tradewind.domain.errors import TradewindError
from tradewind.domain.order import Fill, Order, OrderState
from tradewind.kernel.store.base import Write

DUPLICATE = "DuplicateClientOrderId"
"""The refusal of a create whose client order id the venue has already: it is not absent, so it is asked for."""


class VenueRefusalError(TradewindError):
    """The venue said no for certain. Any other exception of a call leaves the outcome unknown."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the venue tells it. `amount` is the whole, `filled` the part that has traded."""

    client_order_id: str
    pair: str
    state: OrderState
    amount: Decimal
    filled: Decimal
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class VenueFill:
    """The venue traded a part of an order."""

    fill: Fill


@dataclass(frozen=True, slots=True)
class VenueEnd:
    """The venue ended an order, what was not filled is gone."""

    client_order_id: str
    state: OrderState
    reason: str


@dataclass(frozen=True, slots=True)
class VenueResize:
    """The other leg of an OCO group traded: `remaining` is what is left of this one."""

    client_order_id: str
    remaining: Decimal


VenueUpdate = VenueFill | VenueEnd | VenueResize


@dataclass(frozen=True, slots=True)
class Answer:
    """What the venue answered: the orders concerned, what happened by it, and the venue's own writes, if any."""

    orders: tuple[VenueOrder, ...] = ()
    updates: tuple[VenueUpdate, ...] = ()
    writes: tuple[Write, ...] = ()


class Venue(Protocol):
    """One account at one venue.

    `resend_after` is the number of seconds after the signed time from which a create that was never seen can no
    longer be accepted; None where the venue has no such bound, so that nothing is ever sent twice. `transactional` is
    true where a call takes effect by the writes of its answer and by nothing else. `amends` is whether a resting stop
    can be moved in one step; where not, it is replaced by one with another id.
    """

    account: str
    transactional: bool
    amends: bool

    @property
    def resend_after(self) -> float | None:
        """Seconds; None for never."""
        ...

    async def create(self, orders: Sequence[Order]) -> Answer:
        """Send one order, or the legs of one OCO group, in one call: accepted whole or not at all."""
        ...

    async def cancel(self, order: Order) -> Answer:
        """Cancel what is left of an order (and of its group)."""
        ...

    async def amend(self, order: Order, stop_price: Decimal) -> Answer:
        """Move a resting stop."""
        ...

    async def find(self, order: Order) -> VenueOrder | None:
        """The order by client order id; None only when the venue is certain that it has none."""
        ...

    async def open_orders(self) -> Sequence[VenueOrder]:
        """Everything open in the account, whoever placed it."""
        ...

    async def fills(self) -> Sequence[Fill]:
        """Trades of the account since the mark that `fills_stored` moves, of every pair the bot trades."""
        ...

    def notes(self) -> Sequence[Write]:
        """What is to be stored together with what the last `fills` and `balances` answered."""
        ...

    def fills_stored(self) -> None:
        """Say that everything the last `fills` answered is stored, and the `notes`."""
        ...

    async def balances(self) -> Mapping[str, Decimal]:
        """Totals by currency, in orders included."""
        ...
