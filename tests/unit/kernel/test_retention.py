"""What is kept of messages: bounded, whatever happens meanwhile, and never at the cost of one that is needed."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select
from tests.unit.kernel.test_service import (
    BOT,
    EPOCHS,
    NOTES,
    Log,
    World,
    cancel,
    filled,
    inboxed,
    place,
    republish_as_the_engine,
)

import tradewind.kernel.runner as kernel
from tradewind import catalog
from tradewind.domain.errors import TemporaryError
from tradewind.kernel import retention
from tradewind.kernel.bus.memory import MemoryBus
from tradewind.kernel.retention import Retention
from tradewind.kernel.store.base import FencedError, Write
from tradewind.kernel.store.marks import delivery_marks, mark_write
from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.outbox import inbox, outbox

TAIL, BLOCK = 4, 3
BOUND = TAIL + 2 * BLOCK
"""Rows of a topic when everything is handled: a block goes when it is whole, and half a block later at the latest."""
COMMANDS, EVENTS = "orders.commands", "orders.events"


@pytest.fixture
async def world(monkeypatch, database):
    monkeypatch.setattr(kernel, "RETRY_PAUSES", (0.0, 0.0, 0.0, 0.0))
    for name, value in (("TAIL", TAIL), ("BLOCK", BLOCK), ("PAUSE", 0.0)):
        monkeypatch.setattr(retention, name, value)
    await database.create(METADATA, NOTES.metadata, EPOCHS.metadata)
    made = World(database)
    yield made
    await made.close()


def retention_of(world, service, store=None):
    return Retention(store or world.store.inner, BOT.key, catalog.service(service), Log())


async def trim_as(world, service, store=None, **sent):
    """What `service`, wherever it runs, lets go of now."""
    one = retention_of(world, service, store)
    one.sent({topic.replace("_", "."): number for topic, number in sent.items()})
    await one.trim()
    return one


def sequences(world, topic=COMMANDS):
    return sorted(row.sequence for row in world.rows(outbox) if row.topic == topic)


async def until(condition):
    """What the service does in the background sends no event here."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def orders(world, *names):
    told = await world.engine_sends(*(place(name) for name in names))
    await world.quiet()
    return told


async def test_rows_and_memory_stay_bounded_however_long_it_runs(world):
    """Both tables, on both sides of the service; what was handled and what was told are all there."""
    await world.start()
    for number in range(30):
        await orders(world, f"{number:03}a", f"{number:03}b")
        await trim_as(world, "engine", orders_commands=world.sent)
        assert len(sequences(world)) <= BOUND
    await until(lambda: len(sequences(world, EVENTS)) <= BOUND)
    assert len(world.inbox()) <= BOUND
    assert len(world.notes()) == 60
    assert [one.sequence for one in await world.messages()] == list(range(1, 61))
    marks = {(row.topic, row.service): row.sequence for row in world.rows(delivery_marks)}
    assert marks[COMMANDS, "execution"] == marks[COMMANDS, "engine"] == sequences(world)[0] - 1


async def test_a_late_copy_of_what_is_gone_changes_nothing(world):
    """Of Redis, or of whoever republishes; in the same process and in the next."""
    await world.start()
    told = await orders(world, *"abcdefghijkl")
    await trim_as(world, "engine", orders_commands=world.sent)
    assert sequences(world)[0] == 7
    for _ in range(2):
        await world.bus.publish(told)
        await world.quiet()
        assert (world.notes(), world.runner.failure) == (list("abcdefghijkl"), None)
        await world.start()
    assert world.scribe.calls == []
    assert world.runner.context.seen(COMMANDS) == 12
    assert world.runner.context.published(EVENTS) == 12


async def test_a_service_that_is_down_finds_all_that_it_has_not_handled(world):
    """However much was sent meanwhile; and once it has, that goes as well."""
    runner = await world.start()
    await orders(world, "first")
    await runner.stop()
    await world.engine_sends(*(place(f"{number:02}") for number in range(40)))
    await trim_as(world, "engine", orders_commands=world.sent)
    assert sequences(world) == list(range(1, 42))
    await world.start()
    await republish_as_the_engine(world)
    await world.quiet()
    assert len(world.notes()) == 41
    await trim_as(world, "engine", orders_commands=world.sent)
    assert len(sequences(world)) <= BOUND


