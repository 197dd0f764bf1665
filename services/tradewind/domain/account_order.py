"""What an account at a simulated venue is made of, and what can happen to it: the values of `simulated_account`."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from tradewind.domain.matching import MatchingRules, WorkingOrder
from tradewind.domain.money import ZERO
from tradewind.domain.order import Fill, Leg, Order, OrderState

OPENING, PATH, CLOSING = "Open", "Path", "Close"
"""The phases of a candle."""


class AccountRefusalError(Exception):
    """The account cannot take an order; `reason` is one of `BadSymbol`, `Filter`, `InsufficientFunds`."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True, slots=True)
class AccountRules:
    """Fees as ratios of the cost, the currency they are taken in, and the matching model."""

    maker_fee: Decimal
    taker_fee: Decimal
    fee_in_base: bool
    matching: MatchingRules


@dataclass(slots=True)
class AccountOrder:
    """An order of the account, open or ended.

    It (or its amendment) meets candles that open after `since`; with `on_path` also the path of the candle that
    opened at `since`. Kept with the order, so that a candle which is sent again after a restart does not act on what
    was decided from it. A market buy may ask for `quote_amount` to be spent: its amount is set where it trades.
    `withheld` is a part of `amount` that comes to the market only with the candle after the first fill.
    """

    order_id: str
    pair: str
    working: WorkingOrder
    amount: Decimal
    since: int
    on_path: bool = False
    filled: Decimal = ZERO
    state: OrderState = OrderState.ACCEPTED
    quote_amount: Decimal | None = None
    withheld: Decimal = ZERO

    def meets(self, time: int, phase: str) -> bool:
        """Whether it takes part in this phase of the candle that opens at `time`."""
        return self.since < time or (self.on_path and self.since == time and phase == PATH)

    @property
    def remaining(self) -> Decimal:
        """Amount that may still fill."""
        return self.amount - self.filled


def arriving(order: Order, now: int, *, grouped: bool) -> AccountOrder:
    """An order of a bot as it comes to the account while the candle opened at `now` is the latest.

    `grouped` is whether the other leg of its group comes with it. Its place in the order of arrival it gets there.
    """
    working = WorkingOrder(
        order_id=order.client_order_id,
        sequence=0,
        side=order.side,
        type=order.type,
        amount=order.remaining,
        price=order.price,
        stop_price=order.stop_price,
        time_in_force=order.time_in_force,
        post_only=order.post_only,
        group=order.group if grouped else None,
    )
    # A leg placed at a candle's open also meets the path of that very candle.
    on_path = order.leg in (Leg.STOP, Leg.TARGET) and order.created_time == now
    return AccountOrder(order.client_order_id, order.pair, working, order.remaining, now, on_path)


@dataclass(slots=True)
class PairClock:
    """How far a pair's candles have been walked, the volume taken from the present one, and its trades so far."""

    time: int = -1
    phase: str = ""
    consumed: Decimal = ZERO
    trades: int = 0


@dataclass(frozen=True, slots=True)
class OrderEnd:
    """An order left the book without filling what was left of it."""

    order_id: str
    state: OrderState
    reason: str
    time: int


@dataclass(frozen=True, slots=True)
class Resize:
    """The other leg of a group traded: `remaining` is what is left of this one."""

    order_id: str
    remaining: Decimal
    time: int


Happening = Fill | OrderEnd | Resize
"""What can happen; the `client_order_id` of a fill is the order id of the account."""


@dataclass(slots=True)
class Changes:
    """What a call did: `happenings` in order; the orders and currencies whose record is another now."""

    happenings: list[Happening] = field(default_factory=list)
    orders: dict[str, AccountOrder] = field(default_factory=dict)
    currencies: set[str] = field(default_factory=set)
