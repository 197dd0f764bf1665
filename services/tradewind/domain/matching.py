"""The matching kernel: how orders fill on candle data. Paper venue, sim-exchange and native backtest share it.

A candle is met in two phases. **Open**: the price is the candle's open; stops that the gap jumped over act at it,
market orders fill at it, limit orders that arrived since the last candle either take from it or come to rest.
**Path**: the price walks open, nearer extreme, farther extreme, close (the low first when both are equally near), so
a stop and a target inside one candle have a defined order. Source: `semantics` sections 2 and 7.

Rules: a stop triggers when the price reaches it; a limit order fills when the price goes *through* it, at its own
price, by at most `volume_share` of the candle's volume, which is not given out twice; a market order and a triggered
stop fill whole, moved against us by the slippage. Two orders of one `group` share one amount (OCO): what one fills,
the other no longer has.

The functions change the `WorkingOrder`s they are given and return what happened, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import pairwise

from tradewind.domain.candle import Candle
from tradewind.domain.instrument import Instrument
from tradewind.domain.money import ONE, ZERO, decimal_of
from tradewind.domain.order import OrderType, Side, TimeInForce

_BASIS_POINT = Decimal("0.0001")


@dataclass(slots=True)
class WorkingOrder:
    """An order at the venue. `amount` is what is still to fill; `sequence` the order of arrival.

    `rested` is true once the order has stood in the book at the start of a phase: it then makes, not takes.
    """

    order_id: str
    sequence: int
    side: Side
    type: OrderType
    amount: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    group: str | None = None
    triggered: bool = False
    rested: bool = False

    @property
    def waits_for_stop(self) -> bool:
        """Whether the order is a stop that has not been reached yet."""
        return self.stop_price is not None and not self.triggered


class Ending(StrEnum):
    """Why the venue took an order out of its book, other than by filling it."""

    EXPIRED = "Expired"
    CANCELED = "Canceled"


@dataclass(frozen=True, slots=True)
class Matched:
    """Part or all of an order traded."""

    order_id: str
    amount: Decimal
    price: Decimal
    maker: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """An order left the book without filling what was left of it."""

    order_id: str
    ending: Ending
    reason: str


@dataclass(frozen=True, slots=True)
class Reduced:
    """The other leg of an OCO group traded, so less is left of this one."""

    order_id: str
    amount: Decimal


MatchEvent = Matched | Ended | Reduced


@dataclass(frozen=True, slots=True)
class MatchingRules:
    """The venue's model: slippage of market orders and triggered stops, and the share of volume limits may take."""

    slippage_basis_points: Decimal = ZERO
    volume_share: Decimal = Decimal("0.25")

    def paid(self, instrument: Instrument, side: Side, price: Decimal) -> Decimal:
        """What an order that takes at `price` trades at: slipped against it, to the tick on the far side."""
        slip = self.slippage_basis_points * _BASIS_POINT
        if not slip:
            return price
        if side is Side.BUY:
            return instrument.price_up(price * (ONE + slip))
        return max(instrument.price_down(price * (ONE - slip)), instrument.price_tick)


@dataclass(frozen=True, slots=True)
class MarketCandle:
    """A candle at the order boundary: prices and volume as decimals."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    @classmethod
    @lru_cache(maxsize=128)  # each phase of a candle asks
    def of(cls, candle: Candle) -> MarketCandle:
        """From the floats of a feed, by their shortest text."""
        return cls(*(decimal_of(value) for value in candle[1:]))

    def path(self) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Open, nearer extreme, farther extreme, close."""
        if self.high - self.open < self.open - self.low:
            return self.open, self.high, self.low, self.close
        return self.open, self.low, self.high, self.close


