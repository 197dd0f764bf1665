"""What happens to every request, in one plain ASGI middleware: identity, size, metrics, trace, the last resort.

One layer and no task of its own, because this stands before every answer: about five microseconds a request, and a
test keeps it below thirty. The route's template is the label of its metrics, never the path, so that their number
stays bounded.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable
from http import HTTPStatus
from random import getrandbits

from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tradewind.kernel.http.problems import ProblemError, problem_of, respond
from tradewind.kernel.service import Context
from tradewind.kernel.telemetry.traceparent import exemplar_of, is_traceparent
from tradewind.kernel.telemetry.tracing import stand_under

LARGEST_REQUEST = 1024 * 1024
REQUEST_ID = "X-Request-Id"
UNMATCHED = "unmatched"
NOTED = 1.0
"""Seconds between two quick requests of a route whose traces its histogram names: it keeps the last one alone."""
SLOW = 0.1
"""Seconds from which on each request's trace is named."""

_REQUEST_ID = b"x-request-id"
_SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_WANTED = frozenset({_REQUEST_ID, b"traceparent", b"content-length", b"transfer-encoding"})


class RequestMiddleware:
    """Wraps an application. `scope["state"]` gets `request_id`, `traceparent` (or None) and `log` of the request."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._log, self._tracer, self._traced = context.log, context.tracer, context.tracer.enabled
        self._service, self._labels = context.service, (context.key, context.service)
        self._requests, self._seconds = context.metrics.http_requests, context.metrics.http_seconds
        # A child of a metric is found by its labels; remembering it saves most of the cost of counting.
        self._counters: dict[tuple[str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._noted: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = {name: value for name, value in scope["headers"] if name in _WANTED}
        told = headers.get(_REQUEST_ID, b"")
        identity = told if _SANE.fullmatch(told) else b"%016x" % getrandbits(64)
        state = scope.setdefault("state", {})
        state["request_id"], state["log"] = identity.decode(), self._log
        parent = _parent(headers.get(b"traceparent"))
        state["traceparent"] = traceparent = self._tracer.reserve(scope["method"], parent) or parent
        if self._traced:
            # A request is a task of its own, so nothing has to be put back.
            stand_under(traceparent)
        status = 0

        def answer(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (_REQUEST_ID, identity)]
            return send(message)

        try:
            # Most requests have no body, and then nothing to limit.
            app = self._limited if b"content-length" in headers or b"transfer-encoding" in headers else self._app
            await app(scope, receive, answer)
        except Exception as error:
            facts = {"method": scope["method"], "path": scope["path"], "request_id": state["request_id"]}
            self._log.exception("request failed", **facts)
            if status:
                raise
            await respond(problem_of(error), scope["path"], state["request_id"])(scope, receive, answer)
        finally:
            # Without a status the answer never began: the request was cut off, by its sender or by our stop.
            status = status or HTTPStatus.INTERNAL_SERVER_ERROR
            route = getattr(scope.get("route"), "path", UNMATCHED)
            ended = time.perf_counter()
            seconds = ended - started
            self._count(route, status, seconds, ended, traceparent if self._traced else None)
            self._log.debug(
                "request", method=scope["method"], route=route, status=status, request_id=state["request_id"]
            )
            if self._traced:
                self._span(scope, route, status, parent, seconds)

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, unless the body is too large; one of unknown length is counted as it comes."""
        headers = dict(scope["headers"])
        length = headers.get(b"content-length")
        if length is not None and (len(length) > 18 or not length.isdigit() or int(length) > LARGEST_REQUEST):
            problem = _too_large()
            problem.headers["Connection"] = "close"
            await respond(problem, scope["path"], scope["state"]["request_id"])(scope, receive, send)
            return
        if b"transfer-encoding" in headers:
            receive = _counted(receive)
        await self._app(scope, receive, send)

    def _count(self, route: str, status: int, seconds: float, now: float, traceparent: str | None) -> None:
        counter = self._counters.get((route, status))
        if counter is None:
            counter = self._counters[route, status] = self._requests.labels(*self._labels, route, f"{status:d}")
        counter.inc()
        histogram = self._histograms.get(route)
        if histogram is None:
            histogram = self._histograms[route] = self._seconds.labels(*self._labels, route)
        if traceparent is None or (seconds < SLOW and now < self._noted.get(route, 0.0) + NOTED):
            histogram.observe(seconds)
            return
        self._noted[route] = now
        histogram.observe(seconds, exemplar_of(traceparent))

    def _span(self, scope: Scope, route: str, status: int, parent: str | None, seconds: float) -> None:
        attributes = {
            "http.request.method": scope["method"],
            "http.route": route,
            "http.response.status_code": status,
            "request_id": scope["state"]["request_id"],
        }
        self._tracer.span(
            f"{scope['method']} {route}",
            parent,
            attributes,
            start=time.time() - seconds,
            kind=SpanKind.SERVER,
            reserved=scope["state"]["traceparent"],
        )


def _parent(header: bytes | None) -> str | None:
    """The caller's trace, where the header is one."""
    text = header.decode("latin-1") if header is not None else ""
    return text if is_traceparent(text) else None


def _counted(receive: Receive) -> Receive:
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > LARGEST_REQUEST:
            # This kind passes through whatever reads the body, and is a problem like any other at the edge.
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large().detail)
        return message

    return counted


def _too_large() -> ProblemError:
    return ProblemError(413, "content-too-large", f"a request may have at most {LARGEST_REQUEST} bytes")
