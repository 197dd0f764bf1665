"""Orders: identity, states and fills.

An order's identity is a hash of why it exists, so deciding the same thing twice gives the same client order id and
the venue refuses the second. Every change of state is appended to the order's history; the table below is the only
place that says which change may follow which.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from tradewind.domain.money import ZERO


class Side(StrEnum):
    """The side of an order, in ccxt's words."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        """The side that closes what this one opens."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """How an order meets the market. `STOP` becomes a market order when triggered, `STOP_LIMIT` a limit order."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"


class TimeInForce(StrEnum):
    """How long an order may rest."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class Leg(StrEnum):
    """The part an order plays in a decision; with the decision id it makes the client order id."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"
    TARGET = "target"


class OrderState(StrEnum):
    """Life of an order: `semantics` section 6."""

    INTENDED = "Intended"
    SUBMITTED = "Submitted"
    ACCEPTED = "Accepted"
    PARTIALLY_FILLED = "PartiallyFilled"
    FILLED = "Filled"
    CANCELED = "Canceled"
    EXPIRED = "Expired"
    REJECTED = "Rejected"
    UNKNOWN = "Unknown"


TERMINAL = frozenset({OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED})

# A fill may overtake the acknowledgement, so Submitted and Unknown reach the filled states directly. Intended may be
# canceled before it was ever sent; Submitted may not: whether the venue has it is not known until the venue says so.
TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    OrderState.INTENDED: frozenset(
        {OrderState.SUBMITTED, OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED}
    ),
    OrderState.SUBMITTED: frozenset(
        {
            OrderState.ACCEPTED,
            OrderState.PARTIALLY_FILLED,
            OrderState.FILLED,
            OrderState.CANCELED,
            OrderState.EXPIRED,
            OrderState.REJECTED,
            OrderState.UNKNOWN,
        }
    ),
    OrderState.ACCEPTED: frozenset(
        {
            OrderState.PARTIALLY_FILLED,
            OrderState.FILLED,
            OrderState.CANCELED,
            OrderState.EXPIRED,
            OrderState.UNKNOWN,
        }
    ),
    OrderState.PARTIALLY_FILLED: frozenset(
        {
            OrderState.PARTIALLY_FILLED,
            OrderState.FILLED,
            OrderState.CANCELED,
            OrderState.EXPIRED,
            OrderState.UNKNOWN,
        }
    ),
    OrderState.UNKNOWN: frozenset(
        {
            OrderState.SUBMITTED,  # the venue is certain it has nothing: sent again, with the same id
            OrderState.ACCEPTED,
            OrderState.PARTIALLY_FILLED,
            OrderState.FILLED,
            OrderState.CANCELED,
            OrderState.EXPIRED,
            OrderState.REJECTED,
        }
    ),
    OrderState.FILLED: frozenset(),
    OrderState.CANCELED: frozenset(),
    OrderState.EXPIRED: frozenset(),
    OrderState.REJECTED: frozenset(),
}


class IllegalTransitionError(Exception):
    """A change of state that the table does not allow: a defect of ours or a lie of the venue, never to be applied."""


EXTERNAL = "external"
"""The decision of orders that nobody here created."""

_ID_LENGTH = 18
_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_ID_BYTES, _ID_SPARE_BITS = 12, 6
_ID_PLACES = range(80, -1, -10)
_TWO_CHARACTERS = [first + second for first in _ID_ALPHABET for second in _ID_ALPHABET]


def is_bot_order_id(client_id: str) -> bool:
    """Whether an id has the form of those that `client_order_id` makes: some bot of this program gave it."""
    return len(client_id) == _ID_LENGTH and set(client_id) <= set(_ID_ALPHABET)


def client_order_id(bot: str, decision_id: str, leg: Leg, attempt: str = "first") -> str:
    """18 characters of `a-z2-7`: inside every venue's length and alphabet, equal for equal arguments."""
    digest = hashlib.sha256(f"{bot}\x1f{decision_id}\x1f{leg}\x1f{attempt}".encode()).digest()
    # Base 32, as many characters of it as are wanted and no more.
    number = int.from_bytes(digest[:_ID_BYTES], "big") >> _ID_SPARE_BITS
    return "".join([_TWO_CHARACTERS[number >> place & 1023] for place in _ID_PLACES])


@dataclass(frozen=True, slots=True)
class Order:
    """An order as execution holds it. Prices in quote per base, amounts in base; times in milliseconds UTC.

    `group` names the OCO group of a protective leg (the stop and the target of one position share one amount);
    `reduce_only` orders never open or grow a position.
    """

    client_order_id: str
    decision_id: str
    leg: Leg
    pair: str
    side: Side
    type: OrderType
    amount: Decimal
    created_time: int
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    group: str | None = None
    tag: str = ""
    state: OrderState = OrderState.INTENDED
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    version: int = 0

    @property
    def remaining(self) -> Decimal:
        """Amount not filled yet."""
        return self.amount - self.filled

    @property
    def average(self) -> Decimal | None:
        """Average fill price, None before the first fill."""
        return self.cost / self.filled if self.filled else None

    @property
    def is_open(self) -> bool:
        """Whether anything may still happen to it."""
        return self.state not in TERMINAL

    def to(self, state: OrderState) -> Order:
        """The order in `state`, one version on; raises `IllegalTransitionError` where the table does not allow it."""
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransitionError(f"order {self.client_order_id}: {self.state} -> {state}")
        return replace(self, state=state, version=self.version + 1)

    def with_fill(self, amount: Decimal, price: Decimal) -> Order:
        """The order after a fill; more than its amount is refused, because it would be somebody else's fill.

        A fill that is told after the order's end happened before it: it counts, and the end stands.
        """
        if amount <= 0 or self.filled + amount > self.amount:
            raise IllegalTransitionError(
                f"order {self.client_order_id}: fill of {amount} exceeds what remains ({self.remaining})"
            )
        filled, cost = self.filled + amount, self.cost + amount * price
        if self.state in TERMINAL:
            return replace(self, filled=filled, cost=cost, version=self.version + 1)
        state = OrderState.FILLED if filled == self.amount else OrderState.PARTIALLY_FILLED
        return replace(self.to(state), filled=filled, cost=cost)


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade of the venue for one of our orders; unique by (venue, account, pair, trade_id)."""

    trade_id: str
    client_order_id: str
    pair: str
    side: Side
    amount: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    maker: bool
    time: int

    @property
    def cost(self) -> Decimal:
        """Amount times price, in quote, without the fee."""
        return self.amount * self.price
