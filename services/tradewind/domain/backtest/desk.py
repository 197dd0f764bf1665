"""Orders and positions of a backtest: what a running bot's execution and portfolio do, where the venue answers at once.

A decision is first noted, then carried out when every pair of its tick is decided. An entry fills at the next open and
is protected there; an exit first takes the protective legs away and sells what is left; where the venue refuses to take
it, the legs come back at the levels they had. One position for each pair at most.

Nothing here can be lost or be in doubt, so there are no states between being decided and being known: that is the whole
difference to `execution`, and a test holds both to the same trades.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from tradewind.domain.account_order import AccountRefusalError, Changes, OrderEnd, Resize, arriving
from tradewind.domain.backtest.pair_orders import PairOrders
from tradewind.domain.backtest.rules import DeskRules
from tradewind.domain.candle import Candle
from tradewind.domain.decided_orders import entry_decision, entry_expiry, entry_order, exit_decision, exit_order
from tradewind.domain.decision import HeldPosition
from tradewind.domain.exits import ExitReason
from tradewind.domain.instrument import Instrument
from tradewind.domain.money import ZERO
from tradewind.domain.order import Fill, Leg, Order, OrderState, Side
from tradewind.domain.position import Position
from tradewind.domain.protection import Levels, bracket_levels, legs
from tradewind.domain.simulated_account import SimulatedAccount
from tradewind.domain.standing import Pending, Standing
from tradewind.domain.trade import ClosedTrade, trade_of

_COUNTS = ("sent", "filled", "canceled", "expired", "rejected", "unknown")
_ENDS = {OrderState.CANCELED: "canceled", OrderState.EXPIRED: "expired"}


class Desk:
    """The orders at `account`, which `standing` follows. `time` is the open time of the candles it stands at."""

    def __init__(
        self, rules: DeskRules, account: SimulatedAccount, standing: Standing, instruments: Mapping[str, Instrument]
    ) -> None:
        self.rules, self.account, self.standing = rules, account, standing
        self.time = 0
        self.traded = False
        """Whether something has filled; to be set back by whoever has taken note of it."""
        self.trades: list[ClosedTrade] = []
        self.counts = dict.fromkeys(_COUNTS, 0)
        self.pairs = {pair: PairOrders(instrument) for pair, instrument in instruments.items()}
        self._decided: list[Callable[[], None]] = []
        self._exits: set[str] = set()
        account.instruments = dict(instruments)
        standing.balances = account.balances

    # ------------------------------------------------------------------------------------------------------- decisions

    def enter(self, pair: str, amount: Decimal, tag: str) -> None:
        """Buy at the next open."""
        identity = entry_decision(self.rules.bot, pair, self.time)
        order = entry_order(self.rules.bot, identity, pair, self.time, amount=amount, tag=tag)
        reserved = self.standing.reserve(pair, amount, None)
        self.standing.pending[pair] = Pending(order.client_order_id, Leg.ENTRY, reserved)
        self._decided.append(lambda: self._send_entry(order))

    def exit(self, pair: str, reason: str) -> None:
        """Sell the position at the next open, whatever rests for it being canceled first."""
        held, attempt = self.standing.positions[pair], 1
        while (identity := self._exit_decision(pair, held, attempt)) in self._exits:
            attempt += 1
        self._exits.add(identity)
        amount = self.pairs[pair].instrument.amount(held.amount)
        order = exit_order(self.rules.bot, identity, pair, self.time, amount=amount, tag=reason)
        self.standing.pending[pair] = Pending(order.client_order_id, Leg.EXIT)
        self._decided.append(lambda: self._send_exit(order))

    def amend(self, pair: str, stop_price: Decimal) -> None:
        """Raise the resting stop."""
        positions = self.standing.positions
        positions[pair] = replace(positions[pair], stop_price=stop_price)
        self._decided.append(lambda: self._amend(pair, stop_price))

    def cancel_entry(self, pair: str) -> None:
        """Take back an entry that is on its way."""
        entry = self.pairs[pair].entry
        assert entry is not None
        self._take(pair, self.account.cancel(entry.client_order_id, self.time))

    def carry_out(self) -> None:
        """Send what was decided, in the order of the decisions."""
        decided, self._decided = self._decided, []
        for action in decided:
            action()

    def _exit_decision(self, pair: str, held: HeldPosition, attempt: int) -> str:
        return exit_decision(self.rules.bot, pair, self.time, held.position_id, attempt)

    # ---------------------------------------------------------------------------------------------------------- market

    def match(self, pair: str, candle: Candle, phase: str) -> None:
        """Meet a phase of a candle; what it did to the account is taken over."""
        if not self.account.is_idle(pair):
            self._take(pair, self.account.match(pair, candle, phase))

    def protect(self, pair: str) -> None:
        """Place the legs of what has just been entered: after the opening, before the path."""
        orders = self.pairs[pair]
        if orders.bare and orders.position is not None:
            orders.bare = False
            average = orders.position.average_price
            levels = bracket_levels(orders.instrument, average, self.rules.stop_loss, self.rules.take_profit)
            self._place_legs(pair, levels, "filled-1")

    # --------------------------------------------------------------------------------------------------------- sending

    def _send_entry(self, order: Order) -> None:
        orders = self.pairs[order.pair]
        if self._send([order]):
            orders.entry, orders.expires_at = order, entry_expiry(self.rules.timeframe, order.created_time)
        else:
            del self.standing.pending[order.pair]

    def _send_exit(self, order: Order) -> None:
        orders, pair = self.pairs[order.pair], order.pair
        leg = orders.stop or orders.target
        if leg is not None:
            self._take(pair, self.account.cancel(leg.client_order_id, self.time))
        left = min(order.amount, orders.staying())
        if left <= ZERO:
            self.counts["canceled"] += 1
            del self.standing.pending[pair]
        elif self._send([sent := order if left == order.amount else replace(order, amount=left)]):
            orders.exit = sent
        else:
            del self.standing.pending[pair]
            self._place_legs(pair, orders.levels, f"after-{order.client_order_id}")

    def _amend(self, pair: str, stop_price: Decimal) -> None:
        orders = self.pairs[pair]
        assert orders.stop is not None
        assert orders.levels is not None
        self.account.amend(orders.stop.client_order_id, stop_price, self.time)
        orders.levels = Levels(stop_price, orders.levels.target, ExitReason.TRAILING_STOP_LOSS.value)

    def _place_legs(self, pair: str, levels: Levels | None, attempt: str) -> None:
        orders = self.pairs[pair]
        amount = orders.staying()
        if levels is None or amount <= ZERO:
            return
        assert orders.opened_by is not None
        orders.levels = levels
        made = legs(self.rules.bot, orders.opened_by, levels, amount=amount, attempt=attempt, time=self.time)
        if self._send(made):
            orders.rest(made)
            self.standing.unprotected.discard(pair)
            self._show(pair)
        elif levels.stop is not None:
            self.standing.unprotected.add(pair)

    def _send(self, made: list[Order]) -> bool:
        """Send one order, or the legs of one group; whether the venue took it."""
        self.counts["sent"] += len(made)
        pair = made[0].pair
        self.account.see(pair, self.standing.closes[pair])
        try:
            self.account.admit([arriving(order, self.time, grouped=len(made) > 1) for order in made])
        except AccountRefusalError:
            self.counts["rejected"] += len(made)
            return False
        return True

    # --------------------------------------------------------------------------------------------------- what happened

    def _take(self, pair: str, changes: Changes) -> None:
        orders = self.pairs[pair]
        for happening in changes.happenings:
            match happening:
                case Fill():
                    self._fill(orders, happening)
                case OrderEnd(order_id, state):
                    self.counts[_ENDS[state]] += 1
                    self._over(orders, orders.order(order_id))
                case Resize(order_id, remaining):  # pragma: no branch - there is no fourth
                    order = orders.order(order_id)
                    orders.rest([replace(order, amount=order.filled + remaining)])
        if changes.happenings:
            self._show(pair)

    def _fill(self, orders: PairOrders, fill: Fill) -> None:
        order = orders.order(fill.client_order_id)
        position = orders.position or Position(order.client_order_id, fill.pair, fill.time, entry_tag=order.tag)
        orders.position = position.with_fill(fill)
        self.traded = True
        if order.remaining > fill.amount:
            orders.rest([replace(order, filled=order.filled + fill.amount)])  # what fills whole is no leg
        else:
            self.counts["filled"] += 1
            self._over(orders, order)
        if fill.side is Side.BUY:
            orders.opened_by, orders.bare = order, True
        elif orders.position.is_closed(orders.instrument.amount_step):
            self._close(orders, orders.position, fill.time, orders.reason(order))

    def _close(self, orders: PairOrders, position: Position, time: int, reason: str) -> None:
        self.trades.append(trade_of(position, time, reason))
        orders.position, orders.levels = None, None
        self.standing.unprotected.discard(position.pair)
        self.standing.closed_at[position.pair] = time

    def _over(self, orders: PairOrders, order: Order) -> None:
        orders.over(order)
        if order.leg in (Leg.ENTRY, Leg.EXIT):
            del self.standing.pending[order.pair]

    def _show(self, pair: str) -> None:
        """Let decisions see the position as it is."""
        held = self.pairs[pair].held()
        if held is None:
            self.standing.positions.pop(pair, None)
        else:
            self.standing.positions[pair] = held
