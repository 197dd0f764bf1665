"""The life of a service: what is handled, stored and published stays together through failures and kills."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, String, Table, insert, select, update
from tests.servers.databases import apart

import tradewind.kernel.runner as kernel
from tradewind.contracts.api.document import load_bot
from tradewind.contracts.messages import (
    AmendOrder,
    CancelOrder,
    CandleClosed,
    OrderFilled,
    OrderStateChanged,
    PlaceOrder,
    ProtectPosition,
    ServiceStateChanged,
    TickDecided,
    TickMatched,
    VenueOpened,
)
from tradewind.domain.candle import Candle
from tradewind.domain.errors import TemporaryError, TradewindError
from tradewind.domain.order import Leg, OrderState, OrderType, Side
from tradewind.kernel.bus.memory import MemoryBus
from tradewind.kernel.clock import SystemClock
from tradewind.kernel.runner import ServiceRunner
from tradewind.kernel.service import Context, Service
from tradewind.kernel.store.base import FencedError, Write
from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.outbox import inbox, inbox_writes, outbox, outbox_write, read_undone
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.telemetry.tracing import Tracing

BOT = load_bot(Path(__file__).parents[3] / "manifests" / "samples" / "quickstart.yaml")
NOTES = Table("notes", MetaData(), Column("id", String, primary_key=True))
EPOCHS = Table("epochs", MetaData(), Column("epoch", String, primary_key=True))


class Log(list):
    def __getattr__(self, level):
        return lambda event, **facts: self.append((level, event, facts))


class BreakableStore:
    """Fails as it is told: `before` nothing is written, `after` it is durable and nobody heard."""

    def __init__(self, store):
        self.inner = store
        self.faults = []
        self.commits = 0
        self.gate = self.hold = None
        self.durable, self.asked = asyncio.Event(), asyncio.Event()

    async def commit(self, writes):
        self.asked.set()
        if self.hold is not None:
            await self.hold.wait()
        fault = self.faults.pop(0) if self.faults else None
        if fault == "before":
            raise TemporaryError("no space left on device")
        await self.inner.commit(writes)
        self.commits += 1
        self.durable.set()
        if self.gate is not None:
            await self.gate.wait()
        if fault == "after":
            raise TemporaryError("disk I/O error")

    async def read(self, query):
        return await self.inner.read(query)

    async def close(self):
        await self.inner.close()


class Scribe:
    """A service under the row of execution: notes every order, in its cache and in its table, and tells of it.

    A cancellation changes nothing; an amendment fails as often as `failures` says.
    """

    def __init__(self, world):
        self.world = world
        self.cache = set()
        self.failures = 0
        self.calls = []
        self.tasks = []
        self.drain = None
        self.loads = 0

    def build(self, context):
        self.context = context
        return Service(
            name="execution",
            handlers={
                CandleClosed: self.on_any,
                PlaceOrder: self.on_place,
                CancelOrder: self.on_any,
                VenueOpened: self.on_any,
                AmendOrder: self.on_amend,
                ProtectPosition: self.on_any,
                TickDecided: self.on_any,
            },
            load=self.load,
            views={"noted": self.noted},
            tasks=tuple(self.tasks),
            **({"drain": self.drain} if self.drain else {}),
        )

    async def load(self):
        self.loads += 1
        self.cache = set(await self.context.store.read(lambda connection: connection.scalars(select(NOTES.c.id)).all()))

    async def noted(self):
        return sorted(self.cache)

    async def on_any(self, message, unit):
        self.calls.append(message.id)

    async def on_place(self, message, unit):
        self.calls.append(message.id)
        self.note(message.client_order_id, unit)

    def note(self, name, unit):
        self.cache.add(name)
        unit.write(insert(NOTES), {"id": name})
        unit.publish(
            OrderStateChanged(
                id=f"order:{name}",
                time=0,
                client_order_id=name,
                decision_id="d",
                pair="BTC/EUR",
                leg=Leg.ENTRY,
                side=Side.BUY,
                state=OrderState.ACCEPTED,
                amount=1,
                filled=0,
            )
        )

    async def on_amend(self, message, unit):
        self.calls.append(message.id)
        self.note(message.client_order_id, unit)
        if self.failures:
            self.failures -= 1
            raise ValueError("the handler fails")


class World:
    """One store, and one process after another."""

    def __init__(self, database):
        self.database = database
        self.store = BreakableStore(database.store())
        self.sent = 0
        self.runners = []

    async def start(self, prepare=None):
        self.bus = MemoryBus()
        self.heard = self.bus.subscribe("test", ("orders.events", "health", "cycles"))
        self.scribe = Scribe(self)
        if prepare:
            prepare(self.scribe)
        self.log = Log()
        self.runner = self.make_runner()
        self.runner.compose(self.scribe.build)
        await self.runner.start()
        # At its first start a service marks that it is there; these tests count what comes after.
        self.store.commits = 0
        self.store.asked.clear()
        self.store.durable.clear()
        return self.runner

    def make_runner(self):
        context = Context(
            bot=BOT,
            service="execution",
            clock=SystemClock(),
            store=self.store,
            ask=None,
            log=self.log,
            tracer=Tracing(None, "0", "default").tracer("execution"),
            metrics=Metrics(),
            data_directory=Path(),
        )
        runner = ServiceRunner(context, self.bus)
        self.runners.append(runner)
        return runner

    async def engine_sends(self, *messages):
        """As the engine does: stored, then published."""
        stamped = []
        for message in messages:
            self.sent += 1
            fields = {name: getattr(message, name) for name in message.__struct_fields__}
            one = type(message)(**{**fields, "bot": BOT.key, "sequence": self.sent})
            await self.store.inner.commit([outbox_write(one, "engine")])
            stamped.append(one)
        await self.bus.publish(stamped)
        return stamped

    async def quiet(self):
        """Until the mailbox is empty, the batch is through and nobody tries again."""
        for _ in range(2000):
            await asyncio.sleep(0.001)
            idle = not len(self.runner._mailbox) and not self.runner._lock.locked() and not self.retrying()
            if idle or self.runner.failure is not None:
                return
        raise AssertionError("never quiet")

    def retrying(self):
        consume = next(task for task in self.runner._tasks if task.get_name().endswith("_consume"))
        frame = consume.get_coro()
        while frame is not None and getattr(frame, "cr_await", None) is not None:
            if getattr(frame, "cr_code", None) is not None and frame.cr_code.co_name == "_retry":
                return True
            frame = frame.cr_await
        return False

    def rows(self, table):
        """Read as another process would, after whatever a cancelled task has left running."""

        async def read():
            store = self.database.store()
            try:
                return await store.read(lambda connection: connection.execute(select(table)).all())
            finally:
                await store.close()

        return apart(read())

    def notes(self):
        return sorted(row.id for row in self.rows(NOTES))

    def inbox(self):
        return sorted(row.message_id for row in self.rows(inbox) if row.service == "execution")

    def published(self):
        """`(sequence, id)` of what was stored on orders.events."""
        return sorted((row.sequence, row.message_id) for row in self.rows(outbox) if row.topic == "orders.events")

    async def messages(self, kind=OrderStateChanged):
        got = []
        while len(self.heard):
            got += await self.heard.take(1000)
        return [message for message in got if isinstance(message, kind)]

    async def close(self):
        for runner in self.runners:
            await runner._cancel()
        await self.store.close()


@pytest.fixture
async def world(monkeypatch, database):
    monkeypatch.setattr(kernel, "RETRY_PAUSES", (0.0, 0.0, 0.0, 0.0))
    await database.create(METADATA, NOTES.metadata, EPOCHS.metadata)
    made = World(database)
    yield made
    await made.close()


def place(name):
    return PlaceOrder(
        id=f"place:{name}",
        time=0,
        decision_id="d",
        leg=Leg.ENTRY,
        client_order_id=name,
        pair="BTC/EUR",
        side=Side.BUY,
        type=OrderType.MARKET,
        amount=1,
    )


def cancel(name):
    return CancelOrder(id=f"cancel:{name}", time=0, client_order_id=name, pair="BTC/EUR")


def amend(name):
    return AmendOrder(id=f"amend:{name}", time=0, decision_id="d", client_order_id=name, pair="BTC/EUR", stop_price=1)


def candle(time=0):
    return CandleClosed(
        id=f"candle:{time}", time=time, pair="BTC/EUR", timeframe="1h", candle=Candle(time, 1, 1, 1, 1, 1), tick_size=1
    )


# ---------------------------------------------------------------------------------------------------- one transaction


async def test_what_a_handler_writes_and_publishes_and_that_it_handled_are_one_transaction(world):
    """State, outbox, inbox; then the bus hears of it, stamped."""
    await world.start()
    await world.engine_sends(place("a"))
    await world.quiet()
    assert (world.notes(), world.inbox(), world.published()) == (["a"], ["place:a"], [(1, "order:a")])
    assert world.store.commits == 1
    (told,) = await world.messages()
    assert (told.bot, told.sequence, told.occurred_at > 0) == (BOT.key, 1, True)


async def test_a_view_shows_nothing_that_may_still_fail(world):
    """Who builds on what is not stored yet would miss, or count twice, what is stored in its place."""
    await world.start()
    world.store.hold, world.store.faults = asyncio.Event(), ["before"]
    await world.engine_sends(place("a"))
    await world.store.asked.wait()
    assert world.scribe.cache == {"a"}
    seen = asyncio.create_task(world.runner.answers["noted"]())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not seen.done()
    world.store.hold.set()
    assert await seen == []
    await world.quiet()
    assert await world.runner.answers["noted"]() == world.notes() == ["a"]


async def test_a_batch_is_one_transaction_and_sequences_have_no_holes(world):
    """However many messages wait."""
    await world.start()
    await world.engine_sends(*(place(f"{n:03}") for n in range(50)))
    await world.quiet()
    assert world.store.commits <= 2
    assert [sequence for sequence, _ in world.published()] == list(range(1, 51))


async def test_a_message_handled_twice_changes_nothing(world):
    """In one batch, in two, and after a restart."""
    await world.start()
    (message,) = await world.engine_sends(place("a"))
    await world.bus.publish([message, message])
    await world.quiet()
    await world.bus.publish([message])
    await world.quiet()
    await world.start()
    await world.bus.publish([message])
    await world.quiet()
    assert world.scribe.calls == []
    assert (world.notes(), world.published()) == (["a"], [(1, "order:a")])


async def test_what_changes_nothing_costs_no_transaction_and_rides_with_the_next(world):
    """The inbox row of a message without consequences is owed, and written with the first that has some."""
    await world.start()
    await world.engine_sends(cancel("a"))
    await world.bus.publish([candle()])
    await world.quiet()
    assert (world.store.commits, world.inbox()) == (0, [])
    await world.engine_sends(place("b"))
    await world.quiet()
    assert (world.store.commits, world.inbox()) == (1, ["cancel:a", "place:b"])


async def test_what_is_owed_is_written_at_the_stop(world):
    """Or the next start would get it again for nothing."""
    runner = await world.start()
    await world.engine_sends(cancel("a"))
    await world.quiet()
    await runner.stop()
    assert world.inbox() == ["cancel:a"]
    assert runner.state.value == "Terminated"


async def test_views_of_a_moment_have_no_inbox(world):
    """A candle that comes again is handled again."""
    await world.start()
    await world.bus.publish([candle(1), candle(1)])
    await world.quiet()
    assert world.scribe.calls == ["candle:1", "candle:1"]
    assert world.rows(outbox) == []


# --------------------------------------------------------------------------------------------------------------- kills


async def test_killed_before_the_commit_the_message_comes_again(world):
    """Nothing was written, so nothing had happened."""
    runner = await world.start()
    world.store.faults = ["before"] * 100
    await world.engine_sends(place("a"))
    await asyncio.sleep(0.01)
    await runner._cancel()
    world.store.faults.clear()
    assert (world.notes(), world.inbox()) == ([], [])
    await world.start()
    await republish_as_the_engine(world)
    await world.quiet()
    assert (world.notes(), world.published()) == (["a"], [(1, "order:a")])


async def republish_as_the_engine(world):
    """The engine's own start gives its undone messages to the bus."""
    kinds = dict.fromkeys(("PlaceOrder", "CancelOrder", "AmendOrder"), ("execution",))
    await world.bus.publish(await world.store.read(lambda connection: read_undone(connection, BOT.key, kinds)))


