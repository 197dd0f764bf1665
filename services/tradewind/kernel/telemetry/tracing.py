"""Traces: one trade is one trace, from the candle to the closed position.

Spans are made by hand where something of the trade happens, never by auto-instrumentation (which costs more than the
work it watches). Only the `OTEL_*` variables configure this; without an endpoint there is no exporter, no span and
no cost. The context travels as `traceparent` in each message, so it survives a restart with the stored ones, and in
the header of that name with each question.

What calls out of the process (a question, a request to a venue) stands deep below whoever knows the span that it
belongs to. So there is a context variable for this alone: `under` sets it, and `Tracer.calling` reads it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from types import TracebackType
from typing import Self

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import SpanKind, TraceFlags
from opentelemetry.util.types import AttributeValue

from tradewind.kernel.telemetry.ended_spans import Attributes, EndedSpan, EndedSpans
from tradewind.kernel.telemetry.traceparent import is_traceparent

_ABOVE: ContextVar[str | None] = ContextVar("above", default=None)


class _Under:
    """A class, because a generator's context costs as much as the rest of what a request's span does."""

    __slots__ = ("_token", "_traceparent")

    def __init__(self, traceparent: str | None) -> None:
        self._traceparent = traceparent

    def __enter__(self) -> None:
        self._token = _ABOVE.set(self._traceparent)

    def __exit__(self, *_: object) -> None:
        _ABOVE.reset(self._token)


def under(traceparent: str | None) -> AbstractContextManager[None]:
    """Calls out of this process that are made inside belong below the span of `traceparent`."""
    return _Under(traceparent)


def stand_under(traceparent: str | None) -> None:
    """`under` for the rest of this task, for loops in which the one after takes the place of the one before."""
    _ABOVE.set(traceparent)


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
        self._ended = EndedSpans(exporter) if exporter else None
        self._version, self._namespace = version, namespace
        self._tracers: dict[str, Tracer] = {}

    def tracer(self, service: str) -> Tracer:
        """The tracer of one service: its spans carry the service's own `service.name`."""
        if service not in self._tracers:
            self._tracers[service] = self._made(service)
        return self._tracers[service]

    def _made(self, service: str) -> Tracer:
        if self._ended is None:
            return Tracer(None, None)
        resource = Resource.create(
            {"service.name": service, "service.namespace": self._namespace, "service.version": self._version}
        )
        return Tracer(TracerProvider(resource=resource, shutdown_on_exit=False), self._ended)

    def flush(self) -> None:
        """Export what was ended; for the end of a run."""
        if self._ended is not None:
            self._ended.flush()

    def shutdown(self) -> None:
        """Export the rest and stop the exporting thread."""
        if self._ended is not None:
            self._ended.shutdown()


class Tracer:
    """Spans by traceparent. Every method is cheap and returns None where tracing is off.

    A span is recorded when it is over, with both of its ends known, so there is never one to carry about: that makes
    the SDK's finished form directly and costs a third of starting and ending a live one. Identity, sampling and
    resource are the SDK's own.
    """

    __slots__ = ("_ended", "_ids", "_resource", "_sampler")

    def __init__(self, provider: TracerProvider | None, ended: EndedSpans | None) -> None:
        self._ended = ended
        self._resource = provider.resource if provider else None
        self._sampler = provider.sampler if provider else None
        self._ids = provider.id_generator if provider else None

    @property
    def enabled(self) -> bool:
        """Whether spans are made at all."""
        return self._ended is not None

    def span(
        self,
        name: str,
        parent: str | None = None,
        attributes: Attributes | None = None,
        links: Sequence[str] = (),
        start: float | None = None,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        reserved: str | None = None,
        error: str = "",
    ) -> str | None:
        """Record a span that ends now and began at `start` (seconds since the epoch; default now).

        Returns its traceparent, for the messages that follow from it; what `reserve` gave, if that is given. `error`
        is one word about why it failed, empty where it did not.
        """
        if self._ended is None:
            return None
        traceparent = reserved or self.reserve(name, parent)
        assert traceparent is not None
        end = time.time_ns()
        self._ended.add(
            EndedSpan(name, traceparent, parent, attributes, links, start, end, kind, error, self._resource)
        )
        return traceparent

    def reserve(self, name: str, parent: str | None = None) -> str | None:
        """The traceparent of a span that begins now and is recorded when it is over, for what happens meanwhile."""
        if self._ended is None:
            return None
        assert self._ids is not None
        span_id = f"{self._ids.generate_span_id():016x}"
        if parent is not None and is_traceparent(parent):
            # All but the identity stands in the text of the span above already.
            return f"{parent[:36]}{span_id}{parent[52:]}"
        trace_id = self._ids.generate_trace_id()
        return f"00-{trace_id:032x}-{span_id}-{self._sampled(trace_id, name):02x}"

    def calling(self, name: str, attributes: Attributes | None = None) -> Calling:
        """Around a call out of this process: a client span, where whoever calls is under a span; else nothing."""
        above = _ABOVE.get() if self._ended is not None else None
        return _Called(self, name, above, dict(attributes or {})) if above else _NOTHING

    def _sampled(self, trace_id: int, name: str) -> int:
        """The sampler's word about a new trace (`OTEL_TRACES_SAMPLER`)."""
        assert self._sampler is not None
        decision = self._sampler.should_sample(None, trace_id, name).decision
        return TraceFlags.SAMPLED if decision is Decision.RECORD_AND_SAMPLE else TraceFlags.DEFAULT


class Calling:
    """A call out of this process that nobody traces; `_Called` is one that somebody does."""

    __slots__ = ()
    traceparent: str | None = None
    """What is to be told to who is called."""

    def note(self, name: str, value: AttributeValue) -> None:
        """Add an attribute to what the span says."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Record the span."""


_NOTHING = Calling()


class _Called(Calling):
    __slots__ = ("_above", "_attributes", "_name", "_start", "_tracer", "traceparent")

    def __init__(self, tracer: Tracer, name: str, above: str, attributes: dict[str, AttributeValue]) -> None:
        self._tracer, self._name, self._above, self._attributes = tracer, name, above, attributes
        self._start = time.time()
        self.traceparent = tracer.reserve(name, above)

    def note(self, name: str, value: AttributeValue) -> None:
        self._attributes[name] = value

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._tracer.span(
            self._name,
            self._above,
            self._attributes,
            start=self._start,
            kind=SpanKind.CLIENT,
            reserved=self.traceparent,
            error=kind.__name__ if kind is not None else "",
        )
