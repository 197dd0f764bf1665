"""What every service tells of itself: each change of its state as a message, and the answer `state`."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tradewind import catalog
from tradewind.contracts.messages import MESSAGES, ServiceStateChanged
from tradewind.kernel.ask import Answers
from tradewind.kernel.bus.memory import MemoryBus
from tradewind.kernel.runner import ServiceRunner
from tradewind.kernel.service import Context, Service, ServiceState
from tradewind.kernel.store.base import DATABASE
from tradewind.kernel.store.migration import migrate
from tradewind.kernel.store.sqlite import SqliteStore, sqlite_engine
from tradewind.kernel.telemetry.logging import logger_for
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.telemetry.tracing import Tracer

NAME = "strategy"


@pytest.fixture
async def store():
    engine = sqlite_engine(None)
    migrate(engine)
    one = SqliteStore(engine)
    yield one
    await one.close()


@pytest.fixture
def make(store, tmp_path):
    """Make a runner of a service with what a test gives it, and the mailbox of the topic health."""

    def runner(name=NAME, **service):
        async def nothing(message, unit):
            """Handle nothing."""

        bus = MemoryBus()
        context = Context(
            bot=SimpleNamespace(key="default/x"),
            service=name,
            clock=SimpleNamespace(now=lambda: 12.5),
            store=store,
            ask=Answers().port(name),
            log=logger_for(name, "default/x"),
            tracer=Tracer(None, None),
            metrics=Metrics(),
            data_directory=tmp_path,
        )
        one = ServiceRunner(context, bus)
        handlers = {MESSAGES[kind]: nothing for kind in catalog.service(name).handles}
        one.compose(lambda _: Service(name=name, handlers=handlers, **service))
        return one, bus.subscribe("test", ("health",))

    return runner


async def told(mailbox):
    return [(message.state, message.reason) for message in await mailbox.take(100)]


async def test_a_service_tells_every_state_it_goes_through(make):
    """From the start to the end, with the bot, the service and the moment."""
    runner, health = make()
    await runner.start()
    await runner.stop()
    messages = await health.take(100)

    assert [message.state for message in messages] == ["Starting", "Running", "Stopping", "Terminated"]
    assert all(isinstance(message, ServiceStateChanged) for message in messages)
    assert {(message.bot, message.service, message.occurred_at) for message in messages} == {("default/x", NAME, 12.5)}


async def test_a_service_that_fails_says_why(make):
    """While it loads, and while it works."""

    async def load():
        raise OSError("no such file")

    runner, health = make(load=load)
    with pytest.raises(OSError, match="no such file"):
        await runner.start()
    assert await told(health) == [("Starting", ""), ("Failed", "no such file")]

    async def work():
        raise ArithmeticError("by zero")

    runner, health = make(tasks=(work,))
    await runner.start()
    await runner.stopped.wait()
    assert await told(health) == [("Starting", ""), ("Running", ""), ("Failed", "by zero")]
    await runner.stop()


async def test_every_service_answers_for_its_state(make):
    """What it waits for by name; before it runs, and after, that is its state."""
    missing = {"venue": "gone"}
    runner, _ = make(ready=lambda: missing)

    assert await runner.answers["state"]() == {
        "state": "New",
        "reasons": {"service": "New"},
        "failures": 0,
        "dependencies": {},
        "budgets": {},
    }
    await runner.start()
    assert await runner.answers["state"]() == {
        "state": "Running",
        "reasons": missing,
        "failures": 0,
        "dependencies": {},
        "budgets": {},
    }
    missing.clear()
    assert runner.unready() == {}
    await runner.stop()
    assert runner.state is ServiceState.TERMINATED
    assert runner.unready() == {"service": "Terminated"}


@pytest.mark.parametrize(("name", "unready"), [("market-data", {"store"}), ("strategy", set())])
async def test_who_stores_is_not_ready_while_the_database_does_not_answer(make, name, unready):
    """What comes next could not be kept, even where nothing is written at the moment."""
    runner, _ = make(name)
    await runner.start()
    database = runner.context.dependencies.of(DATABASE)
    for _ in range(database.limits.failures):
        database.failed("no connection")

    assert unready == runner.unready().keys()
    assert all("postgresql has not answered 5 times" in reason for reason in runner.unready().values())

    database.succeeded()
    assert runner.unready() == {}
    await runner.stop()


@pytest.mark.parametrize(("name", "unready"), [("gateway", set()), ("sim-exchange", set()), ("strategy", {"bus"})])
async def test_who_only_answers_is_ready_without_the_bus(make, monkeypatch, name, unready):
    """An emergency stop has to find a door while Redis is away."""
    runner, _ = make(name)
    await runner.start()
    monkeypatch.setattr(MemoryBus, "trouble", lambda _: "Redis: gone")

    assert unready == runner.unready().keys()
    await runner.stop()