async def test_killed_after_the_commit_and_before_the_publication_it_is_published_at_the_next_start(world):
    """What somebody has to handle and has not is in the outbox; what is done is not sent again."""
    runner = await world.start()
    for name in ("a", "b"):
        async with runner.unit() as unit:
            unit.publish(filled(name))
    await world.store.inner.commit([inboxed("portfolio", "fill:a")])
    await runner._cancel()
    await world.start()
    told = await world.messages(object)
    assert [(one.id, one.sequence) for one in told if one.topic == "orders.events"] == [("fill:b", 2)]


def filled(name):
    return OrderFilled(
        id=f"fill:{name}",
        time=0,
        trade_id=name,
        client_order_id=name,
        decision_id="d",
        pair="BTC/EUR",
        leg=Leg.ENTRY,
        side=Side.BUY,
        amount=1,
        price=1,
        fee=0,
        fee_currency="EUR",
        maker=False,
        remaining=0,
    )


def inboxed(service, message_id):
    return inbox_writes(BOT.key, service, [message_id])[0]


async def test_a_commit_that_was_durable_although_it_failed_is_published_all_the_same(world):
    """The answer was lost, not the transaction: the batch is not handled twice, and its messages are not lost."""
    await world.start()
    world.store.faults = ["after"]
    await world.engine_sends(place("a"))
    await world.quiet()
    assert (world.notes(), world.inbox(), world.published()) == (["a"], ["place:a"], [(1, "order:a")])
    assert world.runner.failure is None
    async with world.runner.unit() as unit:
        unit.publish(filled("x"))
    world.store.faults = ["after"]
    await world.messages()
    with pytest.raises(TemporaryError):
        async with world.runner.unit() as unit:
            unit.publish(filled("y"))
    told = [one.id for one in await world.messages(object) if one.topic == "orders.events"]
    assert list(dict.fromkeys(told)) == ["fill:x", "fill:y"], "at least once, in their order"


