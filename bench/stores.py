"""What the running bot writes on PostgreSQL, beside asyncpg by hand: the events of its orders, and blocks of candles.

    python -m bench.stores            against a PostgreSQL that the script starts and ends

An order event is the transaction in which the ledger of execution makes it true, through the kernel: the order's row,
its history, its fills, the messages that tell of it and the guard of the writer's epoch. Of each position there are
six: its entry is sent, taken and filled, then its stop and target are sent, taken, and the target is filled. By hand
the same rows go by as many statements, ready to be sent, in as many transactions. A block of candles has the columns
of market-data. Every commit is on the disk on both sides. Python has one core; the server has what is left.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
from bench.measured import Figure, in_turns, on_one_core, options, report, sides
from sqlalchemy import Connection, Insert, Table, Update, insert
from tests.servers.programs import postgres_programs
from tests.servers.running import PostgresServer

from tradewind.contracts.api.document import load_bot
from tradewind.contracts.messages import Bracket
from tradewind.domain.candle import Candle
from tradewind.domain.instrument import Instrument
from tradewind.domain.money import plain
from tradewind.domain.order import Fill, Leg, Order, OrderState, OrderType, Side, client_order_id
from tradewind.execution.ledger import OrderLedger
from tradewind.execution.ports import VenueEnd, VenueFill
from tradewind.execution.records import OrderRecord
from tradewind.execution.tables import leases
from tradewind.kernel.bus.memory import MemoryBus
from tradewind.kernel.clock import SystemClock
from tradewind.kernel.delivery import NoStore
from tradewind.kernel.runner import ServiceRunner
from tradewind.kernel.service import Context
from tradewind.kernel.store.base import Store, Write
from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.postgres import PostgresStore
from tradewind.kernel.telemetry.logging import logger_for
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.telemetry.tracing import Tracing
from tradewind.kernel.unit import UnitOfWork
from tradewind.market_data.candle_store import candles_write

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ROOT / "manifests" / "samples" / "quickstart.yaml"
PAIR, HOUR, EPOCH = "BTC/EUR", 3_600_000, 1
PRICE, STOP, TARGET = Decimal("20000.5"), Decimal("0.05"), Decimal("0.1")
INSTRUMENT = Instrument(PAIR, "BTC", "EUR", Decimal("0.01"), Decimal("0.00001"), Decimal("0.0001"), Decimal(5))
POSITIONS, CANDLES = 25, 20_000
EVENTS = 6 * POSITIONS
EVENT_GOAL, CANDLES_GOAL = 0.5, 0.7


class Recorder(NoStore):
    """Takes down what would be written."""

    def __init__(self) -> None:
        self.transactions: list[Sequence[Write]] = []

    async def commit(self, writes: Sequence[Write]) -> None:
        self.transactions.append(writes)


class Desk:
    """The ledger of an account in the kernel's units, as execution has it; the venue takes and fills everything."""

    def __init__(self, bot: str, store: Store) -> None:
        context = Context(
            bot=load_bot(MANIFEST, [f"metadata.name={bot}"]),
            service="execution",
            clock=SystemClock(),
            store=store,
            ask=_nobody,
            log=logger_for("execution", bot),
            tracer=Tracing(None, "0", "default").tracer("execution"),
            metrics=Metrics(),
            data_directory=ROOT,
        )
        self.account, self._context = f"{context.key}:paper", context
        ServiceRunner(context, MemoryBus())  # from here on the context's units are the kernel's
        self._ledger = OrderLedger(context, self.account)
        self._ledger.epoch, self._ledger.instruments = EPOCH, {PAIR: INSTRUMENT}

    async def decide(self, numbers: Sequence[int]) -> list[OrderRecord]:
        """Intend the entries of as many positions."""
        records = [self._entry(number) for number in numbers]
        async with self._context.unit() as unit:
            for record in records:
                self._ledger.add(record, unit, "Decided")
        return records

    async def trade(self, entries: Sequence[OrderRecord]) -> None:
        """Every event of each position, each in a transaction of its own, until it is closed."""
        for entry in entries:
            position = entry.order.client_order_id
            await self._send([position])
            await self._unit(partial(self._ledger.apply, [self._fill(position, PRICE)]))
            legs = {one.order.leg: one.order for one in self._ledger.protective(position)}
            await self._send([one.client_order_id for one in legs.values()])
            price = legs[Leg.TARGET].price
            assert price is not None
            stop = VenueEnd(legs[Leg.STOP].client_order_id, OrderState.CANCELED, "OtherLegFilled")
            await self._unit(partial(self._ledger.apply, [self._fill(legs[Leg.TARGET].client_order_id, price), stop]))

    async def _send(self, orders: Sequence[str]) -> None:
        signed_at = self._context.clock.now()
        await self._unit(lambda unit: self._move(orders, OrderState.SUBMITTED, unit, signed_at=signed_at))
        await self._unit(lambda unit: self._move(orders, OrderState.ACCEPTED, unit))

    def _move(self, orders: Sequence[str], state: OrderState, unit: UnitOfWork, **fields: object) -> None:
        for one in orders:
            self._ledger.move(one, state, unit, **fields)

    async def _unit(self, change: Callable[[UnitOfWork], None]) -> None:
        async with self._context.unit() as unit:
            change(unit)
            self._ledger.guard(unit)

    def _entry(self, number: int) -> OrderRecord:
        decision = f"{self._context.key}/{PAIR}/{number * HOUR}"
        order = Order(
            client_order_id=client_order_id(self._context.key, decision, Leg.ENTRY),
            decision_id=decision,
            leg=Leg.ENTRY,
            pair=PAIR,
            side=Side.BUY,
            type=OrderType.MARKET,
            amount=Decimal("0.0125"),
            created_time=number * HOUR,
            tag="ema-cross",
        )
        return OrderRecord(order, self._ledger.next_number(), order.client_order_id, Bracket(STOP, TARGET))

    def _fill(self, order: str, price: Decimal) -> VenueFill:
        record = self._ledger.records[order].order
        fee, moment = record.amount * price / 1000, record.created_time + 1
        fill = Fill(f"t-{order}", order, PAIR, record.side, record.amount, price, fee, "EUR", maker=False, time=moment)
        return VenueFill(fill)


