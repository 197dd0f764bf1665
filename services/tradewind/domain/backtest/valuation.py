"""What the account is worth at each tick: `equity.EquityCurve`, valued when somebody asks.

Between two fills an account holds the same, so its value at any tick follows from what it held and from the closes.
A backtest asks at the ticks where it decides, and the report at all of them. Values are `equity_of`, exact; where the
highest is looked for, floats say where it can be.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import overload

import numpy as np

from tradewind.domain.equity import equity_of
from tradewind.domain.series import Floats, Integers
from tradewind.domain.timeframe import DAY

_NEAR = 1e-9
"""How far, as a ratio, a value in floats may be from the exact one; in truth it is far less."""


class Valuation:
    """The value of an account in `currency` that begins with `start` of it.

    `times` are the open times of the ticks (milliseconds UTC); `closes` holds, for each pair, its latest close at each
    tick, 0 before its first.
    """

    def __init__(self, start: Decimal, currency: str, times: Integers, closes: Mapping[str, Floats]) -> None:
        self.start, self.currency, self.times = start, currency, times
        self._closes = closes
        self._since = [0]
        self._held: list[dict[str, Decimal]] = [{currency: start}]
        self._peak, self._peaked = start, -1

    def hold(self, tick: int, balances: Mapping[str, Decimal]) -> None:
        """From `tick` on the account holds `balances`, by currency; ticks come in their order."""
        held = {currency: amount for currency, amount in balances.items() if amount}
        if self._since[-1] == tick:
            self._held[-1] = held
        else:
            self._since.append(tick)
            self._held.append(held)

    def at(self, tick: int) -> Decimal:
        """The value at a tick."""
        held = self._held[bisect_right(self._since, tick) - 1]
        return self._value(held, tick)

    def peak(self, tick: int) -> Decimal:
        """The highest value up to a tick, the start among them. Asked for tick by tick, never back."""
        if tick > self._peaked:
            for place, first, last in self._segments(self._peaked + 1, tick):
                self._peak = max(self._peak, self._highest(self._held[place], first, last))
            self._peaked = tick
        return self._peak

    def day_start(self, tick: int) -> Decimal:
        """The value with which the UTC day of a tick began: that of the tick before its first one."""
        first = int(self.times.searchsorted(self.times[tick] // DAY * DAY))
        return self.at(first - 1) if first else self.start

    def daily(self, ticks: int) -> list[float]:
        """The last value of each UTC day of the first `ticks` ticks."""
        days = self.times[:ticks] // DAY
        last = np.flatnonzero(np.diff(days, append=days[-1:] + 1))
        return [float(self.at(tick)) for tick in last.tolist()]

    def points(self, ticks: int) -> EquityPoints:
        """(time, value) of the first `ticks` ticks."""
        return EquityPoints(self, ticks)

    def _segments(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """What was held from `first` to `last`, as (place, first tick, last tick)."""
        place = bisect_right(self._since, first) - 1
        while first <= last:
            following = self._since[place + 1] if place + 1 < len(self._since) else last + 1
            yield place, first, min(following - 1, last)
            first, place = following, place + 1

    def _highest(self, held: Mapping[str, Decimal], first: int, last: int) -> Decimal:
        """The highest value of ticks between which the same was held."""
        known = [(amount, self._closes[pair]) for pair, amount in self._positions(held)]
        if not known:
            return self._value(held, first)
        if len(known) == 1:
            # The higher the close, the higher the value.
            return self._value(held, first + int(known[0][1][first : last + 1].argmax()))
        columns = [closes[first : last + 1] for _, closes in known]
        values = np.array([float(amount) for amount, _ in known]) @ np.array(columns)
        near = np.flatnonzero(values >= values.max() * (1 - _NEAR))
        # Ticks with the same closes have the same value.
        ticks = dict(zip(zip(*(column[near].tolist() for column in columns), strict=True), near.tolist(), strict=True))
        return max(self._value(held, first + tick) for tick in ticks.values())

    def _value(self, held: Mapping[str, Decimal], tick: int) -> Decimal:
        closes = {pair: self._closes[pair][tick] for pair, _ in self._positions(held)}
        return equity_of(held, closes, self.currency)

    def _positions(self, held: Mapping[str, Decimal]) -> list[tuple[str, Decimal]]:
        """What is held of pairs, with its amount."""
        named = ((f"{currency}/{self.currency}", amount) for currency, amount in held.items())
        return [(pair, amount) for pair, amount in named if pair in self._closes]


class EquityPoints(Sequence[tuple[int, Decimal]]):
    """The equity curve as (time, value), each valued when it is looked at."""

    def __init__(self, valuation: Valuation, ticks: int) -> None:
        self._valuation, self._ticks = valuation, ticks

    def __len__(self) -> int:
        return self._ticks

    @overload
    def __getitem__(self, place: int) -> tuple[int, Decimal]: ...

    @overload
    def __getitem__(self, place: slice) -> list[tuple[int, Decimal]]: ...

    def __getitem__(self, place: int | slice) -> tuple[int, Decimal] | list[tuple[int, Decimal]]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(self._ticks))]
        tick = range(self._ticks)[place]
        return int(self._valuation.times[tick]), self._valuation.at(tick)
