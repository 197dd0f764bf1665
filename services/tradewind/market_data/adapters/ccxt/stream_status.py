"""How one stream stands: the only place that decides which state follows which, and that reports it."""

from __future__ import annotations

from tradewind.market_data.adapters.ccxt.feed_time import ExchangeClock
from tradewind.market_data.ports import FeedState, Report, StateChange, StreamHealth, StreamKey


class StreamStatus:
    """The state of a stream. `listening` says that its WebSocket delivers updates."""

    def __init__(self, key: StreamKey, clock: ExchangeClock, *, polled: bool) -> None:
        self.health = StreamHealth()
        self.listening = False
        self._key, self._clock, self._polled = key, clock, polled
        self._behind = self._failing = False
        self._report: Report | None = None

    def report_to(self, report: Report) -> None:
        """Who hears of changes from now on."""
        self._report = report

    async def heard(self) -> None:
        """An update came by WebSocket. After a loss, being connected again waits for what was missed."""
        self.listening = True
        self.health.last_update = self._clock.now()
        if not self._behind:
            await self.enter(FeedState.CONNECTED)

    async def lost(self, state: FeedState, reason: str) -> None:
        """The WebSocket failed or fell silent. Told once, not again with every attempt that fails."""
        first = self.listening or self.health.state is FeedState.STARTING
        self.listening = False
        self.health.reconnects += 1
        if first:
            self._behind = True
            await self.enter(state, reason)

    async def failed(self, reason: str) -> None:
        """REST failed, so that nothing is delivered now. Told once, also where the WebSocket was lost before."""
        first, self._failing, self._behind = not self._failing, True, True
        await self.enter(FeedState.DISCONNECTED, reason, again=first)

    async def pulled(self) -> None:
        """REST has told everything up to now, and it is delivered."""
        self._failing = False
        if self._behind:
            self._behind = False
            await self.enter(FeedState.RESYNCED, "everything that was missed has been delivered")
        if self.listening or self._polled:
            await self.enter(FeedState.CONNECTED)

    async def enter(self, state: FeedState, reason: str = "", *, again: bool = False) -> None:
        """Be in a state; reported when it is another one than before, or to be told `again` with its new reason."""
        health = self.health
        if state is not health.state or again:
            health.state, health.reason = state, reason
            if self._report is not None:
                await self._report(StateChange(self._key, state, self._clock.now(), reason))
