"""The market of the paper venue: candles are matched here, in two phases, with protective legs placed in between."""

from __future__ import annotations

from collections import deque
from functools import partial

from tradewind.contracts.messages import CandleClosed, VenueOpened
from tradewind.domain.candle import Candle
from tradewind.execution.adapters.paper import PaperVenue
from tradewind.execution.ledger import OrderLedger
from tradewind.execution.sender import Sender
from tradewind.execution.ticks import matched
from tradewind.kernel.service import Context
from tradewind.kernel.unit import UnitOfWork


class PaperMarket:
    """Walks the bot's own candles through the paper venue."""

    real = False

    def __init__(self, context: Context, ledger: OrderLedger, venue: PaperVenue, sender: Sender) -> None:
        self._context, self._ledger, self._venue, self._sender = context, ledger, venue, sender
        self._to_match: deque[tuple[int, list[CandleClosed]]] = deque()
        self._closes: dict[str, float] = {}
        self._walked: tuple[int, dict[str, float]] | None = None

    async def load(self) -> None:
        """Stand where the last committed phase left the prices; at a start, at the resumed tick."""
        context, ledger = self._context, self._ledger
        if self._walked is None:
            start = context.resume_time or 0
            closes = await context.ask("market-data", "closes", time=start)
            self._walked, self._closes, ledger.time = (start, closes), dict(closes), start
        # A tick whose matching failed is walked again from the prices before it, not from its own close.
        now, prices = self._walked
        self._venue.open_market(ledger.instruments, prices, now)

    async def connect(self) -> None:
        """It is in this process."""

    async def listen(self) -> None:
        """It tells nothing by itself."""

    async def close(self) -> None:
        """It holds nothing."""

    def opened(self, message: VenueOpened, unit: UnitOfWork) -> None:
        """Its candles are walked here, and wait for nobody."""

    def tick(self, time: int, candles: list[CandleClosed], unit: UnitOfWork, *, quiet: bool) -> bool:
        """Where no order can meet the candles there is nothing to match."""
        for one in candles:
            self._closes[one.pair] = one.candle.close
        met = (*self._left(), *(one.pair for one in candles))
        if self._to_match or not quiet or not all(map(self._venue.is_idle, met)):
            self._to_match.append((time, candles))
            return False
        for one in candles:
            self._venue.see(one.pair, one.candle)
        unit.on_commit(partial(self._note, time, {one.pair: one.candle.close for one in candles}))
        return True

    def busy(self) -> bool:
        """Whether a tick waits to be matched."""
        return bool(self._to_match)

    async def work(self) -> float | None:
        """Match what waits, in its order."""
        while self._to_match:
            time, candles = self._to_match[0]
            met = [(one.pair, one.candle) for one in candles]
            met += [(pair, _still(time, self._closes[pair])) for pair in self._left()]
            for phase in ("Open", "Path"):
                if await self._phase(met, phase):
                    # The protective legs of what was entered: before the path, and before anybody decides on this tick.
                    await self._sender.drain(legs_only=True)
            async with self._context.unit() as unit:
                unit.publish(matched(self._context, time))
            self._to_match.popleft()  # only now: after a failure it is matched again, which changes nothing twice
        return None

    async def finish(self, time: int) -> None:
        """What was decided from the last close acts on it."""
        await self._phase([(pair, _still(time, close)) for pair, close in self._closes.items()], "Close")

    def _left(self) -> list[str]:
        """Pairs that have left the manifest: no candle of theirs comes, and who sells one does so at its last close."""
        return [pair for pair in self._closes if pair not in self._ledger.traded]

    async def _phase(self, candles: list[tuple[str, Candle]], phase: str) -> bool:
        async with self._context.unit() as unit:
            for pair, candle in candles:
                updates, writes = self._venue.match(pair, candle, phase)
                unit.writes.extend(writes)
                self._ledger.apply(updates, unit)
            prices = {pair: candle.open if phase == "Open" else candle.close for pair, candle in candles}
            unit.on_commit(partial(self._note, max(candle.open_time for _, candle in candles), prices))
            if unit.writes:
                self._ledger.guard(unit)
            return bool(unit.writes)

    def _note(self, time: int, prices: dict[str, float]) -> None:
        known = self._walked[1] if self._walked else {}
        self._walked = time, {**known, **prices}


def _still(time: int, close: float) -> Candle:
    """A market that stands where it closed: nobody trades, and what takes any price is taken."""
    return Candle(time, close, close, close, close, 0.0)
