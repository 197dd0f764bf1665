"""The processes of the bot: execution, and beside it the one that decides and keeps the portfolio.

Each is composed as the product composes it, by `build(context)` under the kernel's runner; a new life is a fresh
composition on the same tables and at the same venue. What is replaced is named in `on_simulated_lines`: clocks, the
session below ccxt, and the lock of an account on one machine, because every process here is on a machine of its own.
"""

from __future__ import annotations

import contextlib
import random as global_random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from pydantic import SecretStr
from tests.simulation.broker import Broker, SimulatedBus
from tests.simulation.deciding import Decider, Step
from tests.simulation.disturbances import Disturbances
from tests.simulation.exchange import CREDENTIALS, INSTRUMENTS, PRICES
from tests.simulation.fates import Fate
from tests.simulation.store import Database, SimulatedStore
from tests.simulation.trace import Trace, TracingLog
from tests.simulation.transport import Line
from tests.simulation.virtual_loop import CURRENT, Process, VirtualLoop

import tradewind.execution.service as execution
import tradewind.portfolio.service as portfolio
from tradewind.contracts.api.document import load_bot
from tradewind.execution import remote_market
from tradewind.execution.adapters import exchange as exchange_adapter
from tradewind.execution.adapters.ccxt import venue as ccxt_venue
from tradewind.execution.adapters.ccxt.calls import VenueCalls
from tradewind.execution.adapters.ccxt.clock import VenueClock
from tradewind.kernel import retention
from tradewind.kernel.ccxt_import import import_ccxt
from tradewind.kernel.runner import ServiceRunner
from tradewind.kernel.service import Context
from tradewind.kernel.settings import ExchangeCredentials, Settings
from tradewind.kernel.store.outbox import read_last_time
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.telemetry.tracing import Tracing

ROOT = Path(__file__).parents[2]
URL = "http://venue.invalid"
_MANIFEST = (
    "spec.mode=Live",
    "spec.data={source: Exchange}",
    f"spec.exchanges=[{{name: binance, venue: Exchange, endpoint: {{url: '{URL}', websocketUrl: 'ws://venue.invalid'}}}}]",
    "spec.capital={currency: USDT, startingBalance: '10000'}",
    "spec.pairs={include: [BTC/USDT, ETH/USDT]}",
    "spec.timeframe=1m",
    "spec.strategies=[{name: any, kind: EmaCross, timeframes: [1m]}]",
)


class NoLock:
    """Every process is on a machine of its own, where nobody else locks the account."""

    def __init__(self, exchange: str, identity: str, holder: str) -> None:
        self.path = identity

    def acquire(self) -> None:
        """It is free."""

    def release(self) -> None:
        """It stays free."""


class Fixed:
    """What every schedule in this process of the operating system shares, because it is dear to make."""

    def __init__(self) -> None:
        self.bot = load_bot(ROOT / "manifests" / "samples" / "quickstart.yaml", list(_MANIFEST))
        self.database = Database()
        self.metrics = Metrics()
        self.tracing = Tracing(None, "0", "default")
        key = ExchangeCredentials(api_key=SecretStr(CREDENTIALS.api_key), secret=SecretStr(CREDENTIALS.secret))
        self.settings = Settings(credentials={"binance": key})
        import_ccxt()


def _line() -> Line:
    process = CURRENT.get()
    assert isinstance(process, BotProcess)
    return process.line