class CandleMatch:
    """Matching of one instrument's orders against one candle.

    `consumed` is the volume that limit orders have already taken from this candle (after a restart between the
    phases it is the sum of the stored fills).
    """

    def __init__(
        self,
        instrument: Instrument,
        rules: MatchingRules,
        candle: MarketCandle,
        orders: list[WorkingOrder],
        consumed: Decimal = ZERO,
    ) -> None:
        self._instrument = instrument
        self._rules = rules
        self._candle = candle
        self._orders = orders
        self._consumed = consumed
        self._events: list[MatchEvent] = []

    def open_phase(self) -> list[MatchEvent]:
        """Everything that happens at the candle's open."""
        price = self._candle.open
        for order in self._by_arrival():
            if order.waits_for_stop and _reaches(order, price):
                self._trigger(order, price)
        for order in self._by_arrival():
            if order.type is OrderType.MARKET:
                self._take(order, price)
        for order in self._by_arrival():
            if _is_limit(order):
                self._meet_open(order, price)
        return self._drain()

    def path_phase(self) -> list[MatchEvent]:
        """Everything that happens while the price walks the candle."""
        # A leg placed after the open whose stop the price has already passed acts at once, at the price that there is.
        for order in self._by_arrival():
            if order.waits_for_stop and _reaches(order, self._candle.open):
                self._trigger(order, self._candle.open)
        for order in self._by_arrival():
            order.rested = True
        path = self._candle.path()
        for start, end in pairwise(path):
            self._walk(start, end)
        return self._drain()

    def close_phase(self) -> list[MatchEvent]:
        """Market orders at the candle's close: only for the forced exits at the end of recorded data."""
        for order in self._by_arrival():
            if order.type is OrderType.MARKET:
                self._take(order, self._candle.close)
        return self._drain()

    # -------------------------------------------------------------------------------------------------------- phases

    def _walk(self, start: Decimal, end: Decimal) -> None:
        """One straight piece of the path: orders act in the order in which the price reaches them."""
        price, done = start, set[str]()
        while True:
            candidates = [
                (abs(level - start), order.sequence, order)
                for order in self._orders
                if order.order_id not in done and (level := _level(order, price, end)) is not None
            ]
            if not candidates:
                return
            distance, _, order = min(candidates, key=lambda candidate: candidate[:2])
            price = start + distance if end > start else start - distance
            done.add(order.order_id)
            if order.waits_for_stop:
                assert order.stop_price is not None
                self._trigger(order, order.stop_price)
                if order.type is OrderType.STOP_LIMIT:
                    done.discard(order.order_id)  # it is a limit order from here on, on the rest of this piece
            else:
                self._make(order)

    def _meet_open(self, order: WorkingOrder, price: Decimal) -> None:
        """A limit order at the open: a resting one is hit when the gap went through it, a new one may take."""
        assert order.price is not None
        if order.rested:
            if _through(order, price):
                self._make(order)
        elif not _marketable(order, price):
            if order.time_in_force is TimeInForce.GTC:
                order.rested = True
            else:
                self._end(order, Ending.EXPIRED, "NotMarketable")
        elif order.post_only:
            self._end(order, Ending.EXPIRED, "PostOnlyWouldTake")
        elif order.time_in_force is TimeInForce.FOK and self._liquidity < order.amount:
            self._end(order, Ending.EXPIRED, "NotEnoughVolume")
        else:
            self._fill(order, min(order.amount, self._liquidity), price, maker=False, limited=True)
            if order.amount and order.time_in_force is TimeInForce.IOC:
                self._end(order, Ending.EXPIRED, "NotEnoughVolume")
            order.rested = True

    def _trigger(self, order: WorkingOrder, price: Decimal) -> None:
        order.triggered = True
        if order.type is OrderType.STOP:
            self._take(order, price)
        else:
            # A stop-limit becomes a limit order that arrives now.
            order.rested = False
            self._meet_open(order, price)

    # --------------------------------------------------------------------------------------------------------- fills

    def _take(self, order: WorkingOrder, price: Decimal) -> None:
        """Fill whole at `price`, with the slippage."""
        paid = self._rules.paid(self._instrument, order.side, price)
        self._fill(order, order.amount, paid, maker=False, limited=False)

    def _make(self, order: WorkingOrder) -> None:
        """Fill a resting limit order at its own price, as far as the candle's volume goes."""
        assert order.price is not None
        self._fill(order, min(order.amount, self._liquidity), order.price, maker=True, limited=True)

    def _fill(self, order: WorkingOrder, amount: Decimal, price: Decimal, *, maker: bool, limited: bool) -> None:
        if amount <= ZERO:
            return
        if limited:
            self._liquidity -= amount
        order.amount -= amount
        self._events.append(Matched(order.order_id, amount, price, maker))
        if not order.amount:
            self._orders.remove(order)
        if order.group is not None:
            self._share(order, amount)

    def _share(self, filled: WorkingOrder, amount: Decimal) -> None:
        """Take what one leg of a group filled from the others."""
        for other in [o for o in self._by_arrival() if o.group == filled.group and o is not filled]:
            other.amount -= amount
            if other.amount > ZERO:
                self._events.append(Reduced(other.order_id, other.amount))
            else:
                self._end(other, Ending.CANCELED, "OtherLegFilled")

    def _end(self, order: WorkingOrder, ending: Ending, reason: str) -> None:
        self._orders.remove(order)
        self._events.append(Ended(order.order_id, ending, reason))

    # ------------------------------------------------------------------------------------------------------- reading

    @cached_property
    def _liquidity(self) -> Decimal:
        """What limit orders may still take of the candle's volume; asked for by them alone."""
        volume = self._candle.volume * self._rules.volume_share
        return self._instrument.amount(max(volume - self._consumed, ZERO))

    def _by_arrival(self) -> Iterator[WorkingOrder]:
        for order in sorted(self._orders, key=lambda order: order.sequence):
            if order.amount > ZERO:  # another leg of its group may have filled a moment ago
                yield order

    def _drain(self) -> list[MatchEvent]:
        events, self._events = self._events, []
        return events