async def test_what_is_owed_is_needed(world):
    """Handled, but its inbox row waits for the next transaction: until then a killed service would need it again."""
    await world.start()
    await world.engine_sends(*(cancel(f"{number}") for number in range(9)))
    await world.quiet()
    await trim_as(world, "engine", orders_commands=world.sent)
    assert sequences(world) == list(range(1, 10))
    await orders(world, "a")
    await trim_as(world, "engine", orders_commands=world.sent)
    assert sequences(world) == list(range(7, 11))


async def test_who_changes_nothing_for_long_says_all_the_same_what_it_has_handled(world, monkeypatch):
    """A bot that never trades is told its balances for months: each of them would be kept, here and at the broker."""
    monkeypatch.setattr(kernel, "OWED", 5)
    await world.start()
    for number in range(20):
        await world.engine_sends(cancel(f"{number:02}"))
        await world.quiet()
        assert len(world.runner._owed) < 5
    await trim_as(world, "engine", orders_commands=world.sent)
    assert len(sequences(world)) <= BOUND


async def test_what_was_not_given_to_the_bus_stays(world):
    """Who only follows has no inbox; the publisher knows how far it is."""
    await world.start()
    await orders(world, *"abcdefghijkl")
    one = await trim_as(world, "engine", orders_commands=7)
    assert sequences(world) == list(range(4, 13))
    assert one._sent[COMMANDS] == 7


class Dying:
    """A store whose process ends at its n-th step: before or after something was read or committed."""

    def __init__(self, store, step):
        self._store, self._left = store, step

    def _step(self):
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt

    async def read(self, query):
        self._step()
        found = await self._store.read(query)
        self._step()
        return found

    async def commit(self, writes):
        self._step()
        await self._store.commit(writes)
        self._step()


@pytest.mark.parametrize("step", range(1, 11))
async def test_whoever_is_killed_while_it_trims_leaves_nothing_half_done(world, step):
    """At each await: the next one goes on from there, and nothing is handled again."""
    await world.start()
    told = await orders(world, *"abcdefghijkl")
    with pytest.raises(KeyboardInterrupt):
        await trimming_until_killed(world, step)
    left, known = sequences(world), {row.message_id for row in world.rows(inbox)}
    assert known == {f"place:{'abcdefghijkl'[number - 1]}" for number in left}
    await world.start()
    await world.bus.publish(told)
    await world.quiet()
    assert world.scribe.calls == []
    await trim_as(world, "engine", orders_commands=world.sent)
    assert sequences(world) == list(range(7, 13))


async def trimming_until_killed(world, step):
    one = retention_of(world, "engine", Dying(world.store.inner, step))
    one.sent({COMMANDS: world.sent})
    await one.trim()


async def test_a_trimming_that_fails_is_told_and_done_the_next_time(world):
    """It is not worth a service that fails."""
    await world.start()
    await orders(world, *"abcdefghijkl")
    await until(lambda: sequences(world, EVENTS)[0] == 7)
    world.store.faults = ["before"]
    one = await trim_as(world, "engine", world.store, orders_commands=12)
    assert [(level, event) for level, event, _ in one._log] == [("warning", "outbox not trimmed")]
    assert len(sequences(world)) == 12
    one.sent({COMMANDS: 12})
    assert not one._due.is_set(), "not at every message"
    await orders(world, "m")
    one.sent({COMMANDS: 13})
    assert one._due.is_set()
    await one.trim()
    assert sequences(world) == list(range(10, 14))


async def test_for_whom_messages_are_kept_is_told_once(world):
    """A service that another version ran here: somebody has to know why the table grows."""
    await world.start()
    await orders(world, *"abcdefghijkl")
    await world.store.inner.commit([mark_write(BOT.key, COMMANDS, "tax-office", 0)])
    one = await trim_as(world, "engine", orders_commands=12)
    await one.trim()
    assert [(level, facts["of"]) for level, _, facts in one._log] == [("warning", "tax-office")]
    assert len(sequences(world)) == 12


