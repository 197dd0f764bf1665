"""An instrument: what a venue trades, and the filters an order for it must pass before it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradewind.domain.money import DOWN, NEAREST, UP, ZERO, plain, round_to, truncate_to


@dataclass(frozen=True, slots=True)
class Instrument:
    """One pair on one venue. Prices are in quote per base, amounts in base, notional in quote."""

    pair: str
    base: str
    quote: str
    price_tick: Decimal
    amount_step: Decimal
    minimum_amount: Decimal
    minimum_notional: Decimal

    def price(self, value: Decimal) -> Decimal:
        """`value` at the nearest tick."""
        return round_to(value, self.price_tick, NEAREST)

    def price_up(self, value: Decimal) -> Decimal:
        """`value` at the next tick above or equal: the safe side of a long stop."""
        return round_to(value, self.price_tick, UP)

    def price_down(self, value: Decimal) -> Decimal:
        """`value` at the next tick below or equal: the safe side of a short stop."""
        return round_to(value, self.price_tick, DOWN)

    def amount(self, value: Decimal) -> Decimal:
        """`value` cut down to the amount step."""
        return truncate_to(value, self.amount_step)

    def refusal(self, amount: Decimal, price: Decimal) -> str | None:
        """Why the venue would refuse an order of `amount` at `price`, or None when it would not."""
        if amount <= ZERO:
            return f"amount {plain(amount)} {self.base} is not above 0 (the amount step is {plain(self.amount_step)})"
        if amount < self.minimum_amount:
            return f"amount {plain(amount)} {self.base} is below the minimum {plain(self.minimum_amount)}"
        if amount * price < self.minimum_notional:
            return f"notional {plain(amount * price)} {self.quote} is below the minimum {plain(self.minimum_notional)}"
        return None


def split_pair(pair: str) -> tuple[str, str]:
    """`BTC/EUR` as `("BTC", "EUR")`; the settle suffix of a derivative (`:USDT`) is not part of the quote."""
    base, _, rest = pair.partition("/")
    return base, rest.partition(":")[0]
