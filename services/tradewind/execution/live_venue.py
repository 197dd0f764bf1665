"""What a real venue has beyond the `Venue` port.

The refusals after which the same order may be offered again, and its stream of updates.

The paper venue answers in this process and never says "not now". A real one does: its clock differs, it counts
requests, it bans for minutes. Such an answer is as definite as a refusal (nothing was taken), but it says nothing
about the order, so the sender may offer the same order again, signed anew, once the pause is over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from tradewind.execution.ports import Answer, VenueRefusalError

STALE_TIMESTAMP = "StaleTimestamp"
"""The venue found the request too old or too new. Its clock has been measured again since."""

TOO_MANY_REQUESTS = "TooManyRequests"
"""The venue counts requests or has banned this address; nothing is asked of it before the pause is over."""

UNKNOWN_ORDER = "UnknownOrder"
"""The venue knows no such open order: it may never have had it, or it may have filled a moment ago."""


class NotTakenError(VenueRefusalError):
    """The venue did not look at the request: nothing happened, and the same order may be sent after `retry_after`.

    `reason` is `STALE_TIMESTAMP` or `TOO_MANY_REQUESTS`; `retry_after` is in seconds from now, 0 for at once. A
    sender that knows only `VenueRefusalError` sees a definite no, which is safe and merely less patient.
    """

    def __init__(self, reason: str, detail: str, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(reason, detail)


class UserStream(Protocol):
    """The account's updates as they happen; a convenience, never the truth: what it misses is asked for.

    `connected` is whether updates are arriving now; while it is false the caller has to poll. `last_execution_id` is
    the highest that was seen (0 before the first), `reconnects` how often the stream was opened again.
    """

    connected: bool
    last_execution_id: int
    reconnects: int

    async def run(
        self, deliver: Callable[[Answer], Awaitable[None]], on_reconnect: Callable[[], Awaitable[None]]
    ) -> None:
        """Deliver until canceled, in the venue's order.

        `on_reconnect` is awaited after every (first and later) connection and before anything of it is delivered: the
        caller reconciles by questions, because what happened before the connection is told by nobody.
        """
        ...
