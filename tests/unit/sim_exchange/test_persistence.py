"""Nothing is answered or told before it is durable, nothing durable is lost, and a failure is never a guess."""

from __future__ import annotations

import asyncio
import importlib
from decimal import Decimal

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine, inspect
from sqlalchemy.dialects import sqlite

from tradewind.kernel.store.metadata import METADATA
from tradewind.sim_exchange.persistence import Persistence

D = Decimal
HOUR = 3_600_000
START = 100 * HOUR


async def busy(venue):
    """Orders of every state, a list, trades, a candle half walked."""
    await venue.place("LIMIT", price=98, client_order_id="filled")
    await venue.place("STOP_LOSS", "sell", "2", stop_price=80)
    await venue.place("LIMIT", "sell", price=130, client_order_id="again")
    await venue.exchange.cancel("BTCUSDT", client_order_id="again")
    await venue.inside()
    await venue.place("LIMIT", "sell", price=131, client_order_id="again")
    await venue.oco(target=111, stop=90, quantity="3", list_client_order_id="list")
    await venue.place(quantity="0.5")


async def test_another_process_stands_where_the_first_one_stood(venue):
    await busy(venue)
    before = venue.truth()
    await venue.restart()
    assert venue.truth() == before
    assert venue.exchange.order("BTCUSDT", client_order_id="again").is_open
    legs = [(one.order_id, one.client_order_id) for one in before.open[2:]]
    assert list(venue.exchange.order_list(list_client_order_id="list").orders) == legs
    await venue.move(START + HOUR)
    assert venue.exchange.order("BTCUSDT", order_id=5).status.value == "FILLED"
    placed = await venue.place()
    assert placed.order.order_id == 8


async def test_the_volume_that_was_taken_stays_taken(venues):
    venue = await venues(volume=8.0)
    await venue.inside()
    await venue.place("LIMIT", quantity="1.5", price=106)
    await venue.restart()
    placed = await venue.place("LIMIT", quantity="1.5", price=106)
    assert [one.quantity for one in placed.trades] == [D("0.5")]


async def test_an_order_of_a_sum_of_quote_survives_until_its_price_is_known(venue):
    await venue.place(quantity=None, quote_quantity=500)
    await venue.restart()
    assert venue.balances()["USDT"] == (9500, 500)
    await venue.move(START + 1)
    assert venue.exchange.order("BTCUSDT", order_id=1).executed_quote == 500


async def test_accounts_in_one_store_do_not_know_each_other(venue):
    await busy(venue)
    ledger = await Persistence(venue.store, "somebody else").load()
    assert ledger.account is None
    assert all(rows == [] for rows in ledger.rows.values())


@pytest.mark.parametrize("when", ["fail_before", "fail_after"])
async def test_when_a_commit_fails_the_tables_decide_and_the_caller_hears_that_it_is_unknown(venue, refused, when):
    await venue.place("LIMIT", price=90)
    told = len(venue.user)
    setattr(venue.store, when, 1)
    with refused(-1006, status=503):
        await venue.place("LIMIT", price=91)
    orders = [one.price for one in venue.exchange.open_orders()]
    assert orders == ([90] if when == "fail_before" else [90, 91])
    assert len(venue.user) == told
    now = venue.truth()
    await venue.restart()
    assert venue.truth() == now
    placed = await venue.place("LIMIT", price=92)
    assert placed.order.order_id == len(orders) + 1


async def test_what_built_on_a_failed_change_is_unknown_as_well(venue):
    venue.store.open.clear()
    first = asyncio.create_task(venue.place("LIMIT", price=90))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = asyncio.create_task(venue.exchange.cancel("BTCUSDT", order_id=1))
    await asyncio.sleep(0)
    venue.store.fail_before = 1
    venue.store.open.set()
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [(one.code, one.status) for one in outcomes] == [(-1006, 503)] * 2
    assert venue.exchange.open_orders() == []
    assert venue.user == []


