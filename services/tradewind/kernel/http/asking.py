"""Questions between processes: one side sends them over HTTP, the other answers them.

A question is `POST /ask/{question}` with its parameters as MessagePack and a service token; the answer comes in the
types of `kernel.questions`. Nothing is asked twice by itself: most questions change nothing and whoever asked tries
again with its own pauses, but a stop or a cancellation is somebody's decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec
from fastapi import APIRouter, Request, Response

from tradewind import catalog
from tradewind.domain.errors import NotFoundError, PermanentError, TemporaryError
from tradewind.kernel.ask import RUNNER, STATE, allowed_to, answer_of
from tradewind.kernel.http.access import running
from tradewind.kernel.http.problems import ProblemError
from tradewind.kernel.questions import answer_type, decode_answer, encode_answer
from tradewind.kernel.resilience import Dependencies, Limits
from tradewind.kernel.runner import ServiceRunner
from tradewind.kernel.security import SERVICE_HEADER, Caller, Peers
from tradewind.kernel.telemetry.tracing import Tracer

MEDIA_TYPE = "application/msgpack"
ANSWER_WITHIN = 30.0
"""Seconds; the closes of a year of minutes take one."""
CONNECT_WITHIN = 3.0
LIMITS = Limits(at_once=32, timeout=ANSWER_WITHIN)


def question_router(runner: ServiceRunner) -> APIRouter:
    """The route by which other processes ask the service of `runner`; its caller is known by then."""
    service, check = runner.context.service, running(runner)
    answers, known = runner.answers, {RUNNER, *catalog.by_name()}
    router = APIRouter(include_in_schema=False)

    @router.post("/ask/{question}")
    async def ask(question: str, request: Request) -> Response:
        caller: Caller = request.state.caller
        if caller.service not in known or service not in allowed_to(caller.service, question):
            raise ProblemError(HTTPStatus.FORBIDDEN, "forbidden", f"{caller.service} may not ask {service}")
        if question != STATE:
            await check()
        parameters = msgspec.msgpack.decode(await request.body(), type=dict[str, Any])
        answer = answer_of(service, answers, question)
        return Response(encode_answer(await answer(**parameters)), media_type=MEDIA_TYPE)

    return router


class RemoteAnswers:
    """Asks services of other processes; `tracer` gives that of whoever asks. Close it."""

    def __init__(
        self,
        peers: Peers,
        tracer: Callable[[str], Tracer] = lambda _asker: Tracer(None, None),
        dependencies: Dependencies | None = None,
    ) -> None:
        self._peers, self._tracer, self._dependencies = peers, tracer, dependencies or Dependencies()
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, asker: str, service: str, question: str, parameters: Mapping[str, Any]) -> Any:
        """The answer; `TemporaryError` where the service cannot be reached or is not ready."""
        answer_type(service, question)
        dependency = self._dependencies.of(f"service:{service}", LIMITS)
        url = f"{self._peers.address(service)}/ask/{question}"
        headers = {SERVICE_HEADER: self._peers.tokens.issue(asker, service), "Content-Type": MEDIA_TYPE}
        with self._tracer(asker).calling(f"ask {service}", {"question": question}) as calling:
            if calling.traceparent is not None:
                headers["traceparent"] = calling.traceparent
            try:
                with dependency.attempt(is_silence):
                    status, after, content = await self._sent(url, headers, msgspec.msgpack.encode(parameters))
            except (aiohttp.ClientError, TimeoutError) as error:
                words = str(error) or type(error).__name__
                raise TemporaryError(f"{service} does not answer: {words}") from error
            calling.note("http.response.status_code", status)
            if status != HTTPStatus.OK:
                raise _refused(f"{service}, asked for {question}", status, after, content)
            return decode_answer(service, question, content)

    async def _sent(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, bytes]:
        """Status, `Retry-After` and body of the answer."""
        async with self._connected().post(url, data=body, headers=headers, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Retry-After", ""), await answer.read()

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            # Of its own bound, one service that hangs would take the connections of all the others.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN, sock_connect=CONNECT_WITHIN),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def is_silence(error: Exception) -> bool:
    """Whether a request ended without an answer."""
    return isinstance(error, aiohttp.ClientError | TimeoutError)


def _refused(asked: str, status: int, after: str, content: bytes) -> Exception:
    """What a problem that came back is here."""
    try:
        detail = str(msgspec.json.decode(content)["detail"])
    except (msgspec.DecodeError, KeyError, TypeError):
        detail = f"status {status}"
    words = f"{asked}: {detail}"
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.GATEWAY_TIMEOUT):
        return TemporaryError(words, float(after) if after.isdigit() else 1.0)
    if status == HTTPStatus.NOT_FOUND:
        return NotFoundError(words)
    return PermanentError(words)
