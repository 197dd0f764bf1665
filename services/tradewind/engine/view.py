"""What the engine knows of the account: a view of portfolio's and execution's state, asked at load, followed after.

Events carry absolute values and a sequence; one that is older than the view was when it was asked changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from tradewind.contracts.messages import (
    BalanceChanged,
    OrderStateChanged,
    PortfolioMarked,
    PositionChanged,
    PositionClosed,
    PositionOpened,
)
from tradewind.domain.decision import HeldPosition
from tradewind.domain.money import ZERO
from tradewind.domain.order import EXTERNAL, TERMINAL, Leg, Order, OrderState, Side
from tradewind.domain.standing import Pending, Standing
from tradewind.kernel.service import Context


class AccountView(Standing):
    """Positions by pair, balances, orders on their way, and the last mark."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.traceparents: dict[str, str | None] = {}
        self._context = context
        self._portfolio_sequence = 0
        self._orders_sequence = 0
        self._stops: dict[str, tuple[str, Decimal]] = {}
        self._targets: dict[str, tuple[str, Decimal]] = {}
        self._last_closed: dict[str, str] = {}
        self._opened: dict[str, tuple[str, int]] = {}
        """By pair, which position was opened last, and when: one that is taken up again began then."""

    async def load(self) -> None:
        """Ask the owners."""
        account: dict[str, Any] = await self._context.ask("portfolio", "snapshot")
        orders: dict[str, Any] = await self._context.ask("execution", "open_orders")
        trades = await self._context.ask("portfolio", "trades")
        self._portfolio_sequence, self._orders_sequence = account["sequence"], orders["sequence"]
        self.balances = account["balances"]
        self.equity, self.equity_peak = account["equity"], account["equity_peak"]
        self.day_start_equity, self.drift = account["day_start_equity"], account["drift"]
        self.closed_at = {trade.pair: trade.close_time for trade in trades}
        self.pending, self._stops, self._targets = {}, {}, {}
        for order in orders["orders"]:
            self._take_order(order)
        self._opened = {p.pair: (p.position_id, p.open_time) for p in account["positions"]}
        self.positions = {
            position.pair: self._held(position.position_id, position.pair, position.amount, position.average_price)
            for position in account["positions"]
        }
        self.traceparents = {p.pair: account["traceparents"].get(p.position_id) for p in account["positions"]}
        self.unprotected = set(orders["bare"])

    def _take_order(self, order: Order) -> None:
        if order.leg is Leg.STOP and order.stop_price is not None:
            self._stops[order.pair] = (order.client_order_id, order.stop_price)
        elif order.leg is Leg.TARGET and order.price is not None:
            self._targets[order.pair] = (order.client_order_id, order.price)
        elif order.leg in (Leg.ENTRY, Leg.EXIT):
            buying = order.side is Side.BUY
            reserved = self.reserve(order.pair, order.remaining, order.price) if buying else ZERO
            self.pending[order.pair] = Pending(order.client_order_id, order.leg, reserved)

    def stop_order(self, pair: str) -> str | None:
        """The client order id of the resting stop."""
        known = self._stops.get(pair)
        return known[0] if known else None

    def _held(self, position_id: str, pair: str, amount: Decimal, average_price: Decimal) -> HeldPosition:
        stop, target = self._stops.get(pair), self._targets.get(pair)
        return HeldPosition(
            position_id,
            amount,
            average_price,
            stop[1] if stop else None,
            target[1] if target else None,
            self._opened[pair][1],
        )

    def raise_stop(self, pair: str, stop_price: Decimal) -> None:
        """Note an amendment that was just decided."""
        self._stops[pair] = (self._stops[pair][0], stop_price)
        self.positions[pair] = replace(self.positions[pair], stop_price=stop_price)

    # --------------------------------------------------------------------------------------------------------- events

    def on_position(self, message: PositionOpened | PositionChanged) -> None:
        """A position grew or shrank."""
        if message.sequence <= self._portfolio_sequence:
            return
        if self._opened.get(message.pair, ("", 0))[0] != message.position_id:
            self._opened[message.pair] = message.position_id, message.time
        self.positions[message.pair] = self._held(
            message.position_id, message.pair, message.amount, message.average_price
        )
        if isinstance(message, PositionOpened):
            self.traceparents[message.pair] = message.traceparent
        pending = self.pending.get(message.pair)
        if pending is not None and pending.over and pending.client_order_id == message.position_id:
            del self.pending[message.pair]

    def on_position_closed(self, message: PositionClosed) -> None:
        """A position is gone."""
        if message.sequence <= self._portfolio_sequence:
            return
        self.positions.pop(message.pair, None)
        self._stops.pop(message.pair, None)
        self._targets.pop(message.pair, None)
        self.unprotected.discard(message.pair)
        self.closed_at[message.pair] = message.time
        self._last_closed[message.pair] = message.position_id
        pending = self.pending.get(message.pair)
        if pending is not None and pending.over and pending.client_order_id == message.position_id:
            del self.pending[message.pair]

    def on_balance(self, message: BalanceChanged) -> None:
        """A balance changed."""
        if message.sequence > self._portfolio_sequence:
            self.balances[message.currency] = message.total

    def on_order(self, message: OrderStateChanged) -> None:
        """An order moved: entries and exits end their wait, stops come to rest or go."""
        if message.sequence <= self._orders_sequence or message.decision_id == EXTERNAL:
            return  # an order of somebody else takes no slot and no money of the bot's
        over = message.state in TERMINAL
        if message.leg is Leg.STOP:
            self._on_stop(message, over=over)
        elif message.leg is Leg.TARGET:
            self._on_target(message, over=over)
        elif message.leg in (Leg.ENTRY, Leg.EXIT):
            self._on_way(message, over=over)

    def _on_way(self, message: OrderStateChanged, *, over: bool) -> None:
        pending = self.pending.get(message.pair)
        if not over:
            # Known already, unless it was decided just before this view was loaded again.
            entering, left = message.leg is Leg.ENTRY, message.amount - message.filled
            reserved = self.reserve(message.pair, left, message.price) if entering else ZERO
            self.pending.setdefault(message.pair, Pending(message.client_order_id, message.leg, reserved))
        elif pending is not None and pending.client_order_id == message.client_order_id:
            held = self.positions.get(message.pair)
            heard = {held.position_id if held else None, self._last_closed.get(message.pair)}
            unheard = message.leg is Leg.ENTRY and message.filled and message.client_order_id not in heard
            if unheard:
                # It filled, and its position is on its way from portfolio: until then the pair is not free.
                self.pending[message.pair] = replace(pending, over=True)
            else:
                del self.pending[message.pair]

    def _on_stop(self, message: OrderStateChanged, *, over: bool) -> None:
        known = self._stops.get(message.pair)
        if not over:
            assert message.stop_price is not None
            stop_price = message.stop_price
            if known is not None and known[0] == message.client_order_id:
                # Either may be the newer one: an amendment decided before a restart is only heard of here, one decided
                # a moment ago is not carried out yet. A stop is never lowered, so the higher one is.
                stop_price = max(stop_price, known[1])
            self._stops[message.pair] = (message.client_order_id, stop_price)
            self.unprotected.discard(message.pair)
        elif known is not None and known[0] == message.client_order_id:
            del self._stops[message.pair]
        if message.state in (OrderState.REJECTED, OrderState.EXPIRED) and message.pair not in self._stops:
            self.unprotected.add(message.pair)
        self._note_legs(message.pair)

    def _on_target(self, message: OrderStateChanged, *, over: bool) -> None:
        known = self._targets.get(message.pair)
        if not over and message.price is not None:
            self._targets[message.pair] = (message.client_order_id, message.price)
        elif known is not None and known[0] == message.client_order_id:
            del self._targets[message.pair]
        self._note_legs(message.pair)

    def _note_legs(self, pair: str) -> None:
        held = self.positions.get(pair)
        if held is not None:
            self.positions[pair] = self._held(held.position_id, pair, held.amount, held.average_price)

    def on_mark(self, message: PortfolioMarked) -> None:
        """The account's value at a tick."""
        self.equity, self.equity_peak = message.equity, message.equity_peak
        self.day_start_equity, self.drift = message.day_start_equity, message.balance_drift
