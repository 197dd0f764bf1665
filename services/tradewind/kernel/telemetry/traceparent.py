"""The identity of a span as text: W3C `traceparent`, as it stands in messages and in headers of requests."""

from __future__ import annotations

import re

from opentelemetry.trace import SpanContext, TraceFlags

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def is_traceparent(text: str) -> bool:
    """Whether `text` is a W3C traceparent, version 00; what comes from outside is asked this first."""
    return _TRACEPARENT.fullmatch(text) is not None


def exemplar_of(traceparent: str | None) -> dict[str, str] | None:
    """What a histogram notes beside a value, so that a dashboard leads to the trace; None where none is recorded."""
    if traceparent is None or not int(traceparent[-2:], 16) & TraceFlags.SAMPLED:
        return None
    return {"trace_id": traceparent.split("-")[1]}


_REMEMBERED: dict[str, SpanContext] = {}
"""What the traceparents of the last moments say: those told to whom we call, and those that a span is made for."""
_MOST_REMEMBERED = 1024


def remember(traceparent: str, context: SpanContext) -> None:
    """Keep what a text says, which will be asked for again in a moment."""
    if len(_REMEMBERED) >= _MOST_REMEMBERED:
        _REMEMBERED.clear()
    _REMEMBERED[traceparent] = context


def text_of(context: SpanContext) -> str:
    """The traceparent of a span."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def context_of(traceparent: str) -> SpanContext | None:
    """What a traceparent says, None where it is none; those of the last moments are asked for again and again."""
    known = _REMEMBERED.get(traceparent)
    if known is not None:
        return known
    parts = traceparent.split("-")
    if len(parts) != 4 or len(parts[1]) != 32 or len(parts[2]) != 16:
        return None
    flags = TraceFlags(int(parts[3], 16))
    context = SpanContext(int(parts[1], 16), int(parts[2], 16), is_remote=True, trace_flags=flags)
    remember(traceparent, context)
    return context
