"""The market of a venue of its own: its candles were matched there, and the account hears of it by a stream.

The stream is fast and may lose what it likes: a tick says how many events of the account there must have been, and
what has not come after a moment is asked for. While the stream is not connected everything is.
"""

from __future__ import annotations

import time as wall
from collections import deque
from dataclasses import dataclass
from functools import partial

from tradewind.contracts.messages import CandleClosed, VenueOpened
from tradewind.execution.adapters.remote_account import RemoteAccount
from tradewind.execution.adoption import Adoption
from tradewind.execution.ledger import OrderLedger
from tradewind.execution.live_venue import UserStream
from tradewind.execution.ports import Answer
from tradewind.execution.reconciliation import reconcile
from tradewind.execution.sender import Sender
from tradewind.execution.ticks import matched, opening_settled
from tradewind.execution.venue_call import call_venue, circuit_of
from tradewind.kernel.service import Context
from tradewind.kernel.store.base import FencedError
from tradewind.kernel.unit import UnitOfWork

PATIENCE = 0.5
"""Seconds to wait for the stream before the venue is asked."""

CONNECT_TIMEOUT = 30.0
"""Seconds in which the venue must be ready for calls; the first time ccxt is imported, which takes seconds."""


@dataclass(frozen=True, slots=True)
class _Awaited:
    """A tick, or only its opening, that is dealt with when `events` of the account were seen."""

    time: int
    events: int
    opening: bool
    since: float


class RemoteMarket:
    """Follows the account at a venue whose market is played tick by tick."""

    real = False

    def __init__(self, context: Context, ledger: OrderLedger, venue: RemoteAccount, sender: Sender) -> None:
        self._context, self._ledger, self._venue, self._sender = context, ledger, venue, sender
        self._adoption = Adoption(context, ledger)
        self._awaited: deque[_Awaited] = deque()
        self._seen = 0
        self._must_ask = False
        self._stream: UserStream | None = None

    async def load(self) -> None:
        """The ledger's time goes on from the resumed tick."""
        self._ledger.time = self._ledger.time or self._context.resume_time or 0

    async def connect(self) -> None:
        """Learn the venue's markets and clock, or its clock again."""
        start = partial(self._venue.start, self._ledger.watched())
        await call_venue(start, CONNECT_TIMEOUT, circuit=circuit_of(self._context, self._venue))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._venue.close()

    # --------------------------------------------------------------------------------------------------------- stream

    async def listen(self) -> None:
        """Take over what the venue tells, for as long as the service runs."""
        stream = self._stream = await self._venue.stream()

        async def deliver(answer: Answer) -> None:
            # Numbered without gaps: after a jump something was lost on the way, or overtaken.
            number = stream.last_execution_id
            self._must_ask |= self._skipped(number)
            try:
                async with self._context.unit() as unit:
                    self._adoption.of_answer(answer, unit)
                    if unit.writes:
                        self._ledger.guard(unit)
            except FencedError:
                raise
            except Exception as error:
                # Told once, and not stored: it is asked for, by the worker, which knows when to give up.
                self._must_ask = True
                self._context.log.warning("update not stored, asking", error=str(error), exc_info=error)
            # Only now: a tick whose events were seen is one whose events are in the ledger.
            self._seen = max(self._seen, number)
            self._wake()

        async def connected() -> None:
            # What was told before this connection was told to nobody.
            self._must_ask = True
            self._wake()

        await stream.run(deliver, connected)

    def _skipped(self, number: int) -> bool:
        """Whether events before the one with this number were not told."""
        return number > self._seen + 1

    # ---------------------------------------------------------------------------------------------------------- ticks

    def opened(self, message: VenueOpened, unit: UnitOfWork) -> None:
        """The venue waits after an opening until its events are dealt with."""
        self._ledger.time = max(self._ledger.time, message.time)
        self._expect(message.time, message.venue_events, opening=True)
        unit.on_commit(self._wake)

    def tick(self, time: int, candles: list[CandleClosed], unit: UnitOfWork, *, quiet: bool) -> bool:  # noqa: ARG002
        """Settled at once where everything of it was seen already."""
        events = max((one.venue_events for one in candles), default=0)
        if quiet and not self.busy() and self._seen >= events:
            return True
        self._expect(time, events, opening=False)
        return False

    def busy(self) -> bool:
        """Whether something of a tick was not seen yet."""
        return bool(self._awaited) or self._must_ask

    async def work(self) -> float | None:
        """Settle what was seen; ask for what is late."""
        while self._must_ask or self._awaited:
            if self._must_ask:
                await self._ask(0)
                continue  # something may have been lost while the venue was asked
            first = self._awaited[0]
            if self._seen < first.events:
                left = first.since + PATIENCE - wall.monotonic()
                if left > 0:
                    return left
                self._context.log.warning("events of the account are late, asking", seen=self._seen, of=first.events)
                await self._ask(first.events)
            await self._sender.drain(legs_only=True)
            pause = await self._sender.resolve_unknown()
            if pause is not None and self._sender.doubts():
                return pause  # nobody decides on an account that is not known
            async with self._context.unit() as unit:
                if first.opening:
                    unit.publish(opening_settled(first.time, first.events))
                else:
                    unit.publish(matched(self._context, first.time))
            self._awaited.popleft()
        return None

    async def finish(self, time: int) -> None:  # noqa: ARG002
        """Have the venue's market close, and hear all that came of it."""
        circuit = circuit_of(self._context, self._venue)
        await call_venue(self._venue.close_market, self._venue.call_timeout, circuit=circuit)
        await self._ask(0)

    async def _ask(self, events: int) -> None:
        """Ask the venue for everything and take it over."""
        self._must_ask = False
        try:
            await reconcile(self._context, self._ledger, self._venue)
        except BaseException:
            self._must_ask = True
            raise
        self._seen = max(self._seen, events)

    def _wake(self) -> None:
        self._sender.on_work()

    def _expect(self, time: int, events: int, *, opening: bool) -> None:
        if not any((one.time, one.opening) == (time, opening) for one in self._awaited):
            self._awaited.append(_Awaited(time, events, opening, wall.monotonic()))
