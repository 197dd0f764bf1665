"""The bus over Redis when processes and the server die: nothing that is kept for a service is lost."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest
from redis.exceptions import ResponseError
from tests.unit.kernel.bus.test_bus import BOT, QUICK, candle, report, settled, take

from tradewind.kernel.bus.dead_letters import dead_letters, give_again
from tradewind.kernel.bus.redis import RedisBus
from tradewind.kernel.bus.redis_streams import Pace, Sender, adding, connection, letters_of, marker_of, stream_of
from tradewind.kernel.resilience import Circuit, Dependencies
from tradewind.kernel.telemetry.metrics import Metrics

EVENTS = ("orders.events",)


@pytest.fixture
async def client(redis_server):
    made = connection(redis_server.url, QUICK)
    yield made
    await made.aclose()


@pytest.fixture
async def process(redis_server):
    """Starts the bus of one process; `kill` ends it without a word."""
    alive = []

    async def start(*subscriptions, pace=QUICK, **options):
        bus = RedisBus(redis_server.url, BOT, pace=pace, **options)
        bus.gaps = 0

        def gap():
            bus.gaps += 1

        bus.on_gap(gap)
        mailboxes = [bus.subscribe(service, topics) for service, topics in subscriptions]
        await bus.start()
        alive.append(bus)
        return bus, *mailboxes

    yield start
    for bus in alive:
        await bus.close(patience=0.1)


async def kill(bus):
    for task in bus._tasks:
        task.cancel()
    await asyncio.gather(*bus._tasks, return_exceptions=True)
    bus._tasks.clear()
    await bus._client.connection_pool.disconnect()


async def until(condition):
    """Ask until it holds: what other processes and the server do sends no event here."""
    async with asyncio.timeout(60):
        while not (await answer if asyncio.iscoroutine(answer := condition()) else answer):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def pending(client, service="portfolio"):
    return (await client.xpending(stream_of(BOT, EVENTS[0]), service))["pending"]


async def test_what_a_killed_process_had_not_done_comes_again_before_anything_new(process, client):
    """What it had done does not."""
    (publisher,) = await process()
    first, mailbox = await process(("portfolio", EVENTS))
    await publisher.publish([report(n) for n in (1, 2, 3)])
    mailbox.done((await take(mailbox, 3))[:1])
    await until(lambda: _equals(pending(client), 2))
    await kill(first)
    await publisher.publish([report(4)])
    _, mailbox = await process(("portfolio", EVENTS))
    got = await take(mailbox, 3)
    assert [m.sequence for m in got] == [2, 3, 4]
    mailbox.done(got)
    await until(lambda: _equals(pending(client), 0))


async def _equals(value, expected):
    return await value == expected


async def test_replicas_share_the_work_and_take_over_from_one_that_is_gone(process):
    """Each candle once; those of a dead replica after a while."""
    pace = Pace(block=0.05, answer=1.0, housekeeping=0.05, claim_after=0.3)
    (publisher,) = await process()
    one, first = await process(("strategy", ("market.candles",)), pace=pace)
    _, second = await process(("strategy", ("market.candles",)), pace=pace)
    await publisher.publish([candle(n) for n in range(100)])
    await until(lambda: _equals(_count(first, second), 100))
    lost = await take(first, len(first)) if len(first) else []
    done = await take(second, len(second)) if len(second) else []
    second.done(done)
    assert sorted(m.time for m in (*lost, *done)) == list(range(100))
    await kill(one)
    again = await take(second, len(lost))
    assert sorted(m.time for m in again) == sorted(m.time for m in lost)


async def test_what_the_one_before_was_given_beside_its_successor_is_taken_over_soon(process, client):
    """Of a service that has one instance alone: else all that comes later waits for it, for a minute."""
    pace = Pace(block=0.05, answer=1.0, housekeeping=0.05, claim_after=60.0, takeover=0.2)
    _, mailbox = await process(("portfolio", EVENTS), pace=pace)
    stream = stream_of(BOT, EVENTS[0])
    async with client.pipeline(transaction=True) as pipeline:
        pipeline.execute_command(*adding(BOT, report(1)))
        pipeline.xreadgroup("portfolio", "on its way out", {stream: ">"})
        _, given = await pipeline.execute()
    assert given, "the other one has it"
    assert [m.sequence for m in await take(mailbox, 1)] == [1]


async def _count(*mailboxes):
    return sum(len(mailbox) for mailbox in mailboxes)


async def test_a_slow_service_is_not_given_again_what_it_is_working_on(process):
    """Only a dead one's is taken over, and it is not dead."""
    pace = Pace(block=0.02, answer=1.0, housekeeping=0.05, claim_after=0.05)
    (publisher,) = await process()
    _, mailbox = await process(("portfolio", EVENTS), pace=pace)
    await publisher.publish([report(1)])
    working = await take(mailbox, 1)
    await asyncio.sleep(0.3)  # several times the time after which a dead one's is claimed
    assert len(mailbox) == 0
    mailbox.done(working)
    await publisher.publish([report(2)])
    assert [m.sequence for m in await take(mailbox, 1)] == [2]


