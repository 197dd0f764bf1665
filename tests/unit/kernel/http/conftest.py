"""A service of which a test decides what it answers, and a way to ask its application without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi import APIRouter, FastAPI

from tradewind import catalog
from tradewind.contracts.api.document import parse_bot
from tradewind.contracts.messages import MESSAGES
from tradewind.kernel.ask import Answers
from tradewind.kernel.bus.memory import MemoryBus
from tradewind.kernel.clock import SystemClock
from tradewind.kernel.http.app import create_app
from tradewind.kernel.runner import ServiceRunner
from tradewind.kernel.security import ServiceTokens
from tradewind.kernel.service import Context, Service, ServiceState
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.telemetry.tracing import Tracer

BOT = parse_bot(
    {
        "apiVersion": "tradewind.dev/v1alpha1",
        "kind": "TradingBot",
        "metadata": {"name": "momentum"},
        "spec": {
            "exchanges": [{"name": "bitvavo"}],
            "pairs": {"include": ["BTC/EUR"]},
            "timeframe": "1h",
            "strategies": [{"name": "trend", "kind": "EmaCross"}],
            "capital": {"currency": "EUR", "startingBalance": "10000"},
            "data": {"source": "Replay", "path": "sample:bitvavo-2022"},
        },
    },
    "the test",
)
TOKENS = ServiceTokens(b"k" * 32)


class Lines:
    """A logger that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, dict[str, Any]]] = []

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda message, **facts: self.said.append((level, message, facts))

    def bind(self, **_: Any) -> Lines:
        return self


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Asked:
    """An application, to be asked."""

    def __init__(self, app: FastAPI, runner: ServiceRunner) -> None:
        self.app, self.runner = app, runner

    @property
    def log(self) -> list[tuple[str, str, dict[str, Any]]]:
        return self.runner.context.log.said

    async def __call__(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] = b"",
        *,
        token: bool = True,
    ) -> Reply:
        path, _, query = target.partition("?")
        told = {name.lower(): value for name, value in (headers or {}).items()}
        if token:
            service = self.runner.context.service
            told.setdefault("x-service-auth", TOKENS.issue("gateway", service, "alice"))
        chunks = [body] if isinstance(body, bytes) else list(body)
        if isinstance(body, bytes) and body:
            told.setdefault("content-length", str(len(body)))
            told.setdefault("content-type", "application/json")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in told.items()],
            "client": ("192.0.2.7", 5000),
            "server": ("127.0.0.1", 80),
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not chunks:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start = sent[0]
        return Reply(
            start["status"],
            {name.decode(): value.decode() for name, value in start["headers"]},
            b"".join(message.get("body", b"") for message in sent[1:]),
        )


def runner_of(directory: Path, name: str, **service: Any) -> ServiceRunner:
    """A running service with handlers that do nothing and whatever a test gives it."""
    context = Context(
        bot=BOT,
        service=name,
        clock=SystemClock(),
        store=None,  # type: ignore[arg-type]
        ask=Answers().port(name),
        log=Lines(),
        tracer=Tracer(None, None),
        metrics=Metrics(),
        data_directory=directory,
    )

    async def nothing(message: Any, unit: Any) -> None:
        """Handle nothing."""

    runner = ServiceRunner(context, MemoryBus())
    handlers = {MESSAGES[kind]: nothing for kind in catalog.service(name).handles}
    runner.compose(lambda _: Service(name=name, handlers=handlers, **service))
    runner.state = ServiceState.RUNNING
    return runner


@pytest.fixture
def make_runner(tmp_path: Path) -> Callable[..., ServiceRunner]:
    """Make a running service: `make_runner(name, router=..., ready=...)`."""
    return lambda name, **service: runner_of(tmp_path, name, **service)


@pytest.fixture
def serve(make_runner: Callable[..., ServiceRunner]) -> Callable[..., Asked]:
    """Make the application of a service: `serve(routes)`, where `routes` fills a router."""

    def make(
        fill: Callable[[APIRouter], None] | None = None,
        *,
        documented: bool = True,
        beside: Mapping[str, ServiceRunner] | None = None,
        **service: Any,
    ) -> Asked:
        def router() -> APIRouter:
            routes = APIRouter()
            if fill is not None:
                fill(routes)
            return routes

        runner = make_runner("portfolio", router=router, **service)
        process = {"portfolio": runner, **beside} if beside else None
        return Asked(create_app(runner, TOKENS, documented=documented, process=process), runner)

    return make
