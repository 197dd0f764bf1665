"""Outbox, inbox and units of work: what a service is told, it does once, whatever fails on the way."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from tradewind import catalog
from tradewind.contracts.api.document import load_bot
from tradewind.contracts.messages import (
    BalanceChanged,
    BalancesReported,
    CandleClosed,
    OrderFilled,
    OrderStateChanged,
    PositionOpened,
    TickMatched,
)
from tradewind.domain.errors import TemporaryError
from tradewind.domain.order import Leg, OrderState, Side
from tradewind.kernel import runner as kernel
from tradewind.kernel.bus.memory import MemoryBus
from tradewind.kernel.clock import SystemClock
from tradewind.kernel.runner import ServiceRunner
from tradewind.kernel.service import Context, Service, ServiceState
from tradewind.kernel.store.outbox import inbox, outbox, outbox_write, read_undone
from tradewind.kernel.telemetry.logging import logger_for
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.telemetry.tracing import Tracing
from tradewind.portfolio.tables import ledger

BOT = load_bot(Path(__file__).parents[3] / "manifests" / "samples" / "quickstart.yaml")


class Shaky:
    """A store that fails on demand, before or after the transaction is durable."""

    def __init__(self, store):
        self.store, self.before, self.after = store, 0, 0

    async def commit(self, writes):
        if self.before:
            self.before -= 1
            raise TemporaryError("disk full")
        await self.store.commit(writes)
        if self.after:
            self.after -= 1
            raise TemporaryError("lost the answer")

    async def read(self, query):
        return await self.store.read(query)

    async def close(self):
        await self.store.close()


class Counting:
    """A service in the portfolio's row: each fill is a ledger row and an event; candles may fail."""

    def __init__(self):
        self.total = Decimal(0)
        self.fail = 0
        self.loads = 0
        self.context = None

    def build(self, context):
        self.context = context
        return Service(
            "portfolio",
            handlers={
                OrderFilled: self.on_fill,
                BalancesReported: self.on_nothing,
                CandleClosed: self.on_nothing,
                TickMatched: self.on_nothing,
            },
            load=self.load,
        )

    async def load(self):
        self.loads += 1
        rows = await self.context.store.read(lambda connection: list(connection.scalars(select(ledger.c.change))))
        self.total = sum(rows, Decimal(0))

    async def on_fill(self, message, unit):
        self.total += message.amount
        if self.fail:
            self.fail -= 1
            raise RuntimeError("a defect")
        unit.write(
            insert(ledger),
            {"bot": BOT.key, "number": int(message.trade_id), "currency": "EUR", "change": message.amount, "time": 1,
             "reference": message.id},
        )  # fmt: skip
        unit.publish(BalanceChanged(id=f"b:{message.id}", time=message.time, currency="EUR", total=self.total))

    async def on_nothing(self, message, unit):
        """Changes nothing."""


def fill(number):
    return OrderFilled(
        id=f"fill:{number}", time=1, sequence=number, bot=BOT.key, trade_id=str(number), client_order_id="c",
        decision_id="d", pair="BTC/EUR", leg=Leg.ENTRY, side=Side.BUY, amount=Decimal(number), price=Decimal(1),
        fee=Decimal(0), fee_currency="EUR", maker=False, remaining=Decimal(0),
    )  # fmt: skip


@pytest.fixture
async def world(tmp_path, monkeypatch, database):
    """A store, and a way to start the counting service over it, as often as needed."""
    monkeypatch.setattr(kernel, "RETRY_PAUSES", (0.0, 0.0))
    await database.migrate()
    store = Shaky(database.store())
    runners = []

    async def start():
        bus, counting, metrics = MemoryBus(), Counting(), Metrics()
        heard = bus.subscribe("test", ("portfolio.events",))
        context = Context(
            bot=BOT, service="portfolio", clock=SystemClock(), store=store, ask=None,
            log=logger_for("portfolio", BOT.key), tracer=Tracing(None, "0", "default").tracer("portfolio"),
            metrics=metrics, data_directory=tmp_path,
        )  # fmt: skip
        runner = ServiceRunner(context, bus)
        runner.compose(counting.build)
        await runner.start()
        runners.append(runner)
        return bus, counting, heard, runner

    yield store, start
    for runner in runners:
        await runner.stop()
    await store.close()


