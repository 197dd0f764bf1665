"""The identity of a span as text: W3C `traceparent`, as it stands in messages and in headers of requests."""

from __future__ import annotations

import re

from opentelemetry.trace import SpanContext, TraceFlags

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_ODD = frozenset("13579bdf")
"""How the flags of a sampled span end: `TraceFlags.SAMPLED` is the last bit."""


def is_traceparent(text: str) -> bool:
    """Whether `text` is a W3C traceparent, version 00; what comes from outside is asked this first."""
    return _TRACEPARENT.fullmatch(text) is not None


def is_sampled(traceparent: str) -> bool:
    """Whether its span is recorded."""
    return traceparent[-1] in _ODD


def exemplar_of(traceparent: str | None) -> dict[str, str] | None:
    """What a histogram notes beside a value, so that a dashboard leads to the trace; None where none is recorded."""
    if traceparent is None or not is_sampled(traceparent):
        return None
    return {"trace_id": traceparent.split("-")[1]}


def context_of(traceparent: str) -> SpanContext | None:
    """What a traceparent says, None where it is none."""
    try:
        _, trace, span, flags = traceparent.split("-")
        found = SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    except ValueError:
        return None
    return found if found.is_valid else None
