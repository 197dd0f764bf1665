"""Outbox and inbox: who has what, and what is still to be told."""

from __future__ import annotations

import functools
from decimal import Decimal

import pytest
from sqlalchemy.exc import IntegrityError

from tradewind.contracts.messages import BalancesReported, PositionOpened, TickSettled
from tradewind.kernel.store.base import execute
from tradewind.kernel.store.outbox import (
    inbox_writes,
    outbox_write,
    read_last_time,
    read_progress,
    read_undone,
    read_unsent,
)
from tradewind.kernel.store.postgres_connection import Limits, postgres_engine
from tradewind.kernel.store.sqlite import sqlite_engine

CONSUMERS = {"BalancesReported": ("portfolio", "compliance"), "PositionOpened": ()}


def on_a_database(test):
    """Turns a test of one transaction into a test on each database."""

    @functools.wraps(test)
    async def run(database):
        await database.migrate()
        if database.name == "sqlite":
            engine = sqlite_engine(database.path)
            with engine.connect() as connection:
                test(connection)
            engine.dispose()
        else:
            engine = postgres_engine(database.address, Limits())
            try:
                async with engine.connect() as connection:
                    await connection.run_sync(test)
            finally:
                await engine.dispose()

    del run.__wrapped__
    return run


def report(number, bot="default/bot", **fields):
    return BalancesReported(
        id=f"balances:{number}",
        time=number * 10,
        bot=bot,
        sequence=number,
        balances={"EUR": Decimal("0.10"), "BTC": Decimal("1E+3")},
        **fields,
    )


def opened(number):
    return PositionOpened(
        id=f"opened:{number}",
        time=number,
        bot="default/bot",
        sequence=number,
        position_id="p",
        pair="BTC/EUR",
        amount=Decimal(1),
        average_price=Decimal(1),
        fees=Decimal(0),
    )


def store(connection, *messages, publisher="execution"):
    execute(connection, [outbox_write(message, publisher) for message in messages])


def handled(connection, service, *numbers, bot="default/bot"):
    execute(connection, inbox_writes(bot, service, [f"balances:{number}" for number in numbers]))


@on_a_database
def test_a_message_comes_back_as_it_was(connection):
    """With its sequence, its trace and its exact decimals."""
    message = report(1, traceparent="00-a-b-01", occurred_at=12.5)
    store(connection, message)
    assert read_undone(connection, "default/bot", CONSUMERS) == [message]


@on_a_database
def test_a_message_is_done_when_every_consumer_has_it(connection):
    """One of two is not enough; what nobody has to handle is not sent again; another bot's is not ours."""
    store(connection, report(1), report(2), report(3))
    store(connection, opened(1), publisher="portfolio")
    store(connection, report(1, bot="other/bot"))
    handled(connection, "portfolio", 1, 2)
    handled(connection, "compliance", 1)
    assert [message.sequence for message in read_undone(connection, "default/bot", CONSUMERS)] == [2, 3]
    assert len(read_undone(connection, "other/bot", CONSUMERS)) == 1


@on_a_database
def test_undone_messages_come_in_the_order_in_which_they_were_published(connection):
    """Whatever order their rows are in."""
    store(connection, report(3), report(1), report(2))
    assert [message.sequence for message in read_undone(connection, "default/bot", CONSUMERS)] == [1, 2, 3]


@on_a_database
def test_the_same_message_is_stored_once_and_a_sequence_given_once(connection):
    """Publishing a fact twice, or two facts as one, is a defect and must not get through."""
    store(connection, report(1))
    with pytest.raises(IntegrityError), connection.begin_nested():
        store(connection, report(1))
    with pytest.raises(IntegrityError), connection.begin_nested():
        store(connection, opened(1), BalancesReported(id="other", time=0, bot="default/bot", sequence=1, balances={}))


@on_a_database
def test_progress_is_what_was_handled_published_and_missed(connection):
    """What should have been handled and was not is named by its number; nobody else's is."""
    store(connection, report(1), report(2), report(3))
    store(connection, opened(1), opened(2), publisher="portfolio")
    handled(connection, "portfolio", 1, 3)
    progress = read_progress(connection, "default/bot", "portfolio", ["BalancesReported"])
    assert progress.published == {"portfolio.events": 2}
    assert (progress.highest, progress.missing) == ({"orders.events": 3, "portfolio.events": 2}, {"orders.events": [2]})
    handled(connection, "portfolio", 2)
    assert read_progress(connection, "default/bot", "portfolio", ["BalancesReported"]).missing == {}
    nobody = read_progress(connection, "other/bot", "portfolio", ["BalancesReported"])
    assert (nobody.published, nobody.highest, nobody.missing) == ({}, {}, {})


@on_a_database
def test_what_was_stored_and_perhaps_not_sent(connection):
    """Beyond what a publisher knows that it gave to the bus, topics that it never did included."""
    store(connection, report(1), report(2), report(3))
    store(connection, opened(1), publisher="portfolio")
    assert [m.sequence for m in read_unsent(connection, "default/bot", "execution", {"orders.events": 1})] == [2, 3]
    assert [m.sequence for m in read_unsent(connection, "default/bot", "portfolio", {})] == [1]
    assert read_unsent(connection, "default/bot", "portfolio", {"portfolio.events": 1}) == []


@on_a_database
def test_a_replay_resumes_at_the_latest_time_that_a_stored_message_names(connection):
    """A fresh store names none."""
    assert read_last_time(connection, "default/bot") is None
    store(connection, report(3), report(2))
    assert read_last_time(connection, "default/bot") == 30
    assert read_last_time(connection, "other/bot") is None


def test_only_what_says_so_is_stored():
    """A tick that settled is a view of a moment."""
    assert (BalancesReported.stored, TickSettled.stored) == (True, False)
