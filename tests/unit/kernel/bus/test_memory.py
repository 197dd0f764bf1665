"""The bus of one process."""

from __future__ import annotations

import asyncio

from tradewind.contracts.messages import ServiceStateChanged, TickSettled
from tradewind.kernel.bus.memory import MemoryBus


def settled(time):
    return TickSettled(id=f"settled:{time}", time=time)


async def test_every_subscriber_gets_every_message_of_its_topics_in_order():
    """And none of another topic; the object itself, without encoding."""
    bus = MemoryBus()
    both, one = bus.subscribe("both", ("cycles", "health")), bus.subscribe("one", ("cycles",))
    assert bus.subscribe("both", ("cycles",)) is both
    state = ServiceStateChanged(id="state", time=0, service="x", state="Running")
    messages = [settled(1), state, settled(2)]
    await bus.publish(messages)
    assert await both.take(10) == messages
    assert [message is messages[0] for message in await one.take(1)] == [True]
    assert await one.take(10) == [messages[2]]


async def test_taking_waits_for_the_first_message_and_takes_no_more_than_asked():
    """A batch is what is there, up to its limit."""
    bus = MemoryBus()
    mailbox = bus.subscribe("x", ("cycles",))
    waiting = asyncio.create_task(mailbox.take(2))
    await asyncio.sleep(0)
    assert not waiting.done()
    await bus.publish([settled(1), settled(2), settled(3)])
    assert [message.time for message in await waiting] == [1, 2]
    assert len(mailbox) == 1
