"""One trade is one trace, from the candle that started it to the position that it closed."""

from __future__ import annotations

from collections import defaultdict

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

MARCH = ("spec.data.span.start=2022-03-01", "spec.data.span.end=2022-03-20")


def by_trace(spans):
    traces = defaultdict(list)
    for span in spans:
        traces[span.context.trace_id].append(span)
    return traces


def ancestors(span, spans):
    """Names from the span up to its root."""
    by_id = {one.context.span_id: one for one in spans}
    names = [span.name]
    while span.parent is not None:
        span = by_id[span.parent.span_id]
        names.append(span.name)
    return names


async def test_one_trade_is_one_trace(embedded):
    """Every closed trade's last position span leads, parent by parent, to the candle that its entry was decided on."""
    exporter = InMemorySpanExporter()
    async with embedded(*MARCH, exporter=exporter) as bot:
        await bot.wait()
        trades = await bot.ask("portfolio", "trades")
        bot.tracing.flush()
    traces = by_trace(exporter.get_finished_spans())
    trading = [spans for spans in traces.values() if any(span.name == "position" for span in spans)]

    assert len(trades) == len(trading) > 5
    for spans in trading:
        opened, closed = [span for span in spans if span.name == "position"]
        assert ["position", "fill", "order", "decision", "evaluation", "candle"] == ancestors(opened, spans)
        assert "candle" == ancestors(closed, spans)[-1]
        assert "position opened" == opened.attributes["change"]
        assert 1 == sum(1 for span in spans if span.name == "candle")


async def test_spans_carry_the_service_that_made_them(embedded):
    """`service.name` is the catalog's name, so a trace viewer shows the way through the services."""
    exporter = InMemorySpanExporter()
    async with embedded(*MARCH, exporter=exporter) as bot:
        await bot.wait()
        bot.tracing.flush()
    services = {span.name: span.resource.attributes["service.name"] for span in exporter.get_finished_spans()}

    assert {
        "candle": "market-data",
        "evaluation": "strategy",
        "decision": "engine",
        "order": "execution",
        "POST binance": "execution",
        "DELETE binance": "execution",
        "fill": "execution",
        "position": "portfolio",
    } == services


async def test_without_an_exporter_nothing_is_traced(embedded):
    """No endpoint, no spans: messages carry no context and nothing is spent."""
    async with embedded(*MARCH) as bot:
        await bot.wait()
        orders = await bot.ask("execution", "orders")

        assert orders
        assert not bot.tracing.tracer("engine").enabled
