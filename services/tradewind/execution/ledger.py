"""The order ledger: every order of the account, what happens to it, and what follows from that.

It is the one place where an order changes. Each change goes, in one unit of work, into the order's row, its history
and, where others may act on it, a message. Applying the same fill twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from dataclasses import replace
from decimal import Decimal

from sqlalchemy import Connection, bindparam, insert, select, update

from tradewind.contracts.messages import OrderFilled, OrderStateChanged
from tradewind.domain.errors import ConfigError, TemporaryError
from tradewind.domain.exits import ExitReason
from tradewind.domain.instrument import Instrument, split_pair
from tradewind.domain.money import ZERO
from tradewind.domain.order import Fill, Leg, OrderState, Side
from tradewind.domain.protection import Levels, bracket_levels, last_levels, legs
from tradewind.domain.timeframe import bucket_start
from tradewind.execution.ports import VenueEnd, VenueFill, VenueResize, VenueUpdate
from tradewind.execution.records import OrderRecord, record_from, row_of
from tradewind.execution.tables import fills as fills_table
from tradewind.execution.tables import leases, order_states, orders
from tradewind.kernel.service import Context
from tradewind.kernel.telemetry.traceparent import exemplar_of
from tradewind.kernel.unit import UnitOfWork

_KEY = ("bot", "account", "client_order_id")
_INSERT_ORDER = insert(orders)
_UPDATE_ORDER = (
    update(orders)
    .where(*(orders.c[name] == bindparam(f"key_{name}") for name in _KEY))
    .values({column.name: bindparam(column.name) for column in orders.c if column.name not in _KEY})
)
_INSERT_STATE = insert(order_states)
_INSERT_FILL = insert(fills_table)
_GUARD = (
    update(leases)
    .where(leases.c.account == bindparam("key_account"), leases.c.epoch == bindparam("key_epoch"))
    .values(epoch=bindparam("key_epoch"))
)
# Why legs are placed, by the first word of the attempt that they belong to.
_REASONS = {"filled": "EntryFilled", "after": "ExitOver", "amended": "StopRaised"}
# What happens to these stays inside: nobody else can act on an order that may not exist at the venue yet.
_PRIVATE = frozenset({OrderState.INTENDED, OrderState.SUBMITTED})


class OrderLedger:
    """All orders that may still matter, by client order id; a cache of the tables."""

    def __init__(self, context: Context, account: str) -> None:
        self.account = account
        self.epoch = 0
        self.time = 0
        self.reports = 0
        self.begun = False
        """Whether the account is known since this process started."""
        self.loads = 0
        """How often this was read from the store."""
        self.records: dict[str, OrderRecord] = {}
        self.traded: tuple[str, ...] = ()
        """The pairs of the manifest."""
        self.instruments: dict[str, Instrument] = {}
        """Of every pair that the account may hold: one that has left the manifest is looked after like any other."""
        self._context = context
        self._metrics = context.metrics
        self._timeframe = context.bot.spec.timeframe
        self._fills: set[tuple[str, str]] = set()
        self._base_fees: dict[str, Decimal] = {}
        self._number = 0
        self._open: dict[str, None] = {}
        self._positions: dict[str, list[str]] = {}
        self._unfinished: dict[str, None] = {}
        """Positions that may still hold something or have an order; those that do not are forgotten when looked at."""
        metrics, key = context.metrics, context.key
        for state in OrderState:
            metrics.orders.labels(key, state.value)
        for side in Side:
            metrics.fills.labels(key, side.value)
        self._fill_seconds = metrics.fill_seconds.labels(key)
        self._loading = False
        metrics.open_orders.labels(key).set_function(self._shown(self.open))
        metrics.unknown_orders.labels(key).set_function(self._shown(self.unknown))
        metrics.unprotected.labels(key).set_function(self._shown(self.bare))

    def _shown(self, found: Callable[[], Sized]) -> Callable[[], float]:
        """How many there are, for the metrics. While another thread loads, as many as there were before."""
        before = 0

        def shown() -> float:
            nonlocal before
            if not self._loading:
                before = len(found())
            return before

        return shown

    def load(self, connection: Connection) -> None:
        """Read everything; closed orders too, because a late fill names its order."""
        self._loading = True
        self._read(connection)
        self._loading = False  # after a failure it is loaded again, before anybody goes on

    def _read(self, connection: Connection) -> None:
        mine = (orders.c.bot == self._context.key, orders.c.account == self.account)
        rows = connection.execute(select(orders).where(*mine).order_by(orders.c.number))
        self.loads += 1
        self.records, self._open, self._positions, self._unfinished = {}, {}, {}, {}
        for row in rows:
            self._keep(record_from(row))
        self._number = max((record.number for record in self.records.values()), default=0)
        self._fills, self._base_fees = set(), {}
        of_account = (fills_table.c.bot == self._context.key, fills_table.c.account == self.account)
        for row in connection.execute(select(fills_table).where(*of_account)):
            self._fills.add((row.pair, row.trade_id))
            self._note_base_fee(row.client_order_id, row.pair, row.fee_currency, row.fee)

    async def settled(self) -> int:
        """Wait until a unit that failed is undone here too; returns the number for `refuse_loaded_since`.

        To be called before the venue is asked for what is to be recorded: what an account in our own store shows of
        such a unit never happened.
        """
        async with self._context.unit():
            return self.loads

    def refuse_loaded_since(self, loads: int) -> None:
        """Raise `TemporaryError` where this was loaded again meanwhile, so that the venue was asked too early."""
        if self.loads != loads:
            raise TemporaryError("the orders were loaded again while the venue was asked", retry_after=0.0)

    # ------------------------------------------------------------------------------------------------------- reading

    def open(self, pair: str | None = None) -> list[OrderRecord]:
        """Open orders of ours, oldest first."""
        # An emergency stop asks whenever it comes, also while another thread loads them again.
        records = (self.records.get(client_id) for client_id in list(self._open))
        return [r for r in records if r is not None and not r.external and pair in (None, r.order.pair)]

    def unknown(self) -> list[OrderRecord]:
        """Those of which it is not known what became of them."""
        return [record for record in self.open() if record.order.state is OrderState.UNKNOWN]

    def protective(self, position_id: str) -> list[OrderRecord]:
        """Open protective legs of a position, oldest first."""
        return [r for r in self.open() if r.is_protective and r.position_id == position_id]

    def held(self, position_id: str) -> Decimal:
        """What the fills of a position's orders leave in base."""
        held = -self._base_fees.get(position_id, ZERO)
        for client_id in self._positions.get(position_id, ()):
            order = self.records[client_id].order
            held += order.filled if order.side is Side.BUY else -order.filled
        return held

    def staying(self, position_id: str) -> Decimal:
        """What a position holds and no exit is selling, in steps: what its legs are to cover."""
        leaving = sum((r.order.remaining for r in self.exits(position_id)), ZERO)
        left = self.held(position_id) - leaving
        return self.instrument(self.records[position_id].order.pair).amount(left) if left > ZERO else ZERO

    def watched(self) -> list[str]:
        """The pairs of which the venue has to tell: those that are traded, and those of which something is left."""
        entries = (self.records[position_id] for position_id in self._positions)
        left = {r.order.pair for r in entries if not r.external and self.staying(r.position_id)}
        return [*self.traded, *sorted((left | {r.order.pair for r in self.open()}).difference(self.traded))]

    def instrument(self, pair: str) -> Instrument:
        """The filters of a pair of the account; `ConfigError` where they were never known."""
        known = self.instruments.get(pair)
        if known is None:
            allowed = f"{pair} among them, for the account has orders in it and this bot never learnt its filters"
            received = ", ".join(self.traded)
            raise ConfigError("spec.pairs.include", received, allowed, f"add {pair}; start once; remove it after that")
        return known

    def exits(self, position_id: str) -> list[OrderRecord]:
        """Open exits of a position, oldest first."""
        return [r for r in self.open() if r.order.leg is Leg.EXIT and r.position_id == position_id]

    def bare(self) -> list[str]:
        """The pairs of positions that should have a stop, have none, and are sold by nobody."""
        found = []
        for position_id in tuple(self._unfinished):
            entry = self.records[position_id]
            staying = ZERO if entry.external else self.staying(position_id)
            if not staying:
                if not any(client_id in self._open for client_id in self._positions[position_id]):
                    del self._unfinished[position_id]
            elif (
                entry.bracket is not None
                and entry.bracket.stop_loss is not None
                and not any(leg.order.leg is Leg.STOP for leg in self.protective(position_id))
                and not self.exits(position_id)
            ):
                found.append(entry.order.pair)
        return found

    def is_ours(self, client_id: str) -> bool:
        """Whether the order was created here."""
        record = self.records.get(client_id)
        return record is not None and not record.external

    def is_late(self, record: OrderRecord) -> bool:
        """Whether the decision behind an order no longer stands, by the market's time or by the wall's."""
        if record.expires_wall is not None and self._context.clock.now() > record.expires_wall:
            return True  # market time stands still while an order is not settled
        return record.expires_at is not None and self.time > record.expires_at

    @property
    def latest_number(self) -> int:
        """The number of the order that was created last; unlike the orders it stands while they are loaded again."""
        return self._number

    def next_number(self) -> int:
        """The next order of arrival."""
        self._number += 1
        return self._number

    # ------------------------------------------------------------------------------------------------------- changes

    def guard(self, unit: UnitOfWork) -> None:
        """Make the unit fail when another instance has taken the account over."""
        unit.write(_GUARD, {"key_account": self.account, "key_epoch": self.epoch}, expect=1)

    def add(self, record: OrderRecord, unit: UnitOfWork, reason: str = "") -> None:
        """A new order."""
        self._keep(record)
        unit.write(_INSERT_ORDER, row_of(self._context.key, self.account, record))
        self._append(record, unit, reason)

    def change(self, record: OrderRecord, unit: UnitOfWork, reason: str | None = None) -> None:
        """Store a changed record; with a `reason` (or a new version) its history too."""
        before = self.records[record.order.client_order_id]
        self._keep(record)
        row = row_of(self._context.key, self.account, record)
        unit.write(_UPDATE_ORDER, {(f"key_{name}" if name in _KEY else name): row[name] for name in row})
        if record.order.version != before.order.version:
            self._append(record, unit, reason or "")
        over = before.order.is_open and not record.order.is_open
        # Who cancels an exit wants no order; every other end of one may leave a part of the position bare.
        if record.order.leg is Leg.EXIT and over and record.order.state is not OrderState.CANCELED:
            # An exit took the legs away and did not sell all.
            self.protect_again(record.position_id, unit, f"after-{record.order.client_order_id}")

    def move(
        self, client_id: str, state: OrderState, unit: UnitOfWork, reason: str = "", **fields: object
    ) -> OrderRecord:
        """Take an order to `state`; `fields` are changed with it."""
        record = self.records[client_id]
        moved = replace(record, order=record.order.to(state), **fields)  # type: ignore[arg-type]
        self.change(moved, unit, reason)
        return moved

    def resize(self, client_id: str, remaining: Decimal, unit: UnitOfWork, reason: str) -> OrderRecord:
        """Set what is left of an order."""
        record = self.records[client_id]
        if not record.order.is_open:
            return record
        order = replace(record.order, amount=record.order.filled + remaining, version=record.order.version + 1)
        resized = replace(record, order=order)
        self.change(resized, unit, reason)
        return resized

    def apply(self, updates: Iterable[VenueUpdate], unit: UnitOfWork) -> None:
        """What the venue told, in its order; what is known already changes nothing."""
        for told in updates:
            match told:
                case VenueFill(fill):
                    self._apply_fill(fill, unit)
                case VenueEnd(client_id, state, reason):
                    if self.is_ours(client_id) and self.records[client_id].order.is_open:
                        self.move(client_id, state, unit, reason, cancel_requested=False)
                case VenueResize(client_id, remaining):  # pragma: no branch - there is no fourth
                    if self.is_ours(client_id) and self.records[client_id].order.remaining != remaining:
                        self.resize(client_id, remaining, unit, "OtherLegFilled")

    def protect_again(self, position_id: str, unit: UnitOfWork, attempt: str) -> None:
        """Place the legs of a position again at the levels they had last, unless they rest or it is being sold."""
        entry = self.records.get(position_id)
        if entry is None or entry.bracket is None or self.protective(position_id) or self.exits(position_id):
            return
        levels = self._last_levels(position_id)
        self._protect(position_id, levels, attempt, entry.traceparent, unit)

    def replace_stop(self, record: OrderRecord, stop_price: Decimal, attempt: str, unit: UnitOfWork) -> None:
        """Move the stop of a position by new legs in place of the old, for venues where a stop cannot be moved."""
        position_id = record.position_id
        if self.exits(position_id):
            return  # the exit takes the legs away
        before = self._last_levels(position_id)
        levels = Levels(stop_price, before.target if before else None, ExitReason.TRAILING_STOP_LOSS.value)
        self._protect(position_id, levels, attempt, self.records[position_id].traceparent, unit)

    def _last_levels(self, position_id: str) -> Levels | None:
        records = sorted((self.records[one] for one in self._positions[position_id]), key=lambda record: record.number)
        return last_levels(record.order for record in records)

    def _note_base_fee(self, client_id: str, pair: str, currency: str, fee: Decimal) -> None:
        if currency == split_pair(pair)[0]:
            position = self.records[client_id].position_id
            self._base_fees[position] = self._base_fees.get(position, ZERO) + fee

    def _apply_fill(self, fill: Fill, unit: UnitOfWork) -> None:
        if (fill.pair, fill.trade_id) in self._fills or not self.is_ours(fill.client_order_id):
            return
        self._fills.add((fill.pair, fill.trade_id))
        # The tick, as in every message; the moment within the candle is in the fill's row.
        time = bucket_start(self._timeframe, fill.time)
        self.time = max(self.time, time)
        self._note_base_fee(fill.client_order_id, fill.pair, fill.fee_currency, fill.fee)
        record = self.records[fill.client_order_id]
        order = record.order.with_fill(fill.amount, fill.price)
        traceparent = self._context.tracer.span(
            "fill", record.traceparent, {"pair": fill.pair, "side": fill.side.value, "leg": order.leg.value}
        )
        unit.write(
            _INSERT_FILL,
            {
                "bot": self._context.key,
                "account": self.account,
                "pair": fill.pair,
                "trade_id": fill.trade_id,
                "client_order_id": fill.client_order_id,
                "side": fill.side.value,
                "amount": fill.amount,
                "price": fill.price,
                "fee": fill.fee,
                "fee_currency": fill.fee_currency,
                "maker": fill.maker,
                "time": fill.time,
            },
        )
        filled = OrderFilled(
            id=f"fill:{self.account}:{fill.pair}:{fill.trade_id}",
            time=time,
            trade_id=fill.trade_id,
            client_order_id=fill.client_order_id,
            decision_id=order.decision_id,
            pair=fill.pair,
            leg=order.leg,
            side=fill.side,
            amount=fill.amount,
            price=fill.price,
            fee=fill.fee,
            fee_currency=fill.fee_currency,
            maker=fill.maker,
            remaining=order.remaining,
            position_id=record.position_id,
            tag=order.tag,
            traceparent=traceparent,
        )
        unit.publish(filled)
        self._metrics.fills.labels(self._context.key, fill.side.value).inc()
        if record.signed_at is not None and not record.is_protective:
            seconds = max(self._context.clock.now() - record.signed_at, 0.0)
            self._fill_seconds.observe(seconds, exemplar_of(traceparent))
        self.change(replace(record, order=order), unit, "" if record.order.is_open else "ToldAfterItsEnd")
        if order.leg is Leg.ENTRY:
            levels = self._bracket_levels(self.records[fill.client_order_id])
            self._protect(record.position_id, levels, f"filled-{order.version}", traceparent, unit)

    def _bracket_levels(self, entry: OrderRecord) -> Levels | None:
        bracket, average = entry.bracket, entry.order.average
        if bracket is None or average is None:
            return None
        return bracket_levels(self.instrument(entry.order.pair), average, bracket.stop_loss, bracket.take_profit)

    def _protect(
        self, position_id: str, levels: Levels | None, attempt: str, traceparent: str | None, unit: UnitOfWork
    ) -> None:
        """Make the protective legs cover what the position holds and no exit sells; older legs are canceled."""
        if levels is None:
            return
        entry = self.records[position_id]
        amount = self.staying(position_id)
        if amount <= ZERO:
            return
        made = legs(self._context.key, entry.order, levels, amount=amount, attempt=attempt, time=self.time)
        if any(order.client_order_id in self.records for order in made):
            return  # the same attempt again
        for old in self.protective(position_id):
            self.change(replace(old, cancel_requested=True), unit)
        for order in made:
            record = OrderRecord(order, self.next_number(), position_id, traceparent=traceparent)
            self.add(record, unit, _REASONS.get(attempt.partition("-")[0], "AskedFor"))

    def _keep(self, record: OrderRecord) -> None:
        """Into the cache and its indices; the open ones stay in the order of arrival."""
        client_id = record.order.client_order_id
        if client_id not in self.records:
            self._positions.setdefault(record.position_id, []).append(client_id)
        self.records[client_id] = record
        self._unfinished[record.position_id] = None
        if record.order.is_open:
            self._open[client_id] = None
        else:
            self._open.pop(client_id, None)

    def _append(self, record: OrderRecord, unit: UnitOfWork, reason: str) -> None:
        order = record.order
        self._metrics.orders.labels(self._context.key, order.state.value).inc()
        unit.write(
            _INSERT_STATE,
            {
                "bot": self._context.key,
                "account": self.account,
                "client_order_id": order.client_order_id,
                "version": order.version,
                "state": order.state.value,
                "time": self.time,
                "occurred_at": self._context.clock.now(),
                "reason": reason,
            },
        )
        if order.state not in _PRIVATE:
            unit.publish(
                OrderStateChanged(
                    id=f"order:{order.client_order_id}:{order.version}",
                    time=self.time,
                    client_order_id=order.client_order_id,
                    decision_id=order.decision_id,
                    position_id=record.position_id,
                    pair=order.pair,
                    leg=order.leg,
                    side=order.side,
                    state=order.state,
                    amount=order.amount,
                    filled=order.filled,
                    price=order.price,
                    stop_price=order.stop_price,
                    reason=reason,
                    traceparent=record.traceparent,
                )
            )
