"""Defects that are known, to be planted: a simulation that does not find them proves nothing.

Each is what somebody may write who has not thought of one line of `semantics` section 6.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from unittest import mock

from sqlalchemy import false

from tradewind.domain.money import ZERO
from tradewind.domain.order import Fill
from tradewind.domain.position import Position
from tradewind.execution.adapters.ccxt.venue import CcxtVenue
from tradewind.execution.adapters.remote_account import RemoteAccount
from tradewind.execution.ledger import OrderLedger
from tradewind.execution.reconciliation import Adoption
from tradewind.execution.sender import Sender
from tradewind.kernel.runner import ServiceRunner
from tradewind.kernel.sequences import Place
from tradewind.kernel.store import trimming
from tradewind.kernel.store.delivery import StoredDelivery

Planted = Callable[[], contextlib.AbstractContextManager[Any]]


@contextlib.contextmanager
def _no_inbox() -> Iterator[None]:
    """What was handled is not remembered, so a message that comes twice is handled twice."""
    handle_one = ServiceRunner._handle_one

    async def forgetting(self: ServiceRunner, message: Any, *rest: Any) -> bool:
        with mock.patch.object(self._sequences, "place", return_value=Place.NEXT):
            return await handle_one(self, message, *rest)

    with (
        mock.patch.object(ServiceRunner, "_handle_one", forgetting),
        mock.patch.object(StoredDelivery, "handled", return_value=[]),
    ):
        yield


@contextlib.contextmanager
def _fills_by_the_telling() -> Iterator[None]:
    """A fill is known by when it was told of, and not by the venue's number of the trade."""
    numbers, apply_fill = itertools.count(), OrderLedger._apply_fill

    def numbered(self: OrderLedger, fill: Any, unit: Any) -> None:
        apply_fill(self, replace(fill, trade_id=f"{fill.trade_id}.{next(numbers)}"), unit)

    with mock.patch.object(OrderLedger, "_apply_fill", numbered):
        yield


@contextlib.contextmanager
def _refused_when_silent() -> Iterator[None]:
    """No answer is taken for a no."""

    def refused(self: Adoption, records: Any, reason: str, unit: Any, **_: Any) -> None:
        self.refuse(records, reason, unit)

    with mock.patch.object(Adoption, "doubt", refused):
        yield


@contextlib.contextmanager
def _sent_before_it_is_stored() -> Iterator[None]:
    """The row of an order says that it is sent only once the venue has answered."""
    send = Sender._send

    async def sent(self: Sender, record: Any) -> None:
        with contextlib.suppress(Exception):
            await self._venue.create([one.order for one in self._group_of(record)])
        await send(self, record)

    with mock.patch.object(Sender, "_send", sent):
        yield


@contextlib.contextmanager
def _no_fee() -> Iterator[None]:
    """A position does not count what the venue took for its fills: amounts and balances are right, profits are not."""
    with_fill = Position.with_fill

    def without(self: Position, fill: Fill) -> Position:
        return with_fill(self, replace(fill, fee=ZERO))

    with mock.patch.object(Position, "with_fill", without):
        yield


@contextlib.contextmanager
def _off_price() -> Iterator[None]:
    """A position counts its fills at a thousandth more than they cost: amounts and balances are right."""
    with_fill = Position.with_fill

    def off(self: Position, fill: Fill) -> Position:
        return with_fill(self, replace(fill, price=fill.price * Decimal("1.001")))

    with mock.patch.object(Position, "with_fill", off):
        yield


DEFECTS: dict[str, Planted] = {
    "no inbox": _no_inbox,
    "sent again at once": lambda: mock.patch.object(RemoteAccount, "resend_after", 0.0),
    "fills known by their telling": _fills_by_the_telling,
    "the lease is not looked at": lambda: mock.patch.object(OrderLedger, "guard"),
    "signed when it is sent": lambda: mock.patch.object(CcxtVenue, "_nonce", lambda venue: venue._present_nonce()),
    "no answer is a refusal": _refused_when_silent,
    "sent before it is stored": _sent_before_it_is_stored,
    "gone before it is handled": lambda: mock.patch.object(trimming, "lacked_by", return_value=false()),
    "a stop is left out": lambda: mock.patch.object(OrderLedger, "_protect"),
    "a fee is not counted": _no_fee,
    "a price is a little off": _off_price,
}
