"""What the account is worth at each tick: `equity.EquityCurve`, valued when somebody asks.

Between two fills an account holds the same, so its value at any tick follows from what it held and from the closes.
A backtest asks at the ticks where it decides, and the report at all of them. Values are `equity_of`, exact; where the
highest is looked for, floats say where it can be.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, overload

import numpy as np

from tradewind.domain.equity import equity_of
from tradewind.domain.money import ZERO
from tradewind.domain.series import Floats, Integers
from tradewind.domain.timeframe import DAY

_NEAR = 1e-9
"""How far, as a ratio, a value in floats may be from the exact one; in truth it is far less."""


class _Holding(NamedTuple):
    """What is held: by currency, in cash, and of pairs, each with its amount and its closes."""

    balances: dict[str, Decimal]
    cash: Decimal
    pairs: list[tuple[str, Decimal, Floats]]


class Valuation:
    """The value of an account in `currency` that begins with `start` of it.

    `times` are the open times of the ticks (milliseconds UTC); `closes` holds, for each pair, its latest close at each
    tick, 0 before its first.
    """

    def __init__(self, start: Decimal, currency: str, times: Integers, closes: Mapping[str, Floats]) -> None:
        self.start, self.currency, self.times = start, currency, times
        self._closes = closes
        self._since = [0]
        self._held = [self._holding({currency: start})]
        self._peak, self._peaked = start, -1
        self._day, self._day_start = -1, start

    def hold(self, tick: int, balances: Mapping[str, Decimal]) -> None:
        """From `tick` on the account holds `balances`, by currency; ticks come in their order."""
        holding = self._holding(balances)
        if self._since[-1] == tick:
            self._held[-1] = holding
        else:
            self._since.append(tick)
            self._held.append(holding)

    def is_cash(self) -> bool:
        """Whether the account holds nothing whose value moves."""
        return not self._held[-1].pairs

    def at(self, tick: int) -> Decimal:
        """The value at a tick."""
        return self._value(self._held[bisect_right(self._since, tick) - 1], tick)

    def peak(self, tick: int) -> Decimal:
        """The highest value up to a tick, the start among them. Asked for tick by tick, never back."""
        if tick > self._peaked:
            for place, first, last in self._segments(self._peaked + 1, tick):
                self._peak = max(self._peak, self._highest(self._held[place], first, last))
            self._peaked = tick
        return self._peak

    def day_start(self, tick: int) -> Decimal:
        """The value with which the UTC day of a tick began: that of the tick before its first one."""
        day = int(self.times[tick]) // DAY
        if day != self._day:
            first = int(self.times.searchsorted(day * DAY))
            self._day, self._day_start = day, self.at(first - 1) if first else self.start
        return self._day_start

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

    def _highest(self, holding: _Holding, first: int, last: int) -> Decimal:
        """The highest value of ticks between which the same was held."""
        if not holding.pairs:
            return self._value(holding, first)
        columns = [closes[first : last + 1] for _, _, closes in holding.pairs]
        if len(columns) == 1:
            # The higher the close, the higher the value.
            return self._value(holding, first + int(columns[0].argmax()))
        values = np.array([float(amount) for _, amount, _ in holding.pairs]) @ np.array(columns)
        near = np.flatnonzero(values >= values.max() * (1 - _NEAR))
        # Ticks with the same closes have the same value.
        ticks = dict(zip(zip(*(column[near].tolist() for column in columns), strict=True), near.tolist(), strict=True))
        return max(self._value(holding, first + tick) for tick in ticks.values())

    def _value(self, holding: _Holding, tick: int) -> Decimal:
        if not holding.pairs:
            return holding.cash
        return equity_of(holding.balances, {pair: closes[tick] for pair, _, closes in holding.pairs}, self.currency)

    def _holding(self, balances: Mapping[str, Decimal]) -> _Holding:
        held = {currency: amount for currency, amount in balances.items() if amount}
        named = [(f"{currency}/{self.currency}", amount) for currency, amount in held.items()]
        pairs = [(pair, amount, self._closes[pair]) for pair, amount in named if pair in self._closes]
        return _Holding(held, held.get(self.currency, ZERO), pairs)


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
