"""One WebSocket of a client: what is to be sent waits in a queue, and a client that does not read loses its connection.

The venue never waits for a client. Whoever is so slow that the queue runs over is disconnected, as on the real
venue, and learns what it missed by asking.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

MOST_WAITING = 5_000
"""Messages that may wait for a client to read."""

NORMAL, GOING_AWAY, SLOW = 1000, 1001, 1008


class Connection:
    """A WebSocket that was accepted. `combined` says whether its stream messages carry the name of their stream."""

    def __init__(self, receive: Receive, send: Send, *, combined: bool = False) -> None:
        self.combined = combined
        self._receive, self._send = receive, send
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)
        self._closing: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def offer(self, message: bytes) -> None:
        """Send `message` when the client reads; one too many ends the connection."""
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:
            self.close(SLOW)

    def close(self, code: int) -> None:
        """End the connection soon."""
        if not self._closing.done():
            self._closing.set_result(code)

    async def serve(self, on_text: Callable[[str], Awaitable[None]]) -> None:
        """Read and write until either side ends it; `on_text` gets each message of the client."""
        reading = asyncio.ensure_future(self._read(on_text))
        writing = asyncio.ensure_future(self._write())
        try:
            waited: set[asyncio.Future[Any]] = {reading, writing, self._closing}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reading, writing):
                task.cancel()
            ended = await asyncio.gather(reading, writing, return_exceptions=True)
        for problem in ended:
            # A connection that breaks while it is written to has simply ended.
            if isinstance(problem, Exception) and not isinstance(problem, OSError):
                raise problem
        if self._closing.done() and self._closing.result() != SLOW:
            await self._send({"type": "websocket.close", "code": self._closing.result()})

    async def _read(self, on_text: Callable[[str], Awaitable[None]]) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            await on_text(text if text is not None else message.get("bytes", b"").decode(errors="replace"))

    async def _write(self) -> None:
        while True:
            message = await self._waiting.get()
            await self._send({"type": "websocket.send", "text": message.decode()})