async def test_a_service_that_waits_for_a_message_that_does_not_come_says_so(world, monkeypatch):
    """One that was put aside holds up all after it: whoever looks is told, until it is replayed."""
    runner = await world.start()
    publish, world.bus.publish = world.bus.publish, nowhere
    stamped = await world.engine_sends(place("a"), place("b"), place("c"))
    world.bus.publish = publish
    await world.bus.publish(stamped[1:])
    await world.quiet()
    assert (world.notes(), runner.unready()) == ([], {}), "for a moment that is nothing"
    monkeypatch.setattr("tradewind.kernel.runner.LACK_PATIENCE", 0.0)
    assert list(runner.unready()) == ["messages"]
    assert "orders.commands 1 does not come" in runner.unready()["messages"]
    await world.bus.publish(stamped[:1])
    await world.quiet()
    assert (world.notes(), runner.unready()) == (["a", "b", "c"], {})


async def nowhere(messages):
    """Publish nothing."""


# ------------------------------------------------------------------------------------------------------------ failures


async def test_a_failing_handler_is_undone_and_tried_again_one_by_one(world):
    """The batch is not lost, the cache is the table's again, and the sequence has no hole."""
    await world.start()
    world.scribe.failures = 2
    await world.engine_sends(place("a"), amend("b"), place("c"))
    await world.quiet()
    assert world.notes() == ["a", "b", "c"]
    assert world.scribe.cache == {"a", "b", "c"}
    assert [sequence for sequence, _ in world.published()] == [1, 2, 3]
    assert world.runner.failures == 2
    assert [one.id for one in await world.messages()] == ["order:a", "order:b", "order:c"]


