"""The paper venue: an account whose orders fill on the bot's own candles, by the matching kernel.

It behaves as a real venue does: it refuses what a venue refuses, knows orders by client order id, refuses the same
id twice, keeps its own ledger. The account itself is `domain.simulated_account`; here it meets the venue port and its
tables. Its state lives in the bot's store and becomes true in the transaction in which
execution records the answer (`Answer.writes`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from tradewind.domain.account_order import (
    AccountOrder,
    AccountRefusalError,
    AccountRules,
    Changes,
    Happening,
    OrderEnd,
    PairClock,
    arriving,
)
from tradewind.domain.candle import Candle
from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import WorkingOrder
from tradewind.domain.money import decimal_of
from tradewind.domain.order import TERMINAL, Fill, Order, OrderState, OrderType, Side, TimeInForce
from tradewind.domain.simulated_account import SimulatedAccount
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


class PaperVenue:
    """The account. Candles come in through `match`, everything else through the venue port."""

    resend_after: float | None = 0.0  # a call that is not answered in this process never happened
    transactional = True
    amends = True
    call_timeout = 10.0  # seconds; it answers at once

    def __init__(self, account: str, rules: AccountRules, start_balances: Mapping[str, Decimal]) -> None:
        self.account = account
        self._start = dict(start_balances)
        self._simulated = SimulatedAccount(rules, start_balances)
        self._entries: dict[str, AccountOrder] = {}
        self._stored_balances: set[str] = set()
        self._stored_clocks: set[str] = set()
        self._now = -1

    # ------------------------------------------------------------------------------------------------------- loading

    def load(self, connection: Connection) -> None:
        """Read the account from the store; a fresh one holds the start balances."""
        balances = dict(
            connection.execute(
                select(paper_balances.c.currency, paper_balances.c.total).where(
                    paper_balances.c.account == self.account
                )
            ).all()
        )
        rows = connection.execute(
            select(paper_orders).where(paper_orders.c.account == self.account).order_by(paper_orders.c.sequence)
        )
        self._entries = {row.client_order_id: _entry_from(row) for row in rows}
        clocks = {
            row.pair: PairClock(row.time, row.phase, row.consumed, row.trades)
            for row in connection.execute(select(paper_clocks).where(paper_clocks.c.account == self.account))
        }
        self._stored_balances, self._stored_clocks = set(balances), set(clocks)
        self._simulated.restore(
            balances or self._start,
            [entry for entry in self._entries.values() if entry.state not in TERMINAL],
            clocks,
            max((entry.working.sequence for entry in self._entries.values()), default=0),
        )

    def open_market(self, instruments: Mapping[str, Instrument], closes: Mapping[str, float], now: int) -> None:
        """Say what is traded, and the latest closes and market time known at the start."""
        self._now = now
        self._simulated.instruments = dict(instruments)
        self._simulated.last = {pair: decimal_of(close) for pair, close in closes.items()}

    # --------------------------------------------------------------------------------------------------- venue calls

    async def create(self, orders: Sequence[Order]) -> Answer:
        """Accept one order or an OCO group, whole or not at all."""
        for order in orders:
            if order.client_order_id in self._entries:
                raise VenueRefusalError(DUPLICATE, order.client_order_id)
        entries = [arriving(order, self._now, grouped=len(orders) > 1) for order in orders]
        try:
            self._simulated.admit(entries)
        except AccountRefusalError as refusal:
            raise VenueRefusalError(refusal.reason, refusal.detail) from None
        self._entries.update((entry.order_id, entry) for entry in entries)
        return Answer(
            orders=tuple(_view(entry) for entry in entries),
            writes=tuple(Write(_INSERT_ORDER, self._row(entry)) for entry in entries),
        )

    async def cancel(self, order: Order) -> Answer:
        """End an order and the rest of its group."""
        entry = self._entries.get(order.client_order_id)
        if entry is None:
            raise VenueRefusalError("UnknownOrder", order.client_order_id)
        if entry.state in TERMINAL:
            return Answer(orders=(_view(entry),))
        changes = self._simulated.cancel(entry.order_id, self._now)
        updates = tuple(_update(happening) for happening in changes.happenings)
        return Answer(orders=(_view(entry),), updates=updates, writes=tuple(self._writes(changes)))

    async def amend(self, order: Order, stop_price: Decimal) -> Answer:
        """Move a stop that still rests."""
        entry = self._entries.get(order.client_order_id)
        if entry is None or entry.state in TERMINAL:
            raise VenueRefusalError("UnknownOrder", order.client_order_id)
        if entry.working.stop_price is None:
            raise VenueRefusalError("NotAStop", order.client_order_id)
        changes = self._simulated.amend(entry.order_id, stop_price, self._now)
        return Answer(orders=(_view(entry),), writes=tuple(self._writes(changes)))

    async def find(self, order: Order) -> VenueOrder | None:
        """The order, whatever became of it."""
        entry = self._entries.get(order.client_order_id)
        return _view(entry) if entry else None

    async def open_orders(self) -> Sequence[VenueOrder]:
        """Everything that is open."""
        return [_view(entry) for entry in self._simulated.orders.values()]

    async def fills(self) -> Sequence[Fill]:
        """None: a fill and its record are one transaction here, so none can be missing."""
        return []

    def notes(self) -> Sequence[Write]:
        """Nothing: its books are in the same store."""
        return ()

    def fills_stored(self) -> None:
        """Nothing to note."""

    async def balances(self) -> Mapping[str, Decimal]:
        """Totals by currency."""
        return dict(self._balances)

    @property
    def _balances(self) -> dict[str, Decimal]:
        return self._simulated.balances

    # ------------------------------------------------------------------------------------------------------ matching

    def is_idle(self, pair: str) -> bool:
        """Whether a candle of `pair` can change nothing."""
        return self._simulated.is_idle(pair)

    def last_time(self) -> int:
        """Market time as far as this venue knows it."""
        return self._now

    def see(self, pair: str, candle: Candle) -> None:
        """Take note of a candle that needs no matching."""
        self._now = max(self._now, candle.open_time)
        self._simulated.see(pair, decimal_of(candle.close))

    def match(self, pair: str, candle: Candle, phase: str) -> tuple[list[VenueUpdate], list[Write]]:
        """Walk one phase (`Open`, `Path`, `Close`) of a candle; a phase that was walked before does nothing."""
        self._now = max(self._now, candle.open_time)
        changes = self._simulated.match(pair, candle, phase)
        if not changes.orders:
            return [], []
        updates = [_update(happening) for happening in changes.happenings]
        return updates, [*self._writes(changes), self._clock_write(pair)]

    # ---------------------------------------------------------------------------------------------------------- rows

    def _row(self, entry: AccountOrder) -> dict[str, Any]:
        working = entry.working
        return {
            "account": self.account,
            "client_order_id": entry.order_id,
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

    def _writes(self, changes: Changes) -> list[Write]:
        writes: list[Write] = []
        for entry in changes.orders.values():
            row = self._row(entry)
            changed = {name: row[name] for name in _CHANGING}
            writes.append(Write(_UPDATE_ORDER, {**changed, "k_account": self.account, "k_id": entry.order_id}))
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

    def _clock_write(self, pair: str) -> Write:
        clock = self._simulated.clocks[pair]
        values: dict[str, Any] = {
            "time": clock.time,
            "phase": clock.phase,
            "consumed": clock.consumed,
            "trades": clock.trades,
        }
        if pair in self._stored_clocks:
            return Write(_UPDATE_CLOCK, {**values, "k_account": self.account, "k_pair": pair})
        self._stored_clocks.add(pair)
        return Write(_INSERT_CLOCK, {**values, "account": self.account, "pair": pair})


def _view(entry: AccountOrder) -> VenueOrder:
    return VenueOrder(entry.order_id, entry.pair, entry.state, entry.amount, entry.filled, entry.working.stop_price)


def _update(happening: Happening) -> VenueUpdate:
    if isinstance(happening, Fill):
        return VenueFill(happening)
    if isinstance(happening, OrderEnd):
        return VenueEnd(happening.order_id, happening.state, happening.reason)
    return VenueResize(happening.order_id, happening.remaining)


def _entry_from(row: Any) -> AccountOrder:
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
    return AccountOrder(
        row.client_order_id,
        row.pair,
        working,
        row.amount,
        row.since,
        row.on_path,
        filled=row.filled,
        state=OrderState(row.state),
    )
