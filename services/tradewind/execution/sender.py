"""The sender: carries out what the ledger intends, one order at a time, every step its own transaction.

For each open order, oldest first: cancel where that was asked; else send what is `Intended`; else amend; else ask
about what is `Unknown`. A create is never retried blindly: see `Sender._resolve`. The lease is confirmed in the
transaction before each call that changes something at the venue, so that a writer that lost it stops there.

Orders may move while a call is on its way (a fill overtakes its acknowledgement, an emergency stop comes between),
so what follows from an answer is decided on the order as it is then, in the unit that records it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial

from tradewind.domain.exits import ExitReason
from tradewind.domain.order import TERMINAL, Leg, Order, OrderState
from tradewind.execution.adoption import NEVER_TAKEN, Adoption
from tradewind.execution.ledger import OrderLedger
from tradewind.execution.live_venue import UNKNOWN_ORDER, NotTakenError
from tradewind.execution.order_spans import OrderSpans
from tradewind.execution.ports import DUPLICATE, Answer, Venue, VenueFill, VenueOrder, VenueRefusalError
from tradewind.execution.reconciliation import external_order
from tradewind.execution.records import OrderRecord
from tradewind.execution.venue_call import Result, VenueSilentError, call_venue, circuit_of
from tradewind.kernel.resilience import Circuit, vital
from tradewind.kernel.service import Context
from tradewind.kernel.telemetry.traceparent import exemplar_of
from tradewind.kernel.telemetry.tracing import under
from tradewind.kernel.unit import UnitOfWork

Answered = Answer | VenueRefusalError | VenueSilentError
"""What a call to the venue came to."""

ASK_PAUSES = (0.1, 0.5, 2.0, 5.0, 15.0)


class Sender:
    """Works for one account. `call_timeout` is in seconds; `on_work` tells the worker that there is something to do."""

    def __init__(self, context: Context, ledger: OrderLedger, venue: Venue, call_timeout: float = 10.0) -> None:
        self._context, self._ledger, self._venue = context, ledger, venue
        self.call_timeout = call_timeout
        self._adoption = Adoption(context, ledger)
        self._circuit = circuit_of(context, venue)
        self._tries: dict[str, int] = {}
        self._blocked: set[str] = set()
        self._bare_since: dict[str, float] = {}
        self._acknowledge_seconds = context.metrics.order_seconds.labels(context.key)
        self._unprotected_seconds = context.metrics.unprotected_seconds.labels(context.key)
        self._held_until = 0.0
        """Wall time before which the venue wants no question."""
        self._working = asyncio.Lock()
        self.stopped_at = -1
        """Market time of the last emergency stop: an entry that was decided up to then is not sent."""
        self._stop_up_to: int | None = None
        """The number of the latest order at an emergency stop that is not recorded yet: none up to it is sent."""
        self.on_work: Callable[[], None] = lambda: None

    def work(self) -> list[OrderRecord]:
        """What there is to do, oldest first."""
        return [record for record in self._ledger.open() if _is_work(record)]

    def doubts(self) -> bool:
        """Whether the outcome of anything sent is not known."""
        return bool(self._ledger.unknown())

    async def drain(self, *, legs_only: bool = False) -> None:
        """Work until nothing can be done now; orders whose outcome is unknown stay, and are asked for again.

        With `legs_only` only protective legs are placed and taken away: what else was decided acts from the next
        candle on, so it must not act inside the one that is being walked.
        """
        async with self._working:
            self._blocked.clear()
            while True:
                await self._finish_stop()
                todo = next((r for r in self.work() if self._can_do(r, legs_only=legs_only)), None)
                if todo is None:
                    break
                await self._step(todo)

    def _can_do(self, record: OrderRecord, *, legs_only: bool) -> bool:
        if record.order.state is OrderState.UNKNOWN or record.order.client_order_id in self._blocked:
            return False
        placing = record.order.state is OrderState.INTENDED or record.cancel_requested
        return not legs_only or (record.is_protective and placing)

    async def resolve_unknown(self) -> float | None:
        """Ask the venue about every unknown order once.

        Returns the seconds after which to drain and ask again, 0 when there is something to do at once, None when
        there is nothing to do.
        """
        async with self._working:
            await self._finish_stop()
            for record in self.work():
                await self._finish_stop()
                if self._present(record).order.state is OrderState.UNKNOWN:
                    await self._resolve(self._present(record))
        waiting = self.work()
        if not waiting:
            self._tries.clear()
            return None
        return min(self._pause_of(record) for record in waiting)

    def _pause_of(self, record: OrderRecord) -> float:
        """Seconds until it is this one's turn again, at the latest when it may be sent again."""
        pause, bound = ask_pause(self._tries.get(record.order.client_order_id, 0)), self._venue.resend_after
        now = self._context.clock.now()
        held = max(self._held_until - now, 0.0)
        if record.order.state is not OrderState.UNKNOWN or record.signed_at is None or bound is None:
            return max(pause, held)
        left = record.signed_at + bound - now
        return max(min(pause, left) if left > 0 else pause, held)

    async def cancel_everything(self) -> tuple[int, list[str]]:
        """Cancel all that is open, whoever placed it; returns how many, and what could not be canceled.

        The venue comes first and the store second: nothing is recorded before the last order is gone, so a store that
        hangs keeps none of them open. It waits for nothing, so it may come between any two steps of the worker.
        """
        with vital():
            return await self._cancel_everything()

    async def _cancel_everything(self) -> tuple[int, list[str]]:
        self.stopped_at = self._ledger.time
        troubles = list[str]()
        try:
            told = await self._call(self._venue.open_orders)
            orders = [self._order_of(one) for one in told]
        except (VenueRefusalError, VenueSilentError) as error:
            orders = [record.order for record in self._ledger.open() if record.order.state is not OrderState.INTENDED]
            troubles.append(f"the venue does not say what is open, trying what is known here: {error}")
        fates, unrecorded = dict[str, OrderState](), list[Answer]()
        for order in orders:
            if order.client_order_id in fates:
                continue  # it ended with the other leg of its group
            gone = list[Answer]()
            cancel = partial(self._cancel_noting, order, gone)
            try:
                if self._venue.transactional:
                    answered = await self._ask(cancel, self._take_canceled)
                else:
                    answered = await self._answered(cancel)
                    unrecorded += gone
            except Exception as error:  # noqa: BLE001 - whatever it is, the others must be canceled too
                troubles.append(f"{order.client_order_id}: {error}")
                continue
            troubles += [f"{order.client_order_id}: {answered}"] if not gone else []
            for answer in gone:
                fates[order.client_order_id] = OrderState.CANCELED
                # What filled or expired a moment before its turn is gone too, but nobody canceled it.
                fates |= {told.client_order_id: told.state for told in answer.orders if told.state in TERMINAL}
        self._stop_up_to = self._ledger.latest_number
        try:
            await self._unit(partial(self._stop_the_rest, unrecorded, None))
            self._stop_up_to = None
        except Exception as error:  # noqa: BLE001 - the venue is done with, and the caller has a latch to set
            troubles.append(f"what is canceled is not recorded yet, what is on its way is not canceled yet: {error}")
        finally:
            if self._stop_up_to is not None:
                self.on_work()
        return sum(fates.get(order.client_order_id) is OrderState.CANCELED for order in orders), troubles

    async def _cancel_noting(self, order: Order, gone: list[Answer]) -> Answer:
        try:
            answer = await self._venue.cancel(order)
        except VenueRefusalError as refusal:
            # The worker may have been quicker, or it has just filled.
            found = await self._venue.find(order) if refusal.reason == UNKNOWN_ORDER else None
            if found is None or found.state not in TERMINAL:
                raise
            answer = Answer(orders=(found,))
        gone.append(answer)
        return answer

    def _take_canceled(self, answered: Answered, unit: UnitOfWork) -> None:
        if isinstance(answered, Answer):
            self._adoption.of_answer(answered, unit)

    def _order_of(self, told: VenueOrder) -> Order:
        record = self._ledger.records.get(told.client_order_id)
        return record.order if record else external_order(told, self._ledger.time)

    async def _finish_stop(self) -> None:
        """Record a stop whose own recording failed; nothing is sent or asked for before that."""
        if (number := self._stop_up_to) is not None:
            await self._unit(partial(self._stop_the_rest, [], number))
            if self._stop_up_to == number:
                self._stop_up_to = None

    def _stop_the_rest(self, canceled: list[Answer], up_to: int | None, unit: UnitOfWork) -> None:
        """What is gone is recorded, what was not sent is not, and what is on its way is canceled once it is there."""
        for answer in canceled:
            self._adoption.of_answer(answer, unit)
        for record in self._ledger.open():
            if up_to is not None and record.number > up_to:
                continue  # it came after the stop
            if record.order.state is OrderState.INTENDED:
                self._adoption.end(record, OrderState.CANCELED, "EmergencyStop", unit)
            else:
                self._ledger.change(replace(record, cancel_requested=True), unit)
        unit.on_commit(self.on_work)

    # --------------------------------------------------------------------------------------------------------- steps

    async def _step(self, record: OrderRecord) -> None:
        if record.order.state is OrderState.INTENDED:
            if record.cancel_requested:
                await self._unit(partial(self._adoption.end, record, OrderState.CANCELED, "Requested"))
            elif record.order.leg is Leg.EXIT:
                await self._exit(record)
            elif record.is_protective:
                await self._protect(record)
            else:
                await self._send(record)
        elif record.cancel_requested:
            await self._cancel(record)
        else:
            await self._amend(record)

    async def _protect(self, record: OrderRecord) -> None:
        """Place a leg and its group over what there is by now: an older leg may have sold since this one was made."""
        if self._older_legs(record):
            self._block(record)  # two that cover the same amount could sell it twice
            return
        left = self._ledger.staying(record.position_id)
        if left <= 0:
            await self._unit(partial(self._adoption.end, record, OrderState.CANCELED, "PositionClosed"))
            return
        if left < record.order.remaining:
            await self._unit(partial(self._shrink, self._group_of(record), left))
        await self._send(self._present(record))

    def _shrink(self, records: list[OrderRecord], left: Decimal, unit: UnitOfWork) -> None:
        for record in records:
            self._ledger.resize(record.order.client_order_id, left, unit, "PositionReduced")

    def _older_legs(self, record: OrderRecord) -> bool:
        """Whether legs that this one replaces may still trade."""
        group = record.order.group
        return any(
            leg.number < record.number and (group is None or leg.order.group != group)
            for leg in self._ledger.protective(record.position_id)
        )

    async def _exit(self, record: OrderRecord) -> None:
        """Free the amount from the protective legs, then sell what is left of the position."""
        if any(older.number < record.number for older in self._ledger.exits(record.position_id)):
            self._block(record)  # asked for again while the one before may still trade
            return
        for leg in self._ledger.protective(record.position_id):
            present = self._present(leg)
            if present.order.is_open and present.order.state is not OrderState.UNKNOWN:
                await self._step(replace(present, cancel_requested=True))
            if self._present(leg).order.is_open:
                # The leg may still trade, and selling beside it could sell twice: the exit waits until it is known.
                self._block(record)
                return
        left = self._left(record)
        if left <= 0:
            await self._unit(partial(self._adoption.end, record, OrderState.CANCELED, "PositionClosed"))
            return
        if left < record.order.remaining:
            await self._unit(partial(self._shrink, [record], left))
        await self._send(self._present(record))

    def _left(self, record: OrderRecord) -> Decimal:
        """What an exit may still sell: at most what was asked, and no more than the position's fills leave."""
        instrument = self._ledger.instrument(record.order.pair)
        return instrument.amount(min(record.order.remaining, self._ledger.held(record.position_id)))

    async def _send(self, record: OrderRecord) -> None:
        if record.order.leg is Leg.ENTRY and not self._ledger.is_late(record) and not await self._answers():
            self._block(record)
            return
        if self._ledger.is_late(record):
            await self._unit(partial(self._adoption.end, record, OrderState.EXPIRED, "DecisionExpired"))
            return
        signed_at = self._context.clock.now()
        sent: list[OrderRecord] = []
        spans = OrderSpans(self._context.tracer, signed_at)

        def submit(unit: UnitOfWork) -> None:
            for one in self._group_of(record):
                client_id, told = one.order.client_order_id, spans.begin(one)
                move = partial(self._ledger.move, client_id, OrderState.SUBMITTED, unit)
                sent.append(move(signed_at=signed_at, traceparent=told))

        await self._unit(submit)
        if not sent:
            return
        create = partial(self._venue.create, [one.order for one in sent])
        with spans, under(sent[0].traceparent):
            answered = await self._ask(create, partial(self._created, sent), signed_at)
            spans.outcome = _outcome(answered)
        if isinstance(answered, Answer):
            now, exemplar = self._context.clock.now(), exemplar_of(sent[0].traceparent)
            self._acknowledge_seconds.observe(now - signed_at, exemplar)
            if record.is_protective and (since := self._bare_since.pop(record.position_id, None)) is not None:
                self._unprotected_seconds.observe(now - since, exemplar)

    async def _answers(self) -> bool:
        """Whether an entry may go out. While the venue is silent each would only be one more unknown outcome.

        Nothing is sent and nothing recorded: the order waits for as long as its decision stands. Once the pause is
        over it is a question that shows whether the venue answers, and not the order.
        """
        if self._circuit is None:
            return True
        if self._circuit.circuit is Circuit.HALF_OPEN:
            with contextlib.suppress(VenueRefusalError, VenueSilentError):
                await self._call(self._venue.open_orders)
        return not self._circuit.trouble()

    def _created(self, sent: list[OrderRecord], answered: Answered, unit: UnitOfWork) -> None:
        match answered:
            case Answer():
                self._adoption.of_create(answered, sent, unit)
            case NotTakenError():
                self._adoption.not_taken(sent, str(answered), unit)
            case VenueRefusalError(reason=reason) if reason != DUPLICATE:
                self._adoption.refuse(sent, str(answered), unit)
            case _:
                self._adoption.doubt(sent, str(answered), unit)

    async def _cancel(self, record: OrderRecord) -> None:
        with vital():
            await self._cancel_at_venue(record)

    async def _cancel_at_venue(self, record: OrderRecord) -> None:
        signed_at = self._context.clock.now()
        await self.confirm_lease()
        with under(record.traceparent):
            await self._ask(lambda: self._venue.cancel(record.order), partial(self._canceled, record), signed_at)
        if self._present(record).order.is_open:
            self._failed(record)
        elif any(leg.order.state is OrderState.INTENDED for leg in self._ledger.protective(record.position_id)):
            # Legs are to take its place: until they rest, nothing protects the position.
            self._bare_since.setdefault(record.position_id, self._context.clock.now())

    def _canceled(self, record: OrderRecord, answered: Answered, unit: UnitOfWork) -> None:
        if isinstance(answered, Answer):
            self._adoption.of_answer(answered, unit)
            # Taken note of, not done: asked for until it is.
            self._adoption.doubt([record], "CancelPending", unit)
        else:
            # "Unknown order" proves nothing either: it may have filled a moment ago. Ask.
            self._adoption.doubt([record], str(answered), unit)

    async def _amend(self, record: OrderRecord) -> None:
        wanted = record.wanted_stop_price
        assert wanted is not None
        signed_at = self._context.clock.now()
        await self.confirm_lease()
        with under(record.traceparent):
            answered = await self._ask(
                lambda: self._venue.amend(record.order, wanted), partial(self._amendment, record, wanted), signed_at
            )
        if not isinstance(answered, Answer):
            self._failed(record)

    def _amendment(self, record: OrderRecord, wanted: Decimal, answered: Answered, unit: UnitOfWork) -> None:
        if isinstance(answered, Answer):
            self._amended(record, wanted, answered, unit)
            return
        if isinstance(answered, VenueRefusalError):
            # A stop price that the venue will not have is not offered again.
            self._ledger.change(replace(self._present(record), wanted_stop_price=None), unit)
        self._adoption.doubt([record], str(answered), unit)

    def _amended(self, record: OrderRecord, wanted: Decimal, answer: Answer, unit: UnitOfWork) -> None:
        unit.writes.extend(answer.writes)
        present = self._present(record)
        if not present.order.is_open:
            return
        order = replace(
            present.order,
            stop_price=wanted,
            version=present.order.version + 1,
            tag=ExitReason.TRAILING_STOP_LOSS.value,
        )
        self._ledger.change(replace(present, order=order, wanted_stop_price=None), unit, "Amended")

    async def _resolve(self, record: OrderRecord) -> None:
        """Ask until the venue is certain.

        Found: adopt, with its trades. Absent: send again, same id, but only when the first try can no longer be
        accepted and the decision still stands.
        """
        if record.signed_at == NEVER_TAKEN and self._venue.resend_after is None:
            # Such a venue is never certain that it has no such order; of this one it said so itself.
            self._failed(record)
            await self._send_again(record)
            return
        client_id = record.order.client_order_id
        loads = await self._ledger.settled()
        try:
            with under(record.traceparent):
                found = await self._call(lambda: self._venue.find(record.order))
                fills = await self._call(self._venue.fills) if found and found.filled > record.order.filled else ()
        except (VenueRefusalError, VenueSilentError) as error:
            told = told_pause(error)
            if told is None:
                self._failed(record)
            else:
                self._held_until = self._context.clock.now() + told
            self._context.log.warning("order outcome unknown", client_order_id=client_id, error=str(error))
            return
        if found is not None:
            mine = [VenueFill(fill) for fill in fills if fill.client_order_id == client_id]
            await self._unit(partial(self._found, Answer(orders=(found,), updates=tuple(mine)), loads))
            if self._present(record).order.state is OrderState.UNKNOWN:
                self._failed(record)
            return
        self._failed(record)
        bound, now = self._venue.resend_after, self._context.clock.now()
        if bound is None or record.signed_at is None or now < record.signed_at + bound:
            return
        await self._send_again(record)

    def _found(self, answer: Answer, loads: int, unit: UnitOfWork) -> None:
        self._ledger.refuse_loaded_since(loads)
        self._adoption.of_answer(answer, unit)

    async def _send_again(self, record: OrderRecord) -> None:
        """Send an order that the venue has not and can no longer get; end it where it is not wanted any more."""
        if self._ledger.is_late(record) or record.cancel_requested or record.order.filled:
            await self._unit(partial(self._adoption.end, record, OrderState.EXPIRED, "NeverArrived"))
        else:
            await self._send(record)

    # ------------------------------------------------------------------------------------------------------ plumbing

    def _present(self, record: OrderRecord) -> OrderRecord:
        return self._ledger.records[record.order.client_order_id]

    def _group_of(self, record: OrderRecord) -> list[OrderRecord]:
        """What goes out in one call, as it is now: the order alone, or the legs of its OCO group."""
        group = record.order.group
        sendable = (record.order.state, OrderState.INTENDED)
        return [
            present
            for present in self._ledger.open()
            if present.order.state in sendable and not present.cancel_requested
            if self._stop_up_to is None or present.number > self._stop_up_to
            if present.order.client_order_id == record.order.client_order_id
            or (group is not None and present.order.group == group)
        ]

    def _failed(self, record: OrderRecord) -> None:
        client_id = record.order.client_order_id
        self._tries[client_id] = self._tries.get(client_id, 0) + 1

    def _block(self, record: OrderRecord) -> None:
        self._blocked.add(record.order.client_order_id)
        self._failed(record)

    async def confirm_lease(self) -> None:
        """Make sure that this is the writer of the account still; raises `FencedError` where another one is."""
        if self._venue.transactional:
            return  # its change is undone with the unit that records it
        async with self._context.unit() as unit:
            self._ledger.guard(unit)

    async def _unit(self, change: Callable[[UnitOfWork], object]) -> None:
        async with self._context.unit() as unit:
            change(unit)
            if unit.writes:
                self._ledger.guard(unit)

    async def _call(self, call: Callable[[], Awaitable[Result]], signed_at: float | None = None) -> Result:
        return await call_venue(call, self.call_timeout, signed_at, self._circuit)

    async def _ask(
        self,
        call: Callable[[], Awaitable[Answer]],
        take: Callable[[Answered, UnitOfWork], None],
        signed_at: float | None = None,
    ) -> Answered:
        """Call what changes something at the venue, and record by `take` what came of it.

        A venue that lives in our store is called inside the unit: were it loaded again between its answer and the
        record of it, the one would be undone and the other not.
        """
        if not self._venue.transactional:
            answered = await self._answered(call, signed_at)
            await self._unit(partial(take, answered))
            return answered
        async with self._context.unit() as unit:
            answered = await self._answered(call)
            take(answered, unit)
            if unit.writes:
                self._ledger.guard(unit)
        return answered

    async def _answered(self, call: Callable[[], Awaitable[Answer]], signed_at: float | None = None) -> Answered:
        try:
            return await self._call(call, signed_at)
        except (VenueRefusalError, VenueSilentError) as error:
            return error


def _is_work(record: OrderRecord) -> bool:
    return (
        record.order.state in (OrderState.INTENDED, OrderState.UNKNOWN)
        or record.cancel_requested
        or record.wanted_stop_price is not None
    )


def _outcome(answered: Answered) -> str:
    match answered:
        case Answer():
            return "accepted"
        case NotTakenError():
            return "not taken"
        case VenueRefusalError():
            return "refused"
        case _:
            return "unknown"


def told_pause(error: Exception) -> float | None:
    """Seconds after which the venue says that it may be asked again; pauses that grow would outlast them by far."""
    if isinstance(error, NotTakenError) and error.retry_after > 0:
        return max(error.retry_after, ASK_PAUSES[0])
    return None


def ask_pause(tries: int) -> float:
    """Seconds before the venue is asked once more, after it was in vain `tries` times."""
    return ASK_PAUSES[min(tries, len(ASK_PAUSES)) - 1] if tries else 0.0