async def test_broadcast_begins_at_the_start_and_goes_to_everybody(process):
    """A view of a moment that has passed is of no use."""
    (publisher,) = await process()
    _, first = await process(("runner", ("cycles",)))
    await publisher.publish([settled(1)])
    assert await take(first, 1) == [settled(1)]
    _, second = await process(("runner", ("cycles",)))
    await publisher.publish([settled(2)])
    assert (await take(first, 1), await take(second, 1)) == ([settled(2)], [settled(2)])


async def test_what_was_refused_is_not_answered_by_the_answer_to_something_else(client, redis_server):
    """After a failure nothing is left on the connection that a later command could take for its own success."""
    refused = ("XADD", "text", "*", "kind", "none")
    await client.set("text", "no stream")
    sender = Sender(redis_server.url, QUICK)
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await sender.send([refused, adding(BOT, settled(1))])
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await sender.send([refused])
    await sender.send([adding(BOT, settled(2))])
    await sender.close()
    assert await client.xlen(stream_of(BOT, "cycles")) == 2


async def test_a_server_that_does_not_answer_is_not_waited_for_for_ever(redis_server):
    """Its silence is a failure that may pass, so that who sends tells of it and tries again."""
    sender = Sender(redis_server.url, Pace(block=0.1, answer=0.1))
    await sender.send([adding(BOT, settled(1))])
    redis_server.pause()
    try:
        with pytest.raises(TimeoutError):
            await sender.send([adding(BOT, settled(2))])
    finally:
        redis_server.resume()
    await sender.send([adding(BOT, settled(3))])
    await sender.close()


# -------------------------------------------------------------------------------------------------- the server is gone


async def test_killed_and_started_again_while_messages_go_by_nothing_is_lost(process, redis_server):
    """What waits is sent when it is back; who reads goes on where it was; the publisher never waits."""
    (publisher,) = await process()
    reader, mailbox, everybody = await process(("portfolio", EVENTS), ("runner", ("cycles",)))
    got, ticks = [], []

    async def consume():
        while True:
            batch = await mailbox.take(100)
            got.extend(m.sequence for m in batch)
            mailbox.done(batch)

    async def follow():
        while True:
            ticks.extend(m.time for m in await everybody.take(100))

    tasks = [asyncio.create_task(consume()), asyncio.create_task(follow())]
    number = 0
    for restart in (None, *[redis_server.restart] * 4, None):
        restarting = asyncio.create_task(asyncio.to_thread(restart or (lambda: None)))
        while not restarting.done() or number % 50:
            number += 1
            await publisher.publish([report(number), settled(number)])
            await asyncio.sleep(0.005)  # the pace of the market
    await until(lambda: not (len(set(got)) < number or len(set(ticks)) < number))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for seen in (got, ticks):  # what comes twice comes in its order
        assert list(dict.fromkeys(seen)) == list(range(1, number + 1))
    assert reader.gaps >= 1
    assert (publisher.trouble(), reader.trouble()) == ("", "")