@contextlib.contextmanager
def on_simulated_lines(loop: VirtualLoop, seed: int) -> Iterator[None]:
    """Whatever execution opens at a venue meanwhile goes over the line of its process, by virtual clocks."""
    from ccxt.async_support.base import throttler  # noqa: PLC0415 - importing it takes seconds

    state = global_random.getstate()
    global_random.seed(seed)  # the pauses of the user stream
    replaced = [
        (ccxt_venue, "make_client", lambda settings: _line().client(settings)),
        (ccxt_venue, "VenueClock", lambda client: VenueClock(client, now=_line().wall)),
        (ccxt_venue, "VenueCalls", lambda client, row, tracer: VenueCalls(client, row, loop.time, tracer)),
        (remote_market, "wall", SimpleNamespace(monotonic=loop.time)),
        (exchange_adapter, "AccountLock", NoLock),
        (throttler, "time", loop.time),
        # A schedule is short: what is trimmed after months goes within it.
        (retention, "TAIL", 1),
        (retention, "BLOCK", 2),
    ]
    with contextlib.ExitStack() as stack:
        for place, name, value in replaced:
            stack.enter_context(mock.patch.object(place, name, value))
        yield
    global_random.setstate(state)


class BotProcess(Process):
    """A process of the bot, with its store, its bus and its line to the venue."""

    def __init__(
        self,
        name: str,
        loop: VirtualLoop,
        on_death: Callable[[Process], None],
        *,
        fixed: Fixed,
        broker: Broker,
        disturbances: Disturbances,
        trace: Trace,
        line: Callable[[BotProcess], Line],
        fate: Fate | None,
        on_pause: Callable[[], None],
    ) -> None:
        super().__init__(name, loop, on_death)
        self.fixed, self.trace = fixed, trace
        self.store = SimulatedStore(fixed.database, self, disturbances, fate, on_pause)
        self.bus = SimulatedBus(broker, self, disturbances)
        self.line = line(self)
        self.runners: dict[str, ServiceRunner] = {}

    def now(self) -> float:
        """The clock of its machine."""
        return self.line.wall()

    def add(self, service: str, build: Callable[[Context], Any], ask: Any) -> None:
        """Compose a service."""
        context = Context(
            bot=self.fixed.bot,
            service=service,
            clock=self,
            store=self.store,
            ask=ask,
            log=TracingLog(self.trace, self.name),
            tracer=self.fixed.tracing.tracer(service),
            metrics=self.fixed.metrics,
            data_directory=ROOT,
            until_end=False,
            settings=self.fixed.settings,
        )
        self.runners[service] = ServiceRunner(context, self.bus)
        self.runners[service].compose(build)

    async def live(self) -> None:
        """Start what was composed, and end with the first service that fails."""
        try:
            key = self.fixed.bot.key
            resume = await self.store.read(lambda connection: read_last_time(connection, key))
            await self.bus.start()
            for runner in self.runners.values():
                runner.context.resume_time = resume
                await runner.start()
        except Exception as error:  # noqa: BLE001 - the platform starts it again, whatever it was
            self.trace.note(self.name, f"did not start: {error}"[:200])
            self.die()
            return
        stopped = self.loop.create_future()
        for runner in self.runners.values():
            self.start(_tell(runner, stopped))
        failed: ServiceRunner = await stopped
        self.trace.note(self.name, f"failed: {failed.failure!r}"[:200])
        self.die()


async def _tell(runner: ServiceRunner, stopped: Any) -> None:
    await runner.stopped.wait()
    if not stopped.done():
        stopped.set_result(runner)


def compose_execution(process: BotProcess) -> None:
    """Execution alone, as in profile Standard."""

    async def ask(service: str, question: str) -> Any:
        assert service == "market-data"
        assert question in ("instruments", "known_instruments")
        return dict(INSTRUMENTS)

    process.add("execution", execution.build, ask)


def compose_trading(process: BotProcess, script: list[Step], closes: dict[str, float]) -> None:
    """Portfolio and, in the engine's place, who decides."""

    async def ask(service: str, question: str, **parameters: Any) -> Any:
        prices = {**PRICES, **closes}
        return {"known_instruments": dict(INSTRUMENTS), "closes_by_tick": [], "closes": prices}[question]

    async def positions() -> Any:
        return await process.runners["portfolio"].answers["snapshot"]()

    process.add("portfolio", portfolio.build, ask)
    process.add("engine", lambda context: Decider(context, script, process.loop.time, positions).service(), ask)
