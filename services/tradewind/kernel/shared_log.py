"""Logs in Redis that one process writes and many read: who writes holds a lease, and another one takes it over.

A log is a stream of entries, the latest few hundred of them, and a lease that names its writer. The writer says every
few seconds that it is there; when it does not for the length of the lease, the next one to say so is the writer. All
logs of one `group` stand on one node of a cluster, so that a process renews all of its leases in one step.

Two processes may think for a moment that they write: one was stopped, and goes on. Only the entries of the one that
holds the lease are taken. What is read may come again, from the beginning, when Redis was emptied: a reader has to know
by the entries themselves what it has had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from redis.exceptions import RedisError

from tradewind.domain.errors import TemporaryError
from tradewind.kernel.bus.redis_streams import PASSING, Pace, before, connection

LEASE = 5.0
"""Seconds after which a writer that says nothing is none any more."""
KEPT = 500
"""Entries of a log, about."""
RETENTION = 3 * 86_400.0
"""Seconds after its last entry until a log goes."""
ANSWER = 2.0
"""Seconds for which an answer is waited for."""
BEGINNING = "0-0"

_LEAD = """
local led = {}
for place, lease in ipairs(KEYS) do
  local holder = redis.call('GET', lease)
  if not holder or holder == ARGV[1] then
    redis.call('SET', lease, ARGV[1], 'PX', ARGV[2])
    led[#led + 1] = place
  end
end
return led
"""

_APPEND = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'entry', ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1
"""

_RESIGN = """
for _, lease in ipairs(KEYS) do
  if redis.call('GET', lease) == ARGV[1] then redis.call('DEL', lease) end
end
"""


class SharedLog:
    """The logs of `group` in the Redis at `address`, as the process `instance` sees them. `lease` is in seconds.

    Every question raises `TemporaryError` where Redis does not answer.
    """

    def __init__(self, address: str, group: str, instance: str, lease: float = LEASE) -> None:
        self.lease = lease
        self._prefix, self._instance = f"tradewind:{{{group}}}", instance
        self._milliseconds = round(lease * 1000)
        self._client: Any = connection(address, Pace(block=0.0, answer=ANSWER))
        self._reader: Any = connection(address, Pace(block=lease, answer=ANSWER))
        """Waits for entries, up to a lease."""
        self._lead, self._append, self._resign = map(self._client.register_script, (_LEAD, _APPEND, _RESIGN))

    async def lead(self, names: Sequence[str]) -> frozenset[str]:
        """Become or stay the writer of these logs where no other one is; those of which this process is."""
        if not names:
            return frozenset()
        keys = [self._lease_of(name) for name in names]
        places = await self._asked(self._lead(keys=keys, args=[self._instance, self._milliseconds]))
        return frozenset(names[place - 1] for place in places)

    async def append(self, name: str, entry: bytes) -> bool:
        """Add an entry, and renew the lease; False, and nothing was added, where another one writes."""
        arguments = [self._instance, self._milliseconds, KEPT, entry, round(RETENTION * 1000)]
        added = await self._asked(self._append(keys=[self._lease_of(name), self._log_of(name)], args=arguments))
        return bool(added)

    async def read(self, places: Mapping[str, str], wait: float) -> dict[str, tuple[str, list[bytes]]]:
        """What was added behind the place in each log, with the new place; waits up to `wait` seconds for something."""
        names = {self._log_of(name): name for name in places}
        behind = {log: places[name] for log, name in names.items()}
        found = await self._asked(
            self._reader.xread(behind, count=KEPT * 2, block=max(round(min(wait, self.lease) * 1000), 1))
        )
        answer = {}
        for log, entries in found or ():
            numbers = [number.decode() for number, _ in entries]
            answer[names[log.decode()]] = numbers[-1], [fields[b"entry"] for _, fields in entries]
        return answer

    async def begun_anew(self, places: Mapping[str, str]) -> list[str]:
        """The logs that end before the place where somebody stands: they were emptied, and their clock is behind."""
        anew = []
        for name, place in places.items():
            last = await self._asked(self._client.xrevrange(self._log_of(name), count=1))
            if last and before(last[0][0].decode(), place):
                anew.append(name)
        return anew

    async def resign(self, names: Iterable[str]) -> None:
        """Write these no more, so that another one may at once."""
        keys = [self._lease_of(name) for name in names]
        if keys:
            await self._asked(self._resign(keys=keys, args=[self._instance]))

    async def close(self) -> None:
        """Let go of the server."""
        await self._client.aclose()
        await self._reader.aclose()

    def _lease_of(self, name: str) -> str:
        return f"{self._prefix}:{name}:lease"

    def _log_of(self, name: str) -> str:
        return f"{self._prefix}:{name}:log"

    async def _asked(self, question: Any) -> Any:
        try:
            return await question
        except (*PASSING, RedisError) as error:
            raise TemporaryError(f"Redis: {str(error) or type(error).__name__}", 1.0) from error
