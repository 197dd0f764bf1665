"""Passing on: what reaches the service, what comes back, and what is said when nothing does."""

from __future__ import annotations

import asyncio
import itertools
import socket
from types import SimpleNamespace

import pytest
from aiohttp import web

from tradewind.domain.errors import TemporaryError
from tradewind.gateway import proxy as proxying
from tradewind.gateway.proxy import Proxy
from tradewind.gateway.routes import Route
from tradewind.kernel.http.problems import ProblemError
from tradewind.kernel.resilience import Dependencies
from tradewind.kernel.security import ApiKey, Peers, Role, ServiceTokens
from tradewind.kernel.telemetry.tracing import Tracer

READ = Route("GET", "/api/v1/orders/{clientOrderId}", "execution", Role.VIEWER)
CHANGE = Route("POST", "/cycle", "engine", Role.TRADER)
ALICE = ApiKey("alice", Role.ADMIN, "")
TOKENS = ServiceTokens(b"k" * 32)


class Upstream:
    """A service that does what a test wants, and keeps what it was asked."""

    def __init__(self):
        self.asked = []
        self.answer = self.echo
        self.address = ""

    async def echo(self, request):
        return web.json_response({"got": (await request.read()).decode()}, status=201, headers={"X-Inside": "1"})

    async def handle(self, request):
        self.asked.append(request)
        return await self.answer(request)


@pytest.fixture
async def upstream():
    one = Upstream()
    server = web.Server(one.handle)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.address = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    one.close = runner.cleanup
    yield one
    await runner.cleanup()


@pytest.fixture
async def proxy(upstream):
    def resolve(service):
        if service == "strategy":
            raise TemporaryError("strategy does not run here")
        return upstream.address

    log = SimpleNamespace(warning=lambda *_, **__: None)
    context = SimpleNamespace(
        service="gateway",
        peers=Peers(resolve, TOKENS),
        log=log,
        tracer=Tracer(None, None),
        dependencies=Dependencies(),
    )
    one = Proxy(context)
    yield one
    await one.close()


def request(path="/cycle", query=b"", body=b"", **headers):
    async def read():
        return body

    return SimpleNamespace(
        scope={"raw_path": path.encode(), "query_string": query},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=read,
        state=SimpleNamespace(request_id="id-1", traceparent="00-trace"),
    )


async def test_the_service_learns_who_asks_and_nothing_it_should_not(proxy, upstream):
    """Path and query arrive as they were written; the key stays outside, a token for this service goes in."""
    asked = request(
        "/api/v1/orders/a%2Fb", b"pair=BTC%2FEUR", authorization="Bearer secret", cookie="c=1", accept="text/plain"
    )
    await proxy.forward(READ, asked, ALICE)

    (got,) = upstream.asked
    assert got.raw_path == "/api/v1/orders/a%2Fb?pair=BTC%2FEUR"
    caller = TOKENS.verify(got.headers["X-Service-Auth"], "execution")
    assert (caller.service, caller.actor) == ("gateway", "alice")
    assert (got.headers["X-Request-Id"], got.headers["traceparent"]) == ("id-1", "00-trace")
    assert got.headers["Accept"] == "text/plain"
    assert "Authorization" not in got.headers
    assert "Cookie" not in got.headers


async def test_the_answer_comes_back_as_it_is(proxy, upstream):
    """Status and body of the service; of its headers those that describe them."""
    reply = await proxy.forward(CHANGE, request(body=b'{"a": 1}', content_type="application/json"), ALICE)

    assert (reply.status_code, reply.body) == (201, b'{"got": "{\\"a\\": 1}"}')
    assert reply.headers["content-type"].startswith("application/json")
    assert "x-inside" not in reply.headers


@pytest.mark.parametrize(("route", "doubt"), [(READ, False), (CHANGE, True)])
async def test_a_connection_that_breaks_off_names_the_service_and_the_doubt(proxy, upstream, route, doubt):
    """A change may have been carried out; that must not be passed over, and nothing is tried twice."""

    async def cut(asked):
        asked.transport.close()
        return web.Response()

    upstream.answer = cut
    with pytest.raises(ProblemError, match=f"{route.service} does not answer") as raised:
        await proxy.forward(route, request(), ALICE)

    assert raised.value.status == 503
    assert raised.value.members == {"service": route.service}
    assert ("not known" in raised.value.detail) is doubt
    if doubt:
        assert len(upstream.asked) == 1


async def test_a_service_that_is_not_there_is_named(proxy, upstream):
    """Refused connections are certain: nothing was carried out."""
    await upstream.close()
    with pytest.raises(ProblemError, match="engine does not answer") as raised:
        await proxy.forward(CHANGE, request(), ALICE)
    assert (raised.value.status, "not known" in raised.value.detail) == (503, False)

    with pytest.raises(TemporaryError, match="strategy does not run here"):
        await proxy.forward(Route("GET", "/x", "strategy", Role.VIEWER), request(), ALICE)


async def test_a_service_that_hangs_is_not_waited_for_for_ever(proxy, upstream, monkeypatch):
    """After the time allowed the caller hears of it, with the doubt about a change."""
    monkeypatch.setattr(proxying, "ANSWER_WITHIN", 0.2)
    released = asyncio.Event()

    async def hang(asked):
        await released.wait()
        return web.Response()

    upstream.answer = hang
    with pytest.raises(ProblemError, match="engine did not answer within") as raised:
        await proxy.forward(CHANGE, request(), ALICE)
    released.set()
    assert (raised.value.status, "not known" in raised.value.detail) == (504, True)


