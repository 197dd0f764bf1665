"""The same bot on SQLite and on PostgreSQL: the same trades, decisions, balances, and the same rows."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select
from tests.servers.databases import Postgres
from tests.topology.recordings import gappy_bot

from tradewind.kernel.store.base import METADATA

IGNORED = {"occurred_at", "signed_at", "payload", "holder", "traceparent"}
"""Clocks and traces: no two runs agree on them."""


async def everything(store):
    def read(connection):
        return {
            table.name: sorted(
                tuple((name, value) for name, value in row.items() if name not in IGNORED)
                for row in connection.execute(select(table)).mappings()
            )
            for table in METADATA.tables.values()
        }

    return await store.read(read)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return gappy_bot(tmp_path_factory.mktemp("market"), candles=160)


async def test_the_database_makes_no_difference(embedded, manifest, tmp_path, postgres_url):
    """Row for row, in every table of every service."""
    async with embedded(sample=manifest, directory=tmp_path / "sqlite") as bot, asyncio.timeout(120):
        assert await bot.wait()
        trades = await bot.ask("portfolio", "trades")
        expected = await everything(bot._store)
    database = Postgres(postgres_url)
    await database.migrate()

    def wrap(store):
        wrapped.append(store)
        return database.store()

    wrapped = []
    async with embedded(sample=manifest, directory=tmp_path / "postgres", wrap=wrap) as bot, asyncio.timeout(120):
        assert await bot.wait()
        assert await bot.ask("portfolio", "trades") == trades
        assert trades
        found = await everything(bot._store)
    for store in wrapped:
        await store.close()
    for name, rows in expected.items():
        assert found[name] == rows, name
