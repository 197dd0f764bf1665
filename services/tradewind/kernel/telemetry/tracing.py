"""Traces: one trade is one trace, from the candle to the closed position.

Spans are made by hand where something of the trade happens, never by auto-instrumentation (which costs more than the
work it watches). Only the `OTEL_*` variables configure this; without an endpoint there is no exporter, no span and
no cost. The context travels as `traceparent` in each message, so it survives a restart with the stored ones.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, TraceFlags
from opentelemetry.util.types import AttributeValue

Attributes = Mapping[str, AttributeValue]


def exporter_from_environment() -> SpanExporter | None:
    """The OTLP exporter that `OTEL_EXPORTER_OTLP_ENDPOINT` asks for, or None."""
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if not endpoint or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  (slow import)

    return OTLPSpanExporter()


class Tracing:
    """Makes the tracers of this process; `exporter=None` makes tracers that do nothing."""

    def __init__(self, exporter: SpanExporter | None, version: str, namespace: str) -> None:
        self._processor = BatchSpanProcessor(exporter) if exporter else None
        self._version, self._namespace = version, namespace
        self._providers: list[TracerProvider] = []

    def tracer(self, service: str) -> Tracer:
        """The tracer of one service: its spans carry the service's own `service.name`."""
        if self._processor is None:
            return Tracer(None)
        resource = Resource.create(
            {"service.name": service, "service.namespace": self._namespace, "service.version": self._version}
        )
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(self._processor)
        self._providers.append(provider)
        return Tracer(provider.get_tracer("tradewind"))

    def flush(self) -> None:
        """Export what was ended; for the end of a run."""
        if self._processor is not None:
            self._processor.force_flush()

    def shutdown(self) -> None:
        """Export the rest and stop the exporting thread."""
        if self._processor is not None:
            self._processor.shutdown()


class Tracer:
    """Spans by traceparent. Every method is cheap and returns None where tracing is off."""

    __slots__ = ("_tracer",)

    def __init__(self, tracer: trace.Tracer | None) -> None:
        self._tracer = tracer

    @property
    def enabled(self) -> bool:
        """Whether spans are made at all."""
        return self._tracer is not None

    def span(
        self,
        name: str,
        parent: str | None = None,
        attributes: Attributes | None = None,
        links: Sequence[str] = (),
        start: float | None = None,
    ) -> str | None:
        """Record a span that ends now and began at `start` (seconds since the epoch; default now).

        Returns its traceparent, for the messages that follow from it.
        """
        if self._tracer is None:
            return None
        span = self._tracer.start_span(
            name,
            context=_context(parent),
            attributes=attributes,
            links=[Link(context) for link in links if (context := _span_context(link)) is not None] or None,
            start_time=int(start * 1e9) if start else None,
        )
        span.end()
        return traceparent_of(span)


def traceparent_of(span: Span) -> str:
    """The W3C form of a span's context."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def trace_id_of(traceparent: str | None) -> str | None:
    """The trace id in a traceparent, for log lines."""
    return traceparent[3:35] if traceparent else None


def _span_context(traceparent: str) -> SpanContext | None:
    parts = traceparent.split("-")
    if len(parts) != 4 or len(parts[1]) != 32 or len(parts[2]) != 16:
        return None
    return SpanContext(int(parts[1], 16), int(parts[2], 16), is_remote=True, trace_flags=TraceFlags(int(parts[3], 16)))


def _context(traceparent: str | None) -> trace.Context | None:
    span_context = _span_context(traceparent) if traceparent else None
    return trace.set_span_in_context(NonRecordingSpan(span_context)) if span_context else trace.Context()
