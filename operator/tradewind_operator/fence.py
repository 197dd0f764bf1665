"""The fence that every write of the operator has to pass: only the leader writes, and only while it leads.

It is asked twice. Before a request is made, and again when its bytes are handed to the connection: a process may be
stopped between the two, by the machine or by its cgroup, for longer than its Lease lasts, and go on with what it was
about to send when another leads.
"""

from __future__ import annotations

from aiohttp import BytesPayload
from aiohttp.abc import AbstractStreamWriter

from tradewind.domain.errors import TradewindError

REQUEST_TIMEOUT = 20.0
"""Seconds for an answer, at most."""


class NotLeaderError(TradewindError):
    """This process may not write (any more)."""


class Fence:
    """Who may write, and for how long still. The one here lets everything through, for tools and tests."""

    def left(self) -> float:
        """Seconds for which this process may write; 0 or less when it may not."""
        return REQUEST_TIMEOUT

    def pass_through(self, what: str) -> float:
        """The seconds that are left for `what`; raises `NotLeaderError` where there are none."""
        left = self.left()
        if left <= 0:
            raise NotLeaderError(f"not the leader: {what} was not sent")
        return left


class FencedBody(BytesPayload):
    """The body of a write. aiohttp sends it, and the head before it, in a task of its own, which may run late."""

    def __init__(self, body: bytes, fence: Fence, what: str) -> None:
        super().__init__(body)
        self._fence, self._what = fence, what

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Send it, unless this process has ceased to lead; nothing of the request has gone out before."""
        self._fence.pass_through(self._what)
        await super().write_with_length(writer, content_length)