async def test_after_a_failure_the_caches_are_loaded_once_and_not_for_every_message(world):
    """A batch of hundreds would take minutes to try again."""
    await world.start()
    loads = world.scribe.loads
    world.scribe.failures = 1
    await world.engine_sends(amend("b"), *(place(f"{n:03}") for n in range(100)))
    await world.quiet()
    assert world.scribe.loads - loads == 1
    assert len(world.notes()) == 101


async def test_a_message_that_fails_to_the_end_fails_the_service_and_is_not_lost(world):
    """Loudly: state, reason, the event for whoever runs it. The next start gets the message again."""
    runner = await world.start()
    world.scribe.failures = 100
    await world.engine_sends(place("a"), amend("b"), place("c"))
    await asyncio.wait_for(runner.stopped.wait(), 5)
    assert (runner.state.value, str(runner.failure)) == ("Failed", "the handler fails")
    assert runner.unready() == {"service": "Failed"}
    states = [(one.state, one.reason) for one in await world.messages(ServiceStateChanged)]
    assert states[-1] == ("Failed", "the handler fails")
    assert (world.notes(), world.inbox()) == (["a"], ["place:a"])
    await runner.stop()
    await world.start()
    await republish_as_the_engine(world)
    await world.quiet()
    assert world.notes() == ["a", "b", "c"]
    assert [sequence for sequence, _ in world.published()] == [1, 2, 3]


