"""A world for execution: the real service over a real store and the paper venue, on an event loop with its own time.

Two kinds of venue: `paper`, which lives in our store, as in the product; and `remote`, which wraps the same paper
venue as a machine of its own: it survives our death, answers late or not at all, and loses and repeats what it says.
Only the threads of the store are left out: its statements run where they are called.
"""

from __future__ import annotations

import asyncio
import selectors
from collections import Counter
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

import tradewind.execution.service as execution
from tradewind.contracts.api.document import load_bot
from tradewind.contracts.messages import (
    AmendOrder,
    Bracket,
    CancelOrder,
    CandleClosed,
    OrderFilled,
    PlaceOrder,
    TickDecided,
    TickSettled,
    decode,
)
from tradewind.domain.candle import Candle
from tradewind.domain.errors import TemporaryError
from tradewind.domain.instrument import Instrument
from tradewind.domain.order import TERMINAL, Fill, Leg, OrderState, OrderType, Side, TimeInForce, client_order_id
from tradewind.domain.position import balance_changes
from tradewind.execution.adapters.paper import PaperVenue
from tradewind.execution.live_venue import TOO_MANY_REQUESTS, NotTakenError
from tradewind.execution.ports import Answer, VenueFill, VenueRefusalError, VenueResize
from tradewind.execution.tables import fills, leases, order_states, orders
from tradewind.kernel.bus.memory import MemoryBus
from tradewind.kernel.runner import ServiceRunner
from tradewind.kernel.service import Context
from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.outbox import outbox, outbox_write, read_last_time, read_undone
from tradewind.kernel.store.sqlite import SqliteStore, sqlite_engine
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.telemetry.tracing import Tracing
from tradewind.kernel.unit import UnitOfWork
from tradewind.portfolio.accounts import Account

ROOT = Path(__file__).parents[3]
QUICKSTART = ROOT / "manifests" / "samples" / "quickstart.yaml"
BTC, ETH = "BTC/EUR", "ETH/EUR"
HOUR = 3_600_000
START = Decimal(10_000)
D = Decimal


def instrument(pair):
    base = pair[:3]
    return Instrument(pair, base, "EUR", D("0.01"), D("0.001"), D("0.002"), D(5))


# ------------------------------------------------------------------------------------------------------------- time