def calm_between(orders: Iterable[WorkingOrder]) -> tuple[Decimal | None, Decimal | None] | None:
    """The prices strictly between which a whole candle may walk without any of `orders` acting; None is an open end.

    None altogether where some order acts at any price, or has not yet come to rest: then every candle has to be met.
    """
    below: Decimal | None = None
    above: Decimal | None = None
    for order in orders:
        level = order.stop_price if order.waits_for_stop else order.price
        if level is None or not order.rested or not (order.waits_for_stop or _is_limit(order)):
            return None
        if (order.side is Side.SELL) is order.waits_for_stop:
            below = level if below is None else max(below, level)
        else:
            above = level if above is None else min(above, level)
    return below, above


def acts_at(order: WorkingOrder, price: Decimal) -> bool:
    """Whether `order` trades at `price`, the open or the close, whatever that is: a market order, or a stop reached."""
    if order.waits_for_stop:
        return order.type is OrderType.STOP and _reaches(order, price)
    return order.type is OrderType.MARKET


def _is_limit(order: WorkingOrder) -> bool:
    return order.type is OrderType.LIMIT or (order.type is OrderType.STOP_LIMIT and order.triggered)


def _reaches(order: WorkingOrder, price: Decimal) -> bool:
    """Whether `price` is at or beyond the order's stop."""
    assert order.stop_price is not None
    return price <= order.stop_price if order.side is Side.SELL else price >= order.stop_price


def _marketable(order: WorkingOrder, price: Decimal) -> bool:
    """Whether a new limit order would trade at once."""
    assert order.price is not None
    return price <= order.price if order.side is Side.BUY else price >= order.price


def _through(order: WorkingOrder, price: Decimal) -> bool:
    """Whether the market has gone through a resting limit order, so that it must have been filled."""
    assert order.price is not None
    return price < order.price if order.side is Side.BUY else price > order.price


def _level(order: WorkingOrder, price: Decimal, end: Decimal) -> Decimal | None:
    """The price at which `order` acts on the way from `price` to `end`, or None."""
    falling = end < price
    if order.waits_for_stop:
        stop = order.stop_price
        assert stop is not None
        if order.side is Side.SELL:
            return stop if falling and end <= stop <= price else None
        return stop if not falling and price <= stop <= end else None
    if not _is_limit(order) or not _through(order, end):
        return None
    limit = order.price
    assert limit is not None
    if order.side is Side.BUY:
        return min(limit, price) if falling else None
    return max(limit, price) if end > price else None
