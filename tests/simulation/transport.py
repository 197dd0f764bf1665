"""The line between a process and the venue: unmodified ccxt on one end, the venue's wire on the other.

ccxt is given a session that carries its requests here instead of over HTTP, so that all of it is what runs against a
real exchange: signing, parsing, its errors. Of its WebSocket only the connection is replaced; the reports are the
venue's own, and reach the stream's reader as they would from ccxt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
from tests.simulation.disturbances import Disturbances, Kind
from tests.simulation.exchange import BEGIN, Exchange
from tests.simulation.trace import Trace
from tests.simulation.virtual_loop import Process

from tradewind.kernel.ccxt_client import ClientSettings, make_client


class Answer:
    """An HTTP answer, as ccxt reads it from aiohttp."""

    reason = ""
    content = None

    def __init__(self, status: int, headers: dict[str, str], body: str) -> None:
        self.status, self.headers, self._body = status, headers, body

    async def text(self, errors: str = "") -> str:
        """All of it."""
        return self._body


class _Pending:
    """A request that is on its way, as ccxt enters it."""

    def __init__(self, going: Any) -> None:
        self._going = going

    async def __aenter__(self) -> Answer:
        return await self._going

    async def __aexit__(self, *_: object) -> None:
        """Nothing is held."""


class Session:
    """What ccxt takes for an aiohttp session."""

    def __init__(self, line: Line) -> None:
        self.headers: dict[str, str] = {}
        self._line = line

    def __getattr__(self, method: str) -> Any:
        def request(url: Any, *, data: bytes | None, headers: dict[str, str], timeout: Any, proxy: Any) -> _Pending:
            assert proxy is None
            return _Pending(self._line.call(method.upper(), url, headers, data or b"", timeout.total))

        return request

    async def close(self) -> None:
        """There is nothing to close."""


def _refusal(status: int, code: int, words: str, **headers: str) -> Answer:
    return Answer(status, {"content-type": "application/json", **headers}, f'{{"code":{code},"msg":"{words}"}}')


class Line:
    """The line of one process. `skew` is how many seconds its clock is ahead of the venue's."""

    def __init__(
        self, process: Process, exchange: Exchange, disturbances: Disturbances, trace: Trace, skew: float
    ) -> None:
        self._process, self._exchange, self._disturbances, self._trace = process, exchange, disturbances, trace
        self._loop, self._skew = process.loop, skew
        self._end_stream: Callable[[], None] = lambda: None
        self._broken: asyncio.Future[Any] | None = None
        self._ccxt: Any = None

    def close(self) -> None:
        """Or ccxt complains of a client that was not closed: a process that was killed closes nothing."""
        if self._ccxt is not None:
            self._ccxt.session = None

    def wall(self) -> float:
        """The clock of the process, in seconds."""
        return BEGIN / 1000 + self._loop.time() + self._skew

    def client(self, settings: ClientSettings) -> Any:
        """The end of this line: ccxt."""
        self.close()
        client = make_client(settings)
        client.session, client.own_session, client.ssl_context = Session(self), False, False
        client.milliseconds = lambda: round(self.wall() * 1000)
        client.close_ws_clients, client.authenticate = self._close_stream, self._open_stream
        client.watch_orders = self._watch
        client.throttler.config["delay"] = 0.05  # it looks at the time again and again while it waits
        self._ccxt = client
        return client

    # ---------------------------------------------------------------------------------------------------------- calls

    async def call(self, method: str, url: Any, headers: dict[str, str], body: bytes, patience: float) -> Answer:
        """One request; what ccxt would hear of it."""
        path, query = url.raw_path, url.raw_query_string.encode()
        name = f"{method} {path}"
        seconds, strikes = self._disturbances.seconds, self._luck(path)
        for kind in (Kind.REQUEST_LOST, Kind.ERROR_BEFORE, Kind.TOO_MANY, Kind.STALE, Kind.BAN):
            if strikes(kind):
                return await self._without_venue(kind, name)
        if method != "GET" and strikes(Kind.REFUSED):
            return await self._without_venue(Kind.REFUSED, name)
        await asyncio.sleep(seconds(0.005, 0.1))
        if self._exchange.banned_until > self._loop.time():
            return self._banned(name)
        answer = self._loop.create_future()
        late = 0.0
        # What may be sent twice is disturbed more often than questions.
        if strikes(Kind.REQUEST_LATE) or (method == "POST" and any(strikes(Kind.REQUEST_LATE) for _ in range(4))):
            late = seconds(1.5, 6.0 if self._disturbances.chance(0.7) else 40.0)
            if self._disturbances.chance(0.8):
                # The connection breaks while the request still stands in somebody's queue.
                patience = min(patience, seconds(0.05, 1.0))

        async def carry() -> None:
            """Once it is on its way it arrives, whatever becomes of who sent it."""
            await asyncio.sleep(late)
            told = await self._exchange.request(method, path, query, headers, body)
            if not answer.done():
                answer.set_result(told)

        self._loop.create_task(carry(), context=self._loop.outside)
        try:
            async with asyncio.timeout(patience):
                status, told, content = await answer
                return await self._back(name, Answer(status, told, content.decode()), strikes)
        except TimeoutError:
            self._trace.note(self._process.name, f"{name}: no answer")
            raise

    def _luck(self, path: str) -> Callable[[Kind], bool]:
        """What is asked once in a life of a process is disturbed less, or it would hardly ever begin to trade."""
        if path.startswith("/sim/"):  # no exchange has this
            return lambda _kind: False
        if "rder" in path or "myTrades" in path:
            return self._disturbances.strikes
        return lambda kind: self._disturbances.chance(0.2) and self._disturbances.strikes(kind)

    async def _without_venue(self, kind: Kind, name: str) -> Answer:
        self._trace.note(self._process.name, f"{name}: {kind}")
        await asyncio.sleep(self._disturbances.seconds(0.005, 0.2))
        match kind:
            case Kind.REQUEST_LOST:
                if self._disturbances.chance(0.5):
                    raise aiohttp.ClientConnectionError("connection reset")
                await asyncio.sleep(60)
                raise TimeoutError
            case Kind.ERROR_BEFORE:
                return _refusal(503, -1001, "Internal error; unable to process your request.")
            case Kind.TOO_MANY:
                return _refusal(429, -1003, "Too many requests.", **{"Retry-After": "2"})
            case Kind.STALE:
                return _refusal(400, -1021, "Timestamp for this request is outside of the recvWindow.")
            case Kind.BAN:
                self._exchange.banned_until = self._loop.time() + self._disturbances.seconds(3.0, 20.0)
                return self._banned(name)
            case _:
                return _refusal(400, -2010, "This action is disabled on this account.")

    def _banned(self, name: str) -> Answer:
        self._trace.note(self._process.name, f"{name}: banned")
        left = max(1, round(self._exchange.banned_until - self._loop.time()))
        return _refusal(418, -1003, "Way too much request weight used.", **{"Retry-After": str(left)})

    async def _back(self, name: str, answer: Answer, strikes: Callable[[Kind], bool]) -> Answer:
        """What of the venue's answer arrives."""
        seconds = self._disturbances.seconds
        await asyncio.sleep(seconds(0.005, 0.1))
        if strikes(Kind.ANSWER_LATE):
            self._trace.note(self._process.name, f"{name}: {Kind.ANSWER_LATE}")
            await asyncio.sleep(seconds(0.5, 15.0))
        if strikes(Kind.ANSWER_LOST):
            self._trace.note(self._process.name, f"{name}: {Kind.ANSWER_LOST}")
            if self._disturbances.chance(0.5):
                raise aiohttp.ClientConnectionError("connection reset")
            await asyncio.sleep(60)
        if strikes(Kind.ERROR_AFTER):
            self._trace.note(self._process.name, f"{name}: {Kind.ERROR_AFTER}")
            return _refusal(503, -1006, "An unexpected response was received. Execution status unknown.")
        if strikes(Kind.UNREADABLE):
            self._trace.note(self._process.name, f"{name}: {Kind.UNREADABLE}")
            return Answer(200, {"Content-Type": "text/html"}, "<html>bad gateway</html>")
        return answer

    # --------------------------------------------------------------------------------------------------------- stream

    async def _close_stream(self) -> None:
        self._end_stream()

    async def _open_stream(self, params: Any = None) -> None:
        await asyncio.sleep(self._disturbances.seconds(0.01, 0.3))
        if self._disturbances.strikes(Kind.STREAM_REFUSED) or self._exchange.banned_until > self._loop.time():
            raise ConnectionError("no stream now")
        last = [0.0]
        self._broken = broken = self._loop.create_future()
        end = self._exchange.listen(lambda report: self._report(report, broken, last))

        def ended() -> None:
            end()
            if not broken.done():
                broken.cancel()

        self._end_stream = ended

    async def _watch(self) -> Any:
        assert self._broken is not None
        return await self._broken

    def _report(self, report: dict[str, Any], broken: asyncio.Future[Any], last: list[float]) -> None:
        """Called by the venue: nothing of this process runs yet."""
        strikes = self._disturbances.strikes
        if broken.done() or not self._process.alive or strikes(Kind.UPDATE_LOST):
            return
        if strikes(Kind.STREAM_LOST):
            self._trace.note(self._process.name, Kind.STREAM_LOST)
            broken.set_exception(ConnectionError("stream lost"))
            return
        at = self._loop.time() + self._disturbances.seconds(0.005, 0.2)
        if strikes(Kind.UPDATE_LATE):
            at += self._disturbances.seconds(0.2, 5.0)
        else:
            at = last[0] = max(at, last[0])
        for _ in range(2 if strikes(Kind.UPDATE_TWICE) else 1):
            self._process.call_later(at - self._loop.time(), self._arrive, report, broken)

    def _arrive(self, report: dict[str, Any], broken: asyncio.Future[Any]) -> None:
        if not broken.done():
            self._ccxt.handle_order_update(None, report)