async def test_while_the_store_cannot_be_read_every_call_hears_it(venue, refused):
    await venue.place("LIMIT", price=90)
    venue.store.fail_before, venue.store.fail_reads = 1, 2
    for _ in range(2):
        with refused(-1006, status=503):
            await venue.place("LIMIT", price=91)
    with refused(-1006, status=503):
        venue.store.fail_reads = 1
        await venue.exchange.settled()
    await venue.exchange.settled()
    assert [one.price for one in venue.exchange.open_orders()] == [90]


async def test_nobody_hears_of_a_change_before_it_is_durable(venue):
    venue.store.open.clear()
    task = asyncio.create_task(venue.place("LIMIT", price=90))
    settled = asyncio.create_task(venue.exchange.settled())
    for _ in range(5):
        await asyncio.sleep(0)
    assert (task.done(), settled.done(), venue.user) == (False, False, [])
    venue.store.open.set()
    await task
    await settled
    assert len(venue.user) == 2


async def test_calls_at_one_time_share_transactions_and_keep_their_order(venue):
    answers = await asyncio.gather(*(venue.place("LIMIT", quantity="0.1", price=90 + n % 5) for n in range(50)))
    assert [one.order.order_id for one in answers] == list(range(1, 51))
    assert venue.store.commits <= 2
    assert [order_id for _, order_id, _ in venue.reports()] == list(range(1, 51))


async def test_a_caller_that_goes_away_takes_nobody_along(venue):
    venue.store.open.clear()
    gone = asyncio.create_task(venue.place("LIMIT", price=90))
    await asyncio.sleep(0)
    stays = asyncio.create_task(venue.place("LIMIT", price=91))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    venue.store.open.set()
    assert (await stays).order.order_id == 2
    assert len(venue.exchange.open_orders()) == 2


async def test_a_kill_between_two_moves_loses_nothing(venue):
    await venue.place()
    venue.store.open.clear()
    task = asyncio.create_task(venue.move(START + 2 * HOUR))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()  # the process is gone, and with it what was on its way
    venue.exchange._journal._task.cancel()
    venue.store.open.set()
    await venue.restart()
    assert (venue.exchange.time, venue.exchange.events) == (START, 1)
    await venue.move(START + 2 * HOUR)
    assert (venue.exchange.time, venue.exchange.events) == (START + 2 * HOUR, 2)
    assert len(venue.exchange.my_trades("BTCUSDT")) == 1


async def test_a_listener_that_fails_keeps_nobody_from_its_answer(venue):
    noticed = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: noticed.append(context["exception"]))
    stop = venue.exchange.on_user_event(lambda _: 1 / 0)
    placed = await asyncio.gather(venue.place("LIMIT", price=90), venue.place("LIMIT", price=91))
    assert [one.order.order_id for one in placed] == [1, 2]
    assert isinstance(noticed[0], ZeroDivisionError)
    stop()
    await venue.place("LIMIT", price=92)
    assert len(noticed) == 1


async def test_what_the_account_started_with_is_on_record(venue):
    await venue.place("LIMIT", price=90)
    venue.options["balances"] = {"USDT": 1}
    await venue.restart()
    assert venue.balances() == {"BTC": (10, 0), "USDT": (9910, 90)}


async def test_migrations_make_the_tables():
    found = create_engine("sqlite://")
    revision = importlib.import_module("tradewind.sim_exchange.migrations.sim_exchange_0001")
    with found.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        revision.upgrade()
        inspector = inspect(connection)
        made = {
            name: {(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(name)}
            for name in inspector.get_table_names()
        }
        keys = {name: inspector.get_pk_constraint(name)["constrained_columns"] for name in made}
    tables = [table for table in METADATA.sorted_tables if table.name.startswith("sim_exchange_")]
    assert made == {
        table.name: {(column.name, _type(column), column.nullable) for column in table.columns} for table in tables
    }
    assert keys == {table.name: [column.name for column in table.primary_key] for table in tables}
    found.dispose()


def _type(column):
    return str(column.type.compile(dialect=sqlite.dialect()))
