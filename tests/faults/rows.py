"""The fault table of `semantics` section 6: what is done to the bot in each row, and how it is known to have happened.

A row strikes while the bot decides, and answers with the moment from which recovery is counted: the end of the fault,
or the kill. It raises `NotHappenedError` where the fault did not happen for certain.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.faults.life import Life, NotHappenedError
from tests.faults.warm import CALL_TIMEOUT, Fate

CREATE, GROUP, CANCEL = "POST /api/v3/order", "POST /api/v3/orderList/oco", "DELETE /api/v3/order"
FIVE_MINUTES = 300_000

Strike = Callable[[Life], Awaitable[float]]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: its name, what it does in words, and the doing."""

    name: str
    words: str
    strike: Strike
    small_disk: bool = False


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
    found = await life.state_of(name), await life.is_at_the_venue(name)
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
    await life.until(lambda: len(execution.codes) > ended, "it did not end")
    if execution.codes[-1] != 0:
        life.misdeeds.append(f"after SIGTERM execution ended with {execution.codes[-1]}")
    return time.time()


# ------------------------------------------------------------------------------------------------------------ the venue


def _disturbed(fault: Callable[[Life], dict[str, Any]]) -> Strike:
    """A row that asks the venue for trouble, which has happened when none of it waits any more."""

    async def strike(life: Life) -> float:
        asked = fault(life)
        await life.venue.disturb(asked)

        async def over() -> bool:
            return not await life.venue.waiting()

        await life.until(over, f"{asked} did not all happen")
        lasting = asked.get("seconds", 0.0)
        await asyncio.sleep(lasting)
        return time.time()

    return strike


def _some(kind: str, most: int, **more: Any) -> Callable[[Life], dict[str, Any]]:
    return lambda life: {"kind": kind, "count": life.random.randint(1, most), **more}


def _creating(life: Life) -> str:
    return life.random.choice([CREATE, CREATE, GROUP])


async def venue_down(life: Life) -> float:
    life.venue.kill()
    await asyncio.sleep(life.random.uniform(1.0, 3.0))
    life.driver.market.leap(FIVE_MINUTES)
    await life.venue_begins()
    return time.time()


# ---------------------------------------------------------------------------------------------------------- the servers


def _down(server: str) -> Strike:
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
    epoch = await life.epoch()
    first.kept = False
    second = life.another()
    second.begin()

    async def taken_over() -> bool:
        return await life.epoch() > epoch

    await life.until(taken_over, "the second one did not take over")
    if not first.runs:
        raise NotHappenedError("the first one had ended before the second took over")
    await life.until(lambda: not first.runs, "the first one goes on beside the second", 30.0)
    return time.time()


async def stands_still(life: Life) -> float:
    first = life.execution
    first.kept = False
    await _meets(life, Fate("create", "before", "SIGSTOP"))
    await life.until(first.stands_still, "it was not stopped")
    when, epoch = time.time(), await life.epoch()
    life.another().begin()

    async def taken_over() -> bool:
        return await life.epoch() > epoch

    if life.random.random() < 0.75:
        await life.until(taken_over, "nobody took over")
    await asyncio.sleep(life.random.uniform(0.0, 3.0))
    first.go_on()
    await life.until(lambda: not first.runs, "the first one goes on beside the second", 30.0)
    return when


ROWS = (
    Row(
        "kill -9 before send",
        "killed when the order is committed as `Submitted` and nothing has been sent; the venue does not have it",
        kill_before_send,
    ),
    Row(
        "kill -9 between send and ack",
        "killed when the venue has the order, and its answer never comes",
        kill_before_ack,
    ),
    Row(
        "kill -9 after ack before commit",
        "killed when the answer was read, before anything of it is stored",
        kill_before_commit,
    ),
    Row(
        "kill -9 while canceling",
        "killed before a cancel is sent, before its answer comes, or before that is stored",
        kill_while_canceling,
    ),
    Row(
        "timeout after accept",
        "the venue takes one to three orders (or pairs of stop and target) and never answers",
        _disturbed(lambda life: _some("TimeoutAfterAccept", 3, method=_creating(life))(life)),
    ),
    Row(
        "create delayed past the timeout",
        "the venue looks at a create 0.05 to 1 s after the bot has given up",
        _disturbed(
            lambda life: {
                "kind": "DelayBeyondTimeout",
                "method": _creating(life),
                "seconds": round(CALL_TIMEOUT + life.random.uniform(0.05, 1.0), 2),
            }
        ),
    ),
    Row("duplicated ack", "one to eight updates of the account come twice", _disturbed(_some("DuplicateUpdate", 8))),
    Row("dropped fill", "one to three fills are not told", _disturbed(_some("DropUpdate", 3, method="TRADE"))),
    Row("out-of-order updates", "one to six updates come after the next one", _disturbed(_some("ReorderUpdates", 6))),
    Row(
        "418 ban",
        "every call is answered by 418 for 1 to 3 s",
        _disturbed(lambda life: {"kind": "Ban", "seconds": round(life.random.uniform(1.0, 3.0), 2)}),
    ),
    Row("429", "one to three calls are answered by 429", _disturbed(_some("RateLimit", 3))),
    Row(
        "clock skew (-1021)",
        "the venue's clock is 1.5 to 5 s off, ahead or behind, for one to three looks at it",
        _disturbed(
            lambda life: {
                "kind": "ClockSkew",
                "count": life.random.randint(1, 3),
                "milliseconds": life.random.choice([-1, 1]) * life.random.randint(1500, 5000),
            }
        ),
    ),
    Row(
        "venue down 5 min",
        "the venue is killed and comes back when five minutes of its market have passed (1 to 3 s of ours)",
        venue_down,
    ),
    Row("Redis down", "killed, and started again after 1 to 4 s", _down("redis")),
    Row("Redis emptied", "killed, and started again without anything of what it had", redis_emptied),
    Row("Postgres down", "killed, and started again after 1 to 4 s", _down("postgres")),
    Row("two execution instances", "a second one is started on another machine while the first works", two_executions),
    Row(
        "paused between lease check and send",
        "stopped by SIGSTOP when the order is committed as `Submitted`; another one takes over, and the first goes on",
        stands_still,
    ),
    Row(
        "disk full", "PostgreSQL's disk is full for 0.5 to 3 s from its first complaint on", disk_full, small_disk=True
    ),
    Row("SIGTERM with orders in flight", "SIGTERM while a create is on its way; it must end with 0", terminated),
)
"""In the order of `semantics` section 6."""


def row_named(name: str) -> Row:
    """A row by its name; `KeyError` where there is none."""
    return {row.name: row for row in ROWS}[name]
