"""Connections to PostgreSQL: how many, how patient, and who the server's end of each is.

The driver reads the address itself, so everything that libpq knows works in it (`sslmode`, several hosts,
`target_session_attrs`). An address must not lead through a pooler that shares a connection between transactions:
prepared statements and the identity of the server's end would be somebody else's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver raises beside errors of the operating system."""

_SCHEMES = ("postgresql+asyncpg://", "postgresql://", "postgres://")


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and counts. `statement` and `lock` are kept by the server, `patience` is for a whole transaction.

    `patience` is longer than `statement`, so that a slow statement is refused by the server, for certain.
    """

    connections: int = 8
    connect: float = 5.0
    statement: float = 10.0
    lock: float = 5.0
    patience: float = 15.0


class Backend(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that knows its other end: a process number alone may soon be somebody else's."""

    __slots__ = ("pid", "started")

    pid: int
    started: datetime


def is_postgres(address: str) -> bool:
    """Whether `address` is one of a PostgreSQL."""
    return address.startswith(_SCHEMES)


def postgres_engine(address: str, limits: Limits) -> AsyncEngine:
    """An engine; whatever the server's configuration says, a commit is durable when it is answered."""
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=partial(_connected, address.replace("+asyncpg", "", 1), limits),
        pool_size=limits.connections,
        max_overflow=0,
        pool_timeout=limits.connect,
        pool_use_lifo=True,
    )


async def _connected(address: str, limits: Limits) -> Backend:
    settings = {
        "application_name": "tradewind",
        "synchronous_commit": "on",
        "statement_timeout": f"{limits.statement * 1000:.0f}",
        "lock_timeout": f"{limits.lock * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{limits.patience * 2000:.0f}",
        "TimeZone": "UTC",
    }
    try:
        made: Backend = await asyncpg.connect(
            address, timeout=limits.connect, server_settings=settings, connection_class=Backend
        )
    except DRIVER_ERRORS as error:
        # Refused by a server that starts, stops or is full, or none of several is the one that writes: for whoever
        # asks the same as no server.
        raise ConnectionError(str(error)) from error
    try:
        query = "SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        made.pid, made.started = made.get_server_pid(), await made.fetchval(query, timeout=limits.connect)
    except BaseException as error:
        made.terminate()
        if isinstance(error, DRIVER_ERRORS):
            raise ConnectionError(str(error)) from error
        raise
    return made
