"""What the kubelet and Prometheus are answered: the status that they act on, and the reason for people."""

from __future__ import annotations

import aiohttp
import pytest

from tradewind_operator.health import HealthServer
from tradewind_operator.metrics import OperatorMetrics


@pytest.fixture
async def asked():
    """Asks for a path: `asked(path)`; `asked.unhealthy` and `asked.unready` are the reasons."""
    metrics = OperatorMetrics()

    async def ask(path):
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{server.port}{path}") as answer:
            return answer.status, await answer.text()

    ask.unhealthy, ask.unready = [], []
    server = HealthServer(
        "127.0.0.1",
        0,
        metrics=metrics,
        refresh=lambda: metrics.bots.set(7),
        unhealthy=lambda: ask.unhealthy,
        unready=lambda: ask.unready,
    )
    await server.start()
    yield ask
    await server.stop()


async def test_a_standby_that_knows_everything_is_alive_and_ready(asked):
    assert await asked("/healthz") == (200, '{"status": "ok", "reasons": []}')
    assert await asked("/readyz") == (200, '{"status": "ok", "reasons": []}')


async def test_one_that_is_not_ready_is_not_restarted_for_it(asked):
    """It lists what is there, which may take a while."""
    asked.unready.append("pods are not listed yet")
    assert await asked("/readyz") == (503, '{"status": "unavailable", "reasons": ["pods are not listed yet"]}')
    assert (await asked("/healthz"))[0] == 200


async def test_one_that_is_deaf_says_why(asked):
    asked.unhealthy.append("the watch of pods has heard nothing for 240 s")
    status, text = await asked("/healthz")
    assert status == 503
    assert "the watch of pods has heard nothing" in text


async def test_metrics_are_of_the_moment(asked):
    status, text = await asked("/metrics")
    assert status == 200
    assert "tradewind_operator_bots 7.0" in text
    assert "process_resident_memory_bytes" in text
