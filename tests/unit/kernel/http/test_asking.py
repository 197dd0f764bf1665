"""A question to another process: the same answer, the same refusals, as in one."""

from __future__ import annotations

from contextlib import asynccontextmanager
from decimal import Decimal

import aiohttp
import msgspec
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import StatusCode

from tradewind.domain.errors import NotFoundError, PermanentError, TemporaryError
from tradewind.kernel.ask import RUNNER, Answers
from tradewind.kernel.http.asking import RemoteAnswers
from tradewind.kernel.http.server import Listener, ServiceServers
from tradewind.kernel.resilience import Circuit, RefusedError, vital
from tradewind.kernel.security import SERVICE_HEADER, Peers, ServiceTokens
from tradewind.kernel.service import ServiceState
from tradewind.kernel.telemetry.tracing import Tracer, Tracing, under

TOKENS = ServiceTokens(b"k" * 32)


@pytest.fixture
def asking(make_runner):
    """Runs portfolio elsewhere with some answers; an `ask` port of whoever, and the runner that answers."""

    @asynccontextmanager
    async def run(asker="engine", tracer=lambda _asker: Tracer(None, None), **answers):
        runner = make_runner("portfolio", answers=answers)
        runner.context.tracer = tracer("portfolio")
        servers = ServiceServers(Listener(ports={"portfolio": 0}), {"portfolio": runner}, TOKENS)
        await servers.start()
        remote = RemoteAnswers(Peers(servers.address, TOKENS), tracer, runner.context.dependencies)
        here = Answers()
        here.elsewhere = remote
        try:
            yield here.port(asker), runner, servers
        finally:
            await remote.close()
            await servers.stop()

    return run


def answering(value):
    async def answer(**parameters):
        return value(**parameters) if callable(value) else value

    return answer


def raising(error):
    async def answer():
        raise error

    return answer


async def test_an_answer_comes_back_as_what_it_was(asking):
    """Exact money stays exact."""
    snapshot = {
        "sequence": 3, "balances": {"EUR": Decimal("0.10")}, "positions": [], "traceparents": {},
        "equity": Decimal(1), "equity_peak": Decimal(2), "day_start_equity": Decimal(3), "drift": Decimal(0),
    }  # fmt: skip
    async with asking(snapshot=answering(snapshot)) as (ask, _, _):
        found = await ask("portfolio", "snapshot")
    assert found == snapshot
    assert isinstance(found["balances"]["EUR"], Decimal)


@pytest.mark.parametrize("error", [NotFoundError("no such thing"), PermanentError("never")])
async def test_what_will_not_pass_is_told_as_such(asking, error):
    async with asking(trades=raising(error)) as (ask, _, _):
        with pytest.raises(type(error), match=str(error)):
            await ask("portfolio", "trades")


async def test_what_may_pass_is_told_with_its_pause(asking):
    async with asking(trades=raising(TemporaryError("loading", retry_after=7.0))) as (ask, _, _):
        with pytest.raises(TemporaryError, match="loading") as raised:
            await ask("portfolio", "trades")
    assert raised.value.retry_after == 7.0


async def test_who_has_not_loaded_answers_nothing_but_its_state(asking):
    """Its caches are empty, which is not to be taken for an account without positions."""
    async with asking(asker="monitoring", trades=answering([])) as (ask, runner, _):
        runner.state = ServiceState.STARTING
        with pytest.raises(TemporaryError, match="portfolio is Starting"):
            await ask("portfolio", "trades")
        assert (await ask("portfolio", "state"))["state"] == "Starting"


async def test_who_cannot_be_reached_may_be_later(asking):
    async with asking(trades=answering([])) as (ask, _, servers):
        address = servers.addresses["portfolio"]
        await servers.stop()
        servers.addresses["portfolio"] = address
        with pytest.raises(TemporaryError, match="portfolio does not answer"):
            await ask("portfolio", "trades")


