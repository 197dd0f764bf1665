"""The simulated exchange as a process of its own: a database, a port, and a clock that goes.

Everything it needs is given to it; reading candle files and the command line are the business of whoever starts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import uvicorn

from tradewind.domain.account_order import AccountRules
from tradewind.domain.errors import MachineError
from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import MatchingRules
from tradewind.domain.series import CandleSeries
from tradewind.kernel.state_directory import StateDirectory
from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.sqlite import SqliteStore, sqlite_engine
from tradewind.sim_exchange import tables
from tradewind.sim_exchange.exchange import SimulatedExchange
from tradewind.sim_exchange.faults import FaultTable
from tradewind.sim_exchange.persistence import Persistence
from tradewind.sim_exchange.wire.application import Application, application
from tradewind.sim_exchange.wire.call import WireSettings
from tradewind.sim_exchange.wire.driver import drive
from tradewind.sim_exchange.wire.limits import Allowance
from tradewind.sim_exchange.wire.signature import Credentials

ACCOUNT = "sim-exchange"
STOP_WITHIN = 1

_TABLES = [tables.accounts, tables.balances, tables.markets, tables.orders, tables.order_lists, tables.trades]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandaloneOptions:
    """A market, an account, and where they are served.

    `instruments` and `series` by pair, all of one timeframe; fees are ratios; `speed` is simulated seconds in one of
    the wall, None for `max`; a `port` of 0 is any free one; `start_time` (milliseconds UTC) counts for a fresh
    `directory` only, None is the first candle. Limits are counted in simulated time, or on the wall with
    `simulated_limits` false.
    """

    instruments: Mapping[str, Instrument]
    series: Mapping[str, CandleSeries]
    balances: Mapping[str, Decimal]
    maker_fee: Decimal
    taker_fee: Decimal
    directory: Path
    credentials: Credentials
    host: str = "127.0.0.1"
    port: int = 0
    speed: float | None = None
    start_time: int | None = None
    seed: int = 0
    rate_limits: bool = True
    simulated_limits: bool = True
    allowance: Allowance = field(default_factory=Allowance)


class Standalone:
    """One venue on one port: `start`, then `url` and `websocket_url` say where; `stop` when it is enough."""

    def __init__(self, options: StandaloneOptions) -> None:
        self._options = options
        self._directory = StateDirectory(options.directory.absolute())
        self._faults = FaultTable()
        self._store: SqliteStore | None = None
        self.application: Application | None = None
        self._server: _Server | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._address = ""
        self.exchange: SimulatedExchange | None = None

    @property
    def url(self) -> str:
        """What stands in place of `https://api.binance.com`."""
        return f"http://{self._address}"

    @property
    def websocket_url(self) -> str:
        """What stands in place of `wss://stream.binance.com:9443` and of `wss://ws-api.binance.com:443`."""
        return f"ws://{self._address}"

    async def start(self) -> None:
        """Load the account, listen, and let the clock go; on a failure nothing that was begun is left."""
        self._directory.acquire()
        try:
            listening = _bound(self._options.host, self._options.port)
            self._address = _address(listening)
            self.exchange = await self._exchange()
            await self._serve(listening, self.exchange)
        except BaseException:
            await self.stop()
            raise
        if self._options.speed is not None:
            self._tasks.append(asyncio.create_task(drive(self.exchange, self._options.speed), name="clock"))

    async def wait(self) -> None:
        """Until something that should go on ends; raises why."""
        while True:
            done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
                self._tasks.remove(task)
            if not self._tasks:
                return

    async def stop(self) -> None:
        """Stop the clock, end every connection, close the database."""
        for task in self._tasks:
            if task.get_name() == "clock":
                task.cancel()
        if self.application is not None:
            self.application.close()
        if self._server is not None:
            self._server.should_exit = True
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._store is not None:
            await self._store.close()
            self._store = None
        self._directory.release()

    async def _exchange(self) -> SimulatedExchange:
        options = self._options
        engine = sqlite_engine(self._directory.database)
        # The database is the venue's alone, so its tables are all there is to make.
        await asyncio.to_thread(METADATA.create_all, engine, _TABLES)
        self._store = SqliteStore(engine)
        first = min(int(series.open_time[0]) for series in options.series.values())
        exchange = SimulatedExchange(
            instruments=options.instruments,
            series=options.series,
            balances=options.balances,
            rules=AccountRules(
                maker_fee=options.maker_fee,
                taker_fee=options.taker_fee,
                fee_in_base=True,
                matching=MatchingRules(),
            ),
            start_time=first if options.start_time is None else options.start_time,
            persistence=Persistence(self._store, ACCOUNT),
            seed=options.seed,
            faults=self._faults,
        )
        await exchange.load()
        return exchange

    async def _serve(self, listening: socket.socket, exchange: SimulatedExchange) -> None:
        options = self._options
        settings = WireSettings(
            credentials=options.credentials,
            speed=options.speed,
            rate_limits=options.rate_limits,
            simulated_limits=options.simulated_limits,
            allowance=options.allowance,
        )
        self.application = application(exchange, settings, self._faults)
        self.application.open()
        server = self._server = _Server(server_configuration(self.application))
        self._tasks.append(asyncio.create_task(server.serve([listening]), name="server"))
        async with asyncio.timeout(STOP_WITHIN + 4):
            await server.listening.wait()


def server_configuration(app: Application) -> uvicorn.Config:
    """How the venue is served: WebSockets with pings every 20 seconds as Binance's, no log line for each call."""
    return uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=1 << 20,
        ws_ping_interval=20.0,
        ws_ping_timeout=60.0,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=2048,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=STOP_WITHIN,
    )


class _Server(uvicorn.Server):
    """A server in a process whose signals belong to somebody else."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise MachineError("--host", host, "an address of this machine", "leave --host out for 127.0.0.1") from error
    one = socket.socket(family, kind, protocol)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setblocking(False)
        one.bind(place)
        one.listen(2048)
    except OSError as error:
        one.close()
        used = error.errno == errno.EADDRINUSE
        received = f"{port} (in use)" if used else f"{port} ({(error.strerror or str(error)).lower()})"
        fix = "stop what listens there, or choose another --port (0 is any free one)"
        raise MachineError("--port", received, "a free port of this machine", fix) from error
    return one


def _address(one: socket.socket) -> str:
    host, port = one.getsockname()[:2]
    # What listens everywhere is reached here.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared, not bound)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
