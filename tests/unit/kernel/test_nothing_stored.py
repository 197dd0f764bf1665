"""A service without tables: it works without a database, hears what is told from now on, and promises nothing."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from tradewind import catalog
from tradewind.contracts.messages import (
    CandleClosed,
    CycleCompleted,
    FeedStateChanged,
    ServiceStateChanged,
    TradingStateChanged,
)
from tradewind.domain.errors import TradewindError
from tradewind.kernel.ask import Answers
from tradewind.kernel.bus.memory import MemoryBus
from tradewind.kernel.delivery import NoStore
from tradewind.kernel.runner import ServiceRunner
from tradewind.kernel.service import Context, Service
from tradewind.kernel.telemetry.logging import logger_for
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.telemetry.tracing import Tracer

NAME = "monitoring"


def change(number):
    return TradingStateChanged(
        id=f"trading:{number}", time=0, sequence=number, state="Running", reason="", actor="alice"
    )


class Follower:
    """A service that notes what it hears and how often it asks its owners anew."""

    def __init__(self):
        self.bus, self.heard, self.loads = MemoryBus(), [], 0
        self.enough, self.wanted = asyncio.Event(), 0
        context = Context(
            bot=SimpleNamespace(key="default/x"),
            service=NAME,
            clock=SimpleNamespace(now=lambda: 12.5),
            store=NoStore(),
            ask=Answers().port(NAME),
            log=logger_for(NAME, "default/x"),
            tracer=Tracer(None, None),
            metrics=Metrics(),
            data_directory=None,
        )
        self.runner = ServiceRunner(context, self.bus)
        kinds = (CandleClosed, CycleCompleted, FeedStateChanged, ServiceStateChanged)
        handlers = dict.fromkeys(kinds, self.ignore) | {TradingStateChanged: self.hear}
        self.runner.compose(lambda _: Service(name=NAME, handlers=handlers, load=self.load))

    async def load(self):
        self.loads += 1

    async def ignore(self, message, unit):
        """Nothing of interest."""

    async def hear(self, message, unit):
        self.heard.append(message.sequence)
        if len(self.heard) >= self.wanted:
            self.enough.set()

    async def hears(self, *numbers):
        """Give it messages and wait until it has heard as many."""
        self.wanted = len(self.heard) + len(numbers)
        self.enough.clear()
        await self.bus.publish([change(number) for number in numbers])
        async with asyncio.timeout(60):
            await self.enough.wait()


@pytest.fixture
async def follower():
    one = Follower()
    await one.runner.start()
    yield one
    await one.runner.stop()
    assert one.runner.state.value == "Terminated"


async def test_it_begins_wherever_the_topic_stands(follower):
    """It was not there before, and nobody keeps for it what was told then."""
    await follower.hears(41, 42)
    assert (follower.heard, follower.loads) == ([41, 42], 1)


async def test_after_a_hole_it_asks_the_owners_and_goes_on(follower):
    """What stood in the hole is told by nobody again; the view is."""
    await follower.hears(41)
    await follower.hears(44, 45)
    assert (follower.heard, follower.loads) == ([41, 44, 45], 2)


async def test_it_can_promise_nothing(follower):
    """A message that must arrive is written down with what made it true; here it could not be."""
    with pytest.raises(TradewindError, match=r"stores nothing, .* not TradingStateChanged"):
        async with follower.runner.unit() as unit:
            unit.publish(change(1))


async def test_its_store_is_none():
    """A write would be lost without a word."""
    store = NoStore()
    with pytest.raises(TradewindError, match="no service of this process stores anything"):
        await store.commit([])
    with pytest.raises(TradewindError, match="no service of this process stores anything"):
        await store.read(lambda connection: None)
    await store.close()


@pytest.mark.parametrize("spec", [spec for spec in catalog.CATALOG if not spec.stores], ids=lambda spec: spec.name)
def test_no_service_without_tables_publishes_what_is_stored(spec):
    """The catalog agrees with what their runners can do."""
    assert not [kind for kind in spec.publishes if catalog.MESSAGES[kind].stored]
