"""The order book of the market, by a stated and seeded model, because candles do not record one.

Fifty levels stand on either side of the last price, the first one tick away from it, each next one tick further; their
sizes are drawn from the seed, the symbol and the second of simulated time, around a two-hundredth of the present
candle's volume. The account's own resting orders are added, and where they stand the model's levels of the other
side give way. The book is what clients see; it does not price fills.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from random import Random

from tradewind.domain.money import ZERO, decimal_of
from tradewind.domain.order import Side
from tradewind.sim_exchange.market import Market
from tradewind.sim_exchange.models import BookTicker, Depth, DepthUpdate, Level

LEVELS = 50
"""Levels of either side that the model makes."""

_SCALE = 1000
_SECOND = 1000

Resting = Callable[[str], Iterable[tuple[Side, Decimal, Decimal]]]
"""The account's orders in the book of a symbol: side, price, quantity."""

Sides = tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]


class OrderBook:
    """The books of all symbols, as far as somebody has looked.

    Whoever looks, looks at a numbered state, and every number has its update: a client that joins an update stream
    to a snapshot gets the same book as one that asks again.
    """

    def __init__(self, market: Market, resting: Resting, seed: int) -> None:
        self._market, self._resting, self._seed = market, resting, seed
        self._seen: dict[str, Sides] = {}
        self._update_ids: dict[str, int] = {}

    def refresh(self, symbol: str, now: int) -> DepthUpdate | None:
        """Look at the book; what changed since somebody last looked, or None when nothing did."""
        before = self._seen.get(symbol, ({}, {}))
        present = self._seen[symbol] = self._make(symbol, now)
        bids, asks = (_difference(old, new) for old, new in zip(before, present, strict=True))
        if not bids and not asks:
            return None
        # Not below the clock: ids grow over restarts too, which forget them.
        update_id = self._update_ids[symbol] = max(self._update_ids.get(symbol, now) + 1, 1)
        return DepthUpdate(symbol=symbol, time=now, first_id=update_id, last_id=update_id, bids=bids, asks=asks)

    def depth(self, symbol: str, limit: int) -> Depth:
        """The book as last looked at."""
        bids, asks = self._seen[symbol]
        return Depth(
            symbol=symbol,
            last_update_id=self._update_ids[symbol],
            bids=tuple(sorted(bids.items(), reverse=True)[:limit]),
            asks=tuple(sorted(asks.items())[:limit]),
        )

    def ticker(self, symbol: str) -> BookTicker:
        """Its best levels, as last looked at."""
        bids, asks = self._seen[symbol]
        bid, ask = max(bids, default=ZERO), min(asks, default=ZERO)
        return BookTicker(
            symbol=symbol,
            update_id=self._update_ids[symbol],
            bid_price=bid,
            bid_quantity=bids.get(bid, ZERO),
            ask_price=ask,
            ask_quantity=asks.get(ask, ZERO),
        )

    def _make(self, symbol: str, now: int) -> Sides:
        instrument = self._market.instruments[symbol]
        last, tick = instrument.price(self._market.last_price(symbol, now)), instrument.price_tick
        random = Random(f"{self._seed}:{symbol}:{now // _SECOND}")  # noqa: S311 - a model, not a secret
        present = self._market.present(symbol, now)
        mean = (decimal_of(present.candle.volume) if present else ZERO) / 200
        least = max(instrument.minimum_amount, instrument.amount_step)
        sizes = [
            max(instrument.amount(mean * random.randrange(_SCALE // 5, 2 * _SCALE) / _SCALE), least)
            for _ in range(2 * LEVELS)
        ]
        bids = {last - tick * (k + 1): sizes[k] for k in range(LEVELS) if last > tick * (k + 1)}
        asks = {last + tick * (k + 1): sizes[LEVELS + k] for k in range(LEVELS)}
        for side, price, quantity in self._resting(symbol):
            mine, other = (bids, asks) if side is Side.BUY else (asks, bids)
            mine[price] = mine.get(price, ZERO) + quantity
            for level in [one for one in other if (one <= price if side is Side.BUY else one >= price)]:
                del other[level]
        return bids, asks


def _difference(old: dict[Decimal, Decimal], new: dict[Decimal, Decimal]) -> tuple[Level, ...]:
    """New and changed levels, and the gone ones with quantity 0."""
    changed = [(price, quantity) for price, quantity in new.items() if old.get(price) != quantity]
    return (*changed, *((price, ZERO) for price in old if price not in new))
