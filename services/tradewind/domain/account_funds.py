"""The money of an account at a simulated venue: what it holds, what open orders reserve, what it can still pay.

What is reserved is asked for at every order and every event, so it is kept as a sum for each currency. Whoever
changes an order says so by `note`. Only a buy at whatever the price is has no part in the sums: what it may cost moves
with the market, and such an order is soon gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal

from tradewind.domain.account_order import AccountOrder, AccountRefusalError, AccountRules
from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import WorkingOrder, acts_at
from tradewind.domain.money import UP, ZERO, round_to
from tradewind.domain.order import Side

FEE_STEP = Decimal("1e-8")
"""Fees are rounded to this."""

_EXACT = Context(prec=100)
"""Sums that are added to and taken from for a long time must not round."""


class AccountFunds:
    """Balances by currency, and what `orders`, the open ones by id in the order of arrival, reserve of them.

    An order is put into `orders`, changed or taken out, and then noted. The legs of a group share one amount, which
    the oldest one reserves.

    `last` holds the last price of each pair that has one.
    """

    def __init__(self, rules: AccountRules, balances: Mapping[str, Decimal]) -> None:
        self.rules = rules
        self.balances = dict(balances)
        self.instruments: dict[str, Instrument] = {}
        self.orders: dict[str, AccountOrder] = {}
        self.last: dict[str, Decimal] = {}
        self._reserved: dict[str, tuple[str, Decimal]] = {}
        self._sums: dict[str, Decimal] = {}
        self._floating: dict[str, AccountOrder] = {}
        self._groups: dict[tuple[str, str], list[str]] = {}
        self._noted = True

    def see(self, pair: str, price: Decimal) -> None:
        """Take note of the last price."""
        self.last[pair] = price

    def check(self, orders: Sequence[AccountOrder]) -> None:
        """Raise `AccountRefusalError` for one order, or for the legs of one group, that the account cannot take."""
        order = orders[0]
        instrument, last = self.instruments.get(order.pair), self.last.get(order.pair)
        if instrument is None or last is None:
            raise AccountRefusalError("BadSymbol", order.pair)
        for one in orders:
            refusal = instrument.refusal(one.remaining, one.working.price or one.working.stop_price or last)
            if refusal:
                raise AccountRefusalError("Filter", refusal)
        currency = instrument.quote if order.working.side is Side.BUY else instrument.base
        needed = self.reservation(order)
        free = self.free(currency)
        if needed > free:
            raise AccountRefusalError("InsufficientFunds", f"needs {needed} {currency}, free are {free}")

    def free(self, currency: str) -> Decimal:
        """What no open order has reserved."""
        return self.balances.get(currency, ZERO) - self.locked(currency)

    def locked(self, currency: str) -> Decimal:
        """What open orders have reserved."""
        if not self._noted:
            self._noted = True
            for order in self.orders.values():
                self.note(order)
        locked = self._sums.get(currency, ZERO)
        for order in self._floating.values():
            if self.instruments[order.pair].quote == currency:
                locked += self.reservation(order)
        return locked

    def note(self, order: AccountOrder) -> None:
        """Reserve anew for an order that has come, has changed or has gone."""
        if not self._noted:
            return
        group = order.working.group
        if group is None:
            self._reserve(order, carries=order.order_id in self.orders)
            return
        members = self._groups.setdefault((order.pair, group), [])
        if order.order_id not in members:
            members.append(order.order_id)
        if order.order_id not in self.orders:
            members.remove(order.order_id)
            self._reserve(order, carries=False)
        for order_id in members:
            self._reserve(self.orders[order_id], carries=order_id == members[0])
        if not members:
            del self._groups[order.pair, group]

    def forget(self) -> None:
        """Other `orders` are in the place of all: they are noted when it is first asked what they reserve.

        Not before, because what is traded may be told after the orders.
        """
        self._reserved, self._sums, self._floating, self._groups = {}, {}, {}, {}
        self._noted = False

    def _reserve(self, order: AccountOrder, *, carries: bool) -> None:
        """Have the sums hold what an order reserves, nothing where it does not carry a reservation."""
        self._floating.pop(order.order_id, None)
        currency, before = self._reserved.pop(order.order_id, ("", ZERO))
        if before:
            self._sums[currency] = _EXACT.subtract(self._sums[currency], before)
        if not carries:
            return
        working, instrument = order.working, self.instruments[order.pair]
        if working.side is Side.BUY and not (working.price or working.stop_price or order.quote_amount):
            self._floating[order.order_id] = order
            return
        currency = instrument.quote if working.side is Side.BUY else instrument.base
        needed = self.reservation(order)
        self._reserved[order.order_id] = currency, needed
        self._sums[currency] = _EXACT.add(self._sums.get(currency, ZERO), needed)

    def reservation(self, order: AccountOrder) -> Decimal:
        """What an open order reserves: base for a sell, for a buy the most that is known of what it may cost."""
        working = order.working
        if working.side is Side.SELL:
            return order.remaining
        if order.quote_amount is not None:
            return self._with_fee(order.quote_amount)
        price = working.price or self.last[order.pair]
        if working.price is None and working.stop_price is not None:
            price = self.rules.matching.paid(self.instruments[order.pair], Side.BUY, working.stop_price)
        return self._with_fee(order.remaining * price)

    def unaffordable(self, pair: str, orders: Sequence[WorkingOrder], price: Decimal) -> list[WorkingOrder]:
        """Buys at whatever the price is, whose cost is by now more than is free; who came first is served first."""
        instrument = self.instruments[pair]
        buying = [w for w in orders if w.side is Side.BUY and w.price is None and acts_at(w, price)]
        if not buying:
            return []
        paid = self.rules.matching.paid(instrument, Side.BUY, price)
        free = self.free(instrument.quote)
        free += sum((self.reservation(self.orders[working.order_id]) for working in buying), ZERO)
        refused = []
        for working in buying:
            needed = self._with_fee(self.orders[working.order_id].remaining * paid)
            if needed > free:
                refused.append(working)
            else:
                free -= needed
        return refused

    def _with_fee(self, cost: Decimal) -> Decimal:
        rate = ZERO if self.rules.fee_in_base else max(self.rules.maker_fee, self.rules.taker_fee)
        return cost + round_to(cost * rate, FEE_STEP, UP)
