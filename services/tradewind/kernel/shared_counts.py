"""Budgets that all processes with one Redis share: what is counted there, and what is done while it is away.

A budget is a hash, changed by one script by the server's clock, by the rules of `budget_counts`. Beside it stand the
processes that take from it. While Redis does not answer each of them counts by itself and fills its windows no further
than its part: the limit divided by how many there were when Redis was heard last. Pauses that it knows of still hold.
Nothing waits for Redis longer than `ANSWER`, and after a failure nobody asks it before its circuit lets one through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from redis.exceptions import RedisError

from tradewind.kernel.budget_counts import SHORTEST_WAIT, Need, OwnCounts, Taken, Told, loop_time
from tradewind.kernel.bus.redis_streams import PASSING, Pace, connection
from tradewind.kernel.resilience import Circuit, Dependencies, Limits, RefusedError
from tradewind.kernel.venue_limits import Window

ANSWER = 0.25
"""Seconds for which Redis is waited for."""
FORGOTTEN = 60.0
"""Seconds after which a process that has taken nothing has no part any more."""
STRANGERS = 4
"""How many processes are taken to share a budget while Redis has never been heard."""

_COUNT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local budget, processes = KEYS[1], KEYS[2]
local forgotten, cost, vital = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
redis.call('ZREMRANGEBYSCORE', processes, '-inf', now - forgotten)
redis.call('ZADD', processes, now, ARGV[1])
redis.call('PEXPIRE', processes, forgotten)

local longest = forgotten
local function pause_until(name, asked)
  local ends = tonumber(redis.call('HGET', budget, name) or '0')
  if asked > 0 and now + asked > ends then
    ends = now + asked
    redis.call('HSET', budget, name, string.format('%d', ends))
  end
  longest = math.max(longest, ends - now)
  return ends
end
local named = pause_until('named', tonumber(ARGV[5]))
local guessed = pause_until('guessed', tonumber(ARGV[6]))
local pause = math.max(named - now, 0)
if not vital then pause = math.max(pause, guessed - now) end

local wait, windows = pause, {}
for place = 7, #ARGV, 3 do
  local length, allowed, told = tonumber(ARGV[place]), tonumber(ARGV[place + 1]), tonumber(ARGV[place + 2])
  local number, passed = math.floor(now / length), now % length
  local stored = redis.call('HMGET', budget, 'number:' .. length, 'count:' .. length, 'before:' .. length)
  local was, count, before = tonumber(stored[1] or '-1'), tonumber(stored[2] or '0'), tonumber(stored[3] or '0')
  if number ~= was then
    if number == was + 1 then before = count else before = 0 end
    count = 0
  end
  count = math.max(count, told)
  local room = allowed - cost
  if cost > 0 and not vital and count + before * (1 - passed / length) > room then
    local needed
    if count <= room then needed = length * (1 - (room - count) / before) - passed
    else needed = length - passed + length * (1 - room / count) end
    wait = math.max(wait, needed, 1)
  end
  windows[#windows + 1] = {length, number, count, before, passed}
  longest = math.max(longest, 2 * length)
end

local answer = {tostring(wait), tostring(pause), redis.call('ZCARD', processes)}
for _, one in ipairs(windows) do
  local length, number, count, before, passed = unpack(one)
  if wait <= 0 then count = count + cost end
  redis.call('HSET', budget, 'number:' .. length, string.format('%d', number), 'count:' .. length, tostring(count),
    'before:' .. length, tostring(before))
  answer[#answer + 1] = tostring(count + before * (1 - passed / length))
end
redis.call('PEXPIRE', budget, math.ceil(longest))
return answer
"""


class SharedCounts:
    """Counts in the Redis at `address`, as the process `instance` takes from them."""

    def __init__(
        self, address: str, instance: str, dependencies: Dependencies, now: Callable[[], float] = loop_time
    ) -> None:
        self._instance = instance
        self._client: Any = connection(address, Pace(block=0.0, answer=ANSWER))
        self._script = self._client.register_script(_COUNT)
        self._redis = dependencies.of("redis budgets", Limits(failures=1, pause=1.0, longest_pause=5.0, timeout=ANSWER))
        self._own = OwnCounts(now)
        self._sharing: dict[str, int] = {}

    async def take(self, key: str, need: Need) -> Taken:
        """Count `need` if there is room."""
        windows = [(window, need.allowed(window), -1.0) for window in need.windows]
        answer = await self._ask(key, need.cost, windows, vital=need.vital)
        if answer is None:
            return self._own.count(key, replace(need, share=need.share / self._sharing.get(key, STRANGERS)))
        wait, pause, sharing, *used = answer
        self._sharing[key] = max(int(sharing), 1)
        taken = Taken(float(wait) / 1000, float(pause) / 1000, tuple(float(one) for one in used))
        if taken.wait <= 0:
            # What this process takes it knows by itself, too, should Redis be gone for the next.
            self._own.count(key, replace(need, vital=True))
        elif taken.pause:
            self._own.hear(key, (), Told(pause=taken.pause, guessed=not need.vital))
        return taken._replace(wait=max(taken.wait, SHORTEST_WAIT)) if taken.wait > 0 else taken

    async def correct(self, key: str, windows: Sequence[Window], told: Told) -> None:
        """Count at least as much as the exchange does, and pause until it wants to be asked again."""
        self._own.hear(key, windows, told)
        said = [
            (window, window.limit, -1.0 if used is None else used)
            for window, used in zip(windows, told.used, strict=False)
        ]
        await self._ask(key, 0.0, said, told)

    async def close(self) -> None:
        """Let go of the server."""
        await self._client.aclose()

    async def _ask(
        self,
        key: str,
        cost: float,
        windows: Sequence[tuple[Window, float, float]],
        told: Told | None = None,
        *,
        vital: bool = False,
    ) -> list[Any] | None:
        """What the script answers; None where Redis does not."""
        if self._redis.circuit is Circuit.OPEN:
            return None
        pause = round(told.pause * 1000) if told else 0
        guessed = told is not None and told.guessed
        numbers = [number for window, allowed, used in windows for number in (window.milliseconds, allowed, used)]
        arguments = [cost, int(vital), 0 if guessed else pause, pause if guessed else 0, *numbers]
        name = f"tradewind:budget:{{{key}}}"
        try:
            with self._redis.attempt(_is_away):
                answer: list[Any] = await self._script(
                    keys=[name, f"{name}:processes"], args=[self._instance, round(FORGOTTEN * 1000), *arguments]
                )
        except (*PASSING, RedisError, RefusedError):
            return None
        return answer


def _is_away(error: Exception) -> bool:
    return isinstance(error, (*PASSING, RedisError))