async def test_closing_lets_what_was_passed_on_be_answered(proxy, upstream):
    """A stop in the middle of a call does not cut it off."""
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(asked):
        begun.set()
        await go.wait()
        return web.json_response("done")

    upstream.answer = slow
    call = asyncio.create_task(proxy.forward(CHANGE, request(), ALICE))
    await begun.wait()
    closing = asyncio.create_task(proxy.close())
    await asyncio.sleep(0)
    assert not closing.done()
    go.set()

    assert (await call).body == b'"done"'
    await closing


async def test_an_upstream_that_does_not_answer_is_not_waited_for_by_every_reader(proxy, upstream):
    """After some failures in a row reads are refused at once, with the pause; what changes something still goes out.

    A stop that somebody sends must be tried, whatever is known. Its answer opens the way for all.
    """

    async def cut(asked):
        asked.transport.close()
        return web.Response()

    read = Route("GET", "/cycle", "engine", Role.VIEWER)
    upstream.answer = cut
    for _ in range(5):
        with pytest.raises(ProblemError, match="engine does not answer"):
            await proxy.forward(read, request(), ALICE)
    sent = len(upstream.asked)
    with pytest.raises(ProblemError, match="upstream:engine has not answered 5 times in a row") as refused:
        await proxy.forward(read, request(), ALICE)
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "1")
    assert refused.value.members == {"service": "engine"}
    with pytest.raises(ProblemError, match="not known"):
        await proxy.forward(CHANGE, request(), ALICE)
    assert len(upstream.asked) == sent + 1

    upstream.answer = upstream.echo
    assert (await proxy.forward(CHANGE, request(), ALICE)).status_code == 201
    assert (await proxy.forward(read, request(), ALICE)).status_code == 201


async def test_one_upstream_that_hangs_leaves_the_others_their_connections(proxy, upstream):
    """More readers than it may have are refused at once; other services are asked as ever."""
    go, at_once = asyncio.Event(), proxying.LIMITS.at_once

    async def hang(asked):
        if asked.path == "/slow":
            await go.wait()
        return web.json_response("done")

    upstream.answer = hang
    slow = Route("GET", "/slow", "engine", Role.VIEWER)
    calls = [asyncio.create_task(proxy.forward(slow, request("/slow"), ALICE)) for _ in range(at_once)]
    await asyncio.sleep(0)
    with pytest.raises(ProblemError, match=f"{at_once} calls are on their way"):
        await proxy.forward(slow, request("/slow"), ALICE)
    assert (await proxy.forward(READ, request("/fast"), ALICE)).body == b'"done"'
    go.set()
    assert {reply.body for reply in await asyncio.gather(*calls)} == {b'"done"'}


# ------------------------------------------------------------------------------------------------- several instances


@pytest.fixture
async def instances(proxy, upstream):
    """Two instances of every service; the first is dead until its `address` is that of one that lives."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}"
        known = [dead, upstream.address]
        turns = itertools.cycle(known)
        proxy._context.peers = Peers(lambda _: next(turns), TOKENS, lambda _: known)
        yield known  # bound and not listening: refused


async def test_a_question_is_asked_of_another_instance_and_a_change_is_not(proxy, upstream, instances):
    """Whoever is dead is left alone from then on; what changes something is the caller's to try again."""
    with pytest.raises(ProblemError, match="engine does not answer"):
        await proxy.forward(CHANGE, request(), ALICE)
    assert not upstream.asked
    proxy._silent.clear()

    assert (await proxy.forward(READ, request(), ALICE)).status_code == 201  # the turn of the one that lives
    states = proxy._context.dependencies.describe
    for _ in range(6):
        assert (await proxy.forward(READ, request(), ALICE)).status_code == 201
    assert len(upstream.asked) == 7
    assert states()["upstream:execution"]["retries"] == 9, "one of them broke off, and one alone"


async def test_no_more_is_tried_again_than_the_budget_allows(proxy, upstream, instances):
    """A service in trouble is not asked twice as much."""
    budget = proxy._upstream("execution")
    while budget.may_retry():
        """Used up."""
    with pytest.raises(ProblemError, match="execution does not answer"):
        await proxy.forward(READ, request(), ALICE)
    assert not upstream.asked


@pytest.mark.parametrize("route", [CHANGE, READ], ids=["change", "question"])
async def test_what_broke_off_is_told_also_where_nobody_knows_of_the_service_any_more(proxy, upstream, route):
    """Else a caller reads that a change never went out, which may have been carried out."""

    async def die(asked):
        def gone(service):
            raise TemporaryError(f"{service} is not registered")

        proxy._context.peers = Peers(gone, TOKENS)
        asked.transport.close()
        return web.Response()

    upstream.answer = die
    with pytest.raises(ProblemError, match=f"{route.service} does not answer") as told:
        await proxy.forward(route, request(), ALICE)
    assert ("whether it was carried out is not known" in str(told.value.detail)) == route.changes


async def test_a_delete_goes_out_once(proxy, upstream):
    """HTTP calls it idempotent, and clients send it again by themselves; what it lifts may have been set between."""
    delete = Route("DELETE", "/api/v1/trading/emergency-stop", "engine", Role.ADMIN)
    assert (await proxy.forward(delete, request(), ALICE)).status_code == 201

    async def cut(asked):
        asked.transport.close()
        return web.Response()

    upstream.answer = cut
    with pytest.raises(ProblemError, match="whether it was carried out is not known"):
        await proxy.forward(delete, request(), ALICE)
    assert len(upstream.asked) == 2
