"""A client of Redis whose commands end in time, and whose tasks end when they are cancelled.

The library bounds the sending of a command by `asyncio.wait_for`. Before Python 3.12 that loses a cancellation which
comes in the moment in which the command has just gone out: the task goes on, and whoever waits for its end waits for
ever. So the library is given no limit, and each command and answer has one of `asyncio.timeout`, which loses none (and
needs no task for each command).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import TimeoutError as NotAnsweredError


class _Bounded(AbstractConnection):
    """A connection that sends, and is answered, within `patience` seconds; for ever where that is None."""

    patience: float | None = None

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        try:
            async with asyncio.timeout(self.patience):
                await super().send_packed_command(command, check_health)
        except TimeoutError:
            raise NotAnsweredError(f"nothing could be sent for {self.patience:g} s") from None

    async def read_response(self, *arguments: Any, **named: Any) -> Any:
        try:
            async with asyncio.timeout(self.patience):
                return await super().read_response(*arguments, **named)
        except TimeoutError:
            raise NotAnsweredError(f"no answer for {self.patience:g} s") from None


def redis_client(address: str, *, patience: float | None, connect_timeout: float) -> Any:
    """A client that does not try again by itself: whoever uses it knows what may be done twice. Times are seconds.

    Its type is not told: the library's says of every answer that it may be text, bytes or a number.
    """
    client = Redis.from_url(
        address,
        protocol=2,
        socket_timeout=None,
        socket_connect_timeout=connect_timeout,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )
    pool = client.connection_pool
    # The address decides between TCP, TLS and a Unix socket.
    pool.connection_class = type("BoundedConnection", (_Bounded, pool.connection_class), {"patience": patience})
    return client