async def until(condition):
    """Let the loop turn until `condition` holds."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - any of several events
            await asyncio.sleep(0)


async def idle(runner):
    """Until everything in the mailbox is handled."""
    await until(lambda: not len(runner._mailbox))
    async with runner.unit():
        """Nothing else happens now."""


async def tell(store, bus, *messages):
    """As execution does: stored, then given to the bus, in whatever order it arrives."""
    await store.store.commit([outbox_write(message, "execution") for message in messages])
    await bus.publish(messages)


async def rows(store, table):
    return await store.read(lambda connection: connection.execute(select(table)).all())


async def test_a_message_seen_twice_changes_nothing(world):
    """The same fill again, at once, later, or after a restart, is one fill."""
    store, start = world
    bus, counting, heard, runner = await start()
    await tell(store, bus, fill(1))
    await bus.publish([fill(1)])
    await idle(runner)
    await bus.publish([fill(1)])
    await idle(runner)
    assert Decimal(1) == counting.total
    assert 1 == len(heard)
    await runner.stop()
    bus, counting, _, runner = await start()
    await bus.publish([fill(1)])
    await idle(runner)

    assert Decimal(1) == counting.total
    assert 1 == len(await rows(store, ledger))


async def test_a_commit_that_fails_loses_and_doubles_nothing(world):
    """Full disk: the batch is tried again from freshly loaded state; sequences have no holes."""
    store, start = world
    bus, counting, heard, runner = await start()
    store.before = 2
    await tell(store, bus, fill(1), fill(2), fill(3))
    await until(lambda: counting.total == Decimal(6) and len(heard) == 3)
    published = await heard.take(10)

    assert Decimal(6) == counting.total
    assert counting.loads > 1
    assert [1, 2, 3] == [message.sequence for message in published]
    assert [Decimal(1), Decimal(3), Decimal(6)] == [message.total for message in published]
    assert ServiceState.RUNNING is runner.state


async def test_a_commit_whose_answer_is_lost_is_not_done_again(world):
    """The transaction is true though nobody heard so: its message goes out, its consequences stand once."""
    store, start = world
    bus, counting, heard, _ = await start()
    store.after = 1
    await tell(store, bus, fill(1))
    await until(lambda: len(heard))
    await tell(store, bus, fill(2))
    await until(lambda: len(heard) > 1)

    assert Decimal(3) == counting.total
    assert 2 == len(await rows(store, ledger))
    assert [("b:fill:1", 1), ("b:fill:2", 2)] == [(m.id, m.sequence) for m in await heard.take(10)]


async def test_a_defect_that_stays_fails_the_service_and_loses_nothing(world):
    """After the last try the service is Failed and says why; mended and started again, it takes up what it was told."""
    store, start = world
    first = fill(1)
    await store.commit([outbox_write(first, "execution")])
    bus, counting, _, runner = await start()
    counting.fail = 99
    await bus.publish([first])
    await asyncio.wait_for(runner.stopped.wait(), 5)
    assert ServiceState.FAILED is runner.state
    assert "a defect" in str(runner.failure)
    assert [] == await rows(store, ledger)
    bus, counting, _, runner = await start()
    await bus.publish([first])
    await idle(runner)

    assert Decimal(1) == counting.total


async def test_what_was_stored_and_not_published_goes_out_at_the_next_start(world):
    """Killed between the commit and the bus: the event is in the outbox, and the next start publishes it."""
    store, start = world
    opened = PositionOpened(
        id="p", time=1, sequence=1, bot=BOT.key, position_id="p", pair="BTC/EUR", amount=Decimal(1),
        average_price=Decimal(1), fees=Decimal(0),
    )  # fmt: skip
    # Nobody stores portfolio events yet; execution's fills have a storing consumer.
    await store.commit([outbox_write(opened, "portfolio"), outbox_write(fill(1), "execution")])
    undone = await store.read(lambda connection: read_undone(connection, BOT.key, catalog.storing_consumers()))
    assert ["fill:1"] == [message.id for message in undone]
    bus, _, _, runner = await start()
    await bus.publish(undone)
    await idle(runner)
    await runner.stop()
    undone = await store.read(lambda connection: read_undone(connection, BOT.key, catalog.storing_consumers()))

    assert [] == undone


async def test_what_a_killed_publisher_never_sent_holds_nobody_up_for_whom_it_is_not(world, monkeypatch):
    """An order's state stood before the fill and has no handler here: nobody sends it again, and the fill counts."""
    monkeypatch.setattr(kernel, "EARLY_PATIENCE", 0.0)
    store, start = world
    bus, counting, _, runner = await start()
    state = OrderStateChanged(
        id="order:c:1", time=1, sequence=1, bot=BOT.key, client_order_id="c", decision_id="d", pair="BTC/EUR",
        leg=Leg.ENTRY, side=Side.BUY, state=OrderState.ACCEPTED, amount=Decimal(2), filled=Decimal(0),
    )  # fmt: skip
    await store.commit([outbox_write(state, "execution"), outbox_write(fill(2), "execution")])
    await bus.publish([fill(2)])
    await until(lambda: counting.total == Decimal(2))
    await idle(runner)

    assert 1 == len(await rows(store, ledger))


