"""What several processes of one bot share: a PostgreSQL, a Redis, and the knowledge where each of them listens.

A process that has it needs no other process to start: what is not there yet is waited for, and told as the reason why
this one is not ready. Whoever restarts it would only have to wait again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tradewind import catalog
from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.domain.errors import MachineError, TemporaryError
from tradewind.kernel.addresses import BUSES, DATABASES, shared_addresses
from tradewind.kernel.backoff import Backoff
from tradewind.kernel.budgets import Budgets
from tradewind.kernel.bus.redis import RedisBus
from tradewind.kernel.bus.redis_streams import Pace
from tradewind.kernel.http.asking import RemoteAnswers
from tradewind.kernel.registry import Registry
from tradewind.kernel.resilience import Dependencies
from tradewind.kernel.security import Peers
from tradewind.kernel.settings import Settings, variable
from tradewind.kernel.shared_counts import SharedCounts
from tradewind.kernel.shared_log import SharedLog
from tradewind.kernel.store.base import Store
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.telemetry.tracing import Tracer

Result = TypeVar("Result")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
TOLD_EACH = 10.0
"""Seconds between two lines of the log that say what is waited for."""


class Shared:
    """The shared parts as one process sees them; `start` when `registry.own` says where it listens, then `close`."""

    def __init__(
        self, bot: TradingBot, database: str | None, broker: str, settings: Settings, *, pace: Pace | None = None
    ) -> None:
        """`database` is None for a process in which no service has tables."""
        self.metrics = Metrics()
        self.dependencies = Dependencies(bot.key, self.metrics)
        self.bus = RedisBus(broker, bot.key, self.metrics, pace, dependencies=self.dependencies)
        self.registry = Registry(broker, bot.key, self.bus.instance, template=settings.peer_address)
        counts = SharedCounts(broker, self.bus.instance, self.dependencies)
        self.budgets = Budgets(counts, address=settings.outgoing_address, bot=bot.key, metrics=self.metrics)
        self.remote: RemoteAnswers | None = None
        self._database, self._broker = database, broker
        self._watching: asyncio.Task[None] | None = None

    def log_of(self, group: str) -> SharedLog:
        """The logs of a group that this process has in common with others, of any bot."""
        return SharedLog(self._broker, group, self.bus.instance)

    def open_store(self) -> Store:
        """The store; nothing is connected yet. Until `close` it is asked for a sign of life where nobody asks else."""
        from tradewind.kernel.store.postgres import PostgresStore  # noqa: PLC0415  (its driver is not for all)

        assert self._database is not None, "who has tables has a database"
        store = PostgresStore(self._database, dependencies=self.dependencies)
        self._watching = asyncio.create_task(store.watch(), name="store.watch")
        return store

    async def start(self, peers: Peers, tracer: Callable[[str], Tracer]) -> RemoteAnswers:
        """Say where this process listens, and make it possible to ask the others; `tracer` is that of a service."""
        self.remote = RemoteAnswers(peers, tracer, self.dependencies)
        await self.registry.start()
        return self.remote

    async def close(self) -> None:
        """Be asked no more, and ask no more."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self.registry.stop()
        await self.budgets.close()
        if self.remote is not None:
            await self.remote.close()


def shared_by(bot: TradingBot, settings: Settings, services: tuple[str, ...] | None = None) -> Shared | None:
    """What the processes of `bot` share as settings say; None where this process is all of it.

    Raises `MachineError` where they share one of the two alone, or where `services` are a part that could not work
    with a database or a bus of its own. A part without tables needs no database.
    """
    database, broker = shared_addresses(settings)
    needless = services is not None and not any(catalog.service(name).stores for name in services)
    if broker is not None and (database is not None or needless):
        return Shared(bot, database, broker, settings)
    missing = [
        (variable("database_url_file"), DATABASES["postgresql"], database),
        (variable("bus_url_file"), BUSES["redis"], broker),
    ]
    if services is None and database is None and broker is None:
        return None
    for name, form, given in missing:
        if given is None:
            part = f"the services {','.join(services)}" if services else "a process that shares one of the two"
            fix = f"set {name} to a file that holds one, or run all services in one process: tradewind serve BOT"
            raise MachineError(name, "nothing", f"a file with an address ({form}): {part} cannot work alone", fix)
    return None


async def patiently(log: Any, what: str, call: Callable[[], Awaitable[Result]]) -> Result:
    """The result of `call`, however long whoever it asks is away."""
    loop, told, backoff = asyncio.get_running_loop(), float("-inf"), Backoff(FIRST_PAUSE, LONGEST_PAUSE)
    while True:
        try:
            return await call()
        except TemporaryError as error:
            if loop.time() - told > TOLD_EACH:
                log.info("start waits", what=what, reason=str(error))
                told = loop.time()
            await asyncio.sleep(backoff.pause())
