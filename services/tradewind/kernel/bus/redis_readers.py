"""Reading from streams into mailboxes: as one of a group, or everything.

A group reader takes what earlier instances of its service left undone before anything new, so the order of a topic
survives a restart; so it does after a connection was lost, with the answer that was on its way. A message on which
its service has failed `tries` times becomes a dead letter instead: it is kept, told of, and can be given again by a
person. Deliveries are not counted: a process that was killed with a message in hand says nothing against the message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from redis.exceptions import ResponseError

from tradewind import catalog
from tradewind.kernel.bus.redis_streams import (
    Entry,
    Letter,
    Pace,
    before,
    failures_of,
    is_missing_group,
    letters_of,
    message_of,
    topic_of,
)

if TYPE_CHECKING:
    from tradewind.kernel.bus.redis import RedisMailbox

FULL = 4096
"""Messages in a mailbox beyond which the rest waits at the server."""


class GroupReader:
    """Reads the streams of which `service` gets each entry once, whichever of its instances it is."""

    def __init__(
        self,
        client: Any,
        bot: str,
        service: str,
        *,
        streams: Sequence[str],
        mailbox: RedisMailbox,
        pace: Pace,
        instance: str,
    ) -> None:
        self.service = service
        self._client, self._streams, self._mailbox = client, list(streams), mailbox
        self._pace, self._instance = pace, instance
        self._letters, self._failures = letters_of(bot, service), failures_of(bot, service)
        self._dead: set[str] = set()
        self._failed: dict[str, int] = {}
        self._cut_off = False
        self._stores = catalog.service(service).stores
        # Whoever may be the only instance takes over at once, and soon what another one that is on its way out is given
        # beside it: all that comes later waits for that. Replicas wait until the other is surely gone.
        self._alone = catalog.service(service).scaling is catalog.Scaling.SINGLETON
        self._idle = pace.takeover if self._alone else pace.claim_after
        self._claim_at = 0.0
        self._log = structlog.get_logger().bind(component="bus", bot=bot, service=service)

    async def first(self) -> None:
        """Make the groups, and take over what was left undone."""
        self._dead = {name.decode() for name in await self._client.hkeys(self._letters)}
        failed = await self._client.hgetall(self._failures)
        self._failed = {name.decode(): int(count) for name, count in failed.items()}
        for stream in self._streams:
            await self._make_group(stream)
        await self._claim(0.0 if self._alone else self._pace.claim_after)

    async def read(self) -> None:
        """Wait for entries that nobody of the group has had, and put them into the mailbox."""
        if len(self._mailbox) > FULL:
            await asyncio.sleep(0.01)
            return
        try:
            await self._read()
        except ResponseError as error:
            if not is_missing_group(error):
                raise
            for stream in self._streams:
                await self._make_group(stream)

    async def _read(self) -> None:
        if self._cut_off:
            await self._look_again()
        if time.monotonic() >= self._claim_at:
            await self._claim(self._idle)
        self._cut_off = True
        found = await self._client.xreadgroup(
            self.service,
            self._instance,
            dict.fromkeys(self._streams, ">"),
            count=self._pace.batch,
            block=round(self._pace.block * 1000),
        )
        for stream, entries in found or ():
            await self._deliver(stream.decode(), entries)
        self._cut_off = False
        # Who waits for a message has it before the next are asked for, which takes longer than handling most.
        await asyncio.sleep(0)

    async def _make_group(self, stream: str) -> None:
        """Who stores begins with the first entry that there is; who does not, with the next."""
        try:
            await self._client.xgroup_create(stream, self.service, id="0" if self._stores else "$", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def _deliver(self, stream: str, entries: Sequence[tuple[bytes, Mapping[bytes, bytes] | None]]) -> None:
        for number, fields in entries:
            entry = Entry(stream, number.decode())
            if self._mailbox.holds(entry) or not fields:
                continue
            try:
                message = message_of(fields)
            except msgspec.MsgspecError as error:
                await self._bury(entry, fields, entry.number, f"cannot be read: {error}", 1)
                continue
            if message is None or (message.id in self._dead and await self._is_dead(message.id)):
                await self._client.xack(stream, self.service, entry.number)
            elif self._failed.get(message.id, 0) >= self._pace.tries:
                reason = "its service failed each time it was given this message"
                await self._bury(entry, fields, message.id, reason, self._failed.pop(message.id))
            else:
                self._mailbox.keep(message, entry)

    async def _look_again(self) -> None:
        """Deliver what the server gave to this instance in answers that never arrived."""
        for stream in self._streams:
            start = "-"
            while True:
                pending = await self._client.xpending_range(
                    stream, self.service, start, "+", self._pace.batch, consumername=self._instance
                )
                for one in pending:
                    number = one["message_id"].decode()
                    await self._deliver(stream, await self._client.xrange(stream, number, number))
                if len(pending) < self._pace.batch:
                    break
                start = f"({pending[-1]['message_id'].decode()}"

    async def _is_dead(self, message_id: str) -> bool:
        """Whether a letter is still one; a person may have given it again."""
        if not await self._client.hexists(self._letters, message_id):
            self._dead.discard(message_id)
        return message_id in self._dead

    async def _claim(self, idle: float) -> None:
        """Take over what others of the group have had for `idle` seconds."""
        self._claim_at = time.monotonic() + self._idle / 2
        for stream in self._streams:
            start: Any = "0-0"
            while True:
                start, entries, *_ = await self._client.xautoclaim(
                    stream, self.service, self._instance, round(idle * 1000), start, count=self._pace.batch
                )
                await self._deliver(stream, entries)
                if start in {b"0-0", "0-0"}:
                    break

    async def _bury(self, entry: Entry, fields: Mapping[bytes, bytes], name: str, reason: str, tries: int) -> None:
        letter = Letter(
            topic_of(entry.stream), fields[b"kind"].decode(), fields[b"payload"], tries, reason, time.time()
        )
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.hset(self._letters, name, msgspec.msgpack.encode(letter))
            pipeline.hdel(self._failures, name)
            pipeline.xack(entry.stream, self.service, entry.number)
            await pipeline.execute()
        self._dead.add(name)
        self._log.error("dead letter", message=name, topic=letter.topic, tries=tries, reason=reason)


class BroadcastReader:
    """Reads every entry of its streams from the moment of the start on, for all services of this process."""

    def __init__(self, client: Any, mailboxes: Mapping[str, Sequence[RedisMailbox]], pace: Pace) -> None:
        self._client, self._mailboxes, self._pace = client, mailboxes, pace
        self._places: dict[str, str] = {}
        self._log = structlog.get_logger().bind(component="bus")

    async def first(self) -> None:
        """Stand at the end of every stream."""
        for stream in self._mailboxes:
            self._places[stream] = await self._last(stream)

    async def read(self) -> None:
        """Wait for entries, and put them into the mailboxes of all who subscribed."""
        if any(len(mailbox) > FULL for all_of in self._mailboxes.values() for mailbox in all_of):
            await asyncio.sleep(0.01)
            return
        block = round(self._pace.block * 1000)
        found = await self._client.xread(dict(self._places), count=self._pace.batch, block=block)
        if not found:
            await self._look_behind()
        for name, entries in found or ():
            stream = name.decode()
            for number, fields in entries:
                self._places[stream] = number.decode()
                self._give(stream, fields)
        await asyncio.sleep(0)  # as in a group

    def _give(self, stream: str, fields: Mapping[bytes, bytes]) -> None:
        try:
            message = message_of(fields)
        except msgspec.MsgspecError as error:
            self._log.error("a message that cannot be read", topic=topic_of(stream), error=str(error))
            return
        if message is not None:
            for mailbox in self._mailboxes[stream]:
                mailbox.put(message)

    async def _look_behind(self) -> None:
        """An emptied server whose clock is behind numbers new entries below our place: they would never come."""
        for stream, place in self._places.items():
            last = await self._last(stream)
            if before(last, place):
                self._places[stream] = "0-0"

    async def _last(self, stream: str) -> str:
        found = await self._client.xrevrange(stream, count=1)
        return found[0][0].decode() if found else "0-0"
