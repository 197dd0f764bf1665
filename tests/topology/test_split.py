"""A bot split into one process for each service: what it decides, trades and stores is what it would in one.

Here the processes are event-loop neighbours, each with its own connections, caches and servers, and with nothing in
common but Redis and PostgreSQL: a test can end one and begin another in a moment. `test_processes.py` has real ones.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import socket

import aiohttp
import pytest
from sqlalchemy import select
from tests.servers.databases import Postgres
from tests.topology.conftest import TRADING
from tests.topology.recordings import gappy_bot
from tests.topology.test_databases import everything

from tradewind.contracts.api.document import load_bot
from tradewind.domain.errors import TemporaryError
from tradewind.execution.tables import leases
from tradewind.gateway.keys import add_key
from tradewind.kernel.bus.redis_streams import Pace, stream_of
from tradewind.kernel.http.server import Listener
from tradewind.kernel.security import Role
from tradewind.kernel.settings import Settings
from tradewind.kernel.state_directory import StateDirectory
from tradewind.topology.embedded import EmbeddedBot, EmbeddedOptions
from tradewind.topology.shared import Shared

RESULTS = ("engine_decisions", "execution_fills", "portfolio_ledger", "portfolio_positions")
AWAY = float(os.environ.get("TRADEWIND_AWAY", "3"))
"""Seconds for which a server is away."""
PACE = Pace(block=0.2, answer=2.0, housekeeping=0.1, longest_pause=0.2, claim_after=1.0)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return gappy_bot(tmp_path_factory.mktemp("market"), candles=80)


@pytest.fixture(scope="module")
def known():
    """The rows of the bot in one process, once they are known."""
    return {}


@pytest.fixture
async def expected(embedded, known, manifest, tmp_path):
    """The rows of the bot in one process."""
    if not known:
        async with embedded(sample=manifest, directory=tmp_path / "one", until_end=False) as bot:
            await until_ended(bot)
            assert await bot.ask("portfolio", "trades")
            known |= await everything(bot._store)
    return known


async def until_ended(bot):
    async with asyncio.timeout(240):
        while True:
            with contextlib.suppress(TemporaryError):
                if (await bot.ask("market-data", "progress"))["ended"]:
                    return
            await asyncio.sleep(0.05)


class Split:
    """The processes of a bot by name; a service may run in several of them."""

    def __init__(self, manifest, directory, database, broker, **settings):
        self.manifest, self.directory, self.settings = manifest, directory, settings
        self.database, self.broker = database, broker
        self.processes = {}

    async def begin(self, *services, name=None, **options):
        name = name or "+".join(services)
        bot = load_bot(self.manifest)
        settings = Settings(key_directory=self.directory, **self.settings)
        listen = Listener(ports=dict.fromkeys(services, 0))
        process = EmbeddedBot(
            bot,
            StateDirectory(self.directory / name),
            EmbeddedOptions(until_end=False, listen=listen, services=services, settings=settings, **options),
            shared=Shared(bot, self.database, self.broker, settings, pace=PACE),
        )
        self.processes[name] = process
        await process.start()
        return process

    async def end(self, name):
        await self.processes.pop(name).stop()


@pytest.fixture
async def split(manifest, tmp_path, postgres_url, redis_server):
    """Begins processes of the bot, and ends what is left of them."""
    await Postgres(postgres_url).migrate()
    directory = tmp_path / "split"
    directory.mkdir()
    found = Split(manifest, directory, postgres_url, redis_server.url)
    yield found
    await asyncio.gather(*(found.end(name) for name in list(found.processes)))


async def rows(split):
    store = Postgres(split.database).store()
    try:
        return await everything(store)
    finally:
        await store.close()


def same(found, expected, *, taken_over=False):
    """Row for row; a new writer of the account says so and tells its balances, which moves the numbers of events."""

    def kept(rows):
        if not taken_over:
            return rows
        # A message says its own number too.
        plain = ([pair for pair in row if pair[0] not in {"sequence", "epoch", "payload"}] for row in rows)
        return sorted(row for row in plain if not dict(row).get("message_id", "").startswith("balances:"))

    for name, there in expected.items():
        assert kept(found[name]) == kept(there), name


@pytest.fixture
def servers(redis_server, postgres_server, monkeypatch):
    """The servers by name; a tick that was lost with one of them is sent again soon."""
    monkeypatch.setattr("tradewind.market_data.sending.SETTLE_TIMEOUT", 2.0)
    return {"redis": redis_server, "postgres": postgres_server}


@contextlib.asynccontextmanager
async def halfway_points(process):
    """An iterator that has something at a third and at two thirds of the ticks that the bot decides on."""
    decided, reached = set(), asyncio.Queue()

    def on_tick(time):
        if time not in decided:
            decided.add(time)
            if len(decided) in {25, 50}:
                reached.put_nowait(time)

    async def points():
        while True:
            yield await reached.get()

    watching = asyncio.create_task(process.wait(on_tick))
    try:
        yield points()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def circuits(monitoring, dependency):
    """Those of a dependency that the processes have, as `/health/detailed` shows them."""
    picture = await monitoring.runners["monitoring"].service.tasks[0].__self__.look()
    told = [one.get("dependencies", {}) for one in picture.services.values()]
    return {one[dependency]["circuit"] for one in told if dependency in one}


def evaluated_by(process):
    """How many stances a process has published."""
    samples = (one for family in process.metrics.evaluations.collect() for one in family.samples)
    return sum(one.value for one in samples if one.name.endswith("_total"))


async def nothing():
    """Happens while a service is down."""


async def traded_with_restarts(split, service, while_down=nothing):
    """All trade to the end; `service` is ended and begun again twice, and `while_down` happens in between."""
    async with asyncio.timeout(240):
        await asyncio.gather(*(split.begin(name) for name in TRADING))
        watcher = await split.begin("monitoring")
        async with halfway_points(watcher) as points:
            for _ in range(2):
                await anext(points)
                await split.end(service)
                await while_down()
                await split.begin(service)
            await until_ended(watcher)


async def test_they_find_each_other_in_whatever_order_they_begin(split, expected):
    """And store row for row what one process stores."""
    async with asyncio.timeout(240):
        await asyncio.gather(
            *(split.begin(name) for name in ("engine", "strategy", "execution", "portfolio", "market-data"))
        )
        await until_ended(split.processes["engine"])
    same(await rows(split), expected)


async def test_three_strategy_replicas_share_the_candles(split, expected):
    """One of them is ended in the middle: every candle is evaluated once, and nothing is decided differently."""
    replicas = [f"strategy-{number}" for number in range(3)]
    others = [name for name in TRADING if name != "strategy"]
    async with asyncio.timeout(240):
        await asyncio.gather(
            *(split.begin("strategy", name=name) for name in replicas), *(split.begin(name) for name in others)
        )
        watcher = await split.begin("monitoring")
        async with halfway_points(watcher) as points:
            await anext(points)
            ended = split.processes[replicas[0]]
            await split.end(replicas[0])
            await until_ended(watcher)
    shares = [evaluated_by(one) for one in (ended, *(split.processes[name] for name in replicas[1:]))]
    assert all(shares), "one of them had nothing to do"
    same(await rows(split), expected)


@pytest.mark.parametrize("service", TRADING)
async def test_each_may_be_started_again_alone(split, expected, service):
    """Twice in the middle of trading, while the others stand: nothing is lost, done twice or decided differently."""
    await traded_with_restarts(split, service)
    same(await rows(split), expected, taken_over=service == "execution")


@pytest.fixture
def trimmed(monkeypatch):
    """What is trimmed after months goes within a run; the most rows of a topic that are left of it then."""
    for name, value in (("TAIL", 5), ("BLOCK", 5), ("PAUSE", 0.0)):
        monkeypatch.setattr(f"tradewind.kernel.retention.{name}", value)
    return 5 + 2 * 5 + 5


CONSUMED = {"portfolio": "orders.events", "execution": "orders.commands"}


@pytest.mark.parametrize("service", CONSUMED)
async def test_what_is_trimmed_and_comes_again_changes_nothing(split, expected, redis_server, trimmed, service):
    """Twice a service is down, and then given again all that Redis ever had of its topic, most of it trimmed."""
    stream = stream_of(load_bot(split.manifest).key, CONSUMED[service])

    async def forget():
        assert await asyncio.to_thread(redis_server.command, "XGROUP", "DESTROY", stream, service) == ":1\r\n"

    await traded_with_restarts(split, service, forget)
    found = await rows(split)
    same(found, {name: expected[name] for name in RESULTS}, taken_over=True)
    kept, stored = (collections.Counter(dict(row)["topic"] for row in part["outbox"]) for part in (found, expected))
    assert max(kept.values()) <= trimmed
    assert min(stored[topic] for topic in ("orders.events", "orders.commands", "portfolio.events")) > 2 * trimmed
    assert len(found["inbox"]) <= sum(kept.values())


# Both at once is for `make outages`: with both gone for good orders are canceled in test_stop_without_servers.py.
@pytest.mark.parametrize("server", ["redis", "postgres", *(["both"] if "TRADEWIND_AWAY" in os.environ else [])])
async def test_servers_may_be_killed_and_be_away(split, expected, server, servers):
    """Twice, for seconds or (TRADEWIND_AWAY) longer: no process ends, nothing is lost or done twice, all goes on.

    Meanwhile nothing is decided, and whoever asks the engine whether it is ready is told what it lacks.
    """
    servers = {name: one for name, one in servers.items() if server in {name, "both"}}
    lacking = {{"redis": "bus", "postgres": "store"}[name] for name in servers}
    async with asyncio.timeout(240 + 4 * AWAY):
        await asyncio.gather(*(split.begin(name) for name in TRADING))
        async with halfway_points(await split.begin("monitoring")) as points:
            for _ in range(2):
                await anext(points)
                await asyncio.gather(*(asyncio.to_thread(one.kill) for one in servers.values()))
                await asyncio.sleep(AWAY)
                engine = split.processes["engine"].runners["engine"]
                async with asyncio.timeout(30):
                    while not lacking <= engine.unready().keys():  # noqa: ASYNC110 - it tells nobody
                        await asyncio.sleep(0.1)
                if server != "postgres":
                    assert "closed" not in await circuits(split.processes["monitoring"], "redis")
                await asyncio.gather(*(asyncio.to_thread(one.start) for one in servers.values()))
            await until_ended(split.processes["engine"])
        for dependency in ("redis", "postgresql"):
            # After a long outage services are found, and so asked, again a moment later than the bot trades.
            async with asyncio.timeout(30):
                while await circuits(split.processes["monitoring"], dependency) != {"closed"}:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.2)
    assert {name: process.states() for name, process in split.processes.items()} == {
        name: {name: "Running"} for name in split.processes
    }
    # An order whose recording failed is asked for, and says so in its states; what came of it is the same.
    same(await rows(split), {name: expected[name] for name in RESULTS}, taken_over=True)


# ------------------------------------------------------------------------------------------------------------ the door


@contextlib.asynccontextmanager
async def door(split, **options):
    """Begins a gateway; asks it by `ask(method, path)`, which gives status and document."""
    gateway = await split.begin("gateway", **options)
    key = add_key(gateway.directory.path, "a test", Role.ADMIN)
    await gateway.runners["gateway"].service.load()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:

        async def ask(method, path, body=None):
            async with session.request(method, gateway.servers.addresses["gateway"] + path, json=body) as reply:
                return reply.status, await reply.json()

        yield ask


async def test_what_gateway_and_monitoring_call_is_told_where_all_health_is(split):
    """Each in a process of its own: circuits, bounds and retries of both are in the one document, and are metrics."""
    trading = ("market-data", "strategy", "portfolio", "execution", "engine")
    await asyncio.gather(split.begin(*trading), split.begin("monitoring"))
    async with door(split) as ask, asyncio.timeout(60):
        services = {}
        while not services or not all(one["ready"] for one in services.values()):
            _, health = await ask("GET", "/health/detailed")
            services = health.get("services", {})
        assert set(services) == {*trading, "monitoring", "gateway"}
        upstream, asked = (
            services["gateway"]["dependencies"]["upstream:monitoring"],
            services["monitoring"]["dependencies"]["service:gateway"],
        )
        assert (upstream["circuit"], upstream["at_once"], upstream["retries"]) == ("closed", 100, 10)
        assert (asked["circuit"], asked["at_once"], asked["retries"]) == ("closed", 32, 10)
        assert services["monitoring"]["dependencies"]["redis"]["circuit"] == "closed"

        process = split.processes["monitoring"]
        async with aiohttp.ClientSession() as session:
            async with session.get(process.servers.addresses["monitoring"] + "/metrics") as reply:
                shown = await reply.text()
            # Nothing but its state is anybody's to ask of the gateway, and that only with a token.
            async with session.post(split.processes["gateway"].servers.addresses["gateway"] + "/ask/state") as reply:
                assert reply.status == 401
        who = f'bot="{process.bot.key}",dependency="service:gateway"'
        for name, value in (("circuit_state", 0), ("dependency_at_once_calls", 32), ("dependency_retry_calls", 10)):
            assert f"tradewind_{name}{{{who}}} {value}.0" in shown


async def test_questions_go_to_every_instance_and_past_one_that_died(split):
    """In turn to both that the registry knows; when one is gone without a word all are answered by the other."""
    rest = ("market-data", "portfolio", "execution", "engine", "monitoring")
    await asyncio.gather(split.begin(*rest), *(split.begin("strategy", name=name) for name in ("one", "two")))

    def answered(name):
        found = split.processes[name].metrics.registry.collect()
        samples = (one for family in found for one in family.samples if one.name == "tradewind_http_requests_total")
        return sum(one.value for one in samples if one.labels["route"] == "/api/v1/strategies")

    async with door(split) as ask, asyncio.timeout(60):
        while not (answered("one") and answered("two")):
            assert (await ask("GET", "/api/v1/strategies"))[0] in {200, 503}  # 503 until the first is ready
        registry = split.processes["gateway"].shared.registry
        assert len(registry.instances("strategy")) == 2

        # As after kill -9: nobody listens there any more, and the registry has not forgotten it yet.
        await split.processes["one"].servers.stop()
        before = answered("two")
        told = [await ask("GET", "/api/v1/strategies") for _ in range(8)]
        assert [status for status, _ in told] == [200] * 8
        assert answered("two") == before + 8
        assert len(registry.instances("strategy")) == 2
        shown = split.processes["gateway"].dependencies.describe()["upstream:strategy"]
        assert (shown["retries"], shown["circuit"]) == (9, "closed")


# ----------------------------------------------------------------------------------------- two that would run the same


async def said_of(process, service):
    """What a process that is not ready says, over HTTP, that it waits for."""
    address = process.servers.addresses[service]
    async with aiohttp.ClientSession() as session, session.get(f"{address}/readyz") as reply:
        return reply.status, (await reply.json())["reasons"].get("work", "")


async def until_it_stands_by(split, name):
    async with asyncio.timeout(60):
        while name not in split.processes or not split.processes[name].runners:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        while "stands by" not in (await said_of(split.processes[name], "execution"))[1]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return await said_of(split.processes[name], "execution")


@pytest.mark.parametrize("end", ["in order", "without a word"])
async def test_a_second_execution_stands_by_until_the_first_has_ended(split, monkeypatch, end):
    """It names who runs, takes nothing and is found by nobody; neither is fenced, and neither ends."""
    monkeypatch.setattr("tradewind.kernel.store.holders.ENDS_AFTER", 1.5)
    monkeypatch.setattr("tradewind.kernel.store.holders.BEAT", 0.2)
    await asyncio.gather(split.begin("market-data"), split.begin("execution", name="one"))
    first = split.processes["one"]
    beginning = asyncio.create_task(split.begin("execution", name="two"))
    status, words = await until_it_stands_by(split, "two")
    host, number = socket.gethostname(), os.getpid()
    assert status == 503
    assert f"stands by for execution of {first.bot.key} in process {number} on {host}, since 2" in words

    await asyncio.sleep(2.0)  # longer than one without a sign of life is waited for
    assert not beginning.done()
    assert first.states() == {"execution": "Running"}
    assert [one.name for one in first.shared.registry.instances("execution")] == [first.bus.instance]
    assert await epoch(split) == 1

    if end == "in order":
        await split.end("one")
    else:
        first._holding._keeping.cancel()
    async with asyncio.timeout(20):
        second = await beginning
    assert second.states() == {"execution": "Running"}
    assert await epoch(split) == 2


async def test_who_is_told_to_takes_over_at_once(split):
    """The last resort at the deletion of a bot does not wait for a process that answers nobody."""
    await asyncio.gather(split.begin("market-data"), split.begin("execution", name="one"))
    async with asyncio.timeout(10):
        await split.begin("execution", name="two", take_over=True)
    assert await epoch(split) == 2


async def epoch(split):
    """Of the account's writer."""
    store = Postgres(split.database).store()
    try:
        return await store.read(lambda connection: connection.scalar(select(leases.c.epoch)))
    finally:
        await store.close()
