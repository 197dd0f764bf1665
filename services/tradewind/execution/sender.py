"""The sender: carries out what the ledger intends, one order at a time, every step its own transaction.

For each open order, oldest first: cancel where that was asked; else send what is `Intended`; else amend; else ask
about what is `Unknown`. A create is never retried blindly: see `_resolve`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from tradewind.domain.errors import TradewindError
from tradewind.domain.exits import ExitReason
from tradewind.domain.order import Leg, OrderState
from tradewind.execution.ledger import OrderLedger
from tradewind.execution.ports import Answer, Venue, VenueOrder, VenueRefusalError
from tradewind.execution.records import OrderRecord
from tradewind.kernel.service import Context
from tradewind.kernel.unit import UnitOfWork

Result = TypeVar("Result")

ASK_PAUSES = (0.1, 0.5, 2.0, 5.0, 15.0)


class VenueSilentError(TradewindError):
    """A call to the venue ended without an answer: whatever was asked may or may not have happened."""


class Sender:
    """Works for one account. `call_timeout` is in seconds."""

    def __init__(self, context: Context, ledger: OrderLedger, venue: Venue, call_timeout: float = 10.0) -> None:
        self._context, self._ledger, self._venue = context, ledger, venue
        self._timeout = call_timeout
        self._asked: dict[str, int] = {}
        self._blocked: set[str] = set()

    def work(self) -> list[OrderRecord]:
        """What there is to do, oldest first."""
        return [record for record in self._ledger.open() if _is_work(record)]

    async def drain(self) -> None:
        """Work until nothing can be done now; orders whose outcome is unknown stay, and are asked for again."""
        self._blocked.clear()
        while True:
            todo = next((record for record in self.work() if self._can_do(record)), None)
            if todo is None:
                return
            await self._step(todo)

    def _can_do(self, record: OrderRecord) -> bool:
        return record.order.state is not OrderState.UNKNOWN and record.order.client_order_id not in self._blocked

    async def cancel_everything(self) -> tuple[int, list[str]]:
        """Cancel all that the venue says is open, whoever placed it; returns how many, and what could not be canceled.

        The venue comes first and the store second, so that it also works while the store does not.
        """
        canceled, troubles = 0, []
        for told in await self._call(self._venue.open_orders):
            record = self._ledger.records.get(told.client_order_id)
            if record is None:
                troubles.append(f"{told.client_order_id}: not known here yet")
                continue
            try:
                answer = await self._call(partial(self._venue.cancel, record.order))
                canceled += 1
                await self._unit(partial(self._adopt_answer, answer))
            except (TradewindError, SQLAlchemyError) as error:
                troubles.append(f"{told.client_order_id}: {error}")
        for record in self._ledger.open():
            if record.order.state is OrderState.INTENDED:
                await self._unit(partial(self._end, record, OrderState.CANCELED, "EmergencyStop"))
        return canceled, troubles

    async def resolve_unknown(self) -> float | None:
        """Ask the venue about every unknown order once; returns the seconds until the next try, None when all is known."""
        for record in self.work():
            if record.order.state is OrderState.UNKNOWN:
                await self._resolve(record)
        waiting = [r for r in self.work() if r.order.state is OrderState.UNKNOWN]
        if not waiting:
            return None
        return min(ASK_PAUSES[min(self._asked[r.order.client_order_id], len(ASK_PAUSES) - 1)] for r in waiting)

    # --------------------------------------------------------------------------------------------------------- steps

    async def _step(self, record: OrderRecord) -> None:
        if record.order.state is OrderState.INTENDED:
            if record.cancel_requested:
                await self._unit(lambda unit: self._end(record, OrderState.CANCELED, "Requested", unit))
            elif record.order.leg is Leg.EXIT:
                await self._exit(record)
            else:
                await self._send(record)
        elif record.cancel_requested:
            await self._cancel(record)
        else:
            await self._amend(record)

    async def _exit(self, record: OrderRecord) -> None:
        """Free the amount from the protective legs, then sell what is left of the position."""
        for leg in self._ledger.protective(record.position_id):
            present = self._ledger.records[leg.order.client_order_id]
            if present.order.is_open and present.order.state is not OrderState.UNKNOWN:
                await self._step(replace(present, cancel_requested=True))
            if self._ledger.records[leg.order.client_order_id].order.is_open:
                # The leg may still trade, and selling beside it could sell twice: the exit waits until it is known.
                self._blocked.add(record.order.client_order_id)
                return
        left = self._left(record)
        if left <= 0:
            await self._unit(lambda unit: self._end(record, OrderState.CANCELED, "PositionClosed", unit))
            return
        if left < record.order.remaining:
            await self._unit(
                lambda unit: self._ledger.resize(record.order.client_order_id, left, unit, "PositionReduced")
            )
        await self._send(self._ledger.records[record.order.client_order_id])

    def _left(self, record: OrderRecord) -> Decimal:
        """What an exit may still sell: at most what was asked, and no more than the position's fills leave."""
        instrument = self._ledger.instruments[record.order.pair]
        return instrument.amount(min(record.order.remaining, self._ledger.held(record.position_id)))

    async def _send(self, record: OrderRecord) -> None:
        orders = self._group_of(record)
        if record.expires_at is not None and self._ledger.time > record.expires_at:
            await self._unit(lambda unit: self._end(record, OrderState.EXPIRED, "DecisionExpired", unit))
            return
        signed_at = self._context.clock.now()

        def submit(unit: UnitOfWork) -> None:
            for one in orders:
                self._ledger.move(one.order.client_order_id, OrderState.SUBMITTED, unit, signed_at=signed_at)

        await self._unit(submit)
        sent = [self._ledger.records[one.order.client_order_id] for one in orders]
        try:
            answer = await self._call(lambda: self._venue.create([one.order for one in sent]))
        except VenueRefusalError as refusal:
            reason = str(refusal)
            await self._unit(lambda unit: self._end_all(sent, OrderState.REJECTED, reason, unit))
        except VenueSilentError as silence:
            reason = str(silence)
            await self._unit(lambda unit: self._end_all(sent, OrderState.UNKNOWN, reason, unit))
        else:
            await self._unit(lambda unit: self._accept(answer, unit))
            self._context.metrics.order_seconds.labels(self._context.key).observe(self._context.clock.now() - signed_at)

    async def _cancel(self, record: OrderRecord) -> None:
        try:
            answer = await self._call(lambda: self._venue.cancel(record.order))
        except (VenueRefusalError, VenueSilentError) as error:
            # "Unknown order" proves nothing either: it may have filled a moment ago. Ask.
            reason = str(error)
            await self._unit(lambda unit: self._end_all([record], OrderState.UNKNOWN, reason, unit))
            return
        await self._unit(lambda unit: self._adopt_answer(answer, unit))

    async def _amend(self, record: OrderRecord) -> None:
        wanted = record.wanted_stop_price
        assert wanted is not None
        try:
            answer = await self._call(lambda: self._venue.amend(record.order, wanted))
        except (VenueRefusalError, VenueSilentError) as error:
            reason = str(error)
            await self._unit(lambda unit: self._end_all([record], OrderState.UNKNOWN, reason, unit))
            return

        def amended(unit: UnitOfWork) -> None:
            unit.writes.extend(answer.writes)
            present = self._ledger.records[record.order.client_order_id]
            order = replace(
                present.order,
                stop_price=wanted,
                version=present.order.version + 1,
                tag=ExitReason.TRAILING_STOP_LOSS.value,
            )
            self._ledger.change(replace(present, order=order, wanted_stop_price=None), unit, "Amended")

        await self._unit(amended)

    async def _resolve(self, record: OrderRecord) -> None:
        """Ask until the venue is certain. Found: adopt. Absent: send again, same id, but only when the first try can
        no longer be accepted and the decision still stands."""
        client_id = record.order.client_order_id
        try:
            found = await self._call(lambda: self._venue.find(record.order))
        except (VenueRefusalError, VenueSilentError) as error:
            self._asked[client_id] = self._asked.get(client_id, 0) + 1
            self._context.log.warning("order outcome unknown", client_order_id=client_id, error=str(error))
            return
        if found is not None:
            self._asked.pop(client_id, None)
            await self._unit(lambda unit: self._adopt(found, unit))
            return
        bound, now = self._venue.resend_after, self._context.clock.now()
        self._asked[client_id] = self._asked.get(client_id, 0) + 1
        if bound is None or record.signed_at is None or now < record.signed_at + bound:
            return
        self._asked.pop(client_id, None)
        late = record.expires_at is not None and self._ledger.time > record.expires_at
        if late or record.cancel_requested or record.order.filled:
            await self._unit(lambda unit: self._end(record, OrderState.EXPIRED, "NeverArrived", unit))
        else:
            await self._send(record)

    # ------------------------------------------------------------------------------------------------------- answers

    def _accept(self, answer: Answer, unit: UnitOfWork) -> None:
        unit.writes.extend(answer.writes)
        for told in answer.orders:
            record = self._ledger.records[told.client_order_id]
            traceparent = self._context.tracer.span(
                "order",
                record.traceparent,
                {"pair": told.pair, "leg": record.order.leg.value, "client_order_id": told.client_order_id},
                start=record.signed_at,
            )
            self._ledger.move(
                told.client_order_id, OrderState.ACCEPTED, unit, traceparent=traceparent or record.traceparent
            )
        self._ledger.apply(answer.updates, unit)

    def _adopt_answer(self, answer: Answer, unit: UnitOfWork) -> None:
        unit.writes.extend(answer.writes)
        self._ledger.apply(answer.updates, unit)
        for told in answer.orders:
            self._adopt(told, unit)

    def _adopt(self, told: VenueOrder, unit: UnitOfWork) -> None:
        """Take over what the venue says an order is. Fills are applied from the venue's trades, never guessed here."""
        record = self._ledger.records[told.client_order_id]
        if not record.order.is_open or record.order.state is told.state:
            return
        if told.filled > record.order.filled and told.state is not OrderState.ACCEPTED:
            # Its trades are on their way; ending the order before them would refuse them.
            self._context.log.info("order waits for its fills", client_order_id=told.client_order_id)
            return
        self._ledger.move(told.client_order_id, told.state, unit, "AsVenueSays")

    def _end(self, record: OrderRecord, state: OrderState, reason: str, unit: UnitOfWork) -> None:
        self._ledger.move(record.order.client_order_id, state, unit, reason, cancel_requested=False)

    def _end_all(self, records: list[OrderRecord], state: OrderState, reason: str, unit: UnitOfWork) -> None:
        for record in records:
            self._ledger.move(record.order.client_order_id, state, unit, reason)
            self._context.log.warning(
                "order " + state.value.lower(),
                client_order_id=record.order.client_order_id,
                pair=record.order.pair,
                leg=record.order.leg.value,
                reason=reason,
            )

    # ------------------------------------------------------------------------------------------------------ plumbing

    def _group_of(self, record: OrderRecord) -> list[OrderRecord]:
        """The order alone, or the legs of its OCO group, which go out in one call."""
        if record.order.group is None:
            return [record]
        group = [r for r in self._ledger.open() if r.order.group == record.order.group]
        sendable = (record.order.state, OrderState.INTENDED)
        return [r for r in group if r.order.state in sendable]

    async def _unit(self, change: Callable[[UnitOfWork], object]) -> None:
        async with self._context.unit() as unit:
            change(unit)
            if unit.writes:
                self._ledger.guard(unit)

    async def _call(self, call: Callable[[], Awaitable[Result]]) -> Result:
        """One call to the venue; anything but an answer or a refusal is silence."""
        try:
            async with asyncio.timeout(self._timeout):
                return await call()
        except VenueRefusalError:
            raise
        except Exception as error:
            raise VenueSilentError(f"{type(error).__name__}: {error}") from error


def _is_work(record: OrderRecord) -> bool:
    return (
        record.order.state in (OrderState.INTENDED, OrderState.UNKNOWN)
        or record.cancel_requested
        or record.wanted_stop_price is not None
    )
