"""The paper venue: an account whose orders fill on the bot's own candles, by the matching kernel.

It behaves as a real venue does: it refuses what a venue refuses, knows orders by client order id, refuses the same
id twice, keeps its own ledger. Its state lives in the bot's store and becomes true in the transaction in which
execution records the answer (`Answer.writes`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from tradewind.domain.candle import Candle
from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import (
    CandleMatch,
    Ended,
    Ending,
    MarketCandle,
    Matched,
    MatchEvent,
    MatchingRules,
    WorkingOrder,
    acts_at,
)
from tradewind.domain.money import DOWN, NEAREST, UP, ZERO, decimal_of, round_to
from tradewind.domain.order import TERMINAL, Fill, Leg, Order, OrderState, OrderType, Side, TimeInForce
from tradewind.domain.position import balance_changes
from tradewind.execution.ports import (
    DUPLICATE,
    Answer,
    VenueEnd,
    VenueFill,
    VenueOrder,
    VenueRefusalError,
    VenueResize,
    VenueUpdate,
)
from tradewind.execution.tables import paper_balances, paper_clocks, paper_orders
from tradewind.kernel.store.base import Write

_FEE_STEP = Decimal("1e-8")
_CHANGING = ("amount", "filled", "stop_price", "triggered", "rested", "since", "on_path", "state")
_INSERT_ORDER = insert(paper_orders)
_UPDATE_ORDER = (
    update(paper_orders)
    .where(paper_orders.c.account == bindparam("k_account"), paper_orders.c.client_order_id == bindparam("k_id"))
    .values({name: bindparam(name) for name in _CHANGING})
)
_INSERT_BALANCE = insert(paper_balances)
_UPDATE_BALANCE = (
    update(paper_balances)
    .where(paper_balances.c.account == bindparam("k_account"), paper_balances.c.currency == bindparam("k_currency"))
    .values(total=bindparam("total"))
)
_INSERT_CLOCK = insert(paper_clocks)
_UPDATE_CLOCK = (
    update(paper_clocks)
    .where(paper_clocks.c.account == bindparam("k_account"), paper_clocks.c.pair == bindparam("k_pair"))
    .values({n: bindparam(n) for n in ("time", "phase", "consumed", "trades")})
)
_PHASES = ("Open", "Path", "Close")
_LIMITS = (OrderType.LIMIT, OrderType.STOP_LIMIT)


@dataclass(frozen=True, slots=True)
class PaperRules:
    """Fees as ratios of the cost, the currency they are taken in, and the matching model."""

    maker_fee: Decimal
    taker_fee: Decimal
    fee_in_base: bool
    matching: MatchingRules


@dataclass(slots=True)
class _Entry:
    """An order in the paper venue's books, open or ended.

    It (or its amendment) meets candles that open after `since`; a leg placed at a candle's open also meets the
    path of that very candle (`on_path`). Kept with the order, so that a candle which is sent again after a restart
    does not act on what was decided from it.
    """

    client_order_id: str
    pair: str
    working: WorkingOrder
    amount: Decimal
    since: int
    on_path: bool = False
    filled: Decimal = ZERO
    state: OrderState = OrderState.ACCEPTED

    def meets(self, time: int, phase: str) -> bool:
        return self.since < time or (self.on_path and self.since == time and phase == "Path")

    def view(self) -> VenueOrder:
        return VenueOrder(
            self.client_order_id, self.pair, self.state, self.amount, self.filled, self.working.stop_price
        )


@dataclass(slots=True)
class _Clock:
    """How far a pair's candles have been walked, the volume taken from the present one, and its trades so far."""

    time: int = -1
    phase: str = ""
    consumed: Decimal = ZERO
    trades: int = 0
    stored: bool = False


@dataclass(slots=True)
class _Changes:
    """What a call changed, until it is turned into writes."""

    orders: dict[str, _Entry] = field(default_factory=dict)
    currencies: set[str] = field(default_factory=set)


