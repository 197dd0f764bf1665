"""The money of an account at a simulated venue: what it holds, what open orders reserve, what it can still pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from tradewind.domain.account_order import AccountOrder, AccountRefusalError, AccountRules
from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import WorkingOrder, acts_at
from tradewind.domain.money import UP, ZERO, round_to
from tradewind.domain.order import Side

FEE_STEP = Decimal("1e-8")
"""Fees are rounded to this."""


class AccountFunds:
    """Balances by currency, and what `orders`, the open ones by id in the order of arrival, reserve of them.

    `last` holds the last price of each pair that has one.
    """

    def __init__(self, rules: AccountRules, balances: Mapping[str, Decimal]) -> None:
        self.rules = rules
        self.balances = dict(balances)
        self.instruments: dict[str, Instrument] = {}
        self.orders: dict[str, AccountOrder] = {}
        self.last: dict[str, Decimal] = {}

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
        locked, groups = ZERO, set[tuple[str, str]]()
        for order in self.orders.values():
            instrument, working = self.instruments[order.pair], order.working
            if currency != (instrument.quote if working.side is Side.BUY else instrument.base):
                continue
            if working.group is not None:
                if (order.pair, working.group) in groups:
                    continue
                groups.add((order.pair, working.group))
            locked += self.reservation(order)
        return locked

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