async def test_a_message_that_waited_for_another_one_survives_the_failure_of_their_commit(world):
    """It is no part of the batch that is tried again, and the broker does not give it twice to one who lives."""
    store, start = world
    bus, counting, _, runner = await start()
    await tell(store, bus, fill(2))
    await idle(runner)
    store.before = 1
    await tell(store, bus, fill(1))
    async with asyncio.timeout(60):
        while len(await rows(store, ledger)) < 2:  # noqa: ASYNC110 - the tables tell nobody
            await asyncio.sleep(0)

    assert Decimal(3) == counting.total


async def test_a_second_copy_of_a_message_that_waits_is_not_done_before_the_first_is(world):
    """The broker may have been emptied between them: killed now, the service would never be given either again."""
    store, start = world
    bus, counting, _, runner = await start()
    done = []
    runner._mailbox.done = done.extend
    await tell(store, bus, fill(2))
    await bus.publish([fill(2)])
    await idle(runner)
    assert done == []
    await tell(store, bus, fill(1))
    await until(lambda: len(done) == 3)
    assert Decimal(3) == counting.total


async def test_a_message_that_changed_nothing_is_owed_and_written_at_the_stop(world):
    """No transaction for nothing; but before the service ends its inbox says what it has seen."""
    store, start = world
    bus, _, _, runner = await start()
    await tell(store, bus, BalancesReported(id="r", time=1, bot=BOT.key, sequence=1, balances={}))
    await idle(runner)
    assert [] == await rows(store, inbox)
    await runner.stop()

    assert [("default/quickstart", "portfolio", "r")] == [tuple(row) for row in await rows(store, inbox)]


async def test_a_unit_that_raises_writes_and_publishes_nothing(world):
    """A request that fails half way leaves no trace, and the service goes on."""
    store, start = world
    bus, counting, heard, runner = await start()

    async def request():
        async with runner.unit() as unit:
            unit.publish(BalanceChanged(id="x", time=1, currency="EUR", total=Decimal(1)))
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        await request()
    await tell(store, bus, fill(1))
    await until(lambda: len(heard))

    assert ["b:fill:1"] == [message.id for message in await heard.take(10)]
    assert Decimal(1) == counting.total
    assert ["b:fill:1", "fill:1"] == sorted(row.message_id for row in await rows(store, outbox))