@pytest.mark.parametrize("how", ["restarted", "flushed"])
async def test_an_emptied_server_is_noticed_by_everybody(process, redis_server, how):
    """Whoever stored something publishes what nobody has handled, and whoever reads is there to hear it."""
    (publisher,) = await process()
    reader, mailbox, everybody = await process(("portfolio", EVENTS), ("runner", ("cycles",)))
    await publisher.publish([report(1), settled(1)])
    mailbox.done(await take(mailbox, 1))
    await take(everybody, 1)
    if how == "flushed":
        assert redis_server.command("FLUSHALL").startswith("+OK")
    else:
        await asyncio.to_thread(redis_server.empty)
    await until(lambda: publisher.gaps and reader.gaps)
    await publisher.publish([report(2), settled(2)])
    assert [m.sequence for m in await take(mailbox, 1)] == [2]
    assert [m.time for m in await take(everybody, 1)] == [2]


async def test_a_paused_server_is_told_and_loses_nothing(process, redis_server):
    """Publishing goes on; readiness says why nothing goes by, and so does the state of the dependency."""
    pace = Pace(block=0.05, answer=0.3, housekeeping=0.05, longest_pause=0.1)
    dependencies = Dependencies()
    bus, mailbox = await process(("portfolio", EVENTS), pace=pace, dependencies=dependencies)
    redis = dependencies.of("redis")
    redis_server.pause()
    try:
        await bus.publish([report(1)])
        await until(bus.trouble)
        assert bus.trouble().startswith("Redis: ")
        await until(lambda: redis.circuit is not Circuit.CLOSED)
    finally:
        redis_server.resume()
    assert (await take(mailbox, 1))[0].sequence == 1
    await until(lambda: not (bus.trouble()))
    assert redis.circuit is Circuit.CLOSED


async def test_too_much_for_the_buffer_is_a_gap_and_no_memory(process, redis_server):
    """What was stored goes out again from the outbox when the server is back."""
    pace = Pace(block=0.05, answer=0.3, housekeeping=0.05, longest_pause=0.1, buffer=100)
    bus, everybody = await process(("runner", ("cycles",)), pace=pace)
    redis_server.kill()
    for number in range(1000):
        await bus.publish([settled(number)])
    assert len(bus._buffer) <= 100
    redis_server.start()
    await until(lambda: bus.gaps)
    await bus.publish([settled(1000)])
    async with asyncio.timeout(60):
        while (await everybody.take(1000))[-1].time != 1000:
            """Until the newest is here."""


# -------------------------------------------------------------------------------------------------------- dead letters


async def test_a_message_that_brings_its_service_down_again_and_again_is_put_aside(process, client):
    """The others go on; published anew it stays aside; a person has it given again."""
    pace = Pace(block=0.05, answer=1.0, housekeeping=0.05, tries=3)
    (publisher,) = await process()
    await publisher.publish([report(1)])
    for _ in range(3):
        bus, mailbox = await process(("portfolio", EVENTS), pace=pace)
        (message,) = await take(mailbox, 1)
        assert message.sequence == 1
        await bus.failed("portfolio", message)
        await kill(bus)
    bus, mailbox = await process(("portfolio", EVENTS), pace=pace)
    await publisher.publish([report(1), report(2)])
    assert [m.sequence for m in await take(mailbox, 1)] == [2]
    (letter,) = await dead_letters(client, BOT)
    assert (letter.service, letter.message_id, letter.letter.topic, letter.letter.tries) == (
        "portfolio", "r:1", "orders.events", 3,
    )  # fmt: skip
    await give_again(client, BOT, [letter])
    assert await take(mailbox, 1) == [report(1)]
    assert await dead_letters(client, BOT, ["portfolio"]) == []


