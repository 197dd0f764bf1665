"""Spans as an exporter gets them, made of what was told about them when they were over."""

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import StatusCode

from tradewind.kernel.telemetry.traceparent import context_of, is_sampled, is_traceparent
from tradewind.kernel.telemetry.tracing import Tracing

ABOVE = f"00-{'a' * 32}-{'b' * 16}-01"
UNSAMPLED = f"00-{'a' * 32}-{'b' * 16}-00"


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter):
    tracing = Tracing(exporter, "1.2", "default")
    yield tracing
    tracing.shutdown()


@pytest.fixture
def tracer(tracing):
    return tracing.tracer("engine")


def only(exporter, tracing):
    tracing.flush()
    (span,) = exporter.get_finished_spans()
    return span


def test_a_span_says_what_was_told_about_it(tracer, tracing, exporter):
    link = f"00-{'c' * 32}-{'d' * 16}-01"
    told = tracer.span("decide", ABOVE, {"pair": "BTC/EUR"}, [link], start=1_700_000_000.5, kind=SpanKind.CLIENT)
    span = only(exporter, tracing)
    assert (span.name, span.kind, dict(span.attributes)) == ("decide", SpanKind.CLIENT, {"pair": "BTC/EUR"})
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == ("a" * 32, "b" * 16)
    assert told == f"00-{'a' * 32}-{span.context.span_id:016x}-01"
    assert [f"{one.context.trace_id:032x}" for one in span.links] == ["c" * 32]
    assert span.start_time == 1_700_000_000_500_000_000 < span.end_time
    assert span.status.status_code is StatusCode.UNSET
    facts = span.resource.attributes
    assert (facts["service.name"], facts["service.namespace"], facts["service.version"]) == ("engine", "default", "1.2")


def test_a_span_that_failed_says_how(tracer, tracing, exporter):
    tracer.span("send", ABOVE, {"pair": "BTC/EUR"}, error="TimeoutError")
    span = only(exporter, tracing)
    assert dict(span.attributes) == {"pair": "BTC/EUR", "error.type": "TimeoutError"}
    assert span.status.status_code is StatusCode.ERROR


def test_a_span_whose_identity_was_reserved_has_it(tracer, tracing, exporter):
    reserved = tracer.reserve("send", ABOVE)
    assert tracer.span("send", ABOVE, reserved=reserved) == reserved
    assert f"{only(exporter, tracing).context.span_id:016x}" == reserved[36:52] != "b" * 16


def test_nothing_below_a_span_that_is_not_sampled_is(tracer, tracing, exporter):
    below = tracer.span("decide", UNSAMPLED)
    assert below.startswith(f"00-{'a' * 32}-")
    assert not is_sampled(below)
    tracing.flush()
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize("above", [None, "", "00-1-2-01", f"00-{'0' * 32}-{'b' * 16}-01", ABOVE[:-1]])
def test_without_a_trace_above_a_new_one_begins(tracer, tracing, exporter, above):
    told = tracer.span("decide", above)
    assert is_traceparent(told)
    assert is_sampled(told)
    span = only(exporter, tracing)
    assert (f"{span.context.trace_id:032x}", span.parent) == (told[3:35], None)


def test_the_sampler_of_the_environment_is_asked_about_a_new_trace(monkeypatch, exporter):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    tracing = Tracing(exporter, "1.2", "default")
    told = tracing.tracer("engine").span("decide")
    tracing.shutdown()
    assert told.endswith("-00")
    assert exporter.get_finished_spans() == ()


def test_what_is_over_is_exported_at_the_end(tracing, exporter):
    names = [f"span {number}" for number in range(3000)]
    for name in names:
        tracing.tracer("engine").span(name)
        if name.endswith("00"):
            tracing.flush()
    tracing.shutdown()
    assert sorted(span.name for span in exporter.get_finished_spans()) == sorted(names)


def test_without_an_exporter_there_is_no_span():
    tracer = Tracing(None, "1.2", "default").tracer("engine")
    assert (tracer.enabled, tracer.reserve("decide"), tracer.span("decide", ABOVE)) == (False, None, None)


@pytest.mark.parametrize("text", ["", "00", "00-x-y-z", f"00-{'0' * 32}-{'b' * 16}-01", f"00-{'a' * 32}-{'0' * 16}-01"])
def test_what_is_no_traceparent_says_nothing(text):
    assert context_of(text) is None
