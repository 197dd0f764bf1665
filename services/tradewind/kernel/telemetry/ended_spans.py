"""Spans that are over, on their way to the exporter.

They are given to the SDK's queue together, as they were told, and become spans of the SDK on its exporting thread. Many
in one go cost a third of what each costs by itself: between two requests each finds the processor's caches filled with
something else, one after the other they do not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode
from opentelemetry.util.types import AttributeValue

from tradewind.kernel.telemetry.traceparent import context_of, is_sampled

Attributes = Mapping[str, AttributeValue]

TOGETHER = 64
"""Spans that are given to the SDK in one go."""
LATEST = 0.2
"""Seconds for which a span waits for others."""

_SCOPE = InstrumentationScope("tradewind")
_UNSET = Status(StatusCode.UNSET)
_SAMPLED = SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


class EndedSpan(NamedTuple):
    """A span that is over: what `Tracer.span` was told, and when. `start` in seconds, `end` in nanoseconds."""

    name: str
    traceparent: str
    parent: str | None
    attributes: Attributes | None
    links: Sequence[str]
    start: float | None
    end: int
    kind: SpanKind
    error: str
    resource: Resource | None
    context: SpanContext = _SAMPLED
    """What the SDK's queue asks whether it is sampled; one that is not does not come so far."""


class EndedSpans:
    """The SDK's batches, of spans that are over."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._processor = BatchSpanProcessor(_Exporter(exporter))
        self._spans: list[EndedSpan] = []

    def add(self, span: EndedSpan) -> None:
        """Have it exported with those to come; it is in the queue a moment later at the latest."""
        self._spans.append(span)
        if len(self._spans) == 1:
            try:
                asyncio.get_running_loop().call_later(LATEST, self._hand_over)
            except RuntimeError:  # where no loop runs nobody would come back
                self._hand_over()
        elif len(self._spans) >= TOGETHER:
            self._hand_over()

    def flush(self) -> None:
        """Have all of them exported."""
        self._hand_over()
        self._processor.force_flush()

    def shutdown(self) -> None:
        """Export the rest, and stop the exporting thread."""
        self._hand_over()
        self._processor.shutdown()  # type: ignore[no-untyped-call]

    def _hand_over(self) -> None:
        spans, self._spans = self._spans, []
        for span in spans:
            if is_sampled(span.traceparent):
                self._processor.on_end(cast("Any", span))


class _Exporter(SpanExporter):
    """Gives another exporter the SDK's spans."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        return self._exporter.export([_readable(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _readable(span: EndedSpan) -> ReadableSpan:
    context = context_of(span.traceparent)
    assert context is not None
    above = context_of(span.parent) if span.parent else None
    if above is not None and above.trace_id != context.trace_id:
        above = None  # it was no traceparent, so it began no trace that this one could be of
    return ReadableSpan(
        span.name,
        context=context,
        parent=above,
        kind=span.kind,
        resource=span.resource,
        attributes={**(span.attributes or {}), "error.type": span.error} if span.error else span.attributes,
        status=Status(StatusCode.ERROR) if span.error else _UNSET,
        links=[Link(one) for link in span.links if (one := context_of(link)) is not None],
        instrumentation_scope=_SCOPE,
        start_time=int(span.start * 1e9) if span.start else span.end,
        end_time=span.end,
    )
