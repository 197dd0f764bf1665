"""One order event's transaction and a block of candles, through the PostgreSQL store and through the bare driver.

    python -m bench.stores            against a PostgreSQL that the script starts and ends

The event: a row updated with a guard, a row appended, a message in the outbox and one in the inbox. Times are medians
of alternating rounds of the same run: a machine that is busy is busy for both.
"""

from __future__ import annotations

import asyncio
import statistics
import time

import asyncpg
from sqlalchemy import BigInteger, Column, MetaData, String, Table, insert, update
from tests.servers.programs import postgres_programs
from tests.servers.running import PostgresServer

from tradewind.kernel.store.base import Write
from tradewind.kernel.store.postgres import PostgresStore

TABLES = MetaData()
STATE = Table("state", TABLES, Column("id", BigInteger, primary_key=True), Column("value", String))
NOTES = Table("notes", TABLES, Column("id", BigInteger, primary_key=True), Column("value", String))
OUT = Table("out", TABLES, Column("id", BigInteger, primary_key=True), Column("value", String))
IN = Table("handled", TABLES, Column("id", BigInteger, primary_key=True), Column("value", String))
ROUNDS, EVENTS, CANDLES = 7, 150, 20_000

CHANGE = update(STATE).where(STATE.c.id == 1).values(value="x")
INSERTS = {table.name: insert(table) for table in (NOTES, OUT, IN)}


async def by_store(store: PostgresStore, first: int) -> float:
    """Seconds of one event."""
    began = time.perf_counter()
    for number in range(first, first + EVENTS):
        rows = [Write(statement, {"id": number, "value": "x"}) for statement in INSERTS.values()]
        await store.commit([Write(CHANGE, {}, 1), *rows])
    return (time.perf_counter() - began) / EVENTS


async def by_driver(connection: asyncpg.Connection, first: int) -> float:
    """Seconds of one event."""
    began = time.perf_counter()
    for number in range(first, first + EVENTS):
        async with connection.transaction():
            await connection.execute("UPDATE state SET value = $1 WHERE id = 1", "x")
            for name in INSERTS:
                await connection.execute(f'INSERT INTO "{name}" (id, value) VALUES ($1, $2)', number, "x")
    return (time.perf_counter() - began) / EVENTS


async def candles_by_store(store: PostgresStore, first: int) -> float:
    """Seconds of one block."""
    rows = [{"id": number, "value": "x"} for number in range(first, first + CANDLES)]
    began = time.perf_counter()
    await store.commit([Write(INSERTS["notes"], rows, bulk=True)])
    return time.perf_counter() - began


async def candles_by_driver(connection: asyncpg.Connection, first: int) -> float:
    """Seconds of one block."""
    rows = [(number, "x") for number in range(first, first + CANDLES)]
    began = time.perf_counter()
    async with connection.transaction():
        await connection.copy_records_to_table("notes", records=rows, columns=["id", "value"])
    return time.perf_counter() - began


async def measure(address: str) -> None:
    """Print both ratios."""
    store, connection = PostgresStore(address), await asyncpg.connect(address)
    await store.change(TABLES.create_all)
    await store.commit([Write(insert(STATE), {"id": 1, "value": "x"})])
    for name, ours, theirs, step in (
        ("order event", by_store, by_driver, EVENTS),
        ("candles by COPY", candles_by_store, candles_by_driver, CANDLES),
    ):
        first = step * 1_000_000
        mine, bare = [], []
        for _ in range(ROUNDS):
            mine.append(await ours(store, first))
            bare.append(await theirs(connection, first + step))
            first += 2 * step
        one, other = statistics.median(mine), statistics.median(bare)
        print(f"{name}: store {one * 1e3:.2f} ms, driver {other * 1e3:.2f} ms, ratio {other / one:.2f}")
    await connection.close()
    await store.close()


if __name__ == "__main__":
    with PostgresServer(postgres_programs()) as server:
        asyncio.run(measure(server.url("postgres")))
