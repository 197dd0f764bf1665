"""The account: balances, positions and trades, as the fills made them. A cache of the tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from tradewind.contracts.messages import BalanceChanged, OrderFilled, PositionChanged, PositionClosed, PositionOpened
from tradewind.domain.equity import EquityCurve, equity_of
from tradewind.domain.exits import ExitReason
from tradewind.domain.money import ZERO
from tradewind.domain.order import Fill, Side
from tradewind.domain.position import Position, balance_changes
from tradewind.domain.trade import ClosedTrade, trade_of, trade_order
from tradewind.kernel.service import Context
from tradewind.kernel.unit import UnitOfWork
from tradewind.portfolio.tables import ledger, positions

_REASONS = frozenset(ExitReason)
_FIELDS = ("amount", "bought", "sold", "spent", "received", "fees", "quote_fees", "close_time", "exit_reason")
_INSERT_CHANGE = insert(ledger)
_INSERT_POSITION = insert(positions)
_UPDATE_POSITION = (
    update(positions)
    .where(positions.c.bot == bindparam("key_bot"), positions.c.position_id == bindparam("key_position_id"))
    .values({name: bindparam(name) for name in _FIELDS})
)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One change of one balance at one market time."""

    time: int
    currency: str
    change: Decimal


class Account:
    """Balances and positions of one bot."""

    def __init__(self, context: Context) -> None:
        capital = context.bot.spec.capital
        self.currency = capital.currency
        self.start = capital.starting_balance
        self.balances: dict[str, Decimal] = {}
        self.open: dict[str, Position] = {}
        self.trades: list[ClosedTrade] = []
        self._closed: dict[str, tuple[Position, ClosedTrade]] = {}
        self.entries: list[LedgerEntry] = []
        self.curve = EquityCurve(self.start)
        self.traceparents: dict[str, str | None] = {}
        self.drift: dict[str, Decimal] = {}
        self._context = context
        self._number = 0
        for reason in ExitReason:
            context.metrics.trades_closed.labels(context.key, reason.value)

    def load(self, connection: Connection) -> None:
        """Read the tables."""
        key = self._context.key
        rows = connection.execute(select(ledger).where(ledger.c.bot == key).order_by(ledger.c.number))
        self.entries = [LedgerEntry(row.time, row.currency, row.change) for row in rows]
        self._number = len(self.entries)
        self.balances = {self.currency: self.start}
        for entry in self.entries:
            self.balances[entry.currency] = self.balances.get(entry.currency, ZERO) + entry.change
        self.open, self.trades, self._closed = {}, [], {}
        for row in connection.execute(select(positions).where(positions.c.bot == key)):
            position = _position_from(row)
            self.traceparents[position.position_id] = row.traceparent
            if row.close_time is None:
                self.open[position.position_id] = position
            else:
                trade = trade_of(position, row.close_time, row.exit_reason)
                self.trades.append(trade)
                self._closed[position.position_id] = position, trade
        self.trades.sort(key=trade_order)

    def rebuild_curve(self, ticks: list[tuple[int, dict[str, float]]]) -> None:
        """Fold the curve again over `ticks` (time, closes by pair), with the balances as they were at each."""
        curve, balances, closes = EquityCurve(self.start), {self.currency: self.start}, dict[str, float]()
        pending = iter(self.entries)
        entry = next(pending, None)
        for time, prices in ticks:
            while entry is not None and entry.time <= time:
                balances[entry.currency] = balances.get(entry.currency, ZERO) + entry.change
                entry = next(pending, None)
            closes.update(prices)
            curve.mark(time, equity_of(balances, closes, self.currency))
        self.curve = curve

    # ------------------------------------------------------------------------------------------------------- changes

    def apply(self, message: OrderFilled, step: Callable[[str], Decimal], unit: UnitOfWork) -> None:
        """A fill: balances, position, and what others want to know about both."""
        fill = Fill(
            trade_id=message.trade_id,
            client_order_id=message.client_order_id,
            pair=message.pair,
            side=message.side,
            amount=message.amount,
            price=message.price,
            fee=message.fee,
            fee_currency=message.fee_currency,
            maker=message.maker,
            time=message.time,
        )
        known = self.open.get(message.position_id) or self._reopened(message.position_id)
        fresh = known is None
        if known is None:
            known = Position(message.position_id, fill.pair, fill.time, entry_tag=message.tag)
        opened = message.position_id not in self.open
        position = known.with_fill(fill)
        name = "position opened" if opened else "position changed" if fill.side is Side.BUY else "position reduced"
        traceparent = self._context.tracer.span(
            "position", message.traceparent, {"pair": fill.pair, "change": name, "position_id": position.position_id}
        )
        unit.traceparent = traceparent or message.traceparent
        self._change_balances(fill, message, unit)
        closed = fill.side is Side.SELL and position.is_closed(step(fill.pair))
        if fresh:
            self.traceparents[position.position_id] = unit.traceparent
            row = _row_of(self._context.key, position, unit.traceparent)
            unit.write(_INSERT_POSITION, {**row, "close_time": None, "exit_reason": None})
        if not fresh or closed:
            self._update(position, fill.time if closed else None, message.tag if closed else None, unit)
        if closed:
            self._close(position, message, unit)
        else:
            self.open[position.position_id] = position
            kind = PositionOpened if opened else PositionChanged
            unit.publish(_position_message(kind, position, message))

    def _reopened(self, position_id: str) -> Position | None:
        """A position that its stop closed between two fills of its entry, with the trade that it was taken back.

        It goes on as one position, and becomes one trade when it closes again.
        """
        closed = self._closed.pop(position_id, None)
        if closed is None:
            return None
        self.trades.remove(closed[1])
        return closed[0]

    def _change_balances(self, fill: Fill, message: OrderFilled, unit: UnitOfWork) -> None:
        for currency, change in balance_changes(fill).items():
            self._number += 1
            self.entries.append(LedgerEntry(fill.time, currency, change))
            total = self.balances[currency] = self.balances.get(currency, ZERO) + change
            unit.write(
                _INSERT_CHANGE,
                {
                    "bot": self._context.key,
                    "number": self._number,
                    "currency": currency,
                    "change": change,
                    "time": fill.time,
                    "reference": message.id,
                },
            )
            unit.publish(
                BalanceChanged(id=f"balance:{message.id}:{currency}", time=fill.time, currency=currency, total=total)
            )

    def _update(self, position: Position, close_time: int | None, reason: str | None, unit: UnitOfWork) -> None:
        row = _row_of(self._context.key, position, None)
        values: dict[str, Any] = {name: row.get(name) for name in _FIELDS}
        values |= {"key_bot": row["bot"], "key_position_id": row["position_id"]}
        unit.write(_UPDATE_POSITION, {**values, "close_time": close_time, "exit_reason": reason}, expect=1)

    def _close(self, position: Position, message: OrderFilled, unit: UnitOfWork) -> None:
        self.open.pop(position.position_id, None)
        trade = trade_of(position, message.time, message.tag)
        self.trades.append(trade)
        self.trades.sort(key=trade_order)
        self._closed[position.position_id] = position, trade
        # What a class calls its reasons may be another text each time; a metric has one name for them.
        reason = message.tag if message.tag in _REASONS else ExitReason.CUSTOM_EXIT.value
        self._context.metrics.trades_closed.labels(self._context.key, reason).inc()
        unit.publish(
            PositionClosed(
                id=f"closed:{message.id}",
                time=message.time,
                position_id=position.position_id,
                pair=position.pair,
                open_time=position.open_time,
                open_rate=trade.open_rate,
                close_rate=trade.close_rate,
                amount=trade.amount,
                fees=trade.fees,
                profit=trade.profit,
                profit_ratio=trade.profit_ratio,
                exit_reason=trade.exit_reason,
                entry_tag=trade.entry_tag,
            )
        )
        self._context.log.info(
            "position closed",
            pair=position.pair,
            profit=f"{trade.profit:.2f}",
            currency=self.currency,
            exit_reason=trade.exit_reason,
        )


