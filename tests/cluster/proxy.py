"""A bad day between a client and the API server: a proxy that misbehaves on command.

It ends the client's TLS with a certificate of the same authority and passes the client's token on, so everything that
the API server knows about who may do what stays true (`ControlPlane.kubeconfig_for(..., server=proxy.url)`); clients
with certificates cannot use it. Unless told otherwise it passes everything on as it is. Which requests are hit is drawn
from a seed.

It runs in a thread with an event loop of its own, so that tests may block, and may be asynchronous, as they like.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import ssl
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from aiohttp import AddrInfoType, ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector, web
from tests.cluster.processes import LOOPBACK
from yarl import URL

_REASONS = {429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}
_OF_ONE_CONNECTION = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding", "upgrade"})
_LARGEST_BODY = 64 * 1024 * 1024

Result = TypeVar("Result")
Matching = Callable[[str, str], bool]
"""Takes method and path of a request, says whether it is meant."""


@dataclass(frozen=True)
class _Fault:
    share: float
    matching: Matching
    status: int = 0
    retry_after: int | None = None


class Proxy:
    """Stands before the API server at `upstream`; `certificates` is the directory of the control plane's.

    Attributes:
        answers: how many answers clients got, by status; 0 counts those that never came (cut or lost).
        watches_begun: how many watches were asked for.
        stopped: set when `stop_after` has let everything through that it was to let through.
    """

    def __init__(self, upstream: str, certificates: Path, seed: int = 0) -> None:
        self.answers: Counter[int] = Counter()
        self.watches_begun = 0
        self.stopped = threading.Event()
        self._allowed: int | None = None
        self._last_is_answered = True
        self._counted: Matching = lambda *_: True
        self._upstream = upstream
        self._to_upstream = ssl.create_default_context(cafile=str(certificates / "authority.crt"))
        self._to_clients = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._to_clients.load_cert_chain(certificates / "proxy.crt", certificates / "proxy.key")
        self._random = random.Random(seed)
        self._faults: list[_Fault] = []
        self._losses: list[_Fault] = []
        self._to_expire = 0
        self._busy: set[asyncio.Transport] = set()
        self._watches: set[asyncio.Task[None]] = set()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._flowing = asyncio.Event()
        self._held: Matching = lambda *_: True
        self._going = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result(120)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(120)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return f"https://{LOOPBACK}:{self._port}"

    @property
    def connections(self) -> int:
        """How many connections to the API server are open."""
        return sum(one.fileno() != -1 for one in set(self._sockets))

    # ---------------------------------------------------------------------------------------------------- misbehaving

    def fail(
        self, status: int, share: float = 1.0, retry_after: int | None = None, matching: Matching = lambda *_: True
    ) -> None:
        """From now on answers a `share` of requests with `status`; the API server does not see these.

        Several calls add up. `retry_after` is in seconds.
        """
        self._call(lambda: self._faults.append(_Fault(share, matching, status, retry_after)))

    def lose_answers(self, share: float = 1.0, matching: Matching = lambda *_: True) -> None:
        """From now on cuts the connection of a `share` of requests after the API server has done what they ask."""
        self._call(lambda: self._losses.append(_Fault(share, matching)))

    def stop_after(self, count: int, matching: Matching, *, answer_last: bool = True) -> None:
        """Lets `count` requests through that match, and then nobody's any more: they wait until `heal`, and are cut.

        Without `answer_last` the last one is done by the API server, and nobody is told.
        """

        def arm() -> None:
            self._allowed, self._counted, self._last_is_answered = count, matching, answer_last
            self.stopped.clear()
            self._going.clear()

        self._call(arm)

    @property
    def requests(self) -> int:
        """How many requests have come to an end, answered or not."""
        return sum(self.answers.values())

    def heal(self) -> None:
        """Ends `fail`, `lose_answers`, `expire_watches`, `hold_events` and `stop_after`."""

        def heal() -> None:
            self._faults.clear()
            self._losses.clear()
            self._to_expire = 0
            self._flowing.set()
            self._allowed = None
            self._going.set()

        self._call(heal)

    def drop_watches(self) -> int:
        """Ends all watches that are open, as an API server does from time to time; how many that were."""

        def drop() -> int:
            for task in self._watches:
                task.cancel()
            return len(self._watches)

        return self._call(drop)

    def expire_watches(self, count: int) -> int:
        """Ends all open watches, and lets the next `count` begin with an event that says 410 Gone; how many ended."""

        def expire() -> None:
            self._to_expire = count

        self._call(expire)
        return self.drop_watches()

    def hold_events(self, matching: Matching = lambda *_: True) -> None:
        """Keeps back what watches would deliver; connections stay open. `release_events` delivers all of it."""

        def hold() -> None:
            self._held = matching
            self._flowing.clear()

        self._call(hold)

    def release_events(self) -> None:
        """Delivers what was held back, in order, and goes on."""
        self._call(self._flowing.set)

    def cut_connections(self) -> int:
        """Aborts every request that is under way, watches too; how many that were."""

        def cut() -> int:
            for transport in self._busy:
                transport.abort()
            return len(self._busy)

        return self._call(cut)

    # --------------------------------------------------------------------------------------------------------- inside

    def _call(self, function: Callable[[], Result]) -> Result:
        async def call() -> Result:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(120)

    async def _begin(self) -> None:
        self._flowing.set()
        self._connector = connector = TCPConnector(ssl=self._to_upstream, limit=0, socket_factory=self._socket)
        self._session = ClientSession(connector=connector, auto_decompress=False, timeout=ClientTimeout(total=None))
        application = web.Application(client_max_size=_LARGEST_BODY)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0, ssl_context=self._to_clients).start()
        self._port = self._runner.addresses[0][1]

    async def _end(self) -> None:
        self._flowing.set()
        self._going.set()
        await self._runner.cleanup()
        under_way = asyncio.all_tasks() - {asyncio.current_task()}
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._connector.close(abort_ssl=True)
        await self._session.close()
        # Where TLS waits for the other side's goodbye, which may be long in coming, nothing is waited for.
        for one in set(self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for _ in range(1000):
            if not self.connections:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{self.connections} connections to the API server do not end")

    def _socket(self, address: AddrInfoType) -> socket.socket:
        family, kind, protocol, *_ = address
        found = socket.socket(family, kind, protocol)
        self._sockets.add(found)
        return found

    def _is_hit(self, fault: _Fault, request: web.Request) -> bool:
        return fault.matching(request.method, request.path) and self._random.random() < fault.share

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None, "a request that is handled has a connection"
        self._busy.add(transport)
        status, last = 0, False
        try:
            if self._allowed == 0:
                await self._going.wait()
                transport.abort()
                return web.Response()
            last = self._is_last(request)
            fault = next((each for each in self._faults if self._is_hit(each, request)), None)
            answer = await self._pass_on(request) if fault is None else _refusal(fault)
            if last and not self._last_is_answered:
                transport.abort()
            if not transport.is_closing():
                status = answer.status
            return answer
        finally:
            self._busy.discard(transport)
            self.answers[status] += 1
            if last:
                self.stopped.set()

    def _is_last(self, request: web.Request) -> bool:
        """Counts a request for `stop_after`; whether it is the last that is let through."""
        if self._allowed is None or not self._counted(request.method, request.path):
            return False
        self._allowed -= 1
        return self._allowed == 0

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        url = URL(self._upstream + request.raw_path, encoded=True)
        body = await request.read()
        try:
            async with self._session.request(
                request.method,
                url,
                headers=_passed_on(request.headers),
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
                data=body or None,
                allow_redirects=False,
            ) as upstream:
                if request.query.get("watch") in {"1", "true"} and upstream.status == 200:
                    return await self._watch(request, upstream)
                content = await upstream.read()
        except ClientError as error:
            return web.json_response({"kind": "Status", "code": 502, "message": f"upstream: {error}"}, status=502)
        if any(self._is_hit(each, request) for each in self._losses) and request.transport is not None:
            request.transport.abort()
        return web.Response(status=upstream.status, headers=_passed_on(upstream.headers), body=content)

    async def _watch(self, request: web.Request, upstream: ClientResponse) -> web.StreamResponse:
        self.watches_begun += 1
        answer = web.StreamResponse(status=200, headers=_passed_on(upstream.headers))
        await answer.prepare(request)
        if self._to_expire > 0:
            self._to_expire -= 1
            await answer.write(_EXPIRED)
            return answer
        relay = asyncio.create_task(self._relay(request, upstream, answer))
        self._watches.add(relay)
        try:
            await asyncio.wait({relay})
        finally:
            self._watches.discard(relay)
            relay.cancel()
        return answer

    async def _relay(self, request: web.Request, upstream: ClientResponse, answer: web.StreamResponse) -> None:
        # What comes is read at once, held or not: the API server ends a watch whose reader is slow.
        arrived: asyncio.Queue[bytes] = asyncio.Queue()

        async def deliver() -> None:
            while chunk := await arrived.get():
                if self._held(request.method, request.path):
                    await self._flowing.wait()
                await answer.write(chunk)

        delivery = asyncio.create_task(deliver())
        try:
            with contextlib.suppress(ClientError):
                async for chunk in upstream.content.iter_any():
                    arrived.put_nowait(chunk)
            arrived.put_nowait(b"")
            with contextlib.suppress(ConnectionError):
                await delivery
        finally:
            delivery.cancel()


def _passed_on(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    # A list, because a header may stand more than once (kubectl asks for several formats so).
    return [(name, value) for name, value in headers.items() if name.lower() not in _OF_ONE_CONNECTION]


def _status(code: int, reason: str, message: str) -> dict[str, object]:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
            "reason": reason, "message": message}  # fmt: skip


_EXPIRED = json.dumps({"type": "ERROR", "object": _status(410, "Expired", "too old resource version")}).encode() + b"\n"


def _refusal(fault: _Fault) -> web.Response:
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    status = _status(fault.status, _REASONS.get(fault.status, "Unknown"), "the proxy was told to fail")
    return web.json_response(status, status=fault.status, headers=headers)
