"""The one layer before every answer: the span it leaves, and what becomes of an answer that breaks off."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from fastapi.responses import StreamingResponse
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.openmetrics.exposition import generate_latest

from tradewind.kernel.http.middleware import RequestMiddleware
from tradewind.kernel.telemetry.logging import logger_for
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.telemetry.tracing import Tracing

HEADERS = [
    (b"host", b"127.0.0.1:8003"),
    (b"accept", b"*/*"),
    (b"x-service-auth", b"t" * 220),
    (b"x-request-id", b"3f2a9c"),
]


async def answer(scope, receive, send):
    scope["route"] = SimpleNamespace(path="/things/{name}")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def ignore(message):
    """Send nowhere."""


async def nothing():
    return {"type": "http.request", "body": b""}


def wrapped(tracer, metrics=None):
    context = SimpleNamespace(
        log=logger_for("portfolio", "default/x"),
        tracer=tracer,
        service="portfolio",
        key="default/x",
        metrics=metrics or Metrics(),
    )
    return RequestMiddleware(answer, context)


def scope(headers=()):
    return {"type": "http", "method": "GET", "path": "/things/1", "headers": [*HEADERS, *headers]}


async def test_an_answer_that_breaks_off_is_cut_and_logged(serve):
    """Once it has begun nothing can be said any more; the caller sees it end, and the log says why."""

    def fill(routes):
        @routes.get("/stream")
        async def stream() -> StreamingResponse:
            async def parts():
                yield b"half"
                raise ZeroDivisionError

            return StreamingResponse(parts())

    asked = serve(fill)
    with pytest.raises(ZeroDivisionError):
        await asked("GET", "/stream")

    assert [message for level, message, _ in asked.log if level == "exception"] == ["request failed"]


async def test_with_tracing_on_a_request_is_a_span_below_its_caller():
    """Named by the route, with the status, and the parent of whatever the route does."""
    exporter = InMemorySpanExporter()
    tracing = Tracing(exporter, "0", "default")
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    seen = scope([(b"traceparent", parent.encode())])

    await wrapped(tracing.tracer("portfolio"))(seen, nothing, ignore)
    tracing.flush()
    tracing.shutdown()

    (span,) = exporter.get_finished_spans()
    assert span.name == "GET /things/{name}"
    assert span.attributes["http.response.status_code"] == 200
    assert f"{span.parent.span_id:016x}" == "b" * 16
    assert seen["state"]["traceparent"] == f"00-{'a' * 32}-{span.context.span_id:016x}-01"


async def test_the_time_of_a_request_leads_to_its_trace():
    """Where traces are recorded; where they are not there is nothing to lead to."""
    tracing = Tracing(InMemorySpanExporter(), "0", "default")
    for tracer, found in ((tracing.tracer("portfolio"), 1), (Tracing(None, "0", "default").tracer("portfolio"), 0)):
        metrics = Metrics()
        middleware = wrapped(tracer, metrics)
        await middleware(scope([(b"traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")]), nothing, ignore)
        text = generate_latest(metrics.registry).decode()
        assert text.count('{trace_id="' + "a" * 32 + '"}') == found


async def test_of_quick_requests_one_a_second_leads_to_its_trace_and_of_slow_ones_each(monkeypatch):
    now = [1000.0]

    async def told(trace, took=0.0, passed=0.0):
        now[0] += passed
        clock.perf_counter = iter([now[0] - took, now[0]]).__next__
        await middleware(scope([(b"traceparent", b"00-%s-%s-01" % (trace * 32, b"b" * 16))]), nothing, ignore)
        return trace.decode() * 32 in generate_latest(metrics.registry).decode()

    clock = SimpleNamespace(time=lambda: 1.7e9)
    monkeypatch.setattr("tradewind.kernel.http.middleware.time", clock)
    metrics, tracing = Metrics(), Tracing(InMemorySpanExporter(), "0", "default")
    middleware = wrapped(tracing.tracer("portfolio"), metrics)
    assert await told(b"a")
    assert not await told(b"c", passed=0.5)
    assert await told(b"d", took=0.2)
    assert not await told(b"e", passed=0.9)
    assert await told(b"f", passed=0.2)
