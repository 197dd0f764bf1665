"""A database to test the store on: SQLite or PostgreSQL, and the test need not know which."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tradewind.kernel.store.migration import migrate, migrate_postgres
from tradewind.kernel.store.postgres import PostgresStore
from tradewind.kernel.store.sqlite import SqliteStore, sqlite_engine


class Sqlite:
    """A file, one connection at a time."""

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path

    def store(self):
        """A store on it, as another process would open it."""
        return SqliteStore(sqlite_engine(self.path))

    async def create(self, *metadata):
        """Make tables without a migration."""
        engine = sqlite_engine(self.path)
        for one in metadata:
            one.create_all(engine)
        engine.dispose()

    async def migrate(self):
        """Make the tables of the project."""
        engine = sqlite_engine(self.path)
        migrate(engine)
        engine.dispose()


class Postgres:
    """A database of a server."""

    name = "postgres"

    def __init__(self, address: str) -> None:
        self.address = address

    def store(self, limits=None):
        """A store on it, as another process would open it."""
        return PostgresStore(self.address, limits)

    async def create(self, *metadata):
        """Make tables without a migration."""
        store = self.store()
        for one in metadata:
            await store.change(one.create_all)
        await store.close()

    async def migrate(self):
        """Make the tables of the project."""
        await migrate_postgres(self.address)


def apart(coroutine):
    """The result of a coroutine, run in a loop and a thread of its own: whoever calls may have a loop that runs."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
