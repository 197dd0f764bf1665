"""An application of a service's own on its port: the kernel's probes stay the kernel's, and nobody meets half of it."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tradewind.domain.errors import TemporaryError
from tradewind.kernel.http.mounted import KERNEL_PATHS, Mounted
from tradewind.kernel.http.server import Listener, ServiceServers
from tradewind.kernel.security import ServiceTokens
from tradewind.kernel.service import ServiceState


class Application:
    """Notes what reaches it."""

    def __init__(self):
        self.met = []

    async def __call__(self, scope, receive, send):
        self.met.append((scope["type"], scope.get("path")))
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
            await send({"type": "http.response.body", "body": b"venue"})
        else:
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": "venue"})
            await send({"type": "websocket.close", "code": 1000})


async def call(application, kind, path):
    """One connection; what was sent on it."""
    sent = []

    async def receive():
        return {"type": "http.request" if kind == "http" else "websocket.connect"}

    async def send(message):
        sent.append(message)

    await application({"type": kind, "path": path}, receive, send)
    return sent


@pytest.fixture
def parts(make_runner):
    """The kernel's application, the mounted one, and both behind one door."""
    kernel, mount = Application(), Application()
    runner = make_runner("sim-exchange", mount=mount)
    return kernel, mount, runner, Mounted(kernel, runner)


@pytest.mark.parametrize("state", [ServiceState.NEW, ServiceState.RUNNING, ServiceState.FAILED])
@pytest.mark.parametrize("path", sorted(KERNEL_PATHS))
async def test_probes_and_metrics_are_the_kernel_s_at_any_time(parts, path, state):
    """A platform must see that a service starts, and what failed."""
    kernel, mount, runner, door = parts
    runner.state = state
    await call(door, "http", path)
    assert (kernel.met, mount.met) == ([("http", path)], [])


@pytest.mark.parametrize("path", ["/api/v3/time", "/", "/healthz/more"])
async def test_everything_else_is_the_service_s_own(parts, path):
    """A venue has its own addresses, as its clients know them."""
    kernel, mount, _, door = parts
    assert (await call(door, "http", path))[0]["status"] == 200
    assert (kernel.met, mount.met) == ([], [("http", path)])


async def test_a_stream_is_the_service_s_even_at_a_path_of_the_kernel(parts):
    """The kernel has no streams."""
    kernel, mount, _, door = parts
    await call(door, "websocket", "/metrics")
    assert (kernel.met, mount.met) == ([], [("websocket", "/metrics")])


@pytest.mark.parametrize("state", [one for one in ServiceState if one is not ServiceState.RUNNING])
async def test_who_comes_while_it_does_not_run_is_told_to_come_again(parts, state):
    """Before its market is loaded a venue knows nothing, and after its end nothing would be kept."""
    kernel, mount, runner, door = parts
    runner.state = state
    start, body = await call(door, "http", "/api/v3/time")
    assert (start["status"], dict(start["headers"])[b"retry-after"]) == (503, b"1")
    assert body["body"] == b""
    assert await call(door, "websocket", "/ws") == [{"type": "websocket.close", "code": 1013}]
    assert (kernel.met, mount.met) == ([], [])


async def test_a_service_that_mounts_nothing_answers_nothing_of_its_own(parts):
    """Rather than to fail on what is not there."""
    kernel, _, runner, _ = parts
    runner.service.mount = None
    start, _ = await call(Mounted(kernel, runner), "http", "/api/v3/time")
    assert start["status"] == 503


async def test_over_the_network_both_kinds_of_connection_arrive(make_runner):
    """The port of such a service speaks WebSocket too, and before it runs it says so over HTTP."""
    mount = Application()
    runner = make_runner("sim-exchange", mount=mount)
    runner.state = ServiceState.STARTING
    listener = Listener(ports={"sim-exchange": 0})
    servers = ServiceServers(listener, {"sim-exchange": runner}, ServiceTokens(b"k" * 32))
    await servers.start()
    try:
        url = servers.address("sim-exchange")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/api/v3/time") as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            async with session.get(f"{url}/healthz") as answer:
                assert answer.status == 200
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(f"{url}/ws")
            runner.state = ServiceState.RUNNING
            async with session.get(f"{url}/api/v3/time") as answer:
                assert await answer.text() == "venue"
            async with session.ws_connect(f"{url}/ws") as stream:
                assert (await asyncio.wait_for(stream.receive(), 5)).data == "venue"
    finally:
        await servers.stop()


async def test_without_a_listener_only_what_cannot_be_reached_otherwise_takes_a_port(make_runner):
    """`tradewind run` needs a venue over HTTP, and nothing else of it has to be open."""
    runners = {name: make_runner(name) for name in ("portfolio", "sim-exchange")}
    listener = Listener(ports=dict.fromkeys(runners, 0))
    servers = ServiceServers(listener, runners, ServiceTokens(b"k" * 32), networked_only=True)
    await servers.start()
    try:
        assert list(servers.addresses) == ["sim-exchange"]
        with pytest.raises(TemporaryError, match="portfolio does not run here"):
            servers.address("portfolio")
    finally:
        await servers.stop()
