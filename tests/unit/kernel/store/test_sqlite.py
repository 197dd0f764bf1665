"""SQLite behind the port: all or nothing, exact, and safe on the disk."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, String, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from tradewind.domain.errors import TemporaryError
from tradewind.kernel.store.base import FencedError, Write
from tradewind.kernel.store.sqlite import SqliteStore, sqlite_engine
from tradewind.kernel.store.types import DecimalText

ROWS = Table("rows", MetaData(), Column("id", String, primary_key=True), Column("amount", DecimalText))


@pytest.fixture
async def store():
    engine = sqlite_engine(None)
    ROWS.metadata.create_all(engine)
    made = SqliteStore(engine)
    yield made
    await made.close()


def put(name, amount=None):
    return Write(insert(ROWS), {"id": name, "amount": amount})


async def names(store):
    return await store.read(lambda connection: sorted(connection.scalars(select(ROWS.c.id))))


async def test_a_transaction_is_all_or_nothing(store):
    """The first of two is not there when the second fails, and the next one works."""
    await store.commit([put("a")])
    with pytest.raises(IntegrityError):
        await store.commit([put("b"), put("a")])
    assert await names(store) == ["a"]
    await store.commit([put("b")])
    assert await names(store) == ["a", "b"]


@pytest.mark.parametrize(("expect", "fenced"), [(1, False), (0, True), (2, True), (None, False)])
async def test_a_guard_that_finds_other_rows_than_it_expects_undoes_everything(store, expect, fenced):
    """Somebody else is the writer now: not one row gets through."""
    await store.commit([put("lease")])
    guard = Write(update(ROWS).where(ROWS.c.id == "lease").values(id="lease"), {}, expect)
    if fenced:
        with pytest.raises(FencedError, match="another instance took over"):
            await store.commit([put("late"), guard])
    else:
        await store.commit([put("late"), guard])
    assert ("late" in await names(store)) is not fenced


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


async def test_a_question_that_fails_leaves_the_store_usable(store):
    """The transaction around it is undone."""

    def broken(connection):
        connection.execute(delete(ROWS))
        raise ValueError("a defect")

    await store.commit([put("a")])
    with pytest.raises(ValueError, match="a defect"):
        await store.read(broken)
    assert await names(store) == ["a"]


async def test_nothing_to_commit_is_no_error(store):
    """A caller need not look."""
    await store.commit([])
    assert await names(store) == []


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**12), max_value=10**12))
def test_a_decimal_comes_back_as_it_went(value):
    """Money is never a float on its way."""
    column = DecimalText()
    stored = column.process_bind_param(value, None)
    assert "E" not in stored
    assert column.process_result_value(stored, None) == value


def test_no_decimal_is_no_decimal():
    """A price that is not there is not 0."""
    column = DecimalText()
    assert column.process_bind_param(None, None) is None
    assert column.process_result_value(None, None) is None
    assert column.process_result_value("1.5", None) == Decimal("1.5")
