"""A simulated exchange over a store in memory, which may fail, and a second one over the same store."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal
from types import SimpleNamespace

import pytest

from tradewind.domain.account_order import AccountRules
from tradewind.domain.candle import Candle
from tradewind.domain.errors import TemporaryError
from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import MatchingRules
from tradewind.domain.order import Side, TimeInForce
from tradewind.domain.series import CandleSeries
from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.sqlite import SqliteStore, sqlite_engine
from tradewind.sim_exchange.exchange import SimulatedExchange
from tradewind.sim_exchange.faults import FaultTable
from tradewind.sim_exchange.models import ExecutionReport, Kind, Leg, NewOrder, NewOrderList, RefusalError
from tradewind.sim_exchange.persistence import Persistence

D = Decimal
HOUR = 3_600_000
START = 100 * HOUR
BTC, ETH = "BTC/USDT", "ETH/USDT"

# Open, high, low, close: rises through 112 and falls through 97; the path is 100, 97, 112, 109.
SHAPE = (100, 112, 97, 109)


def instrument(pair):
    base, quote = pair.split("/")
    return Instrument(pair, base, quote, D("0.01"), D("0.001"), D("0.002"), D(5))


def candles(pair, shapes, volume=1000.0):
    """One candle each hour from `START` on; None leaves a gap."""
    found = [
        Candle(START + number * HOUR, *map(float, shape[:4]), float(shape[4]) if len(shape) > 4 else volume)
        for number, shape in enumerate(shapes)
        if shape is not None
    ]
    return CandleSeries.of(pair, "1h", found)


class FragileStore(SqliteStore):
    """Fails, before or after a commit became durable, when it is told to; holds commits back while `held`."""

    def __init__(self, engine):
        super().__init__(engine)
        self.commits = 0
        self.fail_before = self.fail_after = self.fail_reads = 0
        self.open = asyncio.Event()
        self.open.set()

    async def commit(self, writes):
        await self.open.wait()
        if self.fail_before:
            self.fail_before -= 1
            raise TemporaryError("no space left on device")
        await super().commit(writes)
        self.commits += 1
        if self.fail_after:
            self.fail_after -= 1
            raise TemporaryError("the connection was lost")

    async def read(self, query):
        if self.fail_reads:
            self.fail_reads -= 1
            raise TemporaryError("locked")
        return await super().read(query)

    async def _hop(self, work):
        # In place: the tests of time and order need no thread.
        await asyncio.sleep(0)
        with self._connection.begin():
            return work(self._connection)


class Venue:
    """An exchange with two listeners; short words for what tests ask of it."""

    def __init__(self, store, **options):
        self.store, self.options = store, options
        self.faults = FaultTable()
        self.exchange = self.make()
        self.user, self.market = [], []

    def make(self):
        options = dict(self.options)
        shapes = options.pop("shapes", {BTC: [SHAPE] * 5})
        volume = options.pop("volume", 1000.0)
        matching = MatchingRules(D(options.pop("slippage", 0)), D(options.pop("share", "0.25")))
        rules = AccountRules(D("0.001"), D("0.002"), fee_in_base=options.pop("fee_in_base", True), matching=matching)
        balances = {name: D(total) for name, total in options.pop("balances", {"USDT": 10_000, "BTC": 10}).items()}
        return SimulatedExchange(
            instruments={pair: instrument(pair) for pair in shapes},
            series={pair: candles(pair, found, volume) for pair, found in shapes.items()},
            balances=balances,
            rules=rules,
            start_time=options.pop("start_time", START),
            persistence=Persistence(self.store, "account"),
            faults=self.faults,
            **options,
        )

    async def open(self):
        await self.exchange.load()
        self.exchange.on_user_event(self.user.append)
        return self

    async def restart(self):
        """Another process over the same tables."""
        self.exchange = self.make()
        await self.open()

    # --------------------------------------------------------------------------------------------------------- orders

    def request(self, kind="MARKET", side="buy", quantity="1", symbol="BTCUSDT", **fields):
        for name in ("price", "stop_price", "quote_quantity"):
            if name in fields:
                fields[name] = D(str(fields[name]))
        kind = Kind(kind)
        if kind in (Kind.LIMIT, Kind.STOP_LOSS_LIMIT):
            fields.setdefault("time_in_force", TimeInForce.GTC)
        return NewOrder(
            symbol=symbol, side=Side(side), type=kind, quantity=None if quantity is None else D(quantity), **fields
        )

    async def place(self, *arguments, **fields):
        return await self.exchange.place(self.request(*arguments, **fields))

    def oco_request(self, side="sell", quantity="1", target=120, stop=90, **fields):
        maker = Leg(type=Kind.LIMIT_MAKER, price=D(str(target)), client_order_id=fields.pop("target_id", None))
        guard = Leg(type=Kind.STOP_LOSS, stop_price=D(str(stop)), client_order_id=fields.pop("stop_id", None))
        above, below = (maker, guard) if side == "sell" else (guard, maker)
        symbol = fields.pop("symbol", "BTCUSDT")
        return NewOrderList(symbol=symbol, side=Side(side), quantity=D(quantity), above=above, below=below, **fields)

    async def oco(self, **fields):
        return await self.exchange.place_list(self.oco_request(**fields))

    async def move(self, time, **options):
        return await self.exchange.move_clock(time, **options)

    async def inside(self):
        """To the middle of the first candle's second piece, where the price is 104.50."""
        await self.move(START + HOUR // 2)

    # -------------------------------------------------------------------------------------------------------- reading

    def reports(self):
        """`(execution, order id, status)` of every report so far."""
        return [
            (one.execution.value, one.order.order_id, one.order.status.value)
            for one in self.user
            if isinstance(one, ExecutionReport)
        ]

    def balances(self):
        return {one.currency: (one.free, one.locked) for one in self.exchange.account().balances}

    def truth(self):
        """Everything that a client can see of the account."""
        exchange = self.exchange
        return SimpleNamespace(
            time=exchange.time,
            events=exchange.events,
            account=exchange.account(),
            open=exchange.open_orders(),
            lists=exchange.order_lists(),
            orders=[exchange.all_orders(symbol) for symbol in exchange.symbols],
            trades=[exchange.my_trades(symbol) for symbol in exchange.symbols],
        )


@asynccontextmanager
async def many():
    """Makes venues, and closes their stores."""
    made = []

    async def make(**options):
        engine = sqlite_engine(None)
        METADATA.create_all(engine)
        store = FragileStore(engine)
        made.append(store)
        return await Venue(store, **options).open()

    yield make
    for store in made:
        await store.close()


@pytest.fixture
async def venues():
    async with many() as make:
        yield make


@pytest.fixture(scope="session")
def run():
    """Runs a coroutine function of `venues` to its end: each example of a property has venues of its own."""

    def start(work):
        async def inside():
            async with many() as make:
                await work(make)

        asyncio.run(inside())

    return start


@pytest.fixture
async def venue(venues):
    return await venues()


@pytest.fixture
def refused():
    """What happens inside of it is refused with this code and message."""

    class Refused:
        def __init__(self, code, message=None, status=400):
            self.expected = code, message, status

        def __enter__(self):
            return self

        def __exit__(self, kind, error, _traceback):
            code, message, status = self.expected
            assert isinstance(error, RefusalError), f"{kind} instead of a refusal"
            assert (error.code, error.status) == (code, status), error
            assert message in (None, error.message), error
            return True

    return Refused
