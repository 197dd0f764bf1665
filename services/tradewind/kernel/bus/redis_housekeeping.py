"""What is done now and then: notice that Redis is another one, trim the streams, measure how far behind groups are.

And forget instances that have ended: each start of a process is a new consumer of its groups, and stays one until
somebody says otherwise. Only one that holds nothing is forgotten, looked at and removed in one step of the server: with
its consumer, what was given to it and is not done would be forgotten too. What an ended one still holds is claimed by
another first (`redis_readers`). One that was only silent is made again by its next read.

And keep what the bot has: who ends gives all of it an end, and who runs takes that away again. A bot that is deleted,
or only stopped, leaves nothing for good. One that comes back later than that finds a Redis that was emptied: what is
owed stands in the outbox, and goes out again. What a running bot has never has an end: a server that is short of
memory may drop a key with one, and would not say so.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redis.exceptions import RedisError, ResponseError

from tradewind import catalog
from tradewind.contracts.messages import MESSAGES
from tradewind.kernel.bus.redis_streams import PASSING, Pace, letters_of, marker_of, place, stream_of, topic_of
from tradewind.kernel.telemetry.metrics import Metrics

KEPT_EACH = 60.0
"""Seconds between two words that the bot's keys are wanted."""
LEFT_WITHIN = 2.0
"""Seconds for giving them an end; a server that is away keeps them until the bot runs again."""
TOPICS = tuple(dict.fromkeys(kind.topic for kind in MESSAGES.values()))

_FORGET = """
local forgotten = 0
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local fields = {}
  for place = 1, #consumer, 2 do fields[consumer[place]] = consumer[place + 1] end
  if fields.pending == 0 and fields.idle >= tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], fields.name)
    forgotten = forgotten + 1
  end
end
return forgotten
"""


class Housekeeping:
    """Looks at the server every few seconds. `groups` are the streams of each service here that has a group."""

    def __init__(self, client: Any, bot: str, pace: Pace, metrics: Metrics | None, on_gap: Callable[[], None]) -> None:
        self.groups: Mapping[str, Sequence[str]] = {}
        self._client, self._bot, self._pace, self._metrics, self._on_gap = client, bot, pace, metrics, on_gap
        self._identity: tuple[str, bytes] | None = None
        self._forget_at = self._keep_at = 0.0

    async def first(self) -> None:
        """Remember which server this is."""
        self._identity = await self._who()

    async def pass_by(self) -> None:
        """Wait, and look once."""
        await asyncio.sleep(self._pace.housekeeping)
        await self.look()

    async def look(self) -> None:
        """A server that was started again may have lost its last second, one without our marker everything."""
        identity = await self._who()
        if identity != self._identity:
            self._identity = identity
            self._on_gap()
        await self._keep()
        await self._trim()
        await self._measure()
        await self._forget_ended()

    async def _who(self) -> tuple[str, bytes]:
        marker = marker_of(self._bot)
        run = (await self._client.info("server"))["run_id"]
        await self._client.set(marker, uuid.uuid4().hex, nx=True)
        return run, await self._client.get(marker) or b""

    async def leave(self) -> None:
        """Give all that is the bot's an end; other processes of it, where there are any, take that away in a minute."""
        with contextlib.suppress(RedisError, *PASSING):
            async with asyncio.timeout(LEFT_WITHIN):
                await self._of_each_key("PEXPIRE", round(self._pace.bot_forgotten * 1000))

    async def _keep(self) -> None:
        if time.monotonic() < self._keep_at:
            return
        await self._of_each_key("PERSIST")
        self._keep_at = time.monotonic() + min(KEPT_EACH, self._pace.bot_forgotten / 4)

    async def _of_each_key(self, command: str, *arguments: int) -> None:
        keys = [marker_of(self._bot), *(stream_of(self._bot, topic) for topic in TOPICS)]
        keys += [letters_of(self._bot, service) for service in catalog.by_name()]
        async with self._client.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.execute_command(command, key, *arguments)
            await pipeline.execute()

    async def _trim(self) -> None:
        seconds, _ = await self._client.time()
        oldest = f"{round((seconds - self._pace.retention) * 1000)}-0"
        for topic in TOPICS:
            stream = stream_of(self._bot, topic)
            keep = oldest if topic.startswith("market.") else await self._needed(stream, oldest)
            await self._client.xtrim(stream, minid=keep, approximate=True)

    async def _needed(self, stream: str, oldest: str) -> str:
        """The oldest entry that must stay: that from which on some group has not had or not done all."""
        for group in await self._groups_of(stream):
            needed = group["last-delivered-id"].decode()
            if group["pending"]:
                summary = await self._client.xpending(stream, group["name"])
                needed = (summary["min"] or group["last-delivered-id"]).decode()
            oldest = min(oldest, needed, key=place)
        return oldest

    async def _measure(self) -> None:
        if self._metrics is None:
            return
        for service, streams in self.groups.items():
            letters = await self._client.hlen(letters_of(self._bot, service))
            self._metrics.dead_letters.labels(self._bot, service).set(letters)
            for stream in streams:
                for group in await self._groups_of(stream):
                    if group["name"] == service.encode():
                        behind = (group.get("lag") or 0) + group["pending"]
                        self._metrics.bus_lag.labels(self._bot, service, topic_of(stream)).set(behind)

    async def _forget_ended(self) -> None:
        """Remove, from the groups of the services here, the consumers that ask for nothing and hold nothing."""
        if time.monotonic() < self._forget_at:
            return
        self._forget_at = time.monotonic() + self._pace.forget_after / 2
        idle = round(self._pace.forget_after * 1000)
        for service, streams in self.groups.items():
            for stream in streams:
                # No such group yet, or a server on which scripts are not allowed: consumers cost little.
                with contextlib.suppress(ResponseError):
                    await self._client.eval(_FORGET, 1, stream, service, idle)

    async def _groups_of(self, stream: str) -> list[Any]:
        try:
            return list(await self._client.xinfo_groups(stream))
        except ResponseError:
            return []  # no such stream
