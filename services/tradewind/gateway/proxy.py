"""Passing a request on to the service that answers it.

The service gets a token that says on whose behalf it is asked, the id of the request and its trace, and of the
caller's own headers only what says something about the body. What changes something is never tried twice: whether a
call that broke off was carried out is not known here. A question to one of several instances, which may have died since
it was heard of last, is asked once more of another one, as far as the budget of retries goes; whoever was silent is not
chosen for a while where there are others.
"""

from __future__ import annotations

import asyncio
import math

import aiohttp
from fastapi import Request, Response
from yarl import URL

from tradewind.domain.errors import TemporaryError
from tradewind.gateway.routes import Route
from tradewind.kernel.http.asking import is_silence
from tradewind.kernel.http.middleware import REQUEST_ID
from tradewind.kernel.http.problems import ProblemError
from tradewind.kernel.resilience import Dependency, Limits, RefusedError
from tradewind.kernel.security import SERVICE_HEADER, ApiKey, Peers
from tradewind.kernel.service import Context

ANSWER_WITHIN = 30.0
CONNECT_WITHIN = 3.0
DRAIN_WITHIN = 5.0
LIMITS = Limits(at_once=100, timeout=ANSWER_WITHIN)
_KEEP = 30.0
_LEFT_ALONE = 5.0
"""Seconds for which an instance that was silent is not chosen; the registry forgets one in about as many."""

_FORWARDED = ("accept", "content-type")
_RETURNED = ("content-type", "retry-after", "allow")


class BrokenOffError(aiohttp.ClientConnectionError):
    """The connection broke off when the request was, or may have been, on its way."""


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """By itself the client sends a DELETE again where a connection breaks off, unless it does not know the failure."""
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise  # nothing was sent, and nothing is sent again
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise BrokenOffError(str(error)) from error


class Proxy:
    """A pool of connections to the services."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._session: aiohttp.ClientSession | None = None
        self._idle = asyncio.Event()
        self._busy = 0
        self._silent: dict[str, float] = {}
        """Addresses that did not answer, with the time of the loop until which they are left alone."""

    @property
    def peers(self) -> Peers:
        """Where the services are; a gateway is asked only where something listens."""
        assert self._context.peers is not None
        return self._context.peers

    async def forward(self, route: Route, request: Request, key: ApiKey) -> Response:
        """The service's answer, as it is; a problem that names the service when it does not answer."""
        address = self._chosen(route.service)
        target = request.scope["raw_path"].decode("ascii")
        query = request.scope["query_string"].decode("ascii")
        asked = f"{target}{'?' + query if query else ''}"
        body = await request.body() if route.changes else None
        headers = self._headers(route, request, key)
        self._busy += 1
        try:
            return await self._answered(route, address, asked, headers, body)
        except RefusedError as error:
            headers = {"Retry-After": str(math.ceil(error.retry_after))}
            raise ProblemError(503, "unavailable", str(error), headers, service=route.service) from error
        except TimeoutError as error:
            detail = f"{route.service} did not answer within {ANSWER_WITHIN:.0f} s{_unknown(route)}"
            raise ProblemError(504, "upstream-timeout", detail, service=route.service) from error
        except aiohttp.ClientError as error:
            self._context.log.warning("service does not answer", upstream=route.service, error=str(error))
            lost = "" if isinstance(error, aiohttp.ClientConnectorError) else _unknown(route)
            detail = f"{route.service} does not answer{lost}"
            raise ProblemError(503, "unavailable", detail, {"Retry-After": "5"}, service=route.service) from error
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    async def _answered(
        self, route: Route, address: str, asked: str, headers: dict[str, str], body: bytes | None
    ) -> Response:
        """The answer of the instance at `address`, or of another one to a question that broke off there."""
        try:
            return await self._passed_on(route, URL(address + asked, encoded=True), headers, body)
        except aiohttp.ClientError:
            self._silent[address] = asyncio.get_running_loop().time() + _LEFT_ALONE
            other = None if route.changes else self._another(route.service, address)
            if other is None or not self._upstream(route.service).may_retry():
                raise
        return await self._passed_on(route, URL(other + asked, encoded=True), headers, body)

    def _another(self, service: str, silent: str) -> str | None:
        """Whom to ask now that the one at `silent` did not answer; None where nobody knows of another one."""
        try:
            other = self._chosen(service)
        except TemporaryError:
            return None
        return None if other == silent else other

    def _chosen(self, service: str) -> str:
        """The address whose turn it is, unless it was silent and another one was not."""
        address, now = self.peers.address(service), asyncio.get_running_loop().time()
        if self._silent:
            self._silent = {one: until for one, until in self._silent.items() if until > now}
            if address in self._silent:
                others = (one for one in self.peers.instances(service) if one not in self._silent)
                return next(others, address)
        return address

    def _upstream(self, service: str) -> Dependency:
        return self._context.dependencies.of(f"upstream:{service}", LIMITS)

    async def _passed_on(self, route: Route, url: URL, headers: dict[str, str], body: bytes | None) -> Response:
        """What changes something is always tried: it may be the stop on which money hangs."""
        facts = {"http.request.method": route.method, "http.route": route.path}
        with (
            self._upstream(route.service).attempt(is_silence, always=route.changes),
            self._context.tracer.calling(f"{route.method} {route.service}", facts) as calling,
        ):
            if calling.traceparent is not None:
                headers["traceparent"] = calling.traceparent
            async with self.session().request(
                route.method,
                url,
                headers=headers,
                data=body,
                allow_redirects=False,
                middlewares=(_once,) if route.changes else (),
            ) as answer:
                calling.note("http.response.status_code", answer.status)
                content = await answer.read()
                returned = {name: answer.headers[name] for name in _RETURNED if name in answer.headers}
                return Response(content, answer.status, returned)

    def session(self) -> aiohttp.ClientSession:
        """The pool, made with the first request."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP),
                timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN, sock_connect=CONNECT_WITHIN),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def close(self) -> None:
        """Let what was passed on be answered, then close the connections."""
        if self._busy:
            self._idle.clear()
            try:
                async with asyncio.timeout(DRAIN_WITHIN):
                    await self._idle.wait()
            except TimeoutError:
                self._context.log.warning("requests not answered in time", requests=self._busy)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _headers(self, route: Route, request: Request, key: ApiKey) -> dict[str, str]:
        headers = {name: request.headers[name] for name in _FORWARDED if name in request.headers}
        headers[SERVICE_HEADER] = self.peers.tokens.issue(self._context.service, route.service, key.name)
        headers[REQUEST_ID] = request.state.request_id
        if request.state.traceparent:
            headers["traceparent"] = request.state.traceparent
        return headers


def _unknown(route: Route) -> str:
    return "; whether it was carried out is not known, GET its state before trying again" if route.changes else ""
