"""Where the services of a bot listen: every process says so every few seconds, and what is not said again is forgotten.

The registry is in Redis, one sorted set for each service, by the time at which an entry ends; times are the server's,
so that clocks of machines need not agree. A process keeps what it knew while Redis does not answer: a bot can be
stopped, and its orders canceled, when nothing but its own processes works. Of a service of which only one may run the
entry that was renewed last counts, of replicas each in turn.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog
from redis.exceptions import RedisError

from tradewind import catalog
from tradewind.domain.errors import TemporaryError
from tradewind.kernel.bus.redis_streams import PASSING, Pace, connection


@dataclass(frozen=True, slots=True)
class Beat:
    """Seconds: an entry is said again each `interval` and forgotten after `lifetime`; `soonest` after a question."""

    interval: float = 2.0
    lifetime: float = 7.0
    soonest: float = 0.2


class Instance(NamedTuple):
    """One process's copy of a service."""

    name: str
    address: str


_SAY = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lifetime = tonumber(ARGV[1])
local found = {}
for place, key in ipairs(KEYS) do
  local mine = ARGV[place + 1]
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  if mine ~= '' then
    redis.call('ZADD', key, now + lifetime, mine)
    redis.call('PEXPIRE', key, lifetime)
  end
  found[place] = redis.call('ZREVRANGEBYSCORE', key, '+inf', now)
end
return found
"""
"""Says where this process listens (an empty text: not at all), and returns who does, last renewed first."""


class Registry:
    """The registry of one bot as one process sees it: `start`, `resolve`, `stop`.

    `own` is the base URL of each service of this process, and may be filled until `start`. `template` is an address
    for services of which nothing is known, with `{service}` and `{port}`: on a cluster each has a name of its own.
    """

    def __init__(
        self, address: str, bot: str, instance: str, *, template: str | None = None, beat: Beat | None = None
    ) -> None:
        self.own: dict[str, str] = {}
        self._bot, self._instance, self._template, self._beat = bot, instance, template, beat or Beat()
        self._client: Any = connection(address, Pace(answer=2.0))
        self._script = self._client.register_script(_SAY)
        self._names = tuple(catalog.by_name())
        self._instances: Mapping[str, tuple[Instance, ...]] = {}
        self._turns: dict[str, Iterator[int]] = {name: itertools.count() for name in self._names}
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._working = True
        self._log = structlog.get_logger().bind(component="registry", bot=bot)

    async def start(self) -> None:
        """Say where this process listens, from now on until `stop`; a server that is away is waited for behind this."""
        await self._say()
        self._task = asyncio.create_task(self._keep_saying(), name="registry")

    async def stop(self) -> None:
        """Take back what was said."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            async with self._client.pipeline(transaction=False) as pipeline:
                for name, address in self.own.items():
                    pipeline.zrem(key_of(self._bot, name), self._entry(address))
                await pipeline.execute()
        except (*PASSING, RedisError):
            self._log.info("registry was not told of the end; it forgets by itself")
        await self._client.aclose()

    def instances(self, service: str) -> tuple[Instance, ...]:
        """The copies of a service that were alive when the registry was heard last."""
        return self._instances.get(service, ())

    def sharing(self, service: str) -> list[str]:
        """The base URLs of the copies that share the work of `service`; of one that runs alone there are none."""
        if catalog.service(service).scaling is not catalog.Scaling.REPLICAS:
            return []
        return [one.address for one in self.instances(service)]

    def resolve(self, service: str) -> str:
        """The base URL at which to ask `service` now; raises `TemporaryError` where none is known."""
        found = self.instances(service)
        if found and catalog.service(service).scaling is catalog.Scaling.REPLICAS:
            return found[next(self._turns[service]) % len(found)].address
        if found:
            return found[0].address
        # Whoever asks before the other process has said anything shall not wait for a whole interval.
        self._asked.set()
        if self._template is not None:
            return self._template.format(service=service, port=catalog.service(service).port)
        raise TemporaryError(f"{service} is not registered: its process does not run, or has just begun")

    # ------------------------------------------------------------------------------------------------------ internals

    async def _keep_saying(self) -> None:
        while True:
            await asyncio.sleep(self._beat.soonest)
            try:
                async with asyncio.timeout(self._beat.interval - self._beat.soonest):
                    await self._asked.wait()
            except TimeoutError:
                pass
            self._asked.clear()
            await self._say()

    async def _say(self) -> None:
        keys = [key_of(self._bot, name) for name in self._names]
        mine = [self._entry(self.own[name]) if name in self.own else "" for name in self._names]
        try:
            found = await self._script(keys=keys, args=[round(self._beat.lifetime * 1000), *mine])
        except (*PASSING, RedisError) as error:
            if self._working:
                self._log.warning("registry does not answer; what was known holds", error=str(error))
            self._working = False
            return
        if not self._working:
            self._log.info("registry answers again")
        self._working = True
        self._instances = {
            name: tuple(Instance(*entry.decode().split(" ", 1)) for entry in entries)
            for name, entries in zip(self._names, found, strict=True)
        }

    def _entry(self, address: str) -> str:
        return f"{self._instance} {address}"


def key_of(bot: str, service: str) -> str:
    """The sorted set of a service."""
    return f"tradewind:{{{bot}}}:service:{service}"
