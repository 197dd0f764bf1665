"""What is done to a bot, and how it is known to have happened.

A strike comes while the bot decides, and answers with the moment from which recovery is counted: the end of the fault,
or the kill. It raises `NotHappenedError` where the fault did not happen for certain.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.faults.life import Life, NeverError, NotHappenedError
from tests.faults.warm import CALL_TIMEOUT, Fate

from tradewind.kernel.store.holders import ENDS_AFTER

CREATE, GROUP, CANCEL = "POST /api/v3/order", "POST /api/v3/orderList/oco", "DELETE /api/v3/order"
FIVE_MINUTES = 300_000

Strike = Callable[[Life], Awaitable[float]]


# ------------------------------------------------------------------------------------------------------------- killing


async def _meets(life: Life, fate: Fate) -> list[str]:
    """The orders at which an execution met its fate."""
    execution = life.execution
    execution.meet(fate)
    await life.until(lambda: bool(execution.struck()), f"no {fate.call} in time")
    return execution.struck()


async def _killed(life: Life, fate: Fate) -> tuple[list[str], float]:
    """The orders at which it was killed, and when that was; another execution is not started yet."""
    execution = life.execution
    execution.kept = False
    names = await _meets(life, fate)
    await life.until(lambda: not execution.runs, "it was not killed")
    return names, time.time()


async def _certain(life: Life, name: str, state: str, *, there: bool) -> None:
    """An order is in this state for us, and at the venue or not; then the platform starts execution again."""
    found = await life.tables.state_of(name), await life.is_at_the_venue(name)
    await life.venue.calm()
    life.execution.kept = True
    if found != (state, there):
        raise NotHappenedError(f"{name} was {found[0]} and {'at' if found[1] else 'not at'} the venue")


async def kill_before_send(life: Life) -> float:
    names, when = await _killed(life, Fate("create", "before"))
    await _certain(life, names[0], "Submitted", there=False)
    return when


async def kill_before_ack(life: Life) -> float:
    await life.venue.disturb({"kind": "TimeoutAfterAccept", "count": 5}, {"kind": "DropUpdate", "count": 20})
    names, when = await _killed(life, Fate("create", "during", seconds=life.random.uniform(0.1, CALL_TIMEOUT * 0.8)))
    await _certain(life, names[0], "Submitted", there=True)
    return when


async def kill_before_commit(life: Life) -> float:
    await life.venue.disturb({"kind": "DropUpdate", "count": 20})
    names, when = await _killed(life, Fate("create", "after"))
    await _certain(life, names[0], "Submitted", there=True)
    return when


async def kill_while_canceling(life: Life) -> float:
    moment = life.random.choice(["before", "during", "after"])
    if moment == "during":
        await life.venue.disturb({"kind": "TimeoutAfterAccept", "method": CANCEL, "count": 5})
    names, when = await _killed(life, Fate("cancel", moment, seconds=life.random.uniform(0.1, CALL_TIMEOUT * 0.8)))
    is_there = await life.is_at_the_venue(names[0])
    await life.venue.calm()
    life.execution.kept = True
    if not is_there:
        raise NotHappenedError(f"{names[0]} is not at the venue")
    return when


async def terminated(life: Life) -> float:
    await life.venue.disturb({"kind": "DelayBeyondTimeout", "method": CREATE, "seconds": 0.3})
    await _meets(life, Fate("create", "during", "SIGTERM", life.random.uniform(0.02, 0.25)))
    execution, ended = life.execution, len(life.execution.codes)
    await life.must(lambda: len(execution.codes) > ended, "it did not end by SIGTERM")
    if execution.codes[-1] != 0:
        life.misdeeds.append(f"after SIGTERM execution ended with {execution.codes[-1]}")
    return time.time()


# ------------------------------------------------------------------------------------------------------------ the venue


def disturbed(fault: Callable[[Life], dict[str, Any]]) -> Strike:
    """A row that asks the venue for trouble, which has happened when none of it waits any more."""

    async def strike(life: Life) -> float:
        asked = fault(life)
        await life.venue.disturb(asked)

        async def over() -> bool:
            return not await life.venue.waiting()

        await life.until(over, f"{asked} did not all happen")
        await asyncio.sleep(asked.get("seconds", 0.0))
        return time.time()

    return strike


def some(kind: str, most: int, **more: Any) -> Callable[[Life], dict[str, Any]]:
    return lambda life: {"kind": kind, "count": life.random.randint(1, most), **more}


def creating(life: Life) -> str:
    return life.random.choice([CREATE, CREATE, GROUP])


async def dropped_fill(life: Life) -> float:
    """Of an order that rests: what fills at once is told by the answer, too."""
    armed: set[str] = set()

    async def dropped() -> bool:
        for name in set(await life.tables.resting_legs()) - armed:
            await life.venue.disturb({"kind": "DropUpdate", "method": "TRADE", "clientOrderId": name})
            armed.add(name)
        return len(await life.venue.waiting()) < len(armed)

    await life.until(dropped, "no leg filled", 20.0)
    await life.venue.calm()
    return time.time()


async def venue_down(life: Life) -> float:
    life.venue.kill()
    await asyncio.sleep(life.random.uniform(1.0, 3.0))
    life.driver.market.leap(FIVE_MINUTES)
    await life.venue_begins()
    return time.time()


# ---------------------------------------------------------------------------------------------------------- the servers


def down(server: str) -> Strike:
    """A row that kills a server of the lane, and starts it again after some seconds."""

    async def strike(life: Life) -> float:
        one = getattr(life, server)
        await asyncio.to_thread(one.kill)
        await asyncio.sleep(life.random.uniform(1.0, 4.0))
        await asyncio.to_thread(one.start)
        return time.time()

    return strike


async def redis_emptied(life: Life) -> float:
    await asyncio.to_thread(life.redis.empty)
    return time.time()


async def disk_full(life: Life) -> float:
    server = life.lane.small
    said = life.lane.log_of(server).count("No space left")
    server.disk.fill()
    try:
        full = lambda: life.lane.log_of(server).count("No space left") > said  # noqa: E731
        await life.until(full, "PostgreSQL had room enough")
        await asyncio.sleep(life.random.uniform(0.5, 3.0))
    finally:
        server.disk.free()
    await asyncio.to_thread(server.start)  # it gives up where it has no room for its log
    return time.time()


# ------------------------------------------------------------------------------------------------------- two executions


async def two_executions(life: Life) -> float:
    first = life.execution
    epoch = await life.tables.epoch()
    first.kept = False
    second = life.another()
    second.begin()

    async def taken_over() -> bool:
        return await life.tables.epoch() > epoch

    await life.must(lambda: "stands by" in second.said, "the second one does not stand by")
    await asyncio.sleep(life.random.uniform(0.0, 2.0))
    if not first.runs:
        raise NotHappenedError("the first one had ended before it was killed")
    if await taken_over() or second.codes:
        raise NeverError("the second one did not stand by until the first had ended")
    first.kill()
    when = time.time()
    await life.must(taken_over, "the second one did not take over")
    return when


async def stands_still(life: Life) -> float:
    first = life.execution
    first.kept = False
    await _meets(life, Fate("create", "before", "SIGSTOP"))
    await life.until(first.stands_still, "it was not stopped")
    when, epoch = time.time(), await life.tables.epoch()
    life.another().begin()

    async def taken_over() -> bool:
        return await life.tables.epoch() > epoch

    if life.random.random() < 0.75:
        await life.must(taken_over, "nobody took over")
        await asyncio.sleep(life.random.uniform(0.0, 3.0))
    else:
        # At about the time at which the other one finds that it has been silent for too long.
        await asyncio.sleep(ENDS_AFTER + life.random.uniform(0.0, 2.0))
    first.go_on()
    await life.until(taken_over, "it went on before another one took over", 5.0)
    await life.must(lambda: not first.runs, "the first one goes on beside the second")
    return when
