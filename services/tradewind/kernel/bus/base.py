"""The bus as services see it, and the mailbox they read from."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from tradewind.contracts.messages import Message


class Mailbox:
    """Messages waiting for one service; one reader."""

    def __init__(self) -> None:
        self._queue: deque[Message] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, message: Message) -> None:
        """Add a message and wake the reader."""
        self._queue.append(message)
        self._wake()

    def give_back(self, messages: Sequence[Message]) -> None:
        """Return messages that could not be handled to the front, in their order, and wake the reader."""
        self._queue.extendleft(reversed(messages))
        if messages:
            self._wake()

    def done(self, messages: Sequence[Message]) -> None:
        """Say that `messages` will never be wanted again; a bus that keeps nothing has nothing to forget."""

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def take(self, limit: int) -> list[Message]:
        """Wait for at least one message; return up to `limit`."""
        while not self._queue:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
            self._waiter = None
        queue = self._queue
        return [queue.popleft() for _ in range(min(limit, len(queue)))]


class Bus(Protocol):
    """Carries messages between services."""

    def subscribe(self, service: str, topics: Iterable[str]) -> Mailbox:
        """The mailbox of `service`, which from now on receives every message of `topics`."""
        ...

    async def start(self) -> None:
        """Begin to carry messages, when everybody here has subscribed."""
        ...

    async def close(self) -> None:
        """Hand over what waits, and end."""
        ...

    async def publish(self, messages: Sequence[Message]) -> None:
        """Hand messages over, in order."""
        ...

    def on_gap(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever messages may have been lost: caches must be loaded again, the undone told again."""
        ...

    async def failed(self, service: str, message: Message) -> None:
        """Remember that `service` failed on `message` for good: after some times it is put aside."""
        ...

    def trouble(self) -> str:
        """Why messages do not go by now; empty when they do."""
        ...