def _position_message(
    kind: type[PositionOpened | PositionChanged], position: Position, message: OrderFilled
) -> PositionOpened | PositionChanged:
    fields: dict[str, Any] = {
        "id": f"position:{message.id}",
        "time": message.time,
        "position_id": position.position_id,
        "pair": position.pair,
        "amount": position.amount,
        "average_price": position.average_price,
        "fees": position.fees,
    }
    if kind is PositionOpened:
        fields |= {"entry_tag": position.entry_tag}
    return kind(**fields)


def _row_of(bot: str, position: Position, traceparent: str | None) -> dict[str, Any]:
    return {
        "bot": bot,
        "position_id": position.position_id,
        "pair": position.pair,
        "open_time": position.open_time,
        "amount": position.amount,
        "bought": position.bought,
        "sold": position.sold,
        "spent": position.spent,
        "received": position.received,
        "fees": position.fees,
        "quote_fees": position.quote_fees,
        "entry_tag": position.entry_tag,
        "traceparent": traceparent,
    }


def _position_from(row: Any) -> Position:
    return Position(
        position_id=row.position_id,
        pair=row.pair,
        open_time=row.open_time,
        amount=row.amount,
        bought=row.bought,
        sold=row.sold,
        spent=row.spent,
        received=row.received,
        fees=row.fees,
        quote_fees=row.quote_fees,
        entry_tag=row.entry_tag,
    )
