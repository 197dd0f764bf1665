"""The store, whatever database is behind it: all or nothing, exact, and one snapshot for a question."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Boolean, Column, Float, LargeBinary, MetaData, String, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from tradewind.kernel.store.base import FencedError, Write
from tradewind.kernel.store.types import DecimalText

TABLES = MetaData()
ROWS = Table("rows", TABLES, Column("id", String, primary_key=True), Column("amount", DecimalText))
KINDS = Table(
    "kinds",
    TABLES,
    Column("id", BigInteger, primary_key=True),
    Column("money", DecimalText),
    Column("number", Float(53)),
    Column("flag", Boolean),
    Column("blob", LargeBinary),
    Column("words", String),
)


@pytest.fixture
async def store(database):
    await database.create(TABLES)
    made = database.store()
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


async def test_a_question_that_fails_leaves_the_store_usable(store):
    """The next one is answered."""

    def broken(connection):
        connection.execute(select(ROWS))
        raise ValueError("a defect")

    await store.commit([put("a")])
    with pytest.raises(ValueError, match="a defect"):
        await store.read(broken)
    assert await names(store) == ["a"]


async def test_nothing_to_commit_is_no_error(store):
    """A caller need not look."""
    await store.commit([])
    assert await names(store) == []


@pytest.mark.parametrize("bulk", [False, True])
async def test_every_kind_of_value_comes_back_as_it_went(store, bulk):
    """To the last digit, however many rows and by whichever way they go; nothing stays nothing."""
    rows = [
        {
            "id": 1_700_000_000_000 + number,
            "money": Decimal("0.1") ** number,
            "number": 0.1 * number,
            "flag": number % 2 == 0,
            "blob": bytes([0, 255, number]),
            "words": f"a'b\\n\t{number} ü",
        }
        for number in range(40)
    ]
    rows.append(dict.fromkeys(rows[0]) | {"id": 1})
    await store.commit([put("first"), Write(insert(KINDS), rows, bulk=bulk), put("last")])
    found = await store.read(lambda c: [dict(row) for row in c.execute(select(KINDS)).mappings()])
    assert sorted(found, key=lambda row: row["id"]) == sorted(rows, key=lambda row: row["id"])
    assert await names(store) == ["first", "last"]


async def test_many_rows_are_undone_with_their_transaction(store):
    """However they are sent, and even if they are the first of it."""
    rows = [{"id": f"{number:03}", "amount": None} for number in range(100)]
    with pytest.raises(IntegrityError):
        await store.commit([Write(insert(ROWS), rows, bulk=True), put("007")])
    assert await names(store) == []


async def test_writes_happen_in_their_order(store):
    """A later one may rely on an earlier one, whatever is sent together on the way."""
    statement = insert(ROWS)
    change = update(ROWS).where(ROWS.c.id == "b").values(amount=Decimal(2))
    writes = [Write(statement, {"id": name, "amount": Decimal(1)}) for name in "ab"]
    await store.commit([*writes, Write(change, {}, 1), Write(statement, {"id": "c"}), Write(statement, {"id": "d"})])
    found = await store.read(lambda connection: dict(connection.execute(select(ROWS.c.id, ROWS.c.amount)).all()))
    assert found == {"a": Decimal(1), "b": Decimal(2), "c": None, "d": None}


async def test_two_writers_take_the_same_place_once(database, store):
    """Two instances of a service at once: one of them gets through, with all of its rows, and the other with none."""
    await store.commit([put("lease", Decimal(0))])
    other = database.store()

    def step(epoch, name):
        statement = update(ROWS).where(ROWS.c.id == "lease", ROWS.c.amount == Decimal(epoch))
        return [put(f"{epoch}-{name}"), Write(statement.values(amount=Decimal(epoch + 1)), {}, 1)]

    winners = []
    for epoch in range(20):
        names_of = ("one", "two")
        results = await asyncio.gather(
            store.commit(step(epoch, "one")), other.commit(step(epoch, "two")), return_exceptions=True
        )
        assert sorted(str(type(result).__name__) for result in results) == ["FencedError", "NoneType"]
        winners.append(f"{epoch}-{names_of[results.index(None)]}")
    assert await names(other) == sorted([*winners, "lease"])
    await other.close()


async def test_a_question_sees_one_moment(database, store):
    """What is committed while it is asked is either in all of its parts or in none."""
    other = database.store()
    statement = select(ROWS.c.id)

    async def write():
        for number in range(30):
            await other.commit([put(f"{number:02}-a"), put(f"{number:02}-b")])

    def twice(connection):
        return [connection.scalars(statement).all(), connection.scalars(statement).all()]

    writing = asyncio.create_task(write())
    seen = set()
    while not writing.done():
        first, second = await store.read(twice)
        assert (sorted(first), len(first) % 2) == (sorted(second), 0)
        seen.add(len(first))
    await writing
    assert len(await names(store)) == 60
    await other.close()


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