async def test_nobody_works_on_caches_that_are_ahead_of_the_tables(world):
    """A background task waits for the lock while a batch fails: it must find the cache as the tables have it."""
    seen = []
    began = asyncio.Event()

    async def background():
        await began.wait()
        async with world.runner.unit() as unit:
            seen.append(set(world.scribe.cache))
            world.scribe.note("background", unit)

    await world.start(lambda scribe: scribe.tasks.append(background))
    commit = world.store.commit

    async def failing(writes):
        world.store.commit = commit
        began.set()
        await asyncio.sleep(0.01)
        raise TemporaryError("database is locked")

    world.store.commit = failing
    await world.engine_sends(place("a"))
    await world.quiet()
    assert seen == [set()]
    assert world.notes() == ["a", "background"]
    assert [sequence for sequence, _ in world.published()] == [1, 2]


async def test_a_failure_does_not_forget_what_is_owed(world):
    """Handled without consequences, then a batch fails: the sequence seen must not fall back behind it."""
    await world.start()
    await world.engine_sends(cancel("a"))
    await world.quiet()
    assert world.runner.context.seen("orders.commands") == 1
    world.scribe.failures = 1
    with pytest.raises(ValueError, match="fails"):
        async with world.runner.unit() as unit:
            await world.scribe.on_amend(amend("x"), unit)
    assert world.runner.context.seen("orders.commands") == 1
    assert world.inbox() == ["cancel:a"]
    assert world.scribe.cache == set()


async def test_a_unit_that_fails_is_undone_and_tells_its_caller(world):
    """A request gets its error, and the service goes on from its tables."""
    await world.start()
    world.store.faults = ["before"]
    with pytest.raises(TemporaryError, match="no space"):
        async with world.runner.unit() as unit:
            world.scribe.note("a", unit)
    assert (world.scribe.cache, world.notes()) == (set(), [])
    async with world.runner.unit() as unit:
        world.scribe.note("b", unit)
    assert world.published() == [(1, "order:b")]


async def test_while_the_store_is_gone_the_first_failure_is_told_and_the_next_unit_loads(world):
    """Loading again fails too: it is done before anybody gets in again."""
    await world.start()
    read = world.store.read

    async def broken(query):
        raise TemporaryError("unable to open database file")

    world.store.faults, world.store.read = ["before"], broken
    with pytest.raises(TemporaryError, match="no space"):
        async with world.runner.unit() as unit:
            world.scribe.note("a", unit)
    assert ("warning", "not loaded again") in [(level, event) for level, event, _ in world.log]
    with pytest.raises(TemporaryError, match="unable to open"):
        async with world.runner.unit():
            raise AssertionError("nobody gets in")
    world.store.read = read
    async with world.runner.unit() as unit:
        assert world.scribe.cache == set()
        world.scribe.note("b", unit)
    assert world.published() == [(1, "order:b")]


async def test_a_task_that_fails_fails_the_service(world):
    """Half a service is none."""

    async def background():
        raise RuntimeError("the worker died")

    runner = await world.start(lambda scribe: scribe.tasks.append(background))
    await asyncio.wait_for(runner.stopped.wait(), 5)
    assert (runner.state.value, str(runner.failure)) == ("Failed", "the worker died")
    assert (await runner.describe())["state"] == "Failed"