# ------------------------------------------------------------------------------------- who slept while others went on


async def test_who_slept_through_it_does_not_handle_again_what_is_gone(world):
    """Another instance has handled it, everybody is done with it, and no inbox row is left to say so."""
    sleeper = await world.start()
    bus, scribe = world.bus, world.scribe
    await world.start()
    told = await orders(world, *"abcdefghijkl")
    await trim_as(world, "engine", orders_commands=world.sent)

    async def again(message, unit):
        scribe.note(f"{message.client_order_id} again", unit)

    scribe.on_place = again
    sleeper.compose(scribe.build)
    await bus.publish(told[:2])
    await asyncio.wait_for(sleeper.stopped.wait(), 5)
    assert isinstance(sleeper.failure, FencedError)
    assert world.notes() == list("abcdefghijkl")


async def test_who_slept_through_it_gives_no_number_that_is_gone(world):
    """Its message would be taken for one that was handled, by everybody."""
    sleeper = await world.start()
    await world.start()
    await orders(world, *"abcdefghijkl")
    await until(lambda: sequences(world, EVENTS)[0] == 7)
    there = world.published()
    with pytest.raises(FencedError):
        async with sleeper.unit() as unit:
            unit.publish(filled("late"))
    assert world.published() == there
    async with sleeper.unit() as unit:
        unit.publish(filled("later"))
    assert world.published()[-1] == (13, "fill:later"), "loaded again, it knows better"


# ------------------------------------------------------------------------------------------------- who is new to a bot


async def test_a_service_marks_at_its_first_start_that_it_is_there(world):
    """From then on nothing goes that it has not handled, whoever trims; later starts write nothing."""
    await world.start()
    assert [(row.topic, row.service, row.sequence) for row in world.rows(delivery_marks)] == [
        (COMMANDS, "execution", 0)
    ]
    await orders(world, "a")
    commits = world.store.commits
    await world.start()
    assert (commits, world.store.commits) == (1, 0)
    assert [event for _, event, _ in world.log] == []


async def test_a_service_that_is_added_later_begins_after_what_is_gone_and_says_so(world):
    """What stays it gets; what came before it, it was not there for."""
    world.bus = MemoryBus()
    await world.engine_sends(*(place(name) for name in "abcdefgh"))
    await world.store.inner.commit([inboxed("execution", f"place:{name}") for name in "abcdef"])
    await trim_as(world, "engine", orders_commands=8)
    # As if this version were the first that knows the service.
    await world.store.inner.commit([Write(delivery_marks.delete().where(delivery_marks.c.service == "execution"))])
    await world.start()
    await republish_as_the_engine(world)
    await world.quiet()
    assert world.scribe.calls == ["place:g", "place:h"]
    assert [(event, facts) for _, event, facts in world.log] == [
        ("begins after what is gone", {"topic": COMMANDS, "after": 3})
    ]


async def test_two_instances_that_start_at_once_both_start(world):
    """Both find no mark, and one of them sets it."""
    read = world.store.read
    rivals = [mark_write(BOT.key, COMMANDS, "execution", 0)]

    async def reading(query):
        found = await read(query)
        if rivals:
            await world.store.inner.commit([rivals.pop()])
        return found

    world.store.read = reading
    await world.start()
    assert world.runner.state.value == "Running"
    assert [row.sequence for row in world.rows(delivery_marks)] == [0]


async def test_the_database_away_for_a_moment_does_not_lose_the_first_mark(world):
    """A start that cannot set it fails, and the next one sets it."""
    world.store.faults = ["before"]
    with pytest.raises(TemporaryError):
        await world.start()
    await world.start()
    async with world.runner.unit():
        marked = await world.store.read(lambda connection: connection.scalars(select(delivery_marks.c.service)).all())
    assert marked == ["execution"]
