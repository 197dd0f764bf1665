"""The market of a real exchange: it goes on by itself, and the account hears of it by a stream.

No tick says here how many events there must have been, and the numbers of the events have gaps that mean nothing. So
what the stream may have lost is found by asking: after every connection, now and then while it is connected, often
while it is not, and before anybody decides on a tick that closed while it was not.
"""

from __future__ import annotations

import asyncio

from tradewind.contracts.messages import CandleClosed
from tradewind.execution.remote_market import RemoteMarket
from tradewind.kernel.unit import UnitOfWork

POLL = 60.0
"""Seconds between two questions for the whole account while its stream is connected."""

POLL_BLIND = 5.0
"""The same while it is not."""


class ExchangeMarket(RemoteMarket):
    """Follows the account at an exchange."""

    real = True

    async def listen(self) -> None:
        """Take over what the exchange tells, and ask for what it did not."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(super().listen())
            tasks.create_task(self._poll())

    def tick(self, time: int, candles: list[CandleClosed], unit: UnitOfWork, *, quiet: bool) -> bool:
        """Settled at once where nothing is under way and the stream is connected."""
        self._must_ask |= self._stream is None or not self._stream.connected
        return super().tick(time, candles, unit, quiet=quiet)

    async def _poll(self) -> None:
        while True:
            connected = self._stream is not None and self._stream.connected
            await asyncio.sleep(POLL if connected else POLL_BLIND)
            self._must_ask = True
            self._wake()

    def _skipped(self, number: int) -> bool:  # noqa: ARG002
        return False
