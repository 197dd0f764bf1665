"""The way of the price through one candle, in time: how a venue with a clock walks it piece by piece.

A candle's path is open, nearer extreme, farther extreme, close (`matching`); here each of its three straight pieces
takes a third of the candle's duration. Walking it in many stretches fills the same orders at the same prices and
times as walking it at once: a stretch that ends inside a piece ends a hair short of its price, so that whatever acts
at exactly that price acts in the next stretch, in the order in which it would have acted anyway.
"""

from __future__ import annotations

from decimal import Decimal

from tradewind.domain.instrument import Instrument
from tradewind.domain.matching import (
    CandleMatch,
    Ended,
    Ending,
    MarketCandle,
    Matched,
    MatchEvent,
    MatchingRules,
    WorkingOrder,
)
from tradewind.domain.money import ZERO
from tradewind.domain.order import Side

_PIECES = 3
_HAIR = Decimal("1e-13")


def price_at(candle: MarketCandle, elapsed: int, duration: int) -> Decimal:
    """The price `elapsed` milliseconds after the open of a candle of `duration`, not rounded to any tick."""
    piece = min(elapsed * _PIECES // duration, _PIECES - 1)
    origin, target = candle.path()[piece : piece + 2]
    return origin + (target - origin) * (elapsed * _PIECES - piece * duration) / duration


def range_until(candle: MarketCandle, elapsed: int, duration: int) -> tuple[Decimal, Decimal]:
    """The highest and the lowest price of the path's first `elapsed` milliseconds."""
    passed = elapsed * _PIECES // duration
    prices = [*candle.path()[: passed + 1], price_at(candle, elapsed, duration)]
    return max(prices), min(prices)


class PathMatch(CandleMatch):
    """Matching on stretches of one candle's path. Times are milliseconds since the candle's open."""

    def __init__(
        self,
        instrument: Instrument,
        rules: MatchingRules,
        candle: MarketCandle,
        orders: list[WorkingOrder],
        consumed: Decimal,
        *,
        duration: int,
    ) -> None:
        super().__init__(instrument, rules, candle, orders, consumed)
        self._duration = duration
        self._known = {order.order_id: order for order in orders}

    def walk(self, start: int, end: int) -> list[tuple[int, MatchEvent]]:
        """What happens from `start` to `end`, each with its time."""
        timed = [(0, event) for event in self._begin()] if start == 0 else []
        for piece in range(_PIECES):
            timed.extend(self._stretch(piece, start * _PIECES, end * _PIECES))
        return timed

    def _begin(self) -> list[MatchEvent]:
        """What `path_phase` does before it walks: a stop that the open has passed acts, the rest rests."""
        for order in self._by_arrival():
            if order.waits_for_stop and self._reached(order):
                self._trigger(order, self._candle.open)
        for order in self._by_arrival():
            order.rested = True
        return self._drain()

    def _reached(self, order: WorkingOrder) -> bool:
        assert order.stop_price is not None
        ahead = self._candle.open - order.stop_price
        return ahead <= ZERO if order.side is Side.SELL else ahead >= ZERO

    def _stretch(self, piece: int, start: int, end: int) -> list[tuple[int, MatchEvent]]:
        """The part of `piece` from `start` to `end`; here times are thirds of milliseconds, so that all are whole."""
        first = piece * self._duration
        start, end = max(start, first), min(end, first + self._duration)
        if start >= end:
            return []
        self._walk(self._short_of(piece, start - first), self._short_of(piece, end - first))
        timed: list[tuple[int, MatchEvent]] = []
        time = start
        for event in self._drain():
            if isinstance(event, Matched) or (isinstance(event, Ended) and event.ending is Ending.EXPIRED):
                time = max(start, self._time_of(event, piece))
            timed.append((-(-time // _PIECES), event))
        return timed

    def _short_of(self, piece: int, elapsed: int) -> Decimal:
        """The price in the piece, a hair before it where the piece goes on."""
        origin, target = self._candle.path()[piece : piece + 2]
        if elapsed == self._duration:
            return target
        way = max(abs(target - origin) * elapsed / self._duration - _HAIR, ZERO)
        return origin + way if target > origin else origin - way

    def _time_of(self, event: Matched | Ended, piece: int) -> int:
        """When the price was where the order acts: at a limit's own price, or at the stop that woke it."""
        origin, target = self._candle.path()[piece : piece + 2]
        order = self._known[event.order_id]
        level = event.price if isinstance(event, Matched) and event.maker else order.stop_price
        assert level is not None
        span = abs(target - origin)
        if not span:
            return piece * self._duration
        # A resting order that the market had passed before acts as soon as the price comes its way.
        way = max(level - origin if target > origin else origin - level, ZERO)
        whole, rest = divmod(way * self._duration, span)
        return piece * self._duration + int(whole) + bool(rest)
