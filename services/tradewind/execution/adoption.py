"""Adoption: what a venue's answer makes of our orders.

Fills are applied from the venue's trades, never guessed from an order's `filled`: an order of which the venue has
filled more than we have seen waits as `Unknown` until its trades were fetched, because ending it before them would
hide money.
"""

from __future__ import annotations

from collections.abc import Iterable

from tradewind.domain.order import OrderState
from tradewind.execution.ledger import OrderLedger
from tradewind.execution.ports import Answer, VenueOrder
from tradewind.execution.records import OrderRecord
from tradewind.kernel.service import Context
from tradewind.kernel.unit import UnitOfWork

NEVER_TAKEN = 0.0
"""The time of signing of an order that the venue refused to look at: as if sent so long ago that it cannot arrive."""


class Adoption:
    """Takes answers over into the ledger. Every method belongs into one unit, with the venue's own writes."""

    def __init__(self, context: Context, ledger: OrderLedger) -> None:
        self._context, self._ledger = context, ledger

    def of_create(self, answer: Answer, sent: Iterable[OrderRecord], unit: UnitOfWork) -> None:
        """The venue has taken orders; what was sent and is not among them is asked for."""
        unit.writes.extend(answer.writes)
        for told in answer.orders:
            # Else the stream overtook the acknowledgement.
            if self._ledger.records[told.client_order_id].order.state is OrderState.SUBMITTED:
                self._ledger.move(told.client_order_id, OrderState.ACCEPTED, unit)
        self._take(answer, unit)
        self.doubt(sent, "NotAnswered", unit, only=OrderState.SUBMITTED)

    def of_answer(self, answer: Answer, unit: UnitOfWork) -> None:
        """The venue has canceled or amended."""
        unit.writes.extend(answer.writes)
        self._take(answer, unit)

    def _take(self, answer: Answer, unit: UnitOfWork) -> None:
        self._ledger.apply(answer.updates, unit)
        for told in answer.orders:
            self.of_order(told, unit)

    def of_order(self, told: VenueOrder, unit: UnitOfWork) -> None:
        """The order is what the venue says it is."""
        client_id = told.client_order_id
        if not self._ledger.is_ours(client_id):
            return
        order = self._ledger.records[client_id].order
        if not order.is_open:
            return
        if told.filled > order.filled:
            self.doubt([self._ledger.records[client_id]], "AwaitingTrades", unit)
            return
        if told.amount != order.amount:
            self._ledger.resize(client_id, told.amount - order.filled, unit, "AsVenueSays")
        state = told.state
        if state is OrderState.ACCEPTED and order.filled:
            state = OrderState.PARTIALLY_FILLED
        if state is not order.state:
            self._ledger.move(client_id, state, unit, "AsVenueSays")

    def doubt(
        self, records: Iterable[OrderRecord], reason: str, unit: UnitOfWork, *, only: OrderState | None = None
    ) -> None:
        """What became of these is not known: they are asked for. With `only`, just those in that state now."""
        for record in records:
            client_id = record.order.client_order_id
            present = self._ledger.records[client_id].order
            if present.is_open and present.state is not OrderState.UNKNOWN and only in (None, present.state):
                self._ledger.move(client_id, OrderState.UNKNOWN, unit, reason)
                self._context.log.warning("order unknown", client_order_id=client_id, pair=present.pair, reason=reason)

    def not_taken(self, records: Iterable[OrderRecord], reason: str, unit: UnitOfWork) -> None:
        """The venue did not look at these. Unknown as if sent long ago: once it says so too, they are sent again."""
        for record in records:
            if self._ledger.records[record.order.client_order_id].order.state is OrderState.SUBMITTED:
                self._ledger.move(record.order.client_order_id, OrderState.UNKNOWN, unit, reason, signed_at=NEVER_TAKEN)

    def refuse(self, records: Iterable[OrderRecord], reason: str, unit: UnitOfWork) -> None:
        """The venue will not have these."""
        for record in records:
            client_id = record.order.client_order_id
            present = self._ledger.records[client_id].order
            if present.state is OrderState.SUBMITTED:
                self._ledger.move(client_id, OrderState.REJECTED, unit, reason)
                self._context.metrics.rejections.labels(self._context.key, reason).inc()
                self._context.log.warning(
                    "order rejected",
                    client_order_id=client_id,
                    pair=present.pair,
                    leg=present.leg.value,
                    reason=reason,
                )

    def end(self, record: OrderRecord, state: OrderState, reason: str, unit: UnitOfWork) -> None:
        """End an order from this side, unless it has moved on by now."""
        present = self._ledger.records.get(record.order.client_order_id)
        if present is not None and present.order.state is record.order.state:
            self._ledger.move(record.order.client_order_id, state, unit, reason, cancel_requested=False)
