"""The fault table of `semantics` section 6: the rows, in its order and words, and what each of them does."""

from __future__ import annotations

from dataclasses import dataclass

from tests.faults import strikes
from tests.faults.strikes import Strike
from tests.faults.warm import CALL_TIMEOUT


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: its name, what it does in words, and the doing."""

    name: str
    words: str
    strike: Strike
    small_disk: bool = False


ROWS = (
    Row(
        "kill -9 before send",
        "killed when the order is committed as `Submitted` and nothing has been sent; the venue does not have it",
        strikes.kill_before_send,
    ),
    Row(
        "kill -9 between send and ack",
        "killed when the venue has the order, and its answer never comes",
        strikes.kill_before_ack,
    ),
    Row(
        "kill -9 after ack before commit",
        "killed when the answer was read, before anything of it is stored",
        strikes.kill_before_commit,
    ),
    Row(
        "kill -9 while canceling",
        "killed before a cancel is sent, before its answer comes, or before that is stored",
        strikes.kill_while_canceling,
    ),
    Row(
        "timeout after accept",
        "the venue takes one to three orders (or pairs of stop and target) and never answers",
        strikes.disturbed(lambda life: strikes.some("TimeoutAfterAccept", 3, method=strikes.creating(life))(life)),
    ),
    Row(
        "create delayed past the timeout",
        "the venue looks at a create 0.05 to 1 s after the bot has given up",
        strikes.disturbed(
            lambda life: {
                "kind": "DelayBeyondTimeout",
                "method": strikes.creating(life),
                "seconds": round(CALL_TIMEOUT + life.random.uniform(0.05, 1.0), 2),
            }
        ),
    ),
    Row(
        "duplicated ack",
        "one to eight updates of the account come twice",
        strikes.disturbed(strikes.some("DuplicateUpdate", 8)),
    ),
    Row("dropped fill", "a stop or target that rests is filled, and nothing tells of it", strikes.dropped_fill),
    Row(
        "out-of-order updates",
        "one to six updates come after the next one",
        strikes.disturbed(strikes.some("ReorderUpdates", 6)),
    ),
    Row(
        "418 ban",
        "every call is answered by 418 for 1 to 3 s",
        strikes.disturbed(lambda life: {"kind": "Ban", "seconds": round(life.random.uniform(1.0, 3.0), 2)}),
    ),
    Row("429", "one to three calls are answered by 429", strikes.disturbed(strikes.some("RateLimit", 3))),
    Row(
        "clock skew (-1021)",
        "the venue's clock is 1.5 to 5 s off, ahead or behind, for one to three looks at it",
        strikes.disturbed(
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
        strikes.venue_down,
    ),
    Row("Redis down", "killed, and started again after 1 to 4 s", strikes.down("redis")),
    Row("Redis emptied", "killed, and started again without anything of what it had", strikes.redis_emptied),
    Row("Postgres down", "killed, and started again after 1 to 4 s", strikes.down("postgres")),
    Row(
        "two execution instances",
        "a second one is started on another machine while the first works",
        strikes.two_executions,
    ),
    Row(
        "process paused (SIGSTOP) between lease check and send",
        "stopped by SIGSTOP when the order is committed as `Submitted`; another one takes over, and the first goes on",
        strikes.stands_still,
    ),
    Row(
        "disk full",
        "PostgreSQL's disk is full for 0.5 to 3 s from its first complaint on",
        strikes.disk_full,
        small_disk=True,
    ),
    Row(
        "SIGTERM with orders in flight", "SIGTERM while a create is on its way; it must end with 0", strikes.terminated
    ),
)
"""In the order of `semantics` section 6."""


def row_named(name: str) -> Row:
    """A row by its name; `KeyError` where there is none."""
    return {row.name: row for row in ROWS}[name]
