"""Ports: taken by name before anything loads, served beside the rest of the process, let go of in time."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
import pytest
from fastapi import APIRouter

from tradewind.domain.errors import MachineError, TemporaryError
from tradewind.kernel.http import server
from tradewind.kernel.http.server import Listener, ServiceServers
from tradewind.kernel.security import ServiceTokens

EPHEMERAL = Listener(ports={"portfolio": 0, "strategy": 0})
TOKENS = ServiceTokens(b"k" * 32)


@asynccontextmanager
async def listening(runners, listener=EPHEMERAL):
    servers = ServiceServers(listener, runners, TOKENS)
    await servers.start()
    try:
        yield servers
    finally:
        await servers.stop()


async def test_every_service_answers_on_a_port_of_its_own(make_runner):
    """Port 0 is any free one, and the address says which; signals stay with whoever runs the process."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    runners = {name: make_runner(name) for name in ("portfolio", "strategy")}

    async with listening(runners) as servers, aiohttp.ClientSession() as session:
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
        for name, address in servers.addresses.items():
            async with session.get(f"{address}/health") as reply:
                assert (await reply.json())["service"] == name
        assert servers.address("strategy") == servers.addresses["strategy"]
        with pytest.raises(TemporaryError, match="engine does not run here"):
            servers.address("engine")


@pytest.mark.parametrize(("host", "shown"), [("10.244.0.9", "10.244.0.9"), ("fd00::9", "[fd00::9]")])
async def test_what_listens_everywhere_is_told_to_others_by_the_address_of_its_machine(make_runner, host, shown):
    """Where a process listens on every address of a pod, another pod that is told 127.0.0.1 would ask itself."""
    listener = Listener("0.0.0.0", {"strategy": 0}, advertised_host=host)
    async with listening({"strategy": make_runner("strategy")}, listener) as servers:
        port = urlsplit(servers.address("strategy")).port
        assert servers.advertised() == {"strategy": f"http://{shown}:{port}"}


async def test_a_port_in_use_is_said_by_name_and_nothing_is_taken(make_runner):
    """The line names the port, the service and the variable to set; the other ports are free again."""
    with socket.socket() as other, socket.socket() as free:
        other.bind(("127.0.0.1", 0))
        other.listen()
        free.bind(("127.0.0.1", 0))
        taken, first = other.getsockname()[1], free.getsockname()[1]
        free.close()
        runners = {name: make_runner(name) for name in ("strategy", "market-data")}
        servers = ServiceServers(Listener(ports={"strategy": first, "market-data": taken}), runners, TOKENS)

        with pytest.raises(MachineError) as raised:
            await servers.start()

        assert str(raised.value) == (
            f"port {taken} (market-data): received in use; allowed: a free port; "
            "fix: stop what listens there, or set TRADEWIND_PORTS__MARKET_DATA to another one"
        )
        with socket.socket() as again:
            again.bind(("127.0.0.1", first))


async def test_an_address_that_is_not_ours_is_said(make_runner):
    """A host that this machine does not have is the machine's trouble, not a traceback."""
    for host in ("192.0.2.1", "no-such-host.invalid"):
        servers = ServiceServers(Listener(host, {"strategy": 0}), {"strategy": make_runner("strategy")}, TOKENS)
        with pytest.raises(MachineError, match="TRADEWIND_HOST"):
            await servers.start()


async def test_stopping_closes_idle_connections_at_once(make_runner):
    """A client that keeps its connection open does not hold up the end."""
    async with aiohttp.ClientSession() as session:
        async with listening({"portfolio": make_runner("portfolio")}) as servers:
            async with session.get(servers.addresses["portfolio"] + "/healthz") as reply:
                assert reply.status == 200
            begun = time.monotonic()
            await servers.stop()
        assert time.monotonic() - begun < 2


async def test_stopping_finishes_what_is_asked_but_waits_for_nobody_for_ever(make_runner, monkeypatch):
    """A request that is nearly done is answered; one that hangs is cut off after the time allowed."""
    monkeypatch.setattr(server, "STOP_WITHIN", 1)
    asked = asyncio.Event()

    def routes():
        router = APIRouter()

        @router.get("/slow")
        async def slow(seconds: float) -> str:
            asked.set()
            await asyncio.sleep(seconds)
            return "done"

        return router

    async def ask(session, address, seconds):
        headers = {"X-Service-Auth": TOKENS.issue("gateway", "portfolio")}
        async with session.get(f"{address}/slow?seconds={seconds}", headers=headers) as reply:
            return reply.status

    async with aiohttp.ClientSession() as session:
        for seconds in (0.2, 60):
            async with listening({"portfolio": make_runner("portfolio", router=routes)}) as servers:
                asked.clear()
                request = asyncio.create_task(ask(session, servers.addresses["portfolio"], seconds))
                await asked.wait()
                begun = time.monotonic()
                await servers.stop()
            assert time.monotonic() - begun < 3
            assert await request == (200 if seconds < 1 else 500)
