"""Positions: made by fills and by nothing else.

A position is identified by the client order id of the entry that opened it. Long only: spot has no short side.
Profit is cash out minus cash in, fees included, so that the sum of all profits is exactly the change of the balance.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradewind.domain.instrument import split_pair
from tradewind.domain.money import ZERO
from tradewind.domain.order import Fill, Side


@dataclass(frozen=True, slots=True)
class Position:
    """An open position. `amount` is what is held, in base; money in quote; times in milliseconds UTC.

    `spent` and `received` are cash without fees; `fees` is every fee in quote, a base fee at the price of its fill.
    """

    position_id: str
    pair: str
    open_time: int
    amount: Decimal = ZERO
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    spent: Decimal = ZERO
    received: Decimal = ZERO
    fees: Decimal = ZERO
    quote_fees: Decimal = ZERO
    entry_tag: str = ""

    @property
    def average_price(self) -> Decimal:
        """Average entry price."""
        return self.spent / self.bought if self.bought else ZERO

    @property
    def close_rate(self) -> Decimal:
        """Average exit price; 0 before the first exit fill."""
        return self.received / self.sold if self.sold else ZERO

    @property
    def profit(self) -> Decimal:
        """Cash received minus cash spent minus the fees paid in quote (a base fee shows as amount not sold)."""
        return self.received - self.spent - self.quote_fees

    @property
    def profit_ratio(self) -> Decimal:
        """Profit relative to what the entry cost."""
        return self.profit / self.spent if self.spent else ZERO

    def with_fill(self, fill: Fill) -> Position:
        """The position after a fill of its entry (buy) or of one of its exits (sell)."""
        base, quote = split_pair(fill.pair)
        in_quote = fill.fee_currency == quote
        base_fee = fill.fee if fill.fee_currency == base else ZERO
        fees = self.fees + (fill.fee if in_quote else base_fee * fill.price)
        quote_fees = self.quote_fees + (fill.fee if in_quote else ZERO)
        bought, spent, sold, received = self.bought, self.spent, self.sold, self.received
        if fill.side is Side.BUY:
            amount, bought, spent = self.amount + fill.amount, bought + fill.amount, spent + fill.cost
        else:
            amount, sold, received = self.amount - fill.amount, sold + fill.amount, received + fill.cost
        return Position(
            self.position_id,
            self.pair,
            self.open_time,
            amount - base_fee,
            bought,
            sold,
            spent,
            received,
            fees,
            quote_fees,
            self.entry_tag,
        )

    def is_closed(self, amount_step: Decimal) -> bool:
        """Whether what is left is less than the venue can trade: nothing, or the dust of a base fee."""
        return self.amount < amount_step


def balance_changes(fill: Fill) -> dict[str, Decimal]:
    """What a fill does to the balances, by currency."""
    base, quote = split_pair(fill.pair)
    sign = 1 if fill.side is Side.BUY else -1
    changes = {base: sign * fill.amount, quote: -sign * fill.cost}
    changes[fill.fee_currency] = changes.get(fill.fee_currency, ZERO) - fill.fee
    return changes