async def test_a_start_that_fails_says_so(world):
    """And consumes nothing."""
    runner = await world.start()
    await runner.stop()

    def break_load(scribe):
        async def load():
            raise TemporaryError("market-data is not running")

        scribe.load = load

    with pytest.raises(TemporaryError):
        await world.start(break_load)
    assert world.runner.state.value == "Failed"
    assert world.runner._tasks == []


async def test_connections_are_let_go_of_when_nothing_uses_them_any_more(world):
    """After the last task, not under its hands."""
    told = []

    async def background():
        try:
            await asyncio.Event().wait()
        finally:
            told.append("task ended")

    async def close():
        told.append("closed")

    runner = await world.start(lambda scribe: scribe.tasks.append(background))
    runner.service.close = close
    await asyncio.sleep(0)
    await runner.stop()
    assert told == ["task ended", "closed"]
    assert runner.state.value == "Terminated"


async def test_connections_are_let_go_of_after_a_start_that_failed(world):
    """What was opened before the failure is closed too."""
    closed = asyncio.Event()

    async def load():
        raise TemporaryError("market-data is not running")

    async def close():
        closed.set()

    with pytest.raises(TemporaryError):
        await world.start(lambda scribe: setattr(scribe, "load", load))
    world.runner.service.close = close
    await world.runner.stop()
    assert closed.is_set()
    assert world.runner.state.value == "Failed"


async def test_a_close_that_fails_is_told_and_keeps_nobody_from_stopping(world):
    """The venue may be gone first; what was handled is written all the same."""

    async def close():
        raise ConnectionResetError("gone")

    runner = await world.start()
    runner.service.close = close
    await world.engine_sends(cancel("one"))
    await world.quiet()
    assert runner._owed
    await runner.stop()
    assert runner.state.value == "Terminated"
    assert [facts["error"] for level, event, facts in world.log if event == "close failed"] == ["gone"]
    assert runner._owed == []


async def test_handlers_must_be_those_of_the_catalog(world):
    """A row that lies about its service would lose messages or never send them."""
    world.bus, world.log = MemoryBus(), Log()
    with pytest.raises(TradewindError, match="its catalog row says"):
        world.make_runner().compose(lambda context: Service("execution", handlers={}))


# ------------------------------------------------------------------------------------------------------------- fencing


async def test_a_fenced_unit_writes_nothing_and_publishes_nothing(world):
    """Another instance has taken over: not one row of this one gets through, and the service ends."""
    await world.start()
    await world.store.inner.commit([Write(insert(EPOCHS), {"epoch": "2"})])

    async def guarded(message, unit):
        world.scribe.note("late", unit)
        unit.write(update(EPOCHS).where(EPOCHS.c.epoch == "1").values(epoch="1"), expect=1)

    world.scribe.on_place = guarded
    runner = world.make_runner()
    runner.compose(world.scribe.build)
    with pytest.raises(FencedError):
        async with runner.unit() as unit:
            await guarded(None, unit)
    await runner.start()
    await world.runner._cancel()
    await world.engine_sends(place("a"))
    await asyncio.wait_for(runner.stopped.wait(), 5)
    assert isinstance(runner.failure, FencedError)
    assert (world.notes(), world.published(), world.inbox()) == ([], [], [])
    assert await world.messages() == []
    assert runner.failures == 0


async def test_fenced_while_trying_again_ends_at_once(world):
    """It is not a failure that trying again could mend."""
    runner = await world.start()
    calls = []

    async def first_fails_then_fenced(message, unit):
        calls.append(message.id)
        raise FencedError("another instance took over") if len(calls) > 1 else ValueError("once")

    runner._service.handlers = {**runner._service.handlers, PlaceOrder: first_fails_then_fenced}
    await world.engine_sends(place("a"))
    await asyncio.wait_for(runner.stopped.wait(), 5)
    assert isinstance(runner.failure, FencedError)
    assert len(calls) == 2