class _Selector(selectors.DefaultSelector):
    """Never waits: the time that somebody would wait has passed at once."""

    def __init__(self):
        super().__init__()
        self.passed = 0.0

    def select(self, timeout=None):
        if timeout is None:
            raise AssertionError("everybody waits for somebody else")
        self.passed += max(timeout, 0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while nothing is left to do."""

    def __init__(self):
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self):
        return self._virtual.passed


# ------------------------------------------------------------------------------------------------------------ store


class Killed(BaseException):
    """kill -9."""


class CrashingStore(SqliteStore):
    """The store in memory. Dies, with the process, before or after the n-th commit becomes durable; or fails once."""

    def __init__(self, engine):
        super().__init__(engine)
        self.commits = 0
        self.kill_in = None
        self.kill_after = False
        self.fail_in = None
        self.fail_always = False
        self.dead = False
        self.hooks = {}

    async def commit(self, writes):
        self._live()
        self.commits += 1
        if self.fail_in is not None:
            self.fail_in -= 1
        if self.fail_always or (self.fail_in is not None and self.fail_in < 0):
            self.fail_in = None
            raise TemporaryError("no space left on device")
        dies = False
        if self.kill_in is not None:
            self.kill_in -= 1
            dies = self.kill_in < 0
        if dies and not self.kill_after:
            self._die()
        await super().commit(writes)
        if dies:
            self._die()
        if self.commits in self.hooks:
            self.hooks.pop(self.commits)()

    async def read(self, query):
        self._live()
        return await super().read(query)

    def _die(self):
        self.dead, self.kill_in = True, None
        raise Killed

    def _live(self):
        if self.dead:
            raise Killed

    async def _hop(self, work):
        await asyncio.sleep(0)
        with self._connection.begin():
            return work(self._connection)


# ------------------------------------------------------------------------------------------------------------ venue


class RemoteVenue:
    """The paper venue as a machine of its own, with faults.

    `plan` holds what goes wrong with the next calls, by name of the call; `stream_faults` what goes wrong with the
    next updates. A create that arrives later than `resend_after` seconds after it was signed is not accepted.
    """

    resend_after = 5.0
    transactional = False

    def __init__(self, account, rules, start, loop, engine):
        self.account = account
        self.inner = PaperVenue(account, rules, start)
        self.loop = loop
        self.plan = {"create": [], "cancel": [], "amend": [], "find": [], "fills": []}
        self.stream_faults = []
        self.trades = []
        self.accepted = Counter()
        self.calls = Counter()
        with engine.connect() as connection:
            self.inner.load(connection)

    # What the product's service does with its own paper venue; this one needs none of it.
    def load(self, connection):
        pass

    def open_market(self, instruments, closes, now):
        if self.inner.last_time() < 0:
            self.inner.open_market(instruments, closes, now)

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def see(self, pair, candle):
        if candle.open_time >= self.inner.last_time():
            self.inner.see(pair, candle)

    async def create(self, asked):
        signed = self.loop.time()

        async def act():
            if self.resend_after is not None and self.loop.time() > signed + self.resend_after:
                raise VenueRefusalError("Timestamp", "outside of the receive window")
            answer = await self.inner.create(asked)
            self.accepted.update(order.client_order_id for order in asked)
            return answer

        return await self._call("create", act)

    async def cancel(self, order):
        return await self._call("cancel", lambda: self.inner.cancel(order))

    async def amend(self, order, stop_price):
        return await self._call("amend", lambda: self.inner.amend(order, stop_price))

    async def find(self, order):
        return await self._call("find", lambda: self.inner.find(order))

    async def fills(self):
        async def act():
            return list(self.trades)

        return await self._call("fills", act)

    async def _call(self, name, act):
        self.calls[name] += 1
        fault = self.plan[name].pop(0) if self.plan[name] else "none"
        match fault:
            case "refused":
                raise VenueRefusalError("TooManyRequests", "try again later")
            case "not taken":
                raise NotTakenError(TOO_MANY_REQUESTS, "try again later", 1.0)
            case "lost":
                raise ConnectionResetError("before it arrived")
            case "silent":
                await asyncio.sleep(1000)
            case "late":
                self.loop.call_later(3, lambda: self.loop.create_task(self._quietly(act)))
                await asyncio.sleep(1000)
            case "pending" if name == "cancel":
                self.loop.call_later(3, lambda: self.loop.create_task(self._quietly(act)))
                return Answer()
        answer = self._without_writes(await act())
        if fault == "unheard":
            raise ConnectionResetError("after it was done")
        if fault == "unheard-silent":
            await asyncio.sleep(1000)
        return answer

    async def _quietly(self, act):
        with suppress(VenueRefusalError):
            self._without_writes(await act())

    def _without_writes(self, answer):
        return Answer(answer.orders, answer.updates) if isinstance(answer, Answer) else answer

    def match(self, pair, candle, phase):
        updates, _ = self.inner.match(pair, candle, phase)
        self.trades += [told.fill for told in updates if isinstance(told, VenueFill)]
        fault = self.stream_faults.pop(0) if self.stream_faults and updates else "none"
        if fault == "twice":
            updates = [*updates, *(told for told in updates if isinstance(told, VenueFill))]
        elif fault == "reversed" and not any(isinstance(told, VenueResize) for told in updates):
            updates = updates[::-1]
        return updates, []


# ------------------------------------------------------------------------------------------------------------ world


class NullLog:
    """Nobody reads it."""

    def __getattr__(self, name):
        return lambda *arguments, **facts: None


class Clock:
    """Wall time that passes with the loop."""

    def __init__(self, loop):
        self._loop = loop

    def now(self):
        return 1_700_000_000 + self._loop.time()


class World:
    """One account from its first order to whatever the test does to it. `remote` puts the venue outside."""

    def __init__(self, *, remote=False, settings=(), volume=1000.0):
        self.loop = VirtualLoop()
        self.remote = remote
        self.volume = volume
        self.bot = load_bot(QUICKSTART, ["spec.exchanges[0].venue=Paper", *settings])
        self.engine = sqlite_engine(None)
        METADATA.create_all(self.engine)
        self.store = CrashingStore(self.engine)
        self.instruments = {pair: instrument(pair) for pair in (BTC, ETH)}
        self.known = dict(self.instruments)
        self.candles = {
            0: {BTC: Candle(0, 100.0, 100.0, 100.0, 100.0, volume), ETH: Candle(0, 10.0, 10.0, 10.0, 10.0, volume)}
        }
        self.time = 0
        self.commands = 0
        self.held_back = None
        self.entries = {}
        self.history = {}
        self.settled = set()
        self.heard = []
        self.sent = []
        self.venue = None
        self.runner = None
        self.restart()

    # -------------------------------------------------------------------------------------------------- the process

    def run(self, awaitable):
        return self.loop.run_until_complete(awaitable)

    def let(self, seconds):
        """Let time pass; a process that is killed meanwhile stays dead until `restart`."""
        self.run(asyncio.sleep(seconds))
        self._note_settled()

    @property
    def alive(self):
        return not self.store.dead and self.runner.failure is None

    def kill(self):
        """The process is no more: kill -9."""
        self.store.dead = True
        if self.runner is not None:
            self.run(self.runner._cancel())
        # The tests share the store's one connection: what a cancelled task left running there ends before they read.
        self.store._thread.submit(lambda: None).result()

    def take_over_after_commits(self, count):
        """Another instance becomes the writer of the account, that many commits from now."""

        def take_over():
            with self.engine.begin() as connection:
                connection.execute(leases.update().values(epoch=leases.c.epoch + 1))

        self.store.hooks[self.store.commits + count] = take_over

    def tables(self):
        """Every row of every table."""
        with self.engine.connect() as connection:
            return {
                table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
                for table in METADATA.sorted_tables
            }

    def restart(self):
        """A new process over the same tables; the replay sends again what it may have missed."""
        if self.runner is not None:
            self.kill()
        self.store = CrashingStore(self.engine)
        self.bus = MemoryBus()
        self.seen_by_test = self.bus.subscribe("test", ("orders.events", "cycles"))
        self.run(self._start())
        resume = self.run(self.store.read(lambda connection: read_last_time(connection, self.bot.key)))
        self.let(0)
        for time in sorted(self.candles):
            if time and time >= (resume or 0):
                self._publish_tick(time)
                self.let(0.01)
        return self.runner

    async def _start(self):
        async def ask(service, question, **parameters):
            if question in ("instruments", "known_instruments"):
                return self.instruments if question == "instruments" else self.known
            known = max(time for time in self.candles if time <= parameters["time"])
            return {pair: candle.close for pair, candle in self.candles[known].items()}

        context = Context(
            bot=self.bot,
            service="execution",
            clock=Clock(self.loop),
            store=self.store,
            ask=ask,
            log=NullLog(),
            tracer=Tracing(None, "0", "default").tracer("execution"),
            metrics=Metrics(),
            data_directory=ROOT,
            resume_time=await self.store.read(lambda connection: read_last_time(connection, self.bot.key)),
        )
        self.runner = ServiceRunner(context, self.bus)
        self.runner.compose(self._build)
        await self.runner.start()
        undone = await self.store.read(
            lambda connection: read_undone(connection, self.bot.key, dict.fromkeys(_COMMANDS, ("execution",)))
        )
        await self.bus.publish(undone)

    def _build(self, context):
        kept, original = self, execution.PaperVenue

        def venue(account, rules, start):
            if not kept.remote:
                kept.venue = original(account, rules, start)
            elif kept.venue is None:
                kept.venue = RemoteVenue(account, rules, start, kept.loop, kept.engine)
            return kept.venue

        execution.PaperVenue = venue
        try:
            service = execution.build(context)
        finally:
            execution.PaperVenue = original
        self.handlers = service.tasks[0].__self__
        self.ledger, self.sender = self.handlers._ledger, self.handlers._sender
        self.sender.call_timeout = 2.0
        return service

    def close(self):
        self.run(self.runner._cancel())
        self.run(asyncio.sleep(2000))  # what hangs at the venue
        self.loop.close()
        self.store._connection.close()
        self.engine.dispose()

    # ------------------------------------------------------------------------------------------------- what comes in

    def command(self, message):
        """As the engine does: stored with its sequence, then published. The engine does not die here."""
        message = self.stored(message)
        self.sent.append(message)
        if self.held_back is None:
            self.run(self.bus.publish([message]))
        else:
            self.held_back.append(message)
        return message

    def stored(self, message):
        """A command with its number, in the outbox."""
        self.commands += 1
        message = msgspec.structs.replace(message, bot=self.bot.key, sequence=self.commands)
        with self.engine.begin() as connection:
            write = outbox_write(message, "engine")
            connection.execute(write.statement, write.parameters)
        return message

    @contextmanager
    def at_once(self):
        """Commands that come in one batch."""
        self.held_back = []
        yield
        messages, self.held_back = self.held_back, None
        self.run(self.bus.publish(messages))

    def enter(self, pair=BTC, amount="1", kind="market", bracket=("0.05", "0.1"), decision=None, **fields):
        decision = decision or f"enter-{self.commands}"
        client_id = client_order_id(self.bot.key, decision, Leg.ENTRY)
        levels = [None if level is None else D(level) for level in bracket]
        for name in ("price", "stop_price"):
            if fields.get(name) is not None:
                fields[name] = D(str(fields[name]))
        fields["time_in_force"] = TimeInForce(fields.get("time_in_force", "GTC"))
        self.command(
            PlaceOrder(
                id=f"place:{client_id}",
                time=self.time,
                decision_id=decision,
                leg=Leg.ENTRY,
                client_order_id=client_id,
                pair=pair,
                side=Side.BUY,
                type=OrderType(kind),
                amount=D(amount),
                bracket=Bracket(*levels) if any(levels) else None,
                position_id=client_id,
                **fields,
            )
        )
        self.entries[client_id] = pair
        return client_id

    def order_for(self, bus):
        """An entry that is stored, and that only the service on `bus` hears of."""
        client_id = client_order_id(self.bot.key, "nobody else", Leg.ENTRY)
        message = PlaceOrder(
            id=f"place:{client_id}",
            time=self.time,
            decision_id="nobody else",
            leg=Leg.ENTRY,
            client_order_id=client_id,
            pair=BTC,
            side=Side.BUY,
            type=OrderType.MARKET,
            amount=D(1),
        )
        message = self.stored(message)
        self.run(bus.publish([message]))
        return message

    def exit(self, position, amount=None):
        decision = f"exit-{self.commands}"
        client_id = client_order_id(self.bot.key, decision, Leg.EXIT)
        pair = self.entries[position]
        held = amount or self.instruments[pair].amount(self.ledger.held(position))
        self.command(
            PlaceOrder(
                id=f"place:{client_id}",
                time=self.time,
                decision_id=decision,
                leg=Leg.EXIT,
                client_order_id=client_id,
                pair=pair,
                side=Side.SELL,
                type=OrderType.MARKET,
                amount=D(held),
                reduce_only=True,
                position_id=position,
                tag="exit_signal",
            )
        )
        return client_id

    def cancel(self, client_id):
        pair = self.entries.get(client_id) or self.order(client_id).pair
        self.command(
            CancelOrder(id=f"cancel:{client_id}:{self.commands}", time=self.time, client_order_id=client_id, pair=pair)
        )

    def amend(self, client_id, stop_price):
        pair = self.order(client_id).pair
        self.command(
            AmendOrder(
                id=f"amend:{client_id}:{self.commands}",
                time=self.time,
                decision_id="amend",
                client_order_id=client_id,
                pair=pair,
                stop_price=D(str(stop_price)),
            )
        )

    def candle(self, seconds=1.0, **prices):
        """The next tick: `BTC=(open, high, low, close)`; a pair without prices stays at its close."""
        self.time += HOUR
        before = self.candles[self.time - HOUR]
        self.candles[self.time] = {
            pair: Candle(self.time, *(prices.get(pair[:3]) or (before[pair].close,) * 4), self.volume)
            for pair in (BTC, ETH)
        }
        self._publish_tick(self.time)
        self.let(seconds)

    def candle_messages_of(self, time, pairs, tick_size=2, timeframe="1h"):
        known = self.candles.get(time) or {p: c._replace(open_time=time) for p, c in self.candles[0].items()}
        return [
            CandleClosed(
                id=f"candle:{pair}:{timeframe}:{time}",
                time=time,
                bot=self.bot.key,
                pair=pair,
                timeframe=timeframe,
                candle=known[pair],
                tick_size=tick_size,
            )
            for pair in pairs
        ]

    def publish_candles(self, time, pairs, **fields):
        self.run(self.bus.publish(self.candle_messages_of(time, pairs, **fields)))

    def _publish_tick(self, time):
        self.publish_candles(time, self.candles[time])
        self.let(0.01)
        self.decided(time)

    def decided(self, time, *, final=False):
        self.run(
            self.bus.publish(
                [TickDecided(id=f"decided:{time}", time=time, commands_sequence=self.commands, final=final)]
            )
        )

    def _note_settled(self):
        while len(self.seen_by_test):
            for message in self.run(self.seen_by_test.take(1000)):
                self.heard.append(message)
                if isinstance(message, TickSettled):
                    self.settled.add(message.time)

    # --------------------------------------------------------------------------------------------------- what is true

    def rows(self, table, *order_by):
        with self.engine.connect() as connection:
            return list(connection.execute(select(table).order_by(*order_by)))

    def messages(self):
        """Everything that was ever published on orders.events, in its order."""
        rows = [row for row in self.rows(outbox, outbox.c.sequence) if row.topic == "orders.events"]
        return [decode(row.kind, row.payload) for row in rows]

    def order(self, client_id):
        return self.ledger.records[client_id].order

    def state(self, client_id):
        return self.order(client_id).state.value

    def states(self, client_id):
        """The whole history of an order, with the reasons."""
        return [
            (row.state, row.reason)
            for row in self.rows(order_states, order_states.c.version)
            if row.client_order_id == client_id
        ]

    def legs(self, position, *, open_only=True):
        """`(leg, remaining, level, state)` of a position's protective legs, oldest first."""
        records = sorted(self.ledger.records.values(), key=lambda record: record.number)
        return [
            (r.order.leg.value, r.order.remaining, r.order.stop_price or r.order.price, r.order.state.value)
            for r in records
            if r.position_id == position and r.is_protective and (r.order.is_open or not open_only)
        ]

    def stop_of(self, position):
        return next(
            r.order.client_order_id
            for r in self.ledger.protective(position)
            if r.order.leg is Leg.STOP and not r.cancel_requested
        )

    @property
    def exchange(self):
        """The venue's own books."""
        return self.venue.inner if self.remote else self.venue

    def at_venue(self):
        return {id_: entry for id_, entry in self.exchange._entries.items() if entry.state not in TERMINAL}

    def account(self):
        """Portfolio's account, made from the stored events and nothing else."""
        account = Account(self.runner.context)
        with self.engine.connect() as connection:
            account.load(connection)
            rows = connection.execute(
                select(outbox.c.kind, outbox.c.payload)
                .where(outbox.c.kind == "OrderFilled")
                .order_by(outbox.c.topic, outbox.c.sequence)
            ).all()
        for kind, payload in rows:
            message = decode(kind, payload)
            assert isinstance(message, OrderFilled)
            account.apply(message, lambda pair: self.instruments[pair].amount_step, UnitOfWork())
        return account

    # -------------------------------------------------------------------------------------------------- what must hold

    def check_always(self):
        """Also in the middle of a fault."""
        for currency, total in self.exchange._balances.items():
            locked = self.exchange._simulated.locked(currency)
            assert total >= locked >= 0, (currency, total, locked)
        live = Counter()
        for client_id in self.at_venue():
            record = self.ledger.records.get(client_id)
            if record is not None:
                live[record.order.decision_id, record.order.leg] += 1
        assert all(count == 1 for count in live.values()), live
        self._check_history()

    def _check_history(self):
        history = {}
        for row in self.rows(order_states, order_states.c.client_order_id, order_states.c.version):
            told = history.setdefault(row.client_order_id, [])
            assert row.version == len(told), "versions are consecutive"
            told.append(row)
        for client_id, before in self.history.items():
            assert history[client_id][: len(before)] == before, "what was written is never changed"
        self.history = history
        for row in self.rows(orders, orders.c.number):
            assert history[row.client_order_id][-1].state == row.state
            assert len(history[row.client_order_id]) == row.version + 1

    def check_quiet(self):
        """When nothing is wrong any more and everything had its time."""
        try:
            self._check_quiet()
        except AssertionError as error:
            error.add_note(self.story())
            raise

    def story(self):
        """Every order with its history, and the venue's side of it."""
        lines = [
            f"{r.number} {r.position_id[:4]} {r.order} {self.states(r.order.client_order_id)}"
            for r in sorted(self.ledger.records.values(), key=lambda record: record.number)
        ]
        return "\n".join([*lines, *(f"at the venue: {entry}" for entry in self.at_venue().values())])

    def _check_quiet(self):
        self.check_always()
        assert self.alive, self.runner.failure
        assert not self.sender.work(), self.sender.work()
        self._check_orders()
        self._check_money()
        self._check_protection()
        sequences = [row.sequence for row in self.rows(outbox, outbox.c.sequence) if row.topic == "orders.events"]
        assert sequences == list(range(1, len(sequences) + 1))
        assert self.time == 0 or self.time in self.settled, "the replay goes on"

    def _check_orders(self):
        assert self.entries.keys() <= self.ledger.records.keys(), "no command is lost"
        open_at_venue = self.at_venue()
        for client_id, record in self.ledger.records.items():
            order = record.order
            told = open_at_venue.pop(client_id, None)
            if order.is_open:
                assert order.state in {OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED}
                assert told is not None, f"{client_id} is open here and not at the venue"
                assert (told.amount, told.filled, told.state) == (order.amount, order.filled, order.state)
                assert told.working.stop_price == order.stop_price
            elif order.state is not OrderState.FILLED:
                assert self.states(client_id)[-1][1], "an end has a reason"
        assert not open_at_venue, "the venue has an order that nobody here knows"
        if self.remote:
            assert all(count == 1 for count in self.venue.accepted.values())

    def _check_money(self):
        told = self.rows(fills, fills.c.time)
        by_order, by_position, balances = Counter(), Counter(), {"EUR": START}
        for row in told:
            record = self.ledger.records[row.client_order_id]
            by_order[row.client_order_id] += row.amount
            for currency, change in balance_changes(_fill_of(row)).items():
                balances[currency] = balances.get(currency, D(0)) + change
                if currency == row.pair[:3]:
                    by_position[record.position_id] += change
        for client_id, record in self.ledger.records.items():
            assert record.order.filled == by_order[client_id] <= record.order.amount
        assert all(self.ledger.held(position) == held >= 0 for position, held in by_position.items())
        assert _without_zeros(self.exchange._balances) == _without_zeros(balances)
        account = self.account()
        assert _without_zeros(account.balances) == _without_zeros(balances)
        steps = {pair: one.amount_step for pair, one in self.instruments.items()}
        for position, held in by_position.items():
            known = account.open.get(position)
            # What a closed position left as dust is no part of it if its entry fills on and opens it again.
            assert 0 <= held - (known.amount if known else 0) < steps[self.entries[position]]
        if not account.open:
            assert sum((trade.profit for trade in account.trades), D(0)) == balances["EUR"] - START

    def _check_protection(self):
        for position, pair in self.entries.items():
            entry = self.ledger.records[position]
            if entry.bracket is None:
                continue
            leaving = [r.order for r in self.ledger.exits(position)]
            held = self.ledger.held(position) - sum((order.remaining for order in leaving), D(0))
            covered = self.instruments[pair].amount(held)
            for leg in (Leg.STOP, Leg.TARGET):
                mine = [r for r in self.ledger.records.values() if r.position_id == position and r.order.leg is leg]
                latest = max(mine, key=lambda record: record.number, default=None)
                amount = sum((r.order.remaining for r in mine if r.order.is_open), D(0))
                if latest is not None and latest.order.state is OrderState.REJECTED:
                    continue  # refused by the venue's filters; the engine sells such a position
                wanted = entry.bracket.stop_loss if leg is Leg.STOP else entry.bracket.take_profit
                assert amount == (covered if wanted is not None else 0), (position, leg, amount, covered)


_COMMANDS = ("PlaceOrder", "CancelOrder", "AmendOrder")


def _fill_of(row):
    return Fill(
        row.trade_id,
        row.client_order_id,
        row.pair,
        Side(row.side),
        row.amount,
        row.price,
        row.fee,
        row.fee_currency,
        maker=row.maker,
        time=row.time,
    )


def _without_zeros(balances):
    return {currency: total for currency, total in balances.items() if total}


@pytest.fixture
def world_class():
    """For whoever makes and ends them itself."""
    return World


@pytest.fixture
def worlds():
    """Makes worlds, and ends them."""
    made = []

    def make(**options):
        made.append(World(**options))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(worlds):
    """One with the paper venue in its own store."""
    return worlds()


@pytest.fixture
def remote(worlds):
    """One whose venue is outside, and whole until the test says otherwise."""
    return worlds(remote=True)
