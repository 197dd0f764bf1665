"""Who listens where: known as long as it is said, and for as long as nobody can say otherwise."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tradewind.domain.errors import TemporaryError
from tradewind.kernel.registry import Beat, Registry

BEAT = Beat(interval=0.1, lifetime=1.0, soonest=0.01)


@pytest.fixture
async def make(redis_server):
    """Makes a registry of the bot `a/b` that has begun; a second argument are its own services."""
    async with contextlib.AsyncExitStack() as stack:

        async def begin(instance, own=None, *, bot="a/b", template=None):
            registry = Registry(redis_server.url, bot, instance, template=template, beat=BEAT)
            registry.own.update(own or {})
            await registry.start()
            stack.push_async_callback(registry.stop)
            return registry

        yield begin


async def until(holds):
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - another process would not tell either
            await asyncio.sleep(0.01)


def resolved(registry, service):
    with contextlib.suppress(TemporaryError):
        return registry.resolve(service)
    return None


async def test_processes_of_a_bot_find_each_other(make):
    """Whoever began first too; another bot's are not found."""
    first = await make("1", {"engine": "http://one:1"})
    await make("2", {"portfolio": "http://two:2"})
    await make("3", {"strategy": "http://else:3"}, bot="a/c")
    await until(lambda: resolved(first, "portfolio") == "http://two:2")
    assert first.resolve("engine") == "http://one:1"
    with pytest.raises(TemporaryError, match="strategy is not registered"):
        first.resolve("strategy")


async def test_replicas_are_asked_in_turn_and_of_a_singleton_the_one_that_came_last(make):
    """Two engines are a restart: the one before cannot take its words back if it was killed."""
    registry = await make("1", {"engine": "http://old:1", "strategy": "http://one:1"})
    await make("2", {"engine": "http://new:2", "strategy": "http://two:2"})
    await until(lambda: len(registry.instances("strategy")) == 2)
    assert {registry.resolve("strategy") for _ in range(4)} == {"http://one:1", "http://two:2"}
    assert len(registry.instances("engine")) == 2


async def test_what_is_not_said_again_is_forgotten(make):
    """A process that was killed says nothing; one that ends takes its words back at once."""
    registry = await make("1")
    killed, ended = await make("2", {"engine": "http://two:2"}), await make("3", {"portfolio": "http://three:3"})
    await until(lambda: resolved(registry, "engine") and resolved(registry, "portfolio"))
    killed._task.cancel()
    await ended.stop()
    await until(lambda: resolved(registry, "portfolio") is None)
    await until(lambda: resolved(registry, "engine") is None)


async def test_what_was_known_holds_while_the_server_is_away(make, redis_server):
    """Longer than anything would live; afterwards all is said again."""
    registry = await make("1", {"strategy": "http://one:1"})
    await make("2", {"engine": "http://two:2"})
    await until(lambda: resolved(registry, "engine"))
    await asyncio.to_thread(redis_server.kill)
    await asyncio.sleep(1.2)
    assert registry.resolve("engine") == "http://two:2"
    await asyncio.to_thread(redis_server.start)
    await asyncio.to_thread(redis_server.command, "FLUSHALL")
    await until(lambda: len(registry.instances("engine")) == 1)


async def test_where_each_service_has_a_name_of_its_own_that_is_asked_first(make):
    """On a cluster, before anybody has registered."""
    registry = await make("1", template="http://momentum-{service}:{port}")
    assert registry.resolve("engine") == "http://momentum-engine:8001"
    await make("2", {"engine": "http://two:2"})
    await until(lambda: registry.resolve("engine") == "http://two:2")