async def _nobody(service: str, question: str, **_: object) -> None:
    raise AssertionError(f"{service} was asked for {question}")


def by_hand(write: Write) -> tuple[str, list[Any]]:
    """The statement that somebody would write for these rows, and its values as they go to the server."""
    assert isinstance(write.parameters, dict)
    assert isinstance(write.statement, Insert | Update)
    assert isinstance(write.statement.table, Table)
    table, parameters = write.statement.table.name, write.parameters
    values = [plain(value) if isinstance(value, Decimal) else value for value in parameters.values()]
    places = {name: f"${number}" for number, name in enumerate(parameters, 1)}
    if isinstance(write.statement, Insert):
        return f"INSERT INTO {table} ({', '.join(places)}) VALUES ({', '.join(places.values())})", values
    keys = {name.removeprefix("key_"): place for name, place in places.items() if name.startswith("key_")}
    changed = {name: place for name, place in places.items() if not name.startswith("key_")}
    setting = ", ".join(f"{name} = {place}" for name, place in (changed or {"epoch": keys["epoch"]}).items())
    return f"UPDATE {table} SET {setting} WHERE {' AND '.join(f'{n} = {p}' for n, p in keys.items())}", values


async def write_by_hand(
    connection: asyncpg.Connection, transactions: Sequence[Sequence[tuple[str, list[Any]]]]
) -> None:
    """Each in a transaction of its own."""
    for statements in transactions:
        async with connection.transaction():
            for text, values in statements:
                await connection.execute(text, *values)


async def orders_by_store(desk: Desk, numbers: Sequence[int]) -> float:
    """Events a second."""
    entries = await desk.decide(numbers)
    began = time.perf_counter()
    await desk.trade(entries)
    return EVENTS / (time.perf_counter() - began)


async def orders_by_driver(
    connection: asyncpg.Connection, desk: Desk, recorder: Recorder, numbers: Sequence[int]
) -> float:
    """Events a second, of a desk that only tells what it would have written."""
    recorder.transactions.clear()
    await desk.trade(await desk.decide(numbers))
    decided, *events = [[by_hand(write) for write in writes] for writes in recorder.transactions]
    assert len(events) == EVENTS
    await write_by_hand(connection, [decided])
    began = time.perf_counter()
    await write_by_hand(connection, events)
    return EVENTS / (time.perf_counter() - began)


def block(number: int) -> list[Candle]:
    """Candles as they come from an exchange."""
    first = number * CANDLES
    return [Candle((first + n) * 60_000, 20000.5, 20010.25, 19990.75, 20003.0, 12.5 + n) for n in range(CANDLES)]


async def candles_by_store(store: PostgresStore, number: int) -> float:
    """Rows a second, of one block."""
    candles = block(number)
    began = time.perf_counter()
    await store.commit([candles_write("default/store", {PAIR: candles}, traded=True)])
    return CANDLES / (time.perf_counter() - began)


async def candles_by_driver(connection: asyncpg.Connection, number: int) -> float:
    """Rows a second, of one block."""
    candles = block(number)
    began = time.perf_counter()
    columns = ["bot", "pair", *Candle._fields, "traded"]
    rows = [("default/hand", PAIR, *candle, True) for candle in candles]
    async with connection.transaction():
        await connection.copy_records_to_table("market_data_candles", records=rows, columns=columns)
    return CANDLES / (time.perf_counter() - began)


def _numbers() -> Iterator[range]:
    """Those of the positions of one turn after the other."""
    return (range(first, first + POSITIONS) for first in itertools.count(1, POSITIONS))


async def measure(address: str, rounds: int) -> list[Figure]:
    """Both ratios."""
    store, connection, recorder = PostgresStore(address), await asyncpg.connect(address), Recorder()
    ours, bare = Desk("store", store), Desk("hand", recorder)

    def prepare(session: Connection) -> None:
        METADATA.create_all(session)
        held = [{"account": desk.account, "epoch": EPOCH, "holder": "execution"} for desk in (ours, bare)]
        session.execute(insert(leases), held)

    await store.change(prepare)
    numbers, same = _numbers(), _numbers()
    events = await in_turns(
        rounds,
        lambda: orders_by_store(ours, next(numbers)),
        lambda: orders_by_driver(connection, bare, recorder, next(same)),
    )
    blocks = itertools.count()
    candles = await in_turns(
        rounds, lambda: candles_by_store(store, next(blocks)), lambda: candles_by_driver(connection, next(blocks))
    )
    await connection.close()
    await store.close()
    return [
        *sides("order event", "transactions/s", events, EVENT_GOAL),
        *sides("candles by COPY", "rows/s", candles, CANDLES_GOAL),
    ]


def main() -> int:
    """Measure, print, and say by the exit code whether the goals are reached."""
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with PostgresServer(postgres_programs()) as server:
        on_one_core()
        figures = asyncio.run(measure(server.url("postgres"), given.rounds))
    return report("what a bot writes on PostgreSQL, beside asyncpg by hand", figures, given.output)


if __name__ == "__main__":
    sys.exit(main())
