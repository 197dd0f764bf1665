"""What execution does with a message, and the one worker that talks to the venue.

Handlers only take note (in their unit of work); the worker carries out, so that orders, matching and settling of a
tick happen in one order and every step is its own transaction. What differs between a venue in this process and one
of its own is a `VenueMarket`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tradewind.contracts.messages import (
    AmendOrder,
    CancelOrder,
    CandleClosed,
    PlaceOrder,
    ProtectPosition,
    TickDecided,
    VenueOpened,
)
from tradewind.domain.errors import ConfigError, TemporaryError
from tradewind.domain.order import Leg, OrderState
from tradewind.domain.timeframe import close_time
from tradewind.execution.ledger import OrderLedger
from tradewind.execution.market import VenueMarket
from tradewind.execution.ports import Venue, VenueRefusalError
from tradewind.execution.reconciliation import reconcile, report
from tradewind.execution.records import record_of
from tradewind.execution.sender import ASK_PAUSES, Sender, ask_pause, told_pause
from tradewind.execution.ticks import matched, settled
from tradewind.execution.venue_call import VenueSilentError, call_venue, circuit_of
from tradewind.kernel.runner import RETRY_PAUSES
from tradewind.kernel.service import Context
from tradewind.kernel.store.base import FencedError
from tradewind.kernel.unit import UnitOfWork


class ExecutionHandlers:
    """State between messages: the tick being collected and the tick to settle. Both come again after a restart."""

    def __init__(
        self, context: Context, ledger: OrderLedger, venue: Venue, sender: Sender, market: VenueMarket
    ) -> None:
        self.reconciled = asyncio.Event()
        self.trouble = "not reconciled yet"
        """Why the account is not known, as long as it is not."""
        self._context, self._ledger, self._venue, self._sender = context, ledger, venue, sender
        self._market = market
        self._timeframe = context.bot.spec.timeframe
        self._wake = asyncio.Event()
        self._collecting: dict[int, dict[str, CandleClosed]] = {}
        self._to_settle: TickDecided | None = None
        self._missed: set[int] = set()
        self._latest = -1
        """The last tick that was complete here."""
        self._failures = self._silences = 0
        sender.on_work = self._wake.set

    # ------------------------------------------------------------------------------------------------------ messages

    async def on_venue_opened(self, message: VenueOpened, unit: UnitOfWork) -> None:
        """A simulated venue waits after an opening: protective legs are placed before the candles go on."""
        self._market.opened(message, unit)

    async def on_candle(self, message: CandleClosed, unit: UnitOfWork) -> None:
        """Collect the candles of a tick; with the last one, match it."""
        if message.time < self._latest:
            # Market data was started again alone and plays what the bot was done with: it is told so, tick by tick.
            unit.publish(settled(message.time))
            return
        tick = self._collecting.setdefault(message.time, {})
        tick[message.id] = message  # after a gap one tick completes several candles of a longer timeframe
        if len(tick) < message.tick_size:
            return
        # Kept until the next one: should this unit fail, its last candle comes again alone. Matching twice is harmless.
        self._collecting = {message.time: tick}
        time, candles = message.time, [m for m in tick.values() if m.timeframe == self._timeframe]
        self._ledger.time = self._latest = time
        self._missed = {time} if any(one.missed for one in tick.values()) else set()
        self._end_late_entries(unit)
        if self._market.tick(time, candles, unit, quiet=self.reconciled.is_set() and not self._sender.work()):
            unit.publish(matched(self._context, time))
        else:
            unit.on_commit(self._wake.set)

    async def on_place_order(self, message: PlaceOrder, unit: UnitOfWork) -> None:
        """Intend an order; the same command twice is one order."""
        if message.client_order_id in self._ledger.records:
            return
        record = replace(
            record_of(message, self._ledger.next_number()),
            traceparent=message.traceparent,
            expires_wall=self._stands_until(message),
        )
        self._ledger.add(record, unit, "Decided")
        if message.leg is Leg.ENTRY and message.time <= self._sender.stopped_at:
            # Decided before an emergency stop that was answered since: nothing may be bought any more.
            self._ledger.move(message.client_order_id, OrderState.CANCELED, unit, "EmergencyStop")
        elif message.leg is Leg.ENTRY and self._market.real and message.time in self._missed:
            # Decided now on a candle of the past: at a real exchange nobody sells at the price of then.
            self._ledger.move(message.client_order_id, OrderState.CANCELED, unit, "CandleMissed")
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
        if record is None or not record.order.is_open:
            return
        if self._venue.amends:
            self._ledger.change(replace(record, wanted_stop_price=message.stop_price), unit)
        else:
            self._ledger.replace_stop(record, message.stop_price, f"amended-{message.time}", unit)
        if unit.writes:
            self._ledger.guard(unit)
            unit.on_commit(self._wake.set)

    async def on_tick_decided(self, message: TickDecided, unit: UnitOfWork) -> None:
        """Settle the tick once its commands are carried out; at once when there were none."""
        if not message.final and self._commands_seen(message) and self._can_settle():
            unit.publish(settled(message.time))
            return
        self._to_settle = message
        unit.on_commit(self._wake.set)

    # -------------------------------------------------------------------------------------------------------- worker

    async def work(self) -> None:
        """Reconcile, then carry out for as long as the service runs; after a failure, reconcile again.

        What was on its way when a step failed is asked for, as after a restart. A venue that does not answer is asked
        for as long as it takes, and nothing is decided meanwhile; so is a store. Any other step that fails to the end
        fails the service, with nothing lost.
        """
        while True:
            try:
                await self._reconcile()
                await self._carry_out()
            except (FencedError, ConfigError):
                raise
            except (VenueRefusalError, VenueSilentError) as error:
                await self._pause(error, self._pause_after(error))
            except TemporaryError as error:
                await self._pause(error, error.retry_after)
            except Exception as error:
                if self._failures == len(RETRY_PAUSES):
                    raise
                self._failures += 1
                await self._pause(error, RETRY_PAUSES[self._failures - 1])

    async def listen(self) -> None:
        """Hear what the venue tells by itself."""
        await self._market.listen()

    def _pause_after(self, error: VenueRefusalError | VenueSilentError) -> float:
        told = told_pause(error)
        if told is not None:
            return told
        self._silences += 1
        return ask_pause(self._silences)

    async def _pause(self, error: Exception, seconds: float) -> None:
        self.reconciled.clear()
        self.trouble = f"not reconciled: {error}"
        self._context.log.warning("worker failed, reconciles again", error=str(error), exc_info=error)
        await asyncio.sleep(seconds)

    async def _reconcile(self) -> None:
        await self._market.connect()
        # Who was replaced meanwhile does not know the orders of who came after, and would take them for a stranger's.
        await self._sender.confirm_lease()
        await reconcile(self._context, self._ledger, self._venue)
        await self._sender.resolve_unknown()
        await self._sender.drain()
        self._silences = 0
        self.reconciled.set()
        self._wake.set()

    async def _carry_out(self) -> None:
        retry: asyncio.TimerHandle | None = None
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._sender.drain()
            late = await self._market.work()
            pause = await self._sender.resolve_unknown()
            await self._settle()
            if retry is not None:
                retry.cancel()
            soonest = min((one for one in (late, pause) if one is not None), default=None)
            retry = None if soonest is None else asyncio.get_running_loop().call_later(soonest, self._wake.set)
            self._failures = 0

    async def drain(self) -> None:
        """Carry out what is intended before stopping; what the venue does not answer is asked for after the restart."""
        if self.reconciled.is_set():
            await self._sender.drain()

    async def _settle(self) -> None:
        decided = self._to_settle
        if decided is None or not self._commands_seen(decided) or not self._can_settle():
            return
        if decided.final:
            if not await self._finish(decided.time):
                asyncio.get_running_loop().call_later(ASK_PAUSES[0], self._wake.set)
                return
        else:
            async with self._context.unit() as unit:
                unit.publish(settled(decided.time))
        if self._to_settle is decided:
            self._to_settle = None

    async def _finish(self, time: int) -> bool:
        """The end of recorded data: forced exits trade at the last close. Whether all that came of it is known."""
        await self._market.finish(time)
        if await self._sender.resolve_unknown() is not None and self._sender.doubts():
            return False
        loads = await self._ledger.settled()
        circuit = circuit_of(self._context, self._venue)
        balances = await call_venue(self._venue.balances, self._sender.call_timeout, circuit=circuit)
        async with self._context.unit() as unit:
            self._ledger.refuse_loaded_since(loads)
            self._ledger.guard(unit)
            unit.publish(report(self._ledger, balances, self._ledger.time))
        async with self._context.unit() as unit:
            unit.publish(matched(self._context, time, final=True))
        return True

    def _stands_until(self, message: PlaceOrder) -> float | None:
        """The wall time until which a decision stands: one candle, where the market does not wait for the bot."""
        if not self._market.real or message.expires_at is None:
            return None
        return message.occurred_at + close_time(self._timeframe, 0) / 1000

    def _end_late_entries(self, unit: UnitOfWork) -> None:
        """Over a gap in the candles an entry may rest longer than its decision stands."""
        late = [r for r in self._ledger.open() if r.order.leg is Leg.ENTRY and self._ledger.is_late(r)]
        for record in late:
            if record.order.state is not OrderState.INTENDED and not record.cancel_requested:
                self._ledger.change(replace(record, cancel_requested=True), unit)
        if unit.writes:
            self._ledger.guard(unit)

    # ------------------------------------------------------------------------------------------------------- reading

    def _can_settle(self) -> bool:
        return self.reconciled.is_set() and not self._market.busy() and not self._sender.work()

    def _commands_seen(self, message: TickDecided) -> bool:
        return self._context.seen("orders.commands") >= message.commands_sequence
