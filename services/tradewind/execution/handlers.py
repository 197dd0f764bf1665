"""What execution does with a message, and the one worker that talks to the venue.

Handlers only take note (in their unit of work); the worker carries out, so that orders, matching and settling of a
tick happen in one order and every step is its own transaction.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from functools import partial

from tradewind.contracts.messages import (
    AmendOrder,
    CancelOrder,
    CandleClosed,
    PlaceOrder,
    ProtectPosition,
    TickDecided,
    TickMatched,
    TickSettled,
)
from tradewind.domain.candle import Candle
from tradewind.domain.order import Leg, OrderState
from tradewind.execution.adapters.paper import PaperVenue
from tradewind.execution.ledger import OrderLedger
from tradewind.execution.reconciliation import reconcile, report
from tradewind.execution.records import record_of
from tradewind.execution.sender import Sender
from tradewind.kernel.service import RETRY_PAUSES, Context
from tradewind.kernel.store.base import FencedError
from tradewind.kernel.unit import UnitOfWork


class ExecutionHandlers:
    """State between messages: the tick being collected and the tick to settle. Both come again after a restart."""

    def __init__(self, context: Context, ledger: OrderLedger, venue: PaperVenue, sender: Sender) -> None:
        self.closes: dict[str, float] = {}
        self.walked: tuple[int, dict[str, float]] | None = None
        """Market time and latest prices as of the last phase that was committed; None before the first."""
        self.opening: dict[str, float] = {}
        """The prices at the start."""
        self.reconciled = asyncio.Event()
        self._context, self._ledger, self._venue, self._sender = context, ledger, venue, sender
        self._timeframe = context.bot.spec.timeframe
        self._wake = asyncio.Event()
        self._collecting: dict[int, dict[str, CandleClosed]] = {}
        self._to_match: deque[tuple[int, list[CandleClosed]]] = deque()
        self._to_settle: TickDecided | None = None
        self._failures = 0
        sender.on_work = self._wake.set

    # ------------------------------------------------------------------------------------------------------ messages

    async def on_candle(self, message: CandleClosed, unit: UnitOfWork) -> None:
        """Collect the candles of a tick; with the last one, match it."""
        tick = self._collecting.setdefault(message.time, {})
        tick[message.id] = message  # after a gap one tick completes several candles of a longer timeframe
        if len(tick) < message.tick_size:
            return
        # Kept until the next one: should this unit fail, its last candle comes again alone. Matching twice is harmless.
        self._collecting = {message.time: tick}
        time, candles = message.time, [m for m in tick.values() if m.timeframe == self._timeframe]
        self._ledger.time = time
        for one in candles:
            self.closes[one.pair] = one.candle.close
        self._end_late_entries(unit)
        if self._is_quiet(candles):
            for one in candles:
                self._venue.see(one.pair, one.candle)
            unit.on_commit(partial(self._walked, time, {one.pair: one.candle.close for one in candles}))
            unit.publish(self._matched(time))
        else:
            self._to_match.append((time, candles))
            unit.on_commit(self._wake.set)

    async def on_place_order(self, message: PlaceOrder, unit: UnitOfWork) -> None:
        """Intend an order; the same command twice is one order."""
        if message.client_order_id in self._ledger.records:
            return
        record = replace(record_of(message, self._ledger.next_number()), traceparent=message.traceparent)
        self._ledger.add(record, unit, "Decided")
        if message.leg is Leg.ENTRY and message.time <= self._sender.stopped_at:
            # Decided before an emergency stop that was answered since: nothing may be bought any more.
            self._ledger.move(message.client_order_id, OrderState.CANCELED, unit, "EmergencyStop")
        self._ledger.guard(unit)
        unit.on_commit(self._wake.set)

    async def on_protect_position(self, message: ProtectPosition, unit: UnitOfWork) -> None:
        """Place the legs of a position again, unless they rest."""
        self._ledger.protect_again(message.position_id, unit, message.id)
        if unit.writes:
            self._ledger.guard(unit)
            unit.on_commit(self._wake.set)

    async def on_cancel_order(self, message: CancelOrder, unit: UnitOfWork) -> None:
        """Ask for a cancellation of what is still open."""
        record = self._ledger.records.get(message.client_order_id)
        if record is not None and record.order.is_open:
            self._ledger.change(replace(record, cancel_requested=True), unit)
            self._ledger.guard(unit)
            unit.on_commit(self._wake.set)

    async def on_amend_order(self, message: AmendOrder, unit: UnitOfWork) -> None:
        """Ask for another stop price; an order that is gone needs none."""
        record = self._ledger.records.get(message.client_order_id)
        if record is not None and record.order.is_open:
            self._ledger.change(replace(record, wanted_stop_price=message.stop_price), unit)
            self._ledger.guard(unit)
            unit.on_commit(self._wake.set)

    async def on_tick_decided(self, message: TickDecided, unit: UnitOfWork) -> None:
        """Settle the tick once its commands are carried out; at once when there were none."""
        if not message.final and self._commands_seen(message) and self._can_settle():
            unit.publish(TickSettled(id=f"settled:{message.time}", time=message.time))
            return
        self._to_settle = message
        unit.on_commit(self._wake.set)

    # -------------------------------------------------------------------------------------------------------- worker

    async def work(self) -> None:
        """Reconcile, then carry out for as long as the service runs; after a failure, reconcile again.

        What was on its way when a step failed is asked for, as after a restart. A step that fails to the end fails the
        service, with nothing lost.
        """
        while True:
            try:
                await self._reconcile()
                await self._carry_out()
            except FencedError:
                raise
            except Exception as error:
                if self._failures == len(RETRY_PAUSES):
                    raise
                self.reconciled.clear()
                self._context.log.warning("worker failed, reconciles again", error=str(error), exc_info=error)
                await asyncio.sleep(RETRY_PAUSES[self._failures])
                self._failures += 1

    async def _reconcile(self) -> None:
        await reconcile(self._context, self._ledger, self._venue)
        await self._sender.resolve_unknown()
        await self._sender.drain()
        self.reconciled.set()
        self._wake.set()

    async def _carry_out(self) -> None:
        retry: asyncio.TimerHandle | None = None
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._sender.drain()
            while self._to_match:
                await self._match(*self._to_match[0])
                self._to_match.popleft()  # only now: after a failure it is matched again, which changes nothing twice
            pause = await self._sender.resolve_unknown()
            await self._settle()
            if retry is not None:
                retry.cancel()
            retry = None if pause is None else asyncio.get_running_loop().call_later(pause, self._wake.set)
            self._failures = 0

    async def drain(self) -> None:
        """Carry out what is intended before stopping; what the venue does not answer is asked for after the restart."""
        if self.reconciled.is_set():
            await self._sender.drain()

    async def _match(self, time: int, candles: list[CandleClosed]) -> None:
        for phase in ("Open", "Path"):
            if await self._phase([(m.pair, m.candle) for m in candles], phase):
                # The protective legs of what was entered: before the path, and before anybody decides on this tick.
                await self._sender.drain(legs_only=True)
        async with self._context.unit() as unit:
            unit.publish(self._matched(time))

    async def _phase(self, candles: list[tuple[str, Candle]], phase: str) -> bool:
        async with self._context.unit() as unit:
            for pair, candle in candles:
                updates, writes = self._venue.match(pair, candle, phase)
                unit.writes.extend(writes)
                self._ledger.apply(updates, unit)
            prices = {pair: candle.open if phase == "Open" else candle.close for pair, candle in candles}
            unit.on_commit(partial(self._walked, max(candle.open_time for _, candle in candles), prices))
            if unit.writes:
                self._ledger.guard(unit)
            return bool(unit.writes)

    def _walked(self, time: int, prices: dict[str, float]) -> None:
        known = self.walked[1] if self.walked else self.opening
        self.walked = time, {**known, **prices}

    async def _settle(self) -> None:
        decided = self._to_settle
        if decided is None or not self._commands_seen(decided) or not self._can_settle():
            return
        if decided.final:
            await self._finish(decided.time)
        else:
            async with self._context.unit() as unit:
                unit.publish(TickSettled(id=f"settled:{decided.time}", time=decided.time))
        if self._to_settle is decided:
            self._to_settle = None

    async def _finish(self, time: int) -> None:
        """The end of recorded data: forced exits trade at the last close."""
        closing = [(pair, Candle(time, close, close, close, close, 0.0)) for pair, close in self.closes.items()]
        await self._phase(closing, "Close")
        balances = await self._venue.balances()
        async with self._context.unit() as unit:
            self._ledger.guard(unit)
            unit.publish(report(self._ledger, balances))
        async with self._context.unit() as unit:
            unit.publish(self._matched(time, final=True))

    def _end_late_entries(self, unit: UnitOfWork) -> None:
        """Over a gap in the candles an entry may rest longer than its decision stands."""
        late = [r for r in self._ledger.open() if r.order.leg is Leg.ENTRY and self._ledger.is_late(r)]
        for record in late:
            if record.order.state is not OrderState.INTENDED and not record.cancel_requested:
                self._ledger.change(replace(record, cancel_requested=True), unit)
        if unit.writes:
            self._ledger.guard(unit)

    # ------------------------------------------------------------------------------------------------------- reading

    def _is_quiet(self, candles: list[CandleClosed]) -> bool:
        return (
            self.reconciled.is_set()
            and not self._to_match
            and not self._sender.work()
            and all(self._venue.is_idle(m.pair) for m in candles)
        )

    def _can_settle(self) -> bool:
        return self.reconciled.is_set() and not self._to_match and not self._sender.work()

    def _commands_seen(self, message: TickDecided) -> bool:
        return self._context.seen("orders.commands") >= message.commands_sequence

    def _matched(self, time: int, *, final: bool = False) -> TickMatched:
        return TickMatched(
            id=f"matched:{time}:{final}",
            time=time,
            orders_sequence=self._context.published("orders.events"),
            final=final,
        )
