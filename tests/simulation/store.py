"""The bot's database, as each process sees it: one SQLite in memory behind the store port, a short way off.

A commit takes time on its way there and on its way back. Its process may die before it is made, or after it was made
true and before anybody was told; it may fail, or succeed with its answer lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import DDL, Column, Connection, MetaData, Table
from tests.simulation.disturbances import Disturbances, Kind
from tests.simulation.fates import Fate
from tests.simulation.virtual_loop import Process

from tradewind.domain.errors import TemporaryError
from tradewind.domain.order import OrderState
from tradewind.kernel.store.base import UnknownOutcomeError, Write, execute
from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.outbox import inbox, outbox
from tradewind.kernel.store.sqlite import sqlite_engine

Result = TypeVar("Result")

_KEPT = MetaData()
gone_outbox, gone_inbox = (
    Table(f"gone_{table.name}", _KEPT, *(Column(one.name, one.type) for one in table.c)) for table in (outbox, inbox)
)
"""What was trimmed, for whoever asks in the end what there was."""


class Database:
    """The tables. Made once and emptied for each schedule: making them costs more than a schedule's statements."""

    def __init__(self) -> None:
        engine = sqlite_engine(None)
        # There may be more of them later: whatever else this process loads brings its own.
        self._tables = (*METADATA.sorted_tables, *_KEPT.sorted_tables)
        METADATA.create_all(engine)
        _KEPT.create_all(engine)
        self.connection = engine.connect()
        with self.connection.begin():
            for table in (outbox, inbox):
                old = ", ".join(f"OLD.{one.name}" for one in table.c)
                keep = f"INSERT INTO gone_{table.name} VALUES ({old})"
                trigger = f"CREATE TRIGGER keep_{table.name} BEFORE DELETE ON {table.name} BEGIN {keep}; END"
                self.connection.execute(DDL(trigger))

    def empty(self) -> None:
        """Be as new."""
        with self.connection.begin():
            for table in self._tables:
                self.connection.execute(table.delete())

    def read(self, query: Callable[[Connection], Result]) -> Result:
        """Look, from outside of every process."""
        with self.connection.begin():
            return query(self.connection)


class SimulatedStore:
    """The store of one process."""

    def __init__(
        self,
        database: Database,
        process: Process,
        disturbances: Disturbances,
        fate: Fate | None,
        on_pause: Callable[[], None],
    ) -> None:
        self._database, self._process, self._disturbances, self.fate = database, process, disturbances, fate
        self._on_pause = on_pause
        self._commits = {False: 0, True: 0}

    async def commit(self, writes: Sequence[Write]) -> None:
        """One transaction."""
        await self._way()
        if self._disturbances.strikes(Kind.COMMIT_FAILS):
            raise TemporaryError("store: no space left on device", retry_after=0.5)
        fate = self._met(writes)
        if fate is not None and fate.what == "before":
            await self._die()
        with self._database.connection.begin():
            execute(self._database.connection, writes)
        if fate is not None and fate.what == "after":
            await self._die()
        if fate is not None and fate.what == "pause":
            self._process.pause(fate.seconds)
            self._on_pause()
        await self._way()
        if self._disturbances.strikes(Kind.COMMIT_UNHEARD):
            raise UnknownOutcomeError("store: the connection was lost", retry_after=0.5)

    async def read(self, query: Callable[[Connection], Any]) -> Any:
        """What the tables say."""
        await self._way()
        if self._disturbances.strikes(Kind.READ_FAILS):
            raise TemporaryError("store: no answer in time", retry_after=0.5)
        return self._database.read(query)

    async def close(self) -> None:
        """There is nothing to let go of."""

    def _met(self, writes: Sequence[Write]) -> Fate | None:
        self._commits[False] += 1
        self._commits[True] += any(_says_submitted(write) for write in writes)
        fate = self.fate
        return fate if fate is not None and fate.commit == self._commits[fate.sending] else None

    async def _way(self) -> None:
        await asyncio.sleep(self._disturbances.seconds(0.0002, 0.004))

    async def _die(self) -> None:
        self._process.die()
        await asyncio.get_running_loop().create_future()


def _says_submitted(write: Write) -> bool:
    return isinstance(write.parameters, Mapping) and write.parameters.get("state") == OrderState.SUBMITTED.value