async def test_a_process_that_was_killed_says_nothing_against_what_it_was_doing(process, client):
    """However often: only a service that failed says so."""
    pace = Pace(block=0.05, answer=1.0, housekeeping=0.05, tries=2)
    (publisher,) = await process()
    await publisher.publish([report(1)])
    for _ in range(5):
        bus, mailbox = await process(("portfolio", EVENTS), pace=pace)
        assert [m.sequence for m in await take(mailbox, 1)] == [1]
        await kill(bus)
    assert await dead_letters(client, BOT) == []


async def test_what_cannot_be_read_is_put_aside_and_what_nobody_knows_is_left_alone(process, client):
    """A defect at the other end stops nobody; a newer version's message is not for this one."""
    _, mailbox, everybody = await process(("portfolio", EVENTS), ("runner", ("cycles",)))
    stream = stream_of(BOT, EVENTS[0])
    await client.xadd(stream, {"kind": "BalancesReported", "payload": b"\xc1"})
    await client.xadd(stream, {"kind": "OfANewerVersion", "payload": b"\xc1"})
    await client.execute_command(*adding(BOT, report(1)))
    await client.xadd(stream_of(BOT, "cycles"), {"kind": "TickSettled", "payload": b"\xc1"})
    await client.execute_command(*adding(BOT, settled(1)))
    got = await take(mailbox, 1)
    assert got == [report(1)]
    mailbox.done(got)
    assert await take(everybody, 1) == [settled(1)]
    assert ["cannot be read" in one.letter.reason for one in await dead_letters(client, BOT)] == [True]
    await until(lambda: _equals(pending(client), 0))


# ---------------------------------------------------------------------------------------------------------- retention


async def test_what_is_old_goes_unless_somebody_has_not_had_it(process, client):
    """A service that is away for longer than anything is kept finds everything; views of a moment just go."""
    pace = Pace(block=0.05, answer=1.0, housekeeping=3600.0, retention=-1.0)
    bus, mailbox = await process(("portfolio", EVENTS), pace=pace)
    held = stream_of(BOT, EVENTS[0])
    await bus.publish([report(n) for n in range(1, 501)] + [candle(n) for n in range(500)])
    got = await take(mailbox, 500)
    await until(lambda: _equals(client.xlen(stream_of(BOT, "market.candles")), 500))
    await bus._housekeeping.look()
    assert await client.xlen(held) == 500
    assert await client.xlen(stream_of(BOT, "market.candles")) < 200
    mailbox.done(got)
    await until(lambda: _equals(pending(client), 0))
    await bus._housekeeping.look()
    assert await client.xlen(held) < 200


async def consumers(client, service="portfolio"):
    found = await client.xinfo_consumers(stream_of(BOT, EVENTS[0]), service)
    return {one["name"].decode() for one in found}


async def _is_silent(client, name, milliseconds):
    found = await client.xinfo_consumers(stream_of(BOT, EVENTS[0]), "portfolio")
    return any(one["name"].decode() == name and one["idle"] >= milliseconds for one in found)


async def test_an_instance_that_has_ended_is_forgotten_once_nobody_needs_what_it_held(process, client):
    """Each start is a new consumer, and would stay one for good; with it would go what it had not done."""
    pace = replace(QUICK, forget_after=0.2)
    (publisher,) = await process()
    _, mailbox = await process(("portfolio", EVENTS), instance="alive", pace=pace)
    stream = stream_of(BOT, EVENTS[0])
    await client.xgroup_createconsumer(stream, "portfolio", "idle")
    await client.xgroup_createconsumer(stream, "portfolio", "holding")
    await publisher.publish([report(1)])
    (first,) = await take(mailbox, 1)
    ((number, _),) = await client.xrange(stream)
    await client.xclaim(stream, "portfolio", "holding", 0, [number])
    await until(lambda: _is_silent(client, "holding", 600))
    assert (await consumers(client), await pending(client)) == ({"alive", "holding"}, 1)
    mailbox.done([first])
    await until(lambda: _equals(consumers(client), {"alive"}))


