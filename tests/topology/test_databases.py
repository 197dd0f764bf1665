"""The same bot on SQLite and PostgreSQL, in memory and over Redis: the same trades, and the same rows.

All services are in one process here; what several processes add is the business of their topology.
"""

from __future__ import annotations

import asyncio
import itertools
from functools import partial

import pytest
from msgspec import structs
from sqlalchemy import select
from tests.servers.databases import Postgres
from tests.topology.recordings import gappy_bot

from tradewind.contracts.api.document import load_bot
from tradewind.contracts.messages import decode
from tradewind.kernel.bus.redis import RedisBus
from tradewind.kernel.bus.redis_streams import Pace
from tradewind.kernel.store.metadata import METADATA

IGNORED = {"occurred_at", "signed_at", "holder", "traceparent"}
"""Clocks and traces: no two runs agree on them."""


async def everything(store):
    """Every row of every table; of a message what it says."""

    def read(connection):
        return {
            table.name: sorted(
                tuple((name, said(row) if name == "payload" else value) for name, value in kept(row).items())
                for row in connection.execute(select(table)).mappings()
            )
            for table in METADATA.tables.values()
            if table.name != "service_holders"  # who runs it, which is nothing of what it did
        }

    return await store.read(read)


def kept(fields):
    return {name: value for name, value in fields.items() if name not in IGNORED}


def said(row):
    return sorted(kept(structs.asdict(decode(row["kind"], row["payload"]))).items())


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return gappy_bot(tmp_path_factory.mktemp("market"), candles=100)


@pytest.fixture
async def run(embedded, manifest, tmp_path, postgres_url):
    """Runs the bot on PostgreSQL, and returns what its tables hold; or on SQLite, for what they should."""
    database = Postgres(postgres_url)
    unused = []

    def wrap(store):
        unused.append(store)
        return database.store()

    async def on(*, sqlite=False, on_tick=None, **options):
        if not sqlite:
            await database.migrate()
            options["wrap"] = wrap
        async with asyncio.timeout(240), embedded(sample=manifest, directory=tmp_path / str(sqlite), **options) as bot:
            assert await bot.wait(on_tick)
            assert await bot.ask("portfolio", "trades")
            return await everything(bot._store)

    yield on
    for store in unused:
        await store.close()


@pytest.fixture(scope="module")
def known():
    """The rows on SQLite and the bus in memory, once they are known."""
    return {}


@pytest.fixture
async def expected(run, known):
    """The rows that there are to be."""
    if not known:
        known |= await run(sqlite=True)
    return known


async def test_the_database_makes_no_difference(run, expected):
    """Row for row, in every table of every service."""
    found = await run()
    for name, rows in expected.items():
        assert found[name] == rows, name


@pytest.fixture
def _soon_sent_again(monkeypatch):
    """A tick that was lost with the broker."""
    monkeypatch.setattr("tradewind.market_data.sending.SETTLE_TIMEOUT", 2.0)


@pytest.mark.usefixtures("_soon_sent_again")
@pytest.mark.parametrize("trouble", ["none", "restart", "flush"])
async def test_nor_does_the_broker_whatever_happens_to_it(run, expected, manifest, redis_server, trouble):
    """Killed twice in the middle of trading, or emptied twice: the same rows, none lost and none double."""
    pace = Pace(block=0.2, answer=2.0, housekeeping=0.1, longest_pause=0.2)
    bus = RedisBus(redis_server.url, load_bot(manifest).key, pace=pace)
    numbers, disturbing = itertools.count(1), []

    def on_tick(_time):
        if next(numbers) in {30, 60} and trouble != "none":
            what = redis_server.restart if trouble == "restart" else partial(redis_server.command, "FLUSHALL")
            disturbing.append(asyncio.create_task(asyncio.to_thread(what)))

    found = await run(bus=bus, on_tick=on_tick)
    await asyncio.gather(*disturbing)
    assert len(disturbing) == (0 if trouble == "none" else 2)
    for name, rows in expected.items():
        assert found[name] == rows, name
