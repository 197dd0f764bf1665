"""One trade of a bot of several processes is one trace: over Redis, over questions by HTTP, and to the venue."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from tests.topology.conftest import TRADING
from tests.topology.recordings import gappy_bot
from tests.topology.test_split import Split, split, until_ended  # noqa: F401  (a fixture)
from tests.topology.test_trace import ancestors, by_trace

PROCESSES = (*TRADING, "sim-exchange")


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

    async def begin(*names, **others):
        await asyncio.gather(*(split.begin(name, exporter=exporters[name]) for name in names), **others)

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
    async with asyncio.timeout(120):
        await traced.begin_traced(*PROCESSES)
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
