"""The bus, in one process and over Redis: the same promises."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from tradewind.contracts.messages import (
    BalancesReported,
    CandleClosed,
    OrderStateChanged,
    ServiceStateChanged,
    TickSettled,
)
from tradewind.domain.candle import Candle
from tradewind.domain.order import Leg, OrderState, Side
from tradewind.kernel.bus.memory import MemoryBus
from tradewind.kernel.bus.redis import RedisBus
from tradewind.kernel.bus.redis_streams import Pace

BOT = "default/bot"
QUICK = Pace(block=0.05, answer=1.0, housekeeping=0.05, claim_after=30.0, longest_pause=0.1)


def settled(time):
    return TickSettled(id=f"settled:{time}", time=time, bot=BOT)


def report(number):
    return BalancesReported(id=f"r:{number}", time=number, bot=BOT, sequence=number, balances={"EUR": Decimal("1.10")})


def candle(time):
    shape = Candle(time, 1.5, 2.5, 0.5, 1.0, 10.0)
    return CandleClosed(id=f"c:{time}", time=time, bot=BOT, pair="BTC/EUR", timeframe="1h", candle=shape, tick_size=1)


async def take(mailbox, count):
    got = []
    async with asyncio.timeout(60):
        while len(got) < count:
            got += await mailbox.take(count - len(got))
    return got


@pytest.fixture(params=["memory", "redis"])
async def make(request):
    """Makes the bus of a process; a process on Redis has others beside it."""
    buses = []
    server = request.getfixturevalue("redis_server") if request.param == "redis" else None

    async def bus(subscriptions, pace=QUICK):
        made = MemoryBus() if server is None else RedisBus(server.url, BOT, pace=pace)
        mailboxes = [made.subscribe(service, topics) for service, topics in subscriptions]
        if server is not None:
            await made.start()
            buses.append(made)
        return made, *mailboxes

    yield bus
    for one in buses:
        await one.close()


async def test_every_subscriber_gets_every_message_of_its_topics_in_order(make):
    """And none of another topic, whether it is kept for them or told to all."""
    bus, portfolio, monitoring, runner = await make(
        [("portfolio", ("orders.events", "cycles")), ("monitoring", ("health",)), ("runner", ("cycles",))]
    )
    state = ServiceStateChanged(id="s", time=0, bot=BOT, service="x", state="Running")
    await bus.publish([settled(1), report(1), state])
    await bus.publish([report(2), settled(2)])
    got = await take(portfolio, 4)
    assert [m for m in got if isinstance(m, TickSettled)] == [settled(1), settled(2)]
    assert [m for m in got if isinstance(m, BalancesReported)] == [report(1), report(2)]
    assert await take(monitoring, 1) == [state]
    assert await take(runner, 2) == [settled(1), settled(2)]
    assert bus.trouble() == ""


async def test_many_messages_stay_in_their_order(make):
    """Through all batches."""
    bus, portfolio, everybody = await make([("portfolio", ("orders.events",)), ("test", ("orders.events",))])
    for first in range(1, 3001, 100):
        await bus.publish([report(number) for number in range(first, first + 100)])
    assert [m.sequence for m in await take(portfolio, 3000)] == list(range(1, 3001))
    assert [m.sequence for m in await take(everybody, 3000)] == list(range(1, 3001))


async def test_a_message_comes_as_it_was(make):
    """Decimals, floats, nested things, and what stands in no stream of its own."""
    bus, test = await make([("test", ("orders.events", "market.candles"))])
    changed = OrderStateChanged(
        id="o", time=1, bot=BOT, occurred_at=1.25, traceparent="00-a-b-01", sequence=7, client_order_id="c",
        decision_id="d", pair="BTC/EUR", leg=Leg.ENTRY, side=Side.BUY, state=OrderState.ACCEPTED,
        amount=Decimal("0.10"), filled=Decimal("1E-8"),
    )  # fmt: skip
    await bus.publish([changed, candle(1)])
    assert sorted(await take(test, 2), key=lambda message: message.id) == [candle(1), changed]
