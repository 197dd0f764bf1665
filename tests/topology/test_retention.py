"""A bot that runs long keeps few messages, and trades as one that keeps them all."""

from __future__ import annotations

import asyncio
import collections

import pytest
from sqlalchemy import func, select
from tests.topology.recordings import gappy_bot

from tradewind import catalog
from tradewind.kernel.store.marks import delivery_marks
from tradewind.kernel.store.outbox import inbox, outbox, read_progress, read_undone

TAIL, BLOCK, TICK = 20, 10, 30
"""`TICK` is room for what a tick of four pairs stores while a block is on its way out."""


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return gappy_bot(tmp_path_factory.mktemp("market"), candles=600)


class Rows:
    """Counts the rows that a reload reads, every some commits."""

    def __init__(self):
        self.bot, self.outbox, self.inbox, self.stored = None, [], [], collections.Counter()

    async def after(self, number, writes):
        for write in writes:
            if write.statement.is_insert and write.statement.table is outbox:
                self.stored[write.parameters["topic"]] += 1
        if number % 25 == 0 and self.bot is not None:
            self.outbox.append(await self.bot._store.read(topics))
            self.inbox.append(await self.bot._store.read(handled))


def topics(connection):
    return dict(connection.execute(select(outbox.c.topic, func.count()).group_by(outbox.c.topic)).all())


def handled(connection):
    return connection.scalar(select(func.count()).select_from(inbox))


async def run(embedded, manifest, directory):
    rows = Rows()
    async with asyncio.timeout(240), embedded(sample=manifest, directory=directory, after=rows.after) as bot:
        rows.bot = bot
        assert await bot.wait()
        orders = dict(await bot.ask("execution", "summary"))
        books = (
            await bot.ask("portfolio", "trades"),
            (await bot.ask("portfolio", "snapshot"))["balances"],
            await bot.ask("portfolio", "equity"),
            orders,
            [(one["decision_id"], one["verdict"]) for one in await bot.ask("engine", "decisions", limit=100_000)],
        )
        progress = await bot._store.read(
            lambda connection: [
                read_progress(connection, bot.bot.key, spec.name, spec.consumes)
                for spec in catalog.CATALOG
                if spec.name in bot.runners
            ]
        )
        undone = await bot._store.read(
            lambda connection: read_undone(connection, bot.bot.key, catalog.storing_consumers())
        )
        marks = await bot._store.read(lambda connection: connection.execute(select(delivery_marks)).all())
    return rows, books, progress, undone, marks


async def test_rows_are_bounded_over_a_long_replay_and_its_trades_are_the_same(
    embedded, manifest, tmp_path, monkeypatch
):
    """At any time: what a reload reads at the end is no more than what it read early on."""
    everything, expected, all_progress, all_undone, _ = await run(embedded, manifest, tmp_path / "all")
    for name, value in (("TAIL", TAIL), ("BLOCK", BLOCK), ("PAUSE", 0.0)):
        monkeypatch.setattr(f"tradewind.kernel.retention.{name}", value)
    rows, books, progress, undone, marks = await run(embedded, manifest, tmp_path / "trimmed")

    assert len(books[0]) >= 20
    assert books == expected
    assert ([one.published for one in progress], [one.highest for one in progress]) == (
        [one.published for one in all_progress],
        [one.highest for one in all_progress],
    )
    assert [one.id for one in undone] == [one.id for one in all_undone]

    bound = TAIL + 2 * BLOCK + TICK
    long = {topic for topic, count in rows.stored.items() if count > 4 * bound}
    assert {"orders.commands", "orders.events", "portfolio.events", "decisions"} <= long
    assert rows.stored == everything.stored == progress[0].highest
    for counts in rows.outbox:
        assert max(counts.values()) <= bound
    assert max(rows.inbox) <= 2 * bound
    assert max(everything.inbox) > 4 * max(rows.inbox)
    assert {(row.topic, row.service) for row in marks} == {
        ("decisions", "engine"),
        ("orders.commands", "engine"),
        ("orders.commands", "execution"),
        ("orders.events", "execution"),
        ("orders.events", "portfolio"),
        ("portfolio.events", "portfolio"),
    }
