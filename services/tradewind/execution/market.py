"""The market behind the venue, as execution sees it: what has to happen at a tick before anybody may decide on it.

On paper the candles of the tick are matched here. At a venue of its own they were matched there, and what has to
happen is that everything it told the account by then is taken over.
"""

from __future__ import annotations

from typing import Protocol

from tradewind.contracts.messages import CandleClosed, VenueOpened
from tradewind.kernel.unit import UnitOfWork


class VenueMarket(Protocol):
    """One kind of venue. `load`, `opened` and `tick` belong to messages, the rest to the worker alone.

    `real` is whether the market goes on by itself, so that what was decided too late must not act.
    """

    real: bool

    async def load(self) -> None:
        """Stand where what is committed says; the ledger knows its instruments by then."""
        ...

    async def connect(self) -> None:
        """Have the venue ready for calls."""
        ...

    async def listen(self) -> None:
        """Take over what the venue tells by itself, for as long as the service runs."""
        ...

    def opened(self, message: VenueOpened, unit: UnitOfWork) -> None:
        """The venue waits in the middle of a tick; `work` is to be done."""
        ...

    def tick(self, time: int, candles: list[CandleClosed], unit: UnitOfWork, *, quiet: bool) -> bool:
        """All base candles of a tick are here; whether that settles its matching at once, else `work` is to be done.

        `quiet` is whether nothing else is under way.
        """
        ...

    def busy(self) -> bool:
        """Whether something of a tick is not dealt with yet, so that its commands must wait."""
        ...

    async def work(self) -> float | None:
        """Deal with ticks as far as possible; returns the seconds after which to try again, None when nothing waits."""
        ...

    async def finish(self, time: int) -> None:
        """The recording is used up and the last orders are sent: let them trade at the last close."""
        ...

    async def close(self) -> None:
        """Let go of the venue."""
        ...