async def test_an_instance_that_is_only_silent_loses_nothing_when_it_is_forgotten(process, client):
    """Here it is forgotten at every look: its next read makes it again, and what it holds keeps it."""
    (publisher,) = await process()
    _, mailbox = await process(("portfolio", EVENTS), pace=replace(QUICK, forget_after=0.0, housekeeping=0.001))
    for start in range(0, 200, 20):
        await publisher.publish([report(n) for n in range(start, start + 20)])
        got = await take(mailbox, 20)
        assert [m.sequence for m in got] == list(range(start, start + 20))
        mailbox.done(got)
    await until(lambda: _equals(pending(client), 0))


async def test_nothing_of_a_bot_stays_for_ever(process, client):
    """Who ends gives every key an end, who runs takes it away: a server short of memory drops keys that have one."""
    pace = replace(QUICK, bot_forgotten=2.0, retention=2.0)
    publisher, mailbox = await process(("portfolio", EVENTS), pace=pace)
    await publisher.publish([report(1)])
    mailbox.done(await take(mailbox, 1))
    await client.hset(letters_of(BOT, "portfolio"), "a", "letter")
    for _ in range(2):
        await asyncio.sleep(1.2)
        kept = {stream_of(BOT, EVENTS[0]), letters_of(BOT, "portfolio"), marker_of(BOT)}
        assert kept <= {key.decode() for key in await client.keys()}, "the bot runs"
        assert {await client.pttl(key) for key in kept} == {-1}
    other, _ = await process(("portfolio", EVENTS), pace=pace)
    await other.close()
    assert all([await client.pttl(key) > 0 for key in kept]), "nobody knows whether it was the last"
    await until(lambda: _equals(client.pttl(stream_of(BOT, EVENTS[0])), -1))
    await publisher.close()
    await until(lambda: _equals(client.keys(), []))

    publisher, mailbox = await process(("portfolio", EVENTS), pace=pace)
    await publisher.publish([report(2)])
    assert [one.sequence for one in await take(mailbox, 1)] == [2]


async def test_a_server_that_takes_no_scripts_is_no_trouble(process, client):
    """Its consumers add up, and cost little."""
    await client.execute_command("ACL", "SETUSER", "default", "-eval")
    try:
        (publisher,) = await process()
        bus, mailbox = await process(("portfolio", EVENTS), pace=replace(QUICK, forget_after=0.0))
        await publisher.publish([report(1)])
        assert [m.sequence for m in await take(mailbox, 1)] == [1]
        await bus._housekeeping.look()
        assert bus.trouble() == ""
    finally:
        await client.execute_command("ACL", "SETUSER", "default", "+eval")


async def test_how_far_behind_a_service_is_can_be_measured(process, client):
    """What it has not had, and what it has not done."""
    metrics = Metrics()
    await client.hset(letters_of(BOT, "portfolio"), "some message", b"put aside")
    bus, mailbox = await process(("portfolio", EVENTS), metrics=metrics)
    await bus.publish([report(n) for n in range(1, 8)])
    got = await take(mailbox, 7)
    mailbox.done(got[:3])

    async def behind():
        labels = {"bot": BOT, "service": "portfolio", "topic": EVENTS[0]}
        return metrics.registry.get_sample_value("tradewind_bus_lag_messages", labels) == 4

    await until(behind)
    labels = {"bot": BOT, "service": "portfolio"}
    assert metrics.registry.get_sample_value("tradewind_dead_letter_messages", labels) == 1


async def test_a_bus_cannot_be_joined_late(process):
    """Whoever came later would not know what it has missed."""
    (bus,) = await process()
    with contextlib.suppress(RuntimeError):
        bus.subscribe("portfolio", EVENTS)
        raise AssertionError("not refused")
