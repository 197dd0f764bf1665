"""Trimming: what everybody is done with goes from outbox and inbox at once; what somebody needs stays."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from sqlalchemy import func, select, text
from tests.servers.databases import Postgres
from tests.unit.kernel.store.test_outbox import handled, on_a_database, opened, report, store

from tradewind.kernel.store.base import FencedError, execute
from tradewind.kernel.store.marks import delivery_marks, mark_write, read_unmarked
from tradewind.kernel.store.outbox import (
    inbox,
    inbox_writes,
    outbox,
    outbox_write,
    read_last_time,
    read_progress,
    read_undone,
)
from tradewind.kernel.store.postgres_connection import Limits, postgres_engine
from tradewind.kernel.store.trimming import Block, Held, read_block

BOT = "default/bot"
BALANCES = ("BalancesReported",)
CONSUMED = {"portfolio": BALANCES, "compliance": BALANCES}
EVENTS = (BOT, "orders.events", "execution")


def block(connection, *, rows=2, end=100, consumed=CONSUMED):
    return read_block(connection, *EVENTS, consumed, rows=rows, end=end)


def trim(connection, **options):
    found = block(connection, **options)
    assert isinstance(found, Block)
    execute(connection, found.writes())
    return found


def numbers(connection, bot=BOT):
    return sorted(connection.scalars(select(outbox.c.sequence).where(outbox.c.bot == bot)))


def marks(connection):
    return {row.service: (row.sequence, row.time) for row in connection.execute(select(delivery_marks))}


@on_a_database
def test_a_block_goes_when_every_consumer_has_handled_all_of_it(connection):
    """Its outbox rows, its inbox rows and the marks at once; not a row of another bot, or beyond it."""
    store(connection, *(report(number) for number in (1, 2, 3)))
    store(connection, *(report(number, bot="other/bot") for number in (1, 2)))
    handled(connection, "portfolio", 1, 2, 3)
    handled(connection, "portfolio", 1, 2, bot="other/bot")
    handled(connection, "compliance", 1)
    assert block(connection) == Held()
    handled(connection, "compliance", 2)
    trim(connection)
    assert (numbers(connection), numbers(connection, "other/bot")) == ([3], [1, 2])
    left = connection.execute(select(inbox.c.bot, inbox.c.service, inbox.c.message_id).order_by(*inbox.primary_key))
    assert [tuple(row) for row in left] == [
        (BOT, "portfolio", "balances:3"),
        ("other/bot", "portfolio", "balances:1"),
        ("other/bot", "portfolio", "balances:2"),
    ]
    assert marks(connection) == dict.fromkeys(("execution", "portfolio", "compliance"), (2, 20))


@on_a_database
def test_a_consumer_that_never_ran_keeps_everything(connection):
    """It has no row anywhere, and will want all."""
    store(connection, report(1), report(2))
    handled(connection, "portfolio", 1, 2)
    assert block(connection) == Held()
    assert [one.sequence for one in read_undone(connection, BOT, {"BalancesReported": tuple(CONSUMED)})] == [1, 2]


@on_a_database
def test_what_nobody_stores_goes_when_it_was_sent(connection):
    """And not before: `end` is how far the publisher is."""
    store(connection, *(report(number) for number in (1, 2, 3)))
    assert block(connection, consumed={}, end=1) == Held()
    trim(connection, consumed={}, end=2)
    assert numbers(connection) == [3]


@on_a_database
def test_blocks_follow_each_other_and_the_latest_time_is_remembered(connection):
    """A replay resumes where it was although the row that says so is gone; a time that falls back changes nothing."""
    store(connection, replace(report(9), sequence=1), *(report(number) for number in (2, 3, 4, 5)))
    handled(connection, "portfolio", 9, 2, 3, 4)
    trim(connection, consumed={"portfolio": BALANCES})
    trim(connection, consumed={"portfolio": BALANCES})
    assert numbers(connection) == [5]
    assert marks(connection) == {"execution": (4, 90), "portfolio": (4, 90)}
    assert read_last_time(connection, BOT) == 90
    assert read_last_time(connection, "other/bot") is None


@on_a_database
def test_where_a_service_stands_is_the_same_after_a_trimming(connection):
    """What it lacks, the last number and its own last number."""
    store(connection, *(report(number) for number in (1, 2, 3, 4)))
    handled(connection, "portfolio", 1, 2, 4)
    execute(connection, [mark_write(BOT, "orders.events", "portfolio", 0)])
    before = [read_progress(connection, BOT, name, BALANCES if name == "portfolio" else ()) for name in EVENTS[2:]]
    lacking = read_progress(connection, BOT, "portfolio", BALANCES)
    trim(connection, consumed={"portfolio": BALANCES})
    assert [read_progress(connection, BOT, name, ()) for name in EVENTS[2:]] == before
    assert read_progress(connection, BOT, "portfolio", BALANCES) == lacking
    assert (lacking.highest, lacking.missing, lacking.unmarked) == ({"orders.events": 4}, {"orders.events": [3]}, {})


@on_a_database
def test_nothing_goes_that_a_service_of_another_version_has_not_had(connection):
    """It is in no catalog of ours, but it was here and set its mark; who holds is told."""
    store(connection, *(report(number) for number in (1, 2, 3, 4)))
    handled(connection, "portfolio", 1, 2, 3, 4)
    execute(connection, [mark_write(BOT, "orders.events", "tax-office", 2)])
    trim(connection, consumed={"portfolio": BALANCES})
    assert block(connection, consumed={"portfolio": BALANCES}) == Held(("tax-office",))
    assert numbers(connection) == [3, 4]
    assert marks(connection)["tax-office"] == (2, None)


@on_a_database
def test_a_service_that_is_new_begins_after_what_is_gone(connection):
    """By topic, of what it stores, until it has a mark of its own."""
    kinds = ["BalancesReported", "PlaceOrder", "CandleClosed"]
    assert read_unmarked(connection, BOT, "tax-office", kinds) == {"orders.commands": 0, "orders.events": 0}
    store(connection, report(1), report(2), report(3))
    trim(connection, consumed={})
    assert read_unmarked(connection, BOT, "tax-office", kinds) == {"orders.commands": 0, "orders.events": 2}
    execute(connection, [mark_write(BOT, "orders.events", "tax-office", 2)])
    assert read_unmarked(connection, BOT, "tax-office", kinds) == {"orders.commands": 0}


@on_a_database
def test_two_who_trim_the_same_take_nothing_more(connection):
    """The slower one writes late, when the other is two blocks further."""
    store(connection, *(report(number) for number in range(1, 6)))
    connection.execute(delivery_marks.delete())
    execute(connection, [mark_write(BOT, "orders.events", "execution", 0)])
    slow = block(connection, consumed={})
    trim(connection, consumed={})
    trim(connection, consumed={})
    execute(connection, slow.writes())
    assert numbers(connection) == [5]
    assert marks(connection) == {"execution": (4, 40)}


@on_a_database
def test_a_number_that_is_gone_is_not_given_again(connection):
    """Whoever slept would take it for free, and everybody would take its message for handled."""
    store(connection, *(report(number) for number in (1, 2, 3)))
    trim(connection, consumed={})
    late = replace(report(7), sequence=1)
    with pytest.raises(FencedError), connection.begin_nested():
        execute(connection, [outbox_write(late, "execution", newest=True)])
    execute(connection, [outbox_write(report(4), "execution", newest=True)])
    execute(connection, [outbox_write(opened(1), "portfolio", newest=True)])
    assert numbers(connection) == [1, 3, 4]


@on_a_database
def test_what_is_gone_is_not_handled_again(connection):
    """Its inbox row is gone too and would refuse nobody: the missing message does, alone and among others."""
    store(connection, *(report(number) for number in (1, 2, 3)))
    handled(connection, "portfolio", 1, 2)
    trim(connection, consumed={"portfolio": BALANCES})
    for names in (["balances:1"], ["balances:3", "balances:1"]):
        with pytest.raises(FencedError), connection.begin_nested():
            execute(connection, inbox_writes(BOT, "portfolio", names))
    assert connection.scalar(select(func.count()).select_from(inbox)) == 0


async def test_who_handles_again_what_goes_at_this_moment_waits_and_is_refused(postgres_url):
    """Between the two the old inbox row refuses nobody any more, and the message still seems to stand."""
    database = Postgres(postgres_url)
    await database.migrate()
    engine, sleeper = postgres_engine(postgres_url, Limits()), database.store()
    try:
        async with engine.connect() as connection:
            await connection.run_sync(lambda one: store(one, *(report(number) for number in (1, 2, 3))))
            await connection.run_sync(lambda one: handled(one, "portfolio", 1, 2))
            await connection.commit()
            await connection.run_sync(lambda one: trim(one, consumed={"portfolio": BALANCES}))
            again = asyncio.create_task(sleeper.commit(inbox_writes(BOT, "portfolio", ["balances:1"])))
            await _until_one_waits(engine)
            await connection.commit()
        with pytest.raises(FencedError):
            await again
        assert await sleeper.read(lambda one: one.execute(select(inbox)).all()) == []
    finally:
        await sleeper.close()
        await engine.dispose()


async def _until_one_waits(engine):
    waiting = select(func.count()).select_from(text("pg_stat_activity")).where(text("wait_event_type = 'Lock'"))
    async with asyncio.timeout(60), engine.connect() as connection:
        while not await connection.scalar(waiting):
            await connection.rollback()


def test_many_messages_are_said_to_be_handled_in_few_statements():
    """A database has an end of what it takes at once; none at all is none."""
    names = [f"balances:{number}" for number in range(1001)]
    assert [write.expect for write in inbox_writes(BOT, "portfolio", names)] == [500, 500, 1]
    assert inbox_writes(BOT, "portfolio", []) == []
