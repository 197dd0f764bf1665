"""What a service is to the kernel: a table of handlers, and what else it brings; and what the kernel gives it.

A service is a table of handlers, a `load` that fills its caches from its tables, answers to questions, an HTTP router
and optional background tasks. `runner` keeps one alive.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.contracts.messages import Message
from tradewind.domain.errors import TemporaryError
from tradewind.kernel.ask import Answer, Ask
from tradewind.kernel.budgets import Budgets
from tradewind.kernel.clock import Clock
from tradewind.kernel.resilience import Dependencies
from tradewind.kernel.security import Peers
from tradewind.kernel.settings import Settings
from tradewind.kernel.shared_log import SharedLog
from tradewind.kernel.store.base import Store
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.telemetry.tracing import Tracer
from tradewind.kernel.unit import UnitOfWork

if TYPE_CHECKING:
    from fastapi import APIRouter

    from tradewind.kernel.http.direct import DirectRoute

Handler = Callable[[Any, UnitOfWork], Awaitable[None]]
UnitFactory = Callable[[], contextlib.AbstractAsyncContextManager[UnitOfWork]]


class ServiceState(StrEnum):
    """The lifecycle of a service."""

    NEW = "New"
    STARTING = "Starting"
    RUNNING = "Running"
    STOPPING = "Stopping"
    TERMINATED = "Terminated"
    FAILED = "Failed"


def _nowhere(service: str) -> str:
    """The default of `address`: nothing listens."""
    raise TemporaryError(f"{service} does not listen here", retry_after=5.0)


@dataclass(slots=True)
class Context:
    """Everything a service gets from outside. `unit` opens a unit of work for requests and background tasks.

    `key` is the bot's `namespace/name`: first in every topic and table. `until_end` says that the end of
    recorded data is the end of the run; `resume_time` is the market time at which a resumed run goes on. `seen` and
    `published` tell the sequence of a topic so far. `peers` is None where nothing is served over HTTP. `dependencies`
    and `budgets` are those of the process; `shared_log` makes the logs of a group, None where bots share nothing.
    """

    bot: TradingBot
    service: str
    clock: Clock
    store: Store
    ask: Ask
    log: Any
    tracer: Tracer
    metrics: Metrics
    data_directory: Path
    until_end: bool = True
    resume_time: int | None = None
    settings: Settings = field(default_factory=Settings)
    peers: Peers | None = None
    address: Callable[[str], str] = _nowhere
    dependencies: Dependencies = field(default_factory=Dependencies)
    budgets: Budgets = field(default_factory=Budgets)
    shared_log: Callable[[str], SharedLog] | None = None
    key: str = field(init=False)
    unit: UnitFactory = field(init=False)
    seen: Callable[[str], int] = field(init=False)
    published: Callable[[str], int] = field(init=False)

    def __post_init__(self) -> None:
        self.key = self.bot.key

    @property
    def key_directory(self) -> Path:
        """Where the keys lie that the services of the bot share."""
        return self.settings.key_directory or self.data_directory


async def _nothing() -> None:
    """The default of `load`, `drain` and `close`: a service without tables, unfinished work or connections."""


@dataclass(slots=True)
class Service:
    """One service, composed: what `build(context)` returns.

    `load` fills caches from the tables and may be called again after a failure. `tasks` run while the service does.
    `answers` are given at once, from wherever the service stands. `views` are what others build on: given between two
    units of work only, of caches that agree with the tables; what failed to be stored was never so for anybody.
    `ready` names what is not ready, empty when all is. `drain` finishes what was begun, before stopping; `close` lets
    go of connections, when nothing of the service runs any more. `router` makes the HTTP routes when somebody listens
    (and not before: FastAPI imports slowly), `direct` those that stand before them; `describe` completes their OpenAPI
    document, `docs` are further paths of the page that shows it. `mount` is an ASGI application of the service's own,
    which gets everything on its port that the kernel does not answer. `advanced` is called when `seen` has grown by a
    message that the service has no handler for: what waits for a number may go on.
    """

    name: str
    handlers: Mapping[type[Message], Handler] = field(default_factory=dict)
    load: Callable[[], Awaitable[None]] = _nothing
    tasks: Sequence[Callable[[], Awaitable[None]]] = ()
    answers: Mapping[str, Answer] = field(default_factory=dict)
    views: Mapping[str, Answer] = field(default_factory=dict)
    ready: Callable[[], Mapping[str, str]] = dict
    drain: Callable[[], Awaitable[None]] = _nothing
    close: Callable[[], Awaitable[None]] = _nothing
    router: Callable[[], APIRouter] | None = None
    direct: Callable[[], Sequence[DirectRoute]] | None = None
    describe: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]] | None = None
    docs: tuple[str, ...] = ()
    mount: Callable[..., Awaitable[None]] | None = None
    advanced: Callable[[UnitOfWork], Awaitable[None]] | None = None


Build = Callable[[Context], Service]
