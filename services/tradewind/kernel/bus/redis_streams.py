"""How messages stand in Redis: a stream per topic of a bot, an entry per message, a hash of dead letters per service.

The bot's key stands in braces, so that on a cluster of Redis all that belongs to one bot lies on one node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from redis.exceptions import BusyLoadingError, MasterDownError, ReadOnlyError, RedisError
from redis.exceptions import ConnectionError as NotConnectedError
from redis.exceptions import TimeoutError as NotAnsweredError

from tradewind.contracts.messages import MESSAGES, Message, decode, encode
from tradewind.kernel.bus.redis_client import redis_client
from tradewind.kernel.resilience import Dependencies, Dependency, Limits

PASSING = (NotConnectedError, NotAnsweredError, BusyLoadingError, ReadOnlyError, MasterDownError, OSError)
"""Failures after which the same command may work: the server is away, starts, or is the wrong one."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds and counts of a bus on Redis.

    An entry that a consumer has held for `claim_after` is given to another; where a service may have one instance
    alone, what another one was given goes to who asks after `takeover`. A consumer that has asked for nothing for
    `forget_after`, and holds nothing, has ended. A bot of which no process has run for `bot_forgotten` leaves nothing
    behind: who deleted one need not know where its Redis is. A service may fail on a message `tries`
    times before it becomes a dead letter. What is older than `retention` goes, unless a storing group has not had it.
    `buffer` messages wait for a server that is away; more are left to the outbox.
    """

    block: float = 1.0
    answer: float = 5.0
    claim_after: float = 60.0
    forget_after: float = 600.0
    bot_forgotten: float = 30 * 24 * 3600.0
    takeover: float = 2.0
    housekeeping: float = 2.0
    retention: float = 24 * 3600.0
    tries: int = 5
    batch: int = 512
    buffer: int = 20_000
    longest_pause: float = 2.0


class Entry(NamedTuple):
    """Where a message stands."""

    stream: str
    number: str


class Letter(msgspec.Struct, frozen=True):
    """A message that a service could not handle, `tries` times over. `at` is seconds since the epoch."""

    topic: str
    kind: str
    payload: bytes
    tries: int
    reason: str
    at: float


def connection(address: str, pace: Pace) -> Any:
    """A client that has the time for an answer that `pace` gives, and a read that waits for new entries besides."""
    return redis_client(address, patience=pace.block + pace.answer, connect_timeout=pace.answer)


class Sender:
    """The connection on which messages go: the library's, without its client, which costs a message more than itself.

    It is opened when it is needed, and after any failure anew: an answer to what was asked before is never read as one
    to what is asked now.
    """

    def __init__(self, address: str, pace: Pace) -> None:
        client = redis_client(address, patience=None, connect_timeout=pace.answer)
        self._connection = client.connection_pool.make_connection()
        self._patience = pace.block + pace.answer

    async def send(self, commands: Sequence[Sequence[Any]]) -> None:
        """Have commands carried out in their order; raises what the client does, for the first that was refused."""
        try:
            async with asyncio.timeout(self._patience):
                await self._connection.send_packed_command(self._connection.pack_commands(commands))
                for _ in commands:
                    await self._connection.read_response(disable_decoding=True)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let go of the server."""
        await self._connection.disconnect(nowait=True)


def redis_of(dependencies: Dependencies, pace: Pace) -> Dependency:
    """The server as one of the process's dependencies. Its calls are those of a fixed number of loops."""
    return dependencies.of("redis", Limits(timeout=pace.block + pace.answer, longest_pause=pace.longest_pause))


def stream_of(bot: str, topic: str) -> str:
    """The stream of a topic."""
    return f"tradewind:{{{bot}}}:{topic}"


def topic_of(stream: str) -> str:
    """The topic of a stream."""
    return stream.rpartition(":")[2]


def letters_of(bot: str, service: str) -> str:
    """The dead letters of a service: message id -> `Letter`."""
    return f"tradewind:{{{bot}}}:dead-letters:{service}"


def failures_of(bot: str, service: str) -> str:
    """How often a service failed on a message: message id -> count."""
    return f"tradewind:{{{bot}}}:failures:{service}"


def marker_of(bot: str) -> str:
    """What is gone when Redis was emptied."""
    return f"tradewind:{{{bot}}}:marker"


def adding(bot: str, message: Message) -> tuple[Any, ...]:
    """The command that adds a message to the stream of its topic."""
    return ("XADD", stream_of(bot, message.topic), "*", "kind", type(message).__name__, "payload", encode(message))


def message_of(fields: Mapping[bytes, bytes]) -> Message | None:
    """The message of an entry; None for a kind that only a newer version knows. Raises `msgspec.MsgspecError`."""
    kind = fields[b"kind"].decode()
    return decode(kind, fields[b"payload"]) if kind in MESSAGES else None


def is_missing_group(error: RedisError) -> bool:
    """Whether the stream or its group is gone."""
    return str(error).startswith("NOGROUP")


def before(one: str, other: str) -> bool:
    """Whether entry `one` is older than `other`."""
    return place(one) < place(other)


def place(number: str) -> tuple[int, int]:
    """An entry's number (`milliseconds-count`) as numbers."""
    milliseconds, _, count = number.partition("-")
    return int(milliseconds), int(count or 0)
