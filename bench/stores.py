"""One order event's transaction and a block of candles, through the PostgreSQL store and through the bare driver.

    python -m bench.stores            against a PostgreSQL that the script starts and ends

The event: a row updated with a guard, a row appended, a message in the outbox and one in the inbox, committed to the
disk on both sides. Python has one core; the server has what is left.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time

import asyncpg
from bench.measured import Figure, in_turns, on_one_core, options, report, sides
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
EVENTS, CANDLES = 150, 20_000
EVENT_GOAL, CANDLES_GOAL = 0.5, 0.7

CHANGE = update(STATE).where(STATE.c.id == 1).values(value="x")
INSERTS = {table.name: insert(table) for table in (NOTES, OUT, IN)}


async def by_store(store: PostgresStore, first: int) -> float:
    """Events a second."""
    began = time.perf_counter()
    for number in range(first, first + EVENTS):
        rows = [Write(statement, {"id": number, "value": "x"}) for statement in INSERTS.values()]
        await store.commit([Write(CHANGE, {}, 1), *rows])
    return EVENTS / (time.perf_counter() - began)


async def by_driver(connection: asyncpg.Connection, first: int) -> float:
    """Events a second."""
    began = time.perf_counter()
    for number in range(first, first + EVENTS):
        async with connection.transaction():
            await connection.execute("UPDATE state SET value = $1 WHERE id = 1", "x")
            for name in INSERTS:
                await connection.execute(f'INSERT INTO "{name}" (id, value) VALUES ($1, $2)', number, "x")
    return EVENTS / (time.perf_counter() - began)


async def candles_by_store(store: PostgresStore, first: int) -> float:
    """Rows a second, of one block."""
    rows = [{"id": number, "value": "x"} for number in range(first, first + CANDLES)]
    began = time.perf_counter()
    await store.commit([Write(INSERTS["notes"], rows, bulk=True)])
    return CANDLES / (time.perf_counter() - began)


async def candles_by_driver(connection: asyncpg.Connection, first: int) -> float:
    """Rows a second, of one block."""
    rows = [(number, "x") for number in range(first, first + CANDLES)]
    began = time.perf_counter()
    async with connection.transaction():
        await connection.copy_records_to_table("notes", records=rows, columns=["id", "value"])
    return CANDLES / (time.perf_counter() - began)


async def measure(address: str, rounds: int) -> list[Figure]:
    """Both ratios."""
    store, connection = PostgresStore(address), await asyncpg.connect(address)
    await store.change(TABLES.create_all)
    await store.commit([Write(insert(STATE), {"id": 1, "value": "x"})])
    numbers = itertools.count(0, max(EVENTS, CANDLES))
    events = await in_turns(
        rounds, lambda: by_store(store, next(numbers)), lambda: by_driver(connection, next(numbers))
    )
    candles = await in_turns(
        rounds, lambda: candles_by_store(store, next(numbers)), lambda: candles_by_driver(connection, next(numbers))
    )
    await connection.close()
    await store.close()
    return [
        *sides("order event", "transactions/s", events, EVENT_GOAL),
        *sides("candles by COPY", "rows/s", candles, CANDLES_GOAL),
    ]


def main() -> int:
    """Measure, print, and say by the exit code whether the goals are reached."""
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with PostgresServer(postgres_programs()) as server:
        on_one_core()
        figures = asyncio.run(measure(server.url("postgres"), given.rounds))
    return report("transactions on PostgreSQL, beside asyncpg by hand", figures, given.output)


if __name__ == "__main__":
    sys.exit(main())