class PaperVenue:
    """The account. Candles come in through `match`, everything else through the venue port."""

    resend_after: float | None = 0.0  # a call that is not answered in this process never happened
    transactional = True

    def __init__(self, account: str, rules: PaperRules, start_balances: Mapping[str, Decimal]) -> None:
        self.account = account
        self._rules = rules
        self._start = dict(start_balances)
        self._instruments: dict[str, Instrument] = {}
        self._entries: dict[str, _Entry] = {}
        self._books: dict[str, list[WorkingOrder]] = {}
        self._balances: dict[str, Decimal] = {}
        self._stored_balances: set[str] = set()
        self._clocks: dict[str, _Clock] = {}
        self._last: dict[str, Decimal] = {}
        self._sequence = 0
        self._now = -1

    # ------------------------------------------------------------------------------------------------------- loading

    def load(self, connection: Connection) -> None:
        """Read the account from the store; a fresh one holds the start balances."""
        self._balances = dict(
            connection.execute(
                select(paper_balances.c.currency, paper_balances.c.total).where(
                    paper_balances.c.account == self.account
                )
            ).all()
        )
        self._stored_balances = set(self._balances)
        self._balances = self._balances or dict(self._start)
        self._entries = {}
        rows = connection.execute(
            select(paper_orders).where(paper_orders.c.account == self.account).order_by(paper_orders.c.sequence)
        )
        for row in rows:
            self._entries[row.client_order_id] = _entry_from(row)
        self._books = {pair: [] for pair in self._instruments}
        for entry in self._entries.values():
            if entry.state not in TERMINAL:
                self._books.setdefault(entry.pair, []).append(entry.working)
        self._sequence = max((entry.working.sequence for entry in self._entries.values()), default=0)
        self._clocks = {
            row.pair: _Clock(row.time, row.phase, row.consumed, row.trades, stored=True)
            for row in connection.execute(select(paper_clocks).where(paper_clocks.c.account == self.account))
        }

    def open_market(self, instruments: Mapping[str, Instrument], closes: Mapping[str, float], now: int) -> None:
        """Say what is traded, and the latest closes and market time known at the start."""
        self._now = now
        self._instruments = dict(instruments)
        self._last = {pair: decimal_of(close) for pair, close in closes.items()}

    # --------------------------------------------------------------------------------------------------- venue calls

    async def create(self, orders: Sequence[Order]) -> Answer:
        """Accept one order or an OCO group, whole or not at all."""
        for order in orders:
            if order.client_order_id in self._entries:
                raise VenueRefusalError(DUPLICATE, order.client_order_id)
        self._check(orders)
        writes: list[Write] = []
        views: list[VenueOrder] = []
        for order in orders:
            self._sequence += 1
            working = WorkingOrder(
                order_id=order.client_order_id,
                sequence=self._sequence,
                side=order.side,
                type=order.type,
                amount=order.remaining,
                price=order.price,
                stop_price=order.stop_price,
                time_in_force=order.time_in_force,
                post_only=order.post_only,
                group=order.group if len(orders) > 1 else None,
            )
            on_path = order.leg in (Leg.STOP, Leg.TARGET) and order.created_time == self._now
            entry = _Entry(order.client_order_id, order.pair, working, order.remaining, self._now, on_path)
            self._entries[order.client_order_id] = entry
            self._books.setdefault(order.pair, []).append(working)
            writes.append(Write(_INSERT_ORDER, self._row(entry)))
            views.append(entry.view())
        return Answer(orders=tuple(views), writes=tuple(writes))

    async def cancel(self, order: Order) -> Answer:
        """End an order and the rest of its group."""
        entry = self._entries.get(order.client_order_id)
        if entry is None:
            raise VenueRefusalError("UnknownOrder", order.client_order_id)
        if entry.state in TERMINAL:
            return Answer(orders=(entry.view(),))
        book = self._books[entry.pair]
        group = entry.working.group
        changes = _Changes()
        updates: list[VenueUpdate] = []
        for working in [w for w in book if w is entry.working or (group is not None and w.group == group)]:
            book.remove(working)
            ended = self._entries[working.order_id]
            ended.state = OrderState.CANCELED
            changes.orders[ended.client_order_id] = ended
            updates.append(VenueEnd(ended.client_order_id, OrderState.CANCELED, "Requested"))
        return Answer(orders=(entry.view(),), updates=tuple(updates), writes=tuple(self._writes(changes)))

    async def amend(self, order: Order, stop_price: Decimal) -> Answer:
        """Move a stop that still rests."""
        entry = self._entries.get(order.client_order_id)
        if entry is None or entry.state in TERMINAL:
            raise VenueRefusalError("UnknownOrder", order.client_order_id)
        if entry.working.stop_price is None:
            raise VenueRefusalError("NotAStop", order.client_order_id)
        entry.working.stop_price = stop_price
        entry.since, entry.on_path = self._now, False
        changes = _Changes(orders={entry.client_order_id: entry})
        return Answer(orders=(entry.view(),), writes=tuple(self._writes(changes)))

    async def find(self, order: Order) -> VenueOrder | None:
        """The order, whatever became of it."""
        entry = self._entries.get(order.client_order_id)
        return entry.view() if entry else None

    async def open_orders(self) -> Sequence[VenueOrder]:
        """Everything that is open."""
        return [entry.view() for entry in self._entries.values() if entry.state not in TERMINAL]

    async def fills(self) -> Sequence[Fill]:
        """None: a fill and its record are one transaction here, so none can be missing."""
        return []

    async def balances(self) -> Mapping[str, Decimal]:
        """Totals by currency."""
        return dict(self._balances)

    # ------------------------------------------------------------------------------------------------------ matching

    def is_idle(self, pair: str) -> bool:
        """Whether a candle of `pair` can change nothing."""
        return not self._books.get(pair)

    def last_time(self) -> int:
        """Market time as far as this venue knows it."""
        return self._now

    def see(self, pair: str, candle: Candle) -> None:
        """Take note of a candle that needs no matching."""
        self._now = max(self._now, candle.open_time)
        self._last[pair] = decimal_of(candle.close)

    def match(self, pair: str, candle: Candle, phase: str) -> tuple[list[VenueUpdate], list[Write]]:
        """Walk one phase (`Open`, `Path`, `Close`) of a candle; a phase that was walked before does nothing."""
        time = candle.open_time
        clock = self._clocks.setdefault(pair, _Clock())
        if clock.time > time or (clock.time == time and _PHASES.index(clock.phase) >= _PHASES.index(phase)):
            return [], []
        if clock.time != time:
            clock.consumed = ZERO
        clock.time, clock.phase = time, phase
        self._now = max(self._now, time)
        price = self._last[pair] = decimal_of(candle.open if phase == "Open" else candle.close)
        book = self._books.setdefault(pair, [])
        meeting = self._meeting(book, time, phase)
        if not meeting:
            return [], []
        changes = _Changes()
        updates: list[VenueUpdate] = []
        if phase != "Path":
            for working in self._unaffordable(pair, meeting, price):
                meeting.remove(working)
                updates.append(self._refuse(working, changes))
        updates.extend(self._walk(pair, candle, phase, meeting, changes))
        if not changes.orders:
            return [], []
        return updates, [*self._writes(changes), self._clock_write(pair, clock)]

    def _meeting(self, book: Sequence[WorkingOrder], time: int, phase: str) -> list[WorkingOrder]:
        """The orders that act in this phase; a group acts together or not at all, because it shares one amount."""
        if phase == "Close":
            # At the end of the recording the last close is a price of its own: what was decided from it acts on it.
            return list(book)
        waiting = [working for working in book if not self._entries[working.order_id].meets(time, phase)]
        groups = {working.group for working in waiting if working.group is not None}
        return [working for working in book if working not in waiting and working.group not in groups]

    def _walk(
        self, pair: str, candle: Candle, phase: str, meeting: list[WorkingOrder], changes: _Changes
    ) -> list[VenueUpdate]:
        """Let the kernel match `meeting` and take over what it did, in its order."""
        clock = self._clocks[pair]
        present = list(meeting)
        before = [(working.triggered, working.rested) for working in present]
        matching = CandleMatch(
            self._instruments[pair], self._rules.matching, MarketCandle.of(candle), meeting, clock.consumed
        )
        events = {"Open": matching.open_phase, "Path": matching.path_phase, "Close": matching.close_phase}[phase]()
        updates = [self._apply(event, candle.open_time, clock, changes) for event in events]
        book = self._books[pair]
        for working, known in zip(present, before, strict=True):
            if working not in meeting:
                book.remove(working)
            elif working.type in _LIMITS and known != (working.triggered, working.rested):
                # Whether it makes or takes from now on depends on this, so it is worth a row.
                changes.orders[working.order_id] = self._entries[working.order_id]
        return updates

    def _apply(self, event: MatchEvent, time: int, clock: _Clock, changes: _Changes) -> VenueUpdate:
        entry = self._entries[event.order_id]
        changes.orders[entry.client_order_id] = entry
        if isinstance(event, Matched):
            clock.trades += 1
            if entry.working.type in _LIMITS:
                clock.consumed += event.amount
            return VenueFill(self._fill(entry, event, time, clock.trades, changes))
        if isinstance(event, Ended):
            entry.state = OrderState.CANCELED if event.ending is Ending.CANCELED else OrderState.EXPIRED
            return VenueEnd(entry.client_order_id, entry.state, event.reason)
        entry.amount = entry.filled + event.amount
        return VenueResize(entry.client_order_id, event.amount)

    def _fill(self, entry: _Entry, event: Matched, time: int, number: int, changes: _Changes) -> Fill:
        instrument = self._instruments[entry.pair]
        entry.filled += event.amount
        entry.state = OrderState.FILLED if entry.filled == entry.amount else OrderState.PARTIALLY_FILLED
        rate = self._rules.maker_fee if event.maker else self._rules.taker_fee
        in_base = self._rules.fee_in_base and entry.working.side is Side.BUY
        paid = event.amount if in_base else event.amount * event.price
        fill = Fill(
            trade_id=str(number),
            client_order_id=entry.client_order_id,
            pair=entry.pair,
            side=entry.working.side,
            amount=event.amount,
            price=event.price,
            # What is paid in quote down, so that many small fills never cost more than was reserved for the whole.
            fee=round_to(paid * rate, _FEE_STEP, NEAREST if in_base else DOWN),
            fee_currency=instrument.base if in_base else instrument.quote,
            maker=event.maker,
            time=time,
        )
        for currency, change in balance_changes(fill).items():
            self._balances[currency] = self._balances.get(currency, ZERO) + change
            changes.currencies.add(currency)
        return fill

    # -------------------------------------------------------------------------------------------------------- checks

    def _check(self, orders: Sequence[Order]) -> None:
        """Refuse what a venue refuses. An OCO group reserves its amount once."""
        order = orders[0]
        instrument = self._instruments.get(order.pair)
        last = self._last.get(order.pair)
        if instrument is None or last is None:
            raise VenueRefusalError("BadSymbol", order.pair)
        for one in orders:
            refusal = instrument.refusal(one.remaining, one.price or one.stop_price or last)
            if refusal:
                raise VenueRefusalError("Filter", refusal)
        currency = instrument.quote if order.side is Side.BUY else instrument.base
        needed = self._needed(order.side, order.remaining, self._worst_price(order))
        free = self._balances.get(currency, ZERO) - self._locked(currency)
        if needed > free:
            raise VenueRefusalError("InsufficientFunds", f"needs {needed} {currency}, free are {free}")

    def _needed(self, side: Side, amount: Decimal, price: Decimal) -> Decimal:
        if side is Side.SELL:
            return amount
        cost = amount * price
        rate = ZERO if self._rules.fee_in_base else max(self._rules.maker_fee, self._rules.taker_fee)
        return cost + round_to(cost * rate, _FEE_STEP, UP)

    def _worst_price(self, order: Order) -> Decimal:
        """The most that a buy may pay, as far as that is known before it trades."""
        if order.price is not None:
            return order.price
        if order.stop_price is None:
            return self._last[order.pair]
        return self._rules.matching.paid(self._instruments[order.pair], Side.BUY, order.stop_price)

    def _locked(self, currency: str) -> Decimal:
        locked, groups = ZERO, set[str]()
        for pair, book in self._books.items():
            instrument = self._instruments[pair]
            for working in book:
                side_currency = instrument.quote if working.side is Side.BUY else instrument.base
                if side_currency != currency or working.group in groups:
                    continue
                if working.group is not None:
                    groups.add(working.group)
                locked += self._lock_of(pair, working)
        return locked

    def _lock_of(self, pair: str, working: WorkingOrder) -> Decimal:
        price = working.price or self._last[pair]
        if working.price is None and working.stop_price is not None:
            price = self._rules.matching.paid(self._instruments[pair], Side.BUY, working.stop_price)
        return self._needed(working.side, working.amount, price)

    def _unaffordable(self, pair: str, orders: Sequence[WorkingOrder], price: Decimal) -> list[WorkingOrder]:
        """Buys at whatever the price is, whose cost is by now more than is free; who came first is served first."""
        instrument = self._instruments[pair]
        buying = [w for w in orders if w.side is Side.BUY and w.price is None and acts_at(w, price)]
        if not buying:
            return []
        paid = self._rules.matching.paid(instrument, Side.BUY, price)
        free = self._balances.get(instrument.quote, ZERO) - self._locked(instrument.quote)
        free += sum((self._lock_of(pair, working) for working in buying), ZERO)
        refused = []
        for working in buying:
            needed = self._needed(Side.BUY, working.amount, paid)
            if needed > free:
                refused.append(working)
            else:
                free -= needed
        return refused

    def _refuse(self, working: WorkingOrder, changes: _Changes) -> VenueUpdate:
        entry = self._entries[working.order_id]
        self._books[entry.pair].remove(working)
        entry.state = OrderState.EXPIRED
        changes.orders[entry.client_order_id] = entry
        return VenueEnd(entry.client_order_id, OrderState.EXPIRED, "InsufficientFunds")

    # ---------------------------------------------------------------------------------------------------------- rows

    def _row(self, entry: _Entry) -> dict[str, Any]:
        working = entry.working
        return {
            "account": self.account,
            "client_order_id": entry.client_order_id,
            "sequence": working.sequence,
            "pair": entry.pair,
            "side": working.side.value,
            "type": working.type.value,
            "amount": entry.amount,
            "filled": entry.filled,
            "price": working.price,
            "stop_price": working.stop_price,
            "time_in_force": working.time_in_force.value,
            "post_only": working.post_only,
            "order_group": working.group,
            "triggered": working.triggered,
            "rested": working.rested,
            "since": entry.since,
            "on_path": entry.on_path,
            "state": entry.state.value,
        }

    def _writes(self, changes: _Changes) -> list[Write]:
        writes: list[Write] = []
        for entry in changes.orders.values():
            row = self._row(entry)
            changed = {name: row[name] for name in _CHANGING}
            writes.append(Write(_UPDATE_ORDER, {**changed, "k_account": self.account, "k_id": entry.client_order_id}))
        if changes.currencies:
            for currency in sorted(changes.currencies | (set(self._balances) - self._stored_balances)):
                total = self._balances[currency]
                if currency in self._stored_balances:
                    values = {"k_account": self.account, "k_currency": currency, "total": total}
                    writes.append(Write(_UPDATE_BALANCE, values))
                else:
                    self._stored_balances.add(currency)
                    writes.append(
                        Write(_INSERT_BALANCE, {"account": self.account, "currency": currency, "total": total})
                    )
        return writes

    def _clock_write(self, pair: str, clock: _Clock) -> Write:
        values: dict[str, Any] = {
            "time": clock.time,
            "phase": clock.phase,
            "consumed": clock.consumed,
            "trades": clock.trades,
        }
        if clock.stored:
            return Write(_UPDATE_CLOCK, {**values, "k_account": self.account, "k_pair": pair})
        clock.stored = True
        return Write(_INSERT_CLOCK, {**values, "account": self.account, "pair": pair})


def _entry_from(row: Any) -> _Entry:
    working = WorkingOrder(
        order_id=row.client_order_id,
        sequence=row.sequence,
        side=Side(row.side),
        type=OrderType(row.type),
        amount=row.amount - row.filled,
        price=row.price,
        stop_price=row.stop_price,
        time_in_force=TimeInForce(row.time_in_force),
        post_only=row.post_only,
        group=row.order_group,
        triggered=row.triggered,
        rested=row.rested,
    )
    return _Entry(
        row.client_order_id,
        row.pair,
        working,
        row.amount,
        row.since,
        row.on_path,
        filled=row.filled,
        state=OrderState(row.state),
    )
