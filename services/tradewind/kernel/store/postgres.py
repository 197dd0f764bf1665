"""PostgreSQL behind the store port: what a bot of several processes stores in.

The statements are those of SQLite, run by the asynchronous driver beneath a synchronous face (`run_sync`), so a
service does not know which database it has. Writes run at READ COMMITTED: what guards them are natural keys and
expected row counts. A read is one snapshot (REPEATABLE READ, read only), as it is in SQLite.

A connection that is lost before COMMIT was asked for has changed nothing. One that is lost after that may have, and
may still do so: the server goes on with what it was sent. So such a commit is neither repeated nor called a failure.
It raises `UnknownOutcomeError`, and before anything else is read or written here, the server's end of that connection
is made to end. Then the tables say what is true: the kernel reads inbox and outbox again, as after every failure.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tradewind.domain.errors import TemporaryError
from tradewind.kernel.resilience import Dependencies
from tradewind.kernel.resilience import Limits as Bounds
from tradewind.kernel.store.base import DATABASE, UnknownOutcomeError, Write
from tradewind.kernel.store.postgres_connection import Backend, Limits, postgres_engine
from tradewind.kernel.store.postgres_failures import NothingChangedError, as_told, is_away, is_lost, may_be_true, words
from tradewind.kernel.store.postgres_writes import are_known, execute_batched, execute_known, steps_of

Result = TypeVar("Result")

_PAUSES = (0.01, 0.05, 0.2, 0.5)
QUIET = 2.0
"""Seconds without a call after which the server is asked for a sign of life."""

_END = text(
    "SELECT pg_terminate_backend(pid, :patience) FROM pg_stat_activity WHERE pid = :pid AND backend_start = :started"
)
"""One row with what came of it, or none when that end is gone already."""


class PostgresStore:
    """The store of the processes of a bot. It connects when it is first used."""

    def __init__(self, address: str, limits: Limits | None = None, dependencies: Dependencies | None = None) -> None:
        self._limits = limits or Limits()
        bounds = Bounds(at_once=self._limits.connections, queued=True, timeout=self._limits.patience)
        self._dependency = (dependencies or Dependencies()).of(DATABASE, bounds)
        self._engine: AsyncEngine = postgres_engine(address, self._limits)
        self._readers = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._asked_at = 0.0
        self._doubts: list[Backend] = []
        self._settling = asyncio.Lock()

    async def commit(self, writes: Sequence[Write]) -> None:
        """One durable transaction; after a deadlock, or on a connection that was dead before, it is tried again.

        Raises `UnknownOutcomeError` when the answer to COMMIT was lost; after any other `TemporaryError` nothing
        has changed.
        """
        if writes:
            await self._again(lambda: self._commit(writes))

    async def change(self, work: Callable[[Connection], None]) -> None:
        """`commit` for who has more to say than writes: `work` runs in the transaction, again if that is undone."""
        await self._again(lambda: self._change(work))

    async def read(self, query: Callable[[Connection], Result]) -> Result:
        """Run `query` on one snapshot; what it would write is refused."""
        return await self._again(lambda: self._read(query))

    async def watch(self) -> None:
        """Ask for a sign of life whenever nobody has asked anything for a while, without end.

        A lost server tells nobody: a service that has nothing to write would look well until it has.
        """
        now = asyncio.get_running_loop().time
        while True:
            quiet = now() - self._asked_at
            if quiet >= QUIET:
                # Whatever it is: what it says of the server stands in its dependency, and the next look comes.
                with contextlib.suppress(Exception):
                    await self.read(lambda connection: connection.scalar(text("SELECT 1")))
                quiet = 0.0
            # While the circuit is open each look is refused, and the first after its pause closes it.
            await asyncio.sleep(QUIET / 4 if self._dependency.failures else QUIET - quiet)

    async def close(self) -> None:
        """Let go of the connections; what was committed is already safe."""
        await self._engine.dispose()

    # ------------------------------------------------------------------------------------------------------ internals

    async def _again(self, work: Callable[[], Awaitable[Result]]) -> Result:
        for pause in _PAUSES:
            try:
                return await self._tried(work)
            except NothingChangedError:
                if not self._dependency.may_retry():
                    raise
                await asyncio.sleep(pause)
        return await self._tried(work)

    async def _tried(self, work: Callable[[], Awaitable[Result]]) -> Result:
        self._asked_at = asyncio.get_running_loop().time()
        with self._dependency.attempt(is_away):
            return await work()

    async def _commit(self, writes: Sequence[Write]) -> None:
        await self._settle()
        async with self._connection(self._engine) as (connection, backend):
            steps = steps_of(writes, connection.dialect)
            if are_known(steps):
                await self._durably(connection, backend, lambda ask: execute_known(backend, steps, ask))
            else:
                work = partial(execute_batched, steps=steps)
                await self._durably(connection, backend, lambda ask: connection.run_sync(_transaction, work, ask))

    async def _change(self, work: Callable[[Connection], None]) -> None:
        await self._settle()
        async with self._connection(self._engine) as (connection, backend):
            await self._durably(connection, backend, lambda ask: connection.run_sync(_transaction, work, ask))

    async def _durably(
        self, connection: AsyncConnection, backend: Backend, run: Callable[[Callable[[], None]], Awaitable[None]]
    ) -> None:
        """Run a transaction, which calls what it is given when it is about to ask for COMMIT."""
        asked = False

        def ask() -> None:
            nonlocal asked
            asked = True

        try:
            async with asyncio.timeout(self._limits.patience):
                await run(ask)
        except BaseException as error:
            if not asked or not may_be_true(error):
                raise
            self._doubts.append(backend)
            await _abandon(connection, backend)
            if isinstance(error, Exception):
                raise UnknownOutcomeError(f"store: no answer to a commit: {words(error)}") from error
            raise

    async def _read(self, query: Callable[[Connection], Result]) -> Result:
        await self._settle()
        async with self._connection(self._readers) as (connection, _):
            async with asyncio.timeout(self._limits.patience):
                return await connection.run_sync(query)

    @contextlib.asynccontextmanager
    async def _connection(self, engine: AsyncEngine) -> AsyncIterator[tuple[AsyncConnection, Backend]]:
        """A connection, and failures on it as the port tells them; one that may hang is thrown away."""
        try:
            connection = await engine.connect()
        except (OSError, PoolTimeoutError, TimeoutError) as error:
            raise TemporaryError(f"store: no connection: {words(error)}") from error
        try:
            assert connection.sync_connection is not None
            backend: Backend = connection.sync_connection.connection.driver_connection  # type: ignore[assignment]
            try:
                yield connection, backend
            except BaseException as error:
                if is_lost(error) or backend.is_closed():
                    await _abandon(connection, backend)
                if isinstance(error, Exception):
                    told = as_told(error)
                    raise told from (error if told is not error else error.__cause__)
                raise
        finally:
            await self._give_back(connection, backend)

    async def _give_back(self, connection: AsyncConnection, backend: Backend) -> None:
        """Return a connection; one that fails at this has told its answer before, and is thrown away."""
        if connection.in_transaction():
            try:
                async with asyncio.timeout(self._limits.connect):
                    await connection.rollback()
            except (DBAPIError, OSError, TimeoutError):
                await _abandon(connection, backend)
        await connection.close()

    async def _settle(self) -> None:
        """Wait until no transaction of an earlier connection can become true any more."""
        if not self._doubts:
            return
        async with self._settling:
            for backend in tuple(self._doubts):
                async with self._connection(self._engine) as (connection, _), asyncio.timeout(self._limits.patience):
                    milliseconds = round(self._limits.statement * 500)
                    parameters = {"pid": backend.pid, "started": backend.started, "patience": milliseconds}
                    if (await connection.execute(_END, parameters)).scalar() is False:
                        raise TemporaryError("store: a commit whose answer was lost has not ended yet")
                self._doubts.remove(backend)


def _transaction(connection: Connection, work: Callable[[Connection], None], ask: Callable[[], None]) -> None:
    """In one go: to change between the driver's face and the synchronous one costs time each time."""
    begun = connection.begin()
    work(connection)
    ask()
    begun.commit()


async def _abandon(connection: AsyncConnection, backend: Backend) -> None:
    """Cut a connection off, without a word to a server that may not listen."""
    backend.terminate()
    if not connection.invalidated:
        await connection.invalidate()
