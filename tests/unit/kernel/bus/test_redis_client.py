"""Commands to Redis end in time, and who is cancelled while it sends them ends."""

from __future__ import annotations

import asyncio

import pytest
from redis.exceptions import TimeoutError as NotAnsweredError

from tradewind.kernel.bus.redis_client import redis_client


@pytest.fixture
async def client(redis_server):
    made = redis_client(redis_server.url, patience=0.3, connect_timeout=1.0)
    yield made
    await made.aclose()


async def test_a_task_that_is_cancelled_ends_whatever_it_was_doing(client):
    """Also in the moment in which its command has just gone out: it would otherwise go on for ever."""

    async def ask():
        while True:
            await client.ping()

    for steps in range(200):
        task = asyncio.create_task(ask())
        for _ in range(steps % 40):
            await asyncio.sleep(0)
        task.cancel()
        ended, _ = await asyncio.wait({task}, timeout=10)
        assert ended, f"cancelled after {steps % 40} steps, and still running"


async def test_an_answer_that_does_not_come_is_not_waited_for_and_never_taken_for_the_next(client, redis_server):
    await client.set("one", b"1")
    redis_server.pause()
    try:
        with pytest.raises(NotAnsweredError, match=r"for 0\.3 s"):
            await client.get("one")
    finally:
        redis_server.resume()
    assert await client.echo("two") == b"two"