async def test_only_who_may_ask_is_answered(asking):
    """On this side by the catalog, on the other by the token as well: a service that was taken over may lie."""
    async with asking(asker="strategy", trades=answering([])) as (ask, _, servers):
        with pytest.raises(PermanentError, match="strategy may not ask portfolio"):
            await ask("portfolio", "trades")
        url = f"{servers.addresses['portfolio']}/ask/trades"
        async with aiohttp.ClientSession() as session:
            for issuer, status in (("strategy", 403), ("nobody", 403), ("engine", 200), (RUNNER, 200), (None, 401)):
                headers = {SERVICE_HEADER: TOKENS.issue(issuer, "portfolio")} if issuer else {}
                async with session.post(url, data=msgspec.msgpack.encode({}), headers=headers) as answer:
                    assert answer.status == status, issuer


async def test_a_question_that_is_in_no_table_is_not_sent(asking):
    async with asking(trades=answering([])) as (ask, _, _):
        with pytest.raises(KeyError):
            await ask("portfolio", "fortune")


async def test_who_is_gone_is_not_asked_again_and_again(asking):
    """Refused at once after some failures in a row; asked all the same by a stop; and again by all once it answers."""
    async with asking(trades=answering([])) as (ask, runner, servers):
        address = servers.addresses["portfolio"]
        port = int(address.rpartition(":")[2])
        await servers.stop()
        servers.addresses["portfolio"] = address
        portfolio = runner.context.dependencies.of("service:portfolio")
        for _ in range(5):
            with pytest.raises(TemporaryError, match="portfolio does not answer"):
                await ask("portfolio", "trades")
        assert portfolio.circuit is Circuit.OPEN
        with pytest.raises(RefusedError, match="service:portfolio has not answered 5 times in a row"):
            await ask("portfolio", "trades")
        with vital(), pytest.raises(TemporaryError, match="portfolio does not answer"):
            await ask("portfolio", "trades")

        again = ServiceServers(Listener(ports={"portfolio": port}), {"portfolio": runner}, TOKENS)
        await again.start()
        try:
            with vital():
                assert await ask("portfolio", "trades") == []
            assert portfolio.circuit is Circuit.CLOSED
            assert await ask("portfolio", "trades") == []
        finally:
            await again.stop()


async def test_a_question_is_two_spans_below_that_of_who_asks(asking):
    """The asker's and, by the header, the answerer's; a question that nobody's span leads to makes none of its own."""
    exporter = InMemorySpanExporter()
    tracing = Tracing(exporter, "0", "default")
    above = f"00-{'a' * 32}-{'b' * 16}-01"
    async with asking(tracer=tracing.tracer, trades=answering([]), snapshot=raising(PermanentError("never"))) as (
        ask,
        _,
        _,
    ):
        await ask("portfolio", "trades")
        with under(above):
            await ask("portfolio", "trades")
            with pytest.raises(PermanentError):
                await ask("portfolio", "snapshot")
    tracing.flush()
    tracing.shutdown()
    alone, *spans = exporter.get_finished_spans()
    assert (alone.kind, alone.parent) == (SpanKind.SERVER, None)
    assert [(span.kind, span.resource.attributes["service.name"]) for span in spans] == [
        (SpanKind.SERVER, "portfolio"),
        (SpanKind.CLIENT, "engine"),
    ] * 2
    for server, client in (spans[:2], spans[2:]):
        assert {f"{span.context.trace_id:032x}" for span in (server, client)} == {"a" * 32}
        assert server.parent.span_id == client.context.span_id
        assert f"{client.parent.span_id:016x}" == "b" * 16
        assert client.name == "ask portfolio"
    assert spans[1].attributes == {"question": "trades", "http.response.status_code": 200}
    assert spans[3].status.status_code is StatusCode.ERROR
    assert spans[3].attributes["error.type"] == "PermanentError"
