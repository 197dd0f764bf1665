"""The services of a bot in this process: all of them over a memory bus and SQLite, or a part over what is shared.

Services start such that whoever may be asked is there before whoever asks, and stop the other way round. One that
fails stops the whole process with its reason: the state is on disk, and the next start goes on from there.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace.export import SpanExporter

from tradewind import __version__, catalog
from tradewind.contracts.api.document import dump_bot
from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.contracts.messages import PortfolioMarked, TickDecided
from tradewind.domain.errors import ConfigError, TradewindError
from tradewind.kernel.ask import RUNNER, Answers, Ask
from tradewind.kernel.budgets import Budgets
from tradewind.kernel.bus.base import Bus, Mailbox
from tradewind.kernel.bus.memory import MemoryBus
from tradewind.kernel.clock import Clock, SystemClock
from tradewind.kernel.delivery import NoStore
from tradewind.kernel.http.server import Listener, ServiceServers
from tradewind.kernel.resilience import Dependencies
from tradewind.kernel.runner import ServiceRunner
from tradewind.kernel.security import Peers, ServiceTokens, load_service_key
from tradewind.kernel.service import Build, Context, ServiceState
from tradewind.kernel.settings import Settings
from tradewind.kernel.state_directory import ADDRESSES, MANIFEST, StateDirectory
from tradewind.kernel.store.base import Store
from tradewind.kernel.telemetry.logging import logger_for
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.telemetry.tracing import Tracing, exporter_from_environment
from tradewind.plan import check, check_live, services
from tradewind.topology.shared import Shared, patiently

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tradewind.kernel.store.holders import Holding


@dataclass(slots=True)
class EmbeddedOptions:
    """`until_end` ends the run with the recording; `listen` serves HTTP; `services` None means all of them.

    `live` is the second word of whoever starts it that orders may go out with money; the first is the manifest's mode.
    `take_over`: not even who answers nobody is waited for, where it runs the same services in another process.
    `wrap_store`, `exporter` and the `bus` of `EmbeddedBot` are for tests that look at, or break, what goes by.
    """

    until_end: bool = True
    live: bool = False
    take_over: bool = False
    listen: Listener | None = None
    services: Sequence[str] | None = None
    clock: Clock = field(default_factory=SystemClock)
    settings: Settings = field(default_factory=Settings)
    exporter: SpanExporter | None = None
    wrap_store: Callable[[Store], Store] | None = None


class EmbeddedBot:
    """One bot in this process. `start`, then `wait` for its end or a failure, then `stop`."""

    def __init__(
        self,
        bot: TradingBot,
        directory: StateDirectory,
        options: EmbeddedOptions | None = None,
        *,
        bus: Bus | None = None,
        shared: Shared | None = None,
    ) -> None:
        """`shared` is what it has in common with other processes of the bot, which then may run the other services."""
        self.bot = bot
        self.directory = directory
        self.options = options or EmbeddedOptions()
        self.metrics = shared.metrics if shared else Metrics()
        self.dependencies = shared.dependencies if shared else Dependencies(bot.key, self.metrics)
        self.budgets = shared.budgets if shared else Budgets(bot=bot.key, metrics=self.metrics)
        self.shared = shared
        self.bus: Bus = shared.bus if shared else bus or MemoryBus()
        self.answers = Answers()
        self.runners: dict[str, ServiceRunner] = {}
        self.resume_time: int | None = None
        self.servers: ServiceServers | None = None
        self.tracing = Tracing(
            self.options.exporter or exporter_from_environment(), __version__, bot.metadata.namespace
        )
        self.progress: Mailbox = self.bus.subscribe(RUNNER, ("cycles", "portfolio.events"))
        self._store: Store | None = None
        self._holding: Holding | None = None
        self._discard = self._fresh = False
        self._log = logger_for(RUNNER, bot.key)

    @property
    def ask(self) -> Ask:
        """Questions of whoever runs the bot."""
        return self.answers.port(RUNNER)

    async def start(self) -> None:
        """Bring every service to Running; on a failure nothing that was begun is left, unless it traded."""
        check(self.bot)
        check_live(self.bot, live=self.options.live)
        self.directory.acquire()
        try:
            # Before anything is stored: state without the manifest that it rests on would be anybody's.
            self._fresh = not (self.directory.path / MANIFEST).exists()
            self.directory.write(MANIFEST, dump_bot(self.bot))
            store = await self._open_store()
            self._store = self.options.wrap_store(store) if self.options.wrap_store else store
            self._prepare_servers()
            for name in self._wanted():
                self._compose(name, self._store)
            if self.shared is None:
                await self._find_resume_time(self._store)
            if self.servers is not None:
                await self.servers.start()
                listening = {"process": os.getpid(), "services": self.servers.addresses}
                self.directory.write(ADDRESSES, json.dumps(listening))
            if self.shared is not None:
                await self._stand_by(self._store)
                await self._join(self.shared, self._store)
            await self.bus.start()
            for runner in self.runners.values():
                await runner.start(patient=self.shared is not None)
        except BaseException:
            if self._store is None or await self._nothing_stored(self._store):
                self._discard = True
            await self.stop()
            raise

    async def _open_store(self) -> Store:
        if not self._stores():
            return NoStore()
        if self.shared is not None:
            return self.shared.open_store()
        # Loaded by who has a database of its own: what migrates takes ten megabytes of every process that imports it.
        from tradewind.kernel.store.migration import migrate  # noqa: PLC0415
        from tradewind.kernel.store.sqlite import SqliteStore, sqlite_engine  # noqa: PLC0415

        engine = sqlite_engine(self.directory.database)
        await asyncio.to_thread(migrate, engine)
        return SqliteStore(engine)

    async def _stand_by(self, store: Store) -> None:
        """Wait while another process runs what one alone may run; before that nobody finds or hears this one."""
        alone = [name for name in self.runners if _runs_alone(name)]
        if not alone:
            return
        from tradewind.kernel.store.holders import Holding  # noqa: PLC0415  (who has no tables loads no database)

        known = ""

        def told(words: str) -> None:
            nonlocal known
            for runner in self.runners.values():
                runner.wait_for(words)
            if words and words != known:
                self._log.warning("start waits", reason=words)
            known = words

        holding = Holding(store, self.bot.key, alone, self.options.clock, self._log)
        await holding.take(told, by_force=self.options.take_over)
        self._holding = holding

    async def _join(self, shared: Shared, store: Store) -> None:
        """Be found by the other processes, find them, and learn where the run goes on."""
        assert self.servers is not None, "who shares a bus is asked over HTTP"
        shared.registry.own.update(self.servers.advertised())
        self.answers.elsewhere = await shared.start(self._peers(), self.tracing.tracer)
        if self._stores():
            await patiently(self._log, "the database", lambda: self._find_resume_time(store))
        if "market-data" not in self.runners:
            settled: int | None = await patiently(self._log, "market-data", lambda: self.ask("market-data", "settled"))
            # Ticks on which nothing was stored are known to nobody else.
            self._resume_at(max((one for one in (self.resume_time, settled) if one is not None), default=None))

    def _peers(self) -> Peers:
        assert self.servers is not None
        return Peers(self._address, self.servers.tokens, self._instances)

    def _address(self, service: str) -> str:
        assert self.servers is not None
        if self.shared is None or service in self.runners:
            return self.servers.address(service)
        return self.shared.registry.resolve(service)

    def _instances(self, service: str) -> list[str]:
        if self.shared is None or service in self.runners:
            return []
        return self.shared.registry.sharing(service)

    def _wanted(self) -> list[str]:
        """The services to run, in the order of their start; what the bot uses on demand cannot be left out."""
        used = services(self.bot)
        asked = set(self.options.services or (spec.name for spec in used))
        names = {spec.name for spec in used if spec.name in asked or (spec.on_demand and self.shared is None)}
        return [name for name in catalog.start_order() if name in names]

    def _stores(self) -> bool:
        """Whether some service here has tables. Where none has, the database is neither needed nor loaded."""
        return self.shared is None or any(catalog.service(name).stores for name in self._wanted())

    def _prepare_servers(self) -> None:
        networked = any(catalog.service(name).networked for name in self._wanted())
        if self.options.listen is None and not networked:
            return
        keys = self.options.settings.key_directory or self.directory.path
        tokens = ServiceTokens(load_service_key(keys), self.options.clock)
        listener = self.options.listen or Listener(ports=dict.fromkeys(catalog.by_name(), 0))
        self.servers = ServiceServers(listener, self.runners, tokens, networked_only=self.options.listen is None)

    async def _find_resume_time(self, store: Store) -> None:
        """The latest market time that anything stored names; None for a fresh bot."""
        from tradewind.kernel.store.outbox import read_last_time  # noqa: PLC0415  (who has no tables loads no database)

        readers = [_named(spec.latest) for spec in services(self.bot) if spec.latest]

        def read(connection: Connection) -> list[int]:
            known = [read_last_time(connection, self.bot.key), *(latest(connection, self.bot) for latest in readers)]
            return [time for time in known if time is not None]

        self._resume_at(max(await store.read(read), default=None))

    def _resume_at(self, time: int | None) -> None:
        self.resume_time = time
        for runner in self.runners.values():
            runner.context.resume_time = time

    async def _nothing_stored(self, store: Store) -> bool:
        if not self._stores():
            # What lies there from an earlier start may be needed: the gateway keeps the hashes of its keys there.
            return self._fresh
        from tradewind.kernel.store.outbox import read_last_time  # noqa: PLC0415  (as above)

        try:
            return await store.read(lambda connection: read_last_time(connection, self.bot.key)) is None
        except Exception:  # noqa: BLE001 - who cannot say keeps what there is
            return False

    def _compose(self, name: str, store: Store) -> None:
        build: Build = _named(catalog.service(name).entrypoint)
        context = Context(
            bot=self.bot,
            service=name,
            clock=self.options.clock,
            store=store,
            ask=self.answers.port(name),
            log=logger_for(name, self.bot.key),
            tracer=self.tracing.tracer(name),
            metrics=self.metrics,
            data_directory=self.directory.path,
            until_end=self.options.until_end,
            settings=self.options.settings,
            peers=self._peers() if self.servers and self.options.listen else None,
            dependencies=self.dependencies,
            budgets=self.budgets,
            shared_log=self.shared.log_of if self.shared else None,
        )
        if self.servers:
            context.address = self._address
        runner = ServiceRunner(context, self.bus)
        runner.compose(build)
        self.answers.register(name, runner.answers)
        self.runners[name] = runner

    async def wait(self, on_tick: Callable[[int], None] | None = None) -> bool:
        """Until the forced exits at the end of the recording are marked (True), or a service fails (raises)."""
        finish = asyncio.create_task(self._until_final(on_tick))
        failures = [asyncio.create_task(runner.stopped.wait()) for runner in self.runners.values()]
        try:
            await asyncio.wait([finish, *failures], return_when=asyncio.FIRST_COMPLETED)
            self._raise_failure()
            return finish.done() and not finish.cancelled()
        finally:
            for task in (finish, *failures):
                task.cancel()
            await asyncio.gather(finish, *failures, return_exceptions=True)

    async def _until_final(self, on_tick: Callable[[int], None] | None) -> None:
        while True:
            for message in await self.progress.take(1000):
                if isinstance(message, TickDecided) and on_tick is not None:
                    on_tick(message.time)
                if isinstance(message, PortfolioMarked) and message.final:
                    return

    def _raise_failure(self) -> None:
        for name, runner in self.runners.items():
            if runner.state is ServiceState.FAILED and runner.failure is not None:
                if isinstance(runner.failure, ConfigError):
                    raise runner.failure
                raise TradewindError(f"service {name} failed: {runner.failure}") from runner.failure

    async def stop(self) -> None:
        """Drain and stop, last started first; then let go of files and ports."""
        for runner in reversed(self.runners.values()):
            with suppress(Exception):
                await runner.stop()
        if self.servers is not None:
            await self.servers.stop()
        if self._holding is not None:
            await self._holding.release()
        if self.shared is not None:
            await self.shared.close()
        await self.bus.close()
        if self._store is not None:
            await self._store.close()
            self._store = None
        self.tracing.shutdown()
        self.directory.remove(ADDRESSES)
        if self._discard:
            self.directory.discard()
        self.directory.release()

    def states(self) -> dict[str, Any]:
        """State of every service."""
        return {name: runner.state.value for name, runner in self.runners.items()}


def _runs_alone(name: str) -> bool:
    spec = catalog.service(name)
    return spec.stores and spec.scaling is catalog.Scaling.SINGLETON


def _named(place: str) -> Any:
    """The function at `module:function`; loaded only where it is used."""
    module, _, function = place.partition(":")
    return getattr(importlib.import_module(module), function)