# ------------------------------------------------------------------------------------------------------------ stopping


async def test_stopping_drains_and_does_not_cut_a_transaction_off(world):
    """A commit that is under way is finished, so that what is owed is not written a second time."""
    drained = []

    async def drain():
        drained.append(True)

    def prepare(scribe):
        scribe.drain = drain

    runner = await world.start(prepare)
    await world.engine_sends(cancel("a"))
    await world.quiet()
    world.store.gate = asyncio.Event()
    await world.engine_sends(place("b"))
    await asyncio.wait_for(world.store.durable.wait(), 5)
    stopping = asyncio.create_task(runner.stop())
    await asyncio.sleep(0.01)
    assert not stopping.done()
    world.store.gate.set()
    await stopping
    assert drained == [True]
    assert world.inbox() == ["cancel:a", "place:b"]
    assert [one.id for one in await world.messages()] == ["order:b"]


async def test_a_drain_that_fails_does_not_keep_the_service_from_stopping(world):
    """It is said, and what is owed is written."""

    async def drain():
        raise RuntimeError("the venue is gone")

    def prepare(scribe):
        scribe.drain = drain

    runner = await world.start(prepare)
    await world.engine_sends(cancel("a"))
    await world.quiet()
    await runner.stop()
    assert runner.state.value == "Terminated"
    assert world.inbox() == ["cancel:a"]
    assert ("warning", "drain failed") in [(level, event) for level, event, _ in world.log]


async def test_a_handler_that_never_ends_does_not_keep_the_service_from_stopping(world, monkeypatch):
    """After some patience it is cut off."""
    monkeypatch.setattr(kernel, "STOP_PATIENCE", 0.01)
    runner = await world.start()

    async def for_ever(message, unit):
        await asyncio.Event().wait()

    runner._service.handlers = {**runner._service.handlers, PlaceOrder: for_ever}
    await world.engine_sends(place("a"))
    await asyncio.sleep(0.02)
    await asyncio.wait_for(runner.stop(), 5)
    assert (runner.state.value, world.inbox()) == ("Terminated", [])


async def test_states_are_told(world):
    """Whoever watches sees a service come and go."""
    runner = await world.start()
    assert runner.unready() == {}
    await runner.stop()
    await runner.stop()
    states = [one.state for one in await world.messages(ServiceStateChanged)]
    assert states == ["Starting", "Running", "Stopping", "Terminated"]


# ----------------------------------------------------------------------------------------------------------- sequences


async def test_seen_is_the_sequence_up_to_which_everything_was_handled(world):
    """After a kill too: what was handled beyond a gap does not count as seen."""
    await world.start()
    messages = await world.engine_sends(place("a"), place("b"), place("c"))
    await world.quiet()
    assert world.runner.context.seen("orders.commands") == 3
    await world.store.inner.commit(
        [
            Write(inbox.delete().where(inbox.c.message_id == "place:b")),
            Write(NOTES.delete().where(NOTES.c.id == "b")),
            Write(outbox.delete().where(outbox.c.message_id == "order:b")),
        ],
    )
    await world.runner._cancel()
    await world.start()
    assert world.runner.context.seen("orders.commands") == 1
    await world.bus.publish(messages[1:])
    await world.quiet()
    assert world.runner.context.seen("orders.commands") == 3
    assert world.scribe.calls == ["place:b"]


async def test_published_goes_on_where_the_outbox_ends(world):
    """A restart does not count from the beginning."""
    await world.start()
    await world.engine_sends(place("a"))
    await world.quiet()
    await world.start()
    assert world.runner.context.published("orders.events") == 1
    await world.engine_sends(place("b"))
    await world.quiet()
    assert world.published() == [(1, "order:a"), (2, "order:b")]
    assert world.runner.context.published("cycles") == 0


async def test_what_is_not_stored_has_no_sequence_and_no_transaction(world):
    """A view of a moment."""
    runner = await world.start()
    async with runner.unit() as unit:
        unit.publish(TickMatched(id="matched", time=0, orders_sequence=0))
    (told,) = await world.messages(TickMatched)
    assert (told.sequence, told.bot, world.store.commits) == (0, BOT.key, 0)
