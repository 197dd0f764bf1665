"""One trade of a bot of several processes is one trace: over Redis, over questions by HTTP, and to the venue."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from tests.topology.conftest import TRADING
from tests.topology.recordings import gappy_bot
from tests.topology.test_split import Split, split, until_ended  # noqa: F401  (a fixture)
from tests.topology.test_trace import ancestors, by_trace

PROCESSES = (*TRADING, "sim-exchange", "gateway")


@pytest.fixture
def manifest(tmp_path):
    """Trades at a venue that is reached over HTTP."""
    path = gappy_bot(tmp_path, candles=120)
    path.write_text(path.read_text().replace("venue: Paper", "venue: Simulated"))
    return path


@pytest.fixture
async def traced(split):  # noqa: F811
    """The bot, each service in a process of its own with an exporter of its own; and all that they exported."""
    exporters = {name: InMemorySpanExporter() for name in PROCESSES}

    async def begin(*names):
        await asyncio.gather(*(split.begin(name, exporter=exporters[name]) for name in names))

    def spans():
        for process in split.processes.values():
            process.tracing.flush()
        return [span for exporter in exporters.values() for span in exporter.get_finished_spans()]

    split.begin_traced, split.spans, split.exporters = begin, spans, exporters
    return split


def parents_exist(spans):
    known = {span.context.span_id for span in spans}
    return all(span.parent is None or span.parent.span_id in known for span in spans)


async def test_one_trade_is_one_trace_over_every_process(traced: Split):
    """From the candle of market-data to the position in portfolio, each request to the venue below its order."""
    async with asyncio.timeout(240):
        await traced.begin_traced(*TRADING, "sim-exchange")
        await until_ended(traced.processes["engine"])
        trades = await traced.processes["engine"].ask("portfolio", "trades")
    spans = traced.spans()
    traces = [one for one in by_trace(spans).values() if any(span.name == "position" for span in one)]
    closed = [one for one in traces if sum(span.name == "position" for span in one) > 1]

    assert len(trades) > 3
    assert len(closed) >= len(trades)
    for trace in closed:
        assert parents_exist(trace)
        opened, *_ = [span for span in trace if span.name == "position"]
        assert ["position", "fill", "order", "decision", "evaluation", "candle"] == ancestors(opened, trace)
        requests = [span for span in trace if span.name == "POST binance"]
        assert requests
        for request in requests:
            assert request.kind is SpanKind.CLIENT
            assert request.attributes["url.path"].startswith("/api/v3/order")
            assert request.attributes["http.response.status_code"] == 200
            assert ancestors(request, trace)[1:3][0] == "order"
        assert {"market-data", "strategy", "engine", "execution", "portfolio"} == {
            span.resource.attributes["service.name"] for span in trace
        }


async def test_a_request_from_outside_is_one_trace_through_every_process_that_it_leads_to(traced: Split):
    """The caller's trace goes on in the gateway, in the engine, and in market-data, which the engine asks for it."""
    above = f"00-{'a' * 32}-{'b' * 16}-01"
    async with asyncio.timeout(240):
        await traced.begin_traced(*TRADING, "sim-exchange")
        await traced.begin_traced("gateway")
        gateway = traced.processes["gateway"]
        key = (gateway.directory.path / "api-key").read_text().strip()
        url = f"{gateway.servers.addresses['gateway']}/api/v1/decisions?pair=AAA/EUR"
        headers = {"X-API-Key": key, "traceparent": above}
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
    spans = [span for span in traced.spans() if f"{span.context.trace_id:032x}" == "a" * 32]
    by_parent = {f"{span.parent.span_id:016x}": span for span in spans}
    way, place = [], "b" * 16
    while place in by_parent:
        span = by_parent[place]
        way.append((span.resource.attributes["service.name"], span.kind.name, span.name))
        place = f"{span.context.span_id:016x}"
    assert way == [
        ("gateway", "SERVER", "GET /api/v1/decisions"),
        ("gateway", "CLIENT", "GET engine"),
        ("engine", "SERVER", "GET /api/v1/decisions"),
        ("engine", "CLIENT", "ask market-data"),
        ("market-data", "SERVER", "POST /ask/{question}"),
    ]
    assert len(way) == len(spans)
