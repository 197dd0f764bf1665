"""Typed messages over Redis Streams: the bus of the project beside what one writes by hand with redis-py.

    python -m bench.messages          against a Redis that the script starts and ends, every command on its disk

Both sides send the same candles, encode and decode them by msgspec, pipeline their XADDs, read as one of a consumer
group, and acknowledge what they have handled. By hand that is three loops; the bus also keeps the order over lost
connections, finds what others left undone and tells what it lags. Python has one core, both ends in one process; the
server has what is left.

*Batched*: as fast as it goes, 512 at a time. *Single*: one message after the other, by one side and by the other in
turn, with a pause between them, timed from its publication until its reader has it.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from typing import Any

from bench.measured import Figure, Sides, in_turns, on_one_core, options, report, sides
from redis.asyncio import Redis
from tests.servers.programs import redis_program
from tests.servers.running import RedisServer

from tradewind.contracts.messages import CandleClosed, decode, encode
from tradewind.domain.candle import Candle
from tradewind.kernel.bus.redis import RedisBus

BOT, SERVICE, TOPIC = "bench/one", "strategy", "market.candles"
STREAM, GROUP = "by-hand", "readers"
BATCH, SINGLES = 512, 1_000
MINUTE = 60_000
PAUSE = 0.005
RATIO_GOAL, ADDED_GOAL = 0.8, 30.0


def candles(first: int, count: int) -> list[CandleClosed]:
    """Messages with their own ids and times."""
    return [
        CandleClosed(
            id=f"candle:BTC/EUR:1m:{number}",
            time=number * MINUTE,
            bot=BOT,
            pair="BTC/EUR",
            timeframe="1m",
            candle=Candle(number * MINUTE, 20_000.5, 20_010.25, 19_990.75, 20_001.0, 12.125),
            tick_size=1,
        )
        for number in range(first, first + count)
    ]


class OurSide:
    """Two processes of a bot, as far as the bus is concerned."""

    def __init__(self, address: str) -> None:
        self._sender, self._receiver = RedisBus(address, BOT), RedisBus(address, BOT)
        self._mailbox = self._receiver.subscribe(SERVICE, (TOPIC,))

    async def start(self) -> None:
        await self._receiver.start()
        await self._sender.start()

    async def send(self, messages: list[CandleClosed]) -> None:
        await self._sender.publish(messages)

    async def receive(self) -> list[Any]:
        return await self._mailbox.take(BATCH)

    async def acknowledge(self, messages: list[Any]) -> None:
        self._mailbox.done(messages)

    async def close(self) -> None:
        await self._sender.close()
        await self._receiver.close()


class BareSide:
    """Two clients of redis-py."""

    def __init__(self, address: str) -> None:
        self._sender, self._receiver = Redis.from_url(address, protocol=2), Redis.from_url(address, protocol=2)
        self._numbers: list[bytes] = []

    async def start(self) -> None:
        await self._receiver.xgroup_create(STREAM, GROUP, "$", mkstream=True)

    async def send(self, messages: list[CandleClosed]) -> None:
        if len(messages) == 1:
            await self._sender.xadd(STREAM, fields_of(messages[0]))
            return
        async with self._sender.pipeline(transaction=False) as pipeline:
            for message in messages:
                pipeline.xadd(STREAM, fields_of(message))
            await pipeline.execute()

    async def receive(self) -> list[Any]:
        ((_, entries),) = await self._receiver.xreadgroup(GROUP, "one", {STREAM: ">"}, count=BATCH, block=10_000)
        self._numbers = [number for number, _ in entries]
        return [decode(fields[b"kind"].decode(), fields[b"payload"]) for _, fields in entries]

    async def acknowledge(self, _messages: list[Any]) -> None:
        await self._receiver.xack(STREAM, GROUP, *self._numbers)

    async def close(self) -> None:
        await self._sender.aclose()
        await self._receiver.aclose()


def fields_of(message: CandleClosed) -> dict[Any, Any]:
    """An entry, as it is by hand."""
    return {"kind": type(message).__name__, "payload": encode(message)}


Side = OurSide | BareSide


async def batched(side: Side, messages: list[CandleClosed]) -> float:
    """Messages a second, all of which have arrived in their order."""

    async def send() -> None:
        for first in range(0, len(messages), BATCH):
            await side.send(messages[first : first + BATCH])

    async def receive() -> list[Any]:
        found: list[Any] = []
        while len(found) < len(messages):
            batch = await side.receive()
            await side.acknowledge(batch)
            found += batch
        return found

    began = time.perf_counter()
    _, found = await asyncio.gather(send(), receive())
    seconds = time.perf_counter() - began
    assert found == messages, "a message is missing, doubled or out of order"
    return len(messages) / seconds


class Reader:
    """A task that reads one message after the other and notes when each arrived."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._arrived: asyncio.Queue[float] = asyncio.Queue()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while True:
            messages = await self._side.receive()
            now = time.perf_counter()
            await self._side.acknowledge(messages)
            self._arrived.put_nowait(now)

    async def timed(self, message: CandleClosed) -> float:
        """Seconds from the publication of a message until it is read."""
        await asyncio.sleep(PAUSE)  # the reader waits again, and what was handled is acknowledged
        began = time.perf_counter()
        await self._side.send([message])
        return await self._arrived.get() - began

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def singles(ours: Side, bare: Side, messages: list[CandleClosed]) -> Sides:
    """Seconds of each message, sent by one side and by the other in turn."""
    one, other = Reader(ours), Reader(bare)
    times = [(await one.timed(message), await other.timed(message)) for message in messages]
    await one.stop()
    await other.stop()
    mine, theirs = zip(*times[len(times) // 10 :], strict=True)
    return Sides(mine, theirs)


async def measure(address: str, rounds: int, count: int) -> list[Figure]:
    """Both ways of sending."""
    ours, bare = OurSide(address), BareSide(address)
    await ours.start()
    await bare.start()

    messages = candles(0, count)
    fast = await in_turns(rounds, lambda: batched(ours, messages), lambda: batched(bare, messages))
    slow = await singles(ours, bare, messages[:SINGLES])
    await ours.close()
    await bare.close()
    return [*sides("batched", "messages/s", fast, RATIO_GOAL), *_added(slow)]


def _added(seconds: Sides) -> list[Figure]:
    mine, theirs = statistics.median(seconds.ours) * 1e6, statistics.median(seconds.bare) * 1e6
    return [
        Figure("single, p50: ours", mine, "us"),
        Figure("single, p50: bare", theirs, "us"),
        Figure("single, p50: added", mine - theirs, "us", ADDED_GOAL, at_most=True),
    ]


def main() -> int:
    """Measure, print, and say by the exit code whether the goals are reached."""
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", type=int, default=10_000, help="of each side and round")
    given = parser.parse_args()
    with RedisServer(redis_program()) as server:
        on_one_core()
        figures = asyncio.run(measure(server.url, given.rounds, given.messages))
    return report("typed messages over Redis Streams, beside redis-py by hand", figures, given.output)


if __name__ == "__main__":
    sys.exit(main())
