"""SQLite behind the port: safe on the disk, and only one at a time."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import Column, MetaData, String, Table, insert, select

from tradewind.domain.errors import TemporaryError
from tradewind.kernel.store.base import Write
from tradewind.kernel.store.sqlite import SqliteStore, sqlite_engine
from tradewind.kernel.store.types import DecimalText

ROWS = Table("rows", MetaData(), Column("id", String, primary_key=True), Column("amount", DecimalText))


def put(name, amount=None):
    return Write(insert(ROWS), {"id": name, "amount": amount})


async def names(store):
    return await store.read(lambda connection: sorted(connection.scalars(select(ROWS.c.id))))


async def test_what_was_committed_survives_the_process(tmp_path):
    """On the disk when `commit` returns, without a closing."""
    path = tmp_path / "store.sqlite3"
    engine = sqlite_engine(path)
    ROWS.metadata.create_all(engine)
    first = SqliteStore(engine)
    await first.commit([put("a")])
    second = SqliteStore(sqlite_engine(path))
    assert await names(second) == ["a"]
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    assert await first.read(lambda c: c.exec_driver_sql("PRAGMA synchronous").scalar()) == 2
    await first.close()
    await second.close()


async def test_a_file_that_another_process_holds_is_a_failure_that_may_pass(tmp_path, monkeypatch):
    """It changes nothing, and trying again later works."""
    path = tmp_path / "store.sqlite3"
    engine = sqlite_engine(path)
    ROWS.metadata.create_all(engine)
    store = SqliteStore(engine)
    await store.read(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout = 1"))
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(TemporaryError, match="locked"):
        await store.commit([put("a")])
    holder.execute("ROLLBACK")
    await store.commit([put("a")])
    assert await names(store) == ["a"]
    holder.close()
    await store.close()
