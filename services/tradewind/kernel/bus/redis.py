"""The bus of several processes: Redis Streams.

`publish` never waits for the server: messages stand in a buffer that one task sends in batches, in order, again after
a connection was lost. So a message may come twice (who stores knows it by its inbox) but never out of order. When a
server was away for so long that the buffer overflowed, or came back as another one, or empty, something may be
missing: then every service of this process hears of a *gap*, loads again and publishes what the outbox says was never
handled. Nothing that matters rests on Redis keeping anything.

A service has a *group* on a topic of which it stores what it consumes, or of which its replicas share the work
(`ServiceSpec.shared_topics`): each entry is kept for it until it is acknowledged. All other topics are broadcast.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import uuid
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog
from redis.exceptions import RedisError

from tradewind import catalog
from tradewind.contracts.messages import Message
from tradewind.kernel.bus.base import Mailbox
from tradewind.kernel.bus.redis_housekeeping import Housekeeping
from tradewind.kernel.bus.redis_readers import BroadcastReader, GroupReader
from tradewind.kernel.bus.redis_streams import (
    PASSING,
    Entry,
    Pace,
    Sender,
    adding,
    connection,
    failures_of,
    redis_of,
    stream_of,
)
from tradewind.kernel.resilience import Dependencies
from tradewind.kernel.telemetry.metrics import Metrics


def _is_away(error: Exception) -> bool:
    return isinstance(error, (*PASSING, RedisError))


class RedisMailbox(Mailbox):
    """A mailbox that knows where its messages stand, until they are done."""

    def __init__(self, acknowledge: Callable[[str, list[Entry]], None], service: str) -> None:
        super().__init__()
        self._acknowledge = acknowledge
        self._service = service
        self._entries: dict[int, tuple[Message, Entry]] = {}
        self._held: set[Entry] = set()

    def keep(self, message: Message, entry: Entry) -> None:
        """Add a message of a group: it stands there until it is done."""
        self._entries[id(message)] = (message, entry)
        self._held.add(entry)
        self.put(message)

    def holds(self, entry: Entry) -> bool:
        """Whether an entry is here and not done."""
        return entry in self._held

    def forget(self, entries: Iterable[Entry]) -> None:
        """The server knows that they are done, and will not give them again."""
        self._held.difference_update(entries)

    def done(self, messages: Sequence[Message]) -> None:
        """Acknowledge what came from a group."""
        found = [self._entries.pop(id(message), None) for message in messages]
        entries = [one[1] for one in found if one is not None]
        if entries:
            self._acknowledge(self._service, entries)


class RedisBus:
    """The bus of one bot, as one process sees it: `subscribe`, then `start`; `close` sends what waits."""

    def __init__(
        self,
        address: str,
        bot: str,
        metrics: Metrics | None = None,
        pace: Pace | None = None,
        instance: str = "",
        *,
        dependencies: Dependencies | None = None,
    ) -> None:
        self.instance = instance or f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._bot, self._pace = bot, pace or Pace()
        self._dependency = redis_of(dependencies or Dependencies(), self._pace)
        self._log = structlog.get_logger().bind(component="bus", bot=bot)
        self._client = connection(address, self._pace)
        self._sender = Sender(address, self._pace)
        self._mailboxes: dict[str, RedisMailbox] = {}
        self._broadcast: dict[str, list[RedisMailbox]] = defaultdict(list)
        self._shared: dict[str, list[str]] = {}
        self._buffer: deque[Message] = deque()
        self._done: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._gap_callbacks: list[Callable[[], None]] = []
        self._overflowed = False
        self._trouble: dict[str, str] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._housekeeping = Housekeeping(self._client, bot, self._pace, metrics, self._gap)

    def subscribe(self, service: str, topics: Iterable[str]) -> Mailbox:
        """The mailbox of `service`; before `start`."""
        if self._tasks:
            raise RuntimeError("subscribe before the bus is started")
        mailbox = self._mailboxes.setdefault(service, RedisMailbox(self._acknowledge, service))
        spec = catalog.by_name().get(service)
        for topic in topics:
            stream = stream_of(self._bot, topic)
            if spec is not None and topic in spec.shared_topics:
                shared = self._shared.setdefault(service, [])
                if stream not in shared:
                    shared.append(stream)
            elif mailbox not in self._broadcast[stream]:
                self._broadcast[stream].append(mailbox)
        return mailbox

    def on_gap(self, callback: Callable[[], None]) -> None:
        """Call `callback` when messages may be missing."""
        self._gap_callbacks.append(callback)

    def trouble(self) -> str:
        """Why messages do not go by now; empty when they do."""
        return "; ".join(sorted(set(self._trouble.values())))

    async def start(self) -> None:
        """Begin to send and to receive; a server that is away is waited for."""
        broadcast = BroadcastReader(self._client, self._broadcast, self._pace)
        groups = [
            GroupReader(
                self._client,
                self._bot,
                service,
                streams=streams,
                mailbox=self._mailboxes[service],
                pace=self._pace,
                instance=self.instance,
            )
            for service, streams in self._shared.items()
        ]
        self._housekeeping.groups = dict(self._shared)
        await self._until_it_works("start", self._housekeeping.first)
        if self._broadcast:
            await self._until_it_works("start", broadcast.first)
        for group in groups:
            await self._until_it_works("start", group.first)
        work = [("write", self._write), ("housekeeping", self._housekeeping.pass_by)]
        work += [("broadcast", broadcast.read)] if self._broadcast else []
        work += [(f"group {group.service}", group.read) for group in groups]
        self._tasks = [asyncio.create_task(self._forever(name, step), name=f"bus {name}") for name, step in work]

    async def publish(self, messages: Sequence[Message]) -> None:
        """Put messages into the buffer."""
        if len(self._buffer) + len(messages) > self._pace.buffer:
            # What is stored goes out again after the gap; the rest would be old news by then.
            self._buffer.clear()
            self._overflowed = True
        else:
            self._buffer.extend(messages)
        self._empty.clear()
        self._wake.set()

    async def failed(self, service: str, message: Message) -> None:
        """Count that `service` failed on `message`; without the server it is not counted."""
        name = failures_of(self._bot, service)
        with contextlib.suppress(*PASSING, RedisError):
            async with self._client.pipeline(transaction=True) as pipeline:
                pipeline.hincrby(name, message.id, 1)
                pipeline.expire(name, round(max(self._pace.retention, 1)))
                await pipeline.execute()

    async def close(self, patience: float = 5.0) -> None:
        """Send what waits, for `patience` seconds at most, and let go of the server."""
        if self._tasks:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._empty.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks:
            await self._housekeeping.leave()
        await self._sender.close()
        await self._client.aclose()

    # ------------------------------------------------------------------------------------------------------ internals

    def _acknowledge(self, service: str, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._done[entry.stream, service].append(entry.number)
        self._empty.clear()
        self._wake.set()

    async def _write(self) -> None:
        """Send one batch; it leaves the buffer when the server has answered for it."""
        if self._overflowed:
            await self._client.ping()
            self._overflowed = False
            self._gap()
        await self._wake.wait()
        self._wake.clear()
        while self._buffer or self._done:
            batch = [self._buffer[place] for place in range(min(self._pace.batch, len(self._buffer)))]
            done = {where: list(numbers) for where, numbers in self._done.items()}
            self._wake.set()
            commands = [adding(self._bot, message) for message in batch]
            commands += [("XACK", *where, *numbers) for where, numbers in done.items()]
            await self._sender.send(commands)
            for where, numbers in done.items():
                self._mailboxes[where[1]].forget(Entry(where[0], number) for number in numbers)
                del self._done[where][: len(numbers)]
                if not self._done[where]:
                    del self._done[where]
            if self._overflowed:
                return
            for _ in batch:
                self._buffer.popleft()
        self._wake.clear()
        self._empty.set()

    async def _until_it_works(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        await self._forever(name, step, once=True)

    async def _forever(self, name: str, step: Callable[[], Awaitable[None]], *, once: bool = False) -> None:
        """Repeat `step`; after a failure, with growing pauses and the trouble told."""
        pause, task = 0.05, asyncio.current_task()
        # Where the client waits with `wait_for`, a cancellation may be swallowed (Python 3.11), so it is asked for.
        while task is None or not task.cancelling():
            try:
                # Always: these few loops with their growing pauses are what finds out that it is there again.
                with self._dependency.attempt(_is_away, always=True):
                    await step()
                if self._trouble.pop(name, None):
                    self._log.info("bus works again", part=name)
                pause = 0.05
                if once:
                    return
            except (*PASSING, RedisError) as error:
                if name not in self._trouble:
                    self._log.warning("bus does not work", part=name, error=str(error) or type(error).__name__)
                self._trouble[name] = f"Redis: {str(error) or type(error).__name__}"
                await asyncio.sleep(pause)
                pause = min(pause * 2, self._pace.longest_pause)

    def _gap(self) -> None:
        for callback in self._gap_callbacks:
            callback()
