"""What bounds an order: the price tick of its month, the step of its amount, the least and the most it may cost."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from tradewind.domain.errors import ConfigError
from tradewind.domain.money import NEAREST, UP, decimal_of, round_to, truncate_to
from tradewind.domain.series import Floats, Integers

DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE = 2, 3, 4
"""The precision modes, as ccxt numbers them."""

_RESERVE = 0.05
_LARGEST_STOP_RESERVE = 1.5
_SHOWN_DIGITS = 13
_COMMON_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class Market:
    """The filters of one pair. Steps are multiples; limits are None where the exchange has none.

    `price_tick` is the exchange's own, which the decimals seen in the candles come before (`MonthlyTicks`).
    """

    pair: str
    price_tick: Decimal | None
    amount_step: Decimal | None
    amount_min: float | None = None
    amount_max: float | None = None
    cost_min: float | None = None
    cost_max: float | None = None


def cut_amount(value: float, step: Decimal | None) -> float:
    """`value` cut down to the amount step."""
    if step is None:
        return value
    return float(truncate_to(decimal_of(value), step))


def minimum_stake(market: Market, rate: float, stop_loss: float) -> float:
    """The least stake at `rate`, with a reserve for a stop `stop_loss` (a ratio, 0 for none) below it."""
    reserve = min(max((1 + _RESERVE) / (1 - stop_loss), 1.0), _LARGEST_STOP_RESERVE)
    return max((market.cost_min or 0.0) * reserve, (market.amount_min or 0.0) * rate * (1 + _RESERVE))


def maximum_stake(market: Market, rate: float) -> float:
    """The most that one order may cost at `rate`; infinite where the exchange sets no limit."""
    by_amount = market.amount_max * rate if market.amount_max else math.inf
    return min(market.cost_max or math.inf, by_amount)


def step_of(precision: float | None, mode: int, field: str) -> Decimal | None:
    """The step that a market's `precision` means in `mode`; None where the market has none.

    Raises `ConfigError` for a mode that is not honoured: significant digits.
    """
    if precision is None:
        return None
    if mode == TICK_SIZE:
        return decimal_of(precision)
    if mode == DECIMAL_PLACES:
        return Decimal(1).scaleb(-int(precision))
    raise ConfigError(
        field,
        f"precision mode {mode}",
        f"{DECIMAL_PLACES} (DECIMAL_PLACES) or {TICK_SIZE} (TICK_SIZE)",
        "use an exchange whose precision is in ticks or decimal places",
    )


def rounded_price(price: float, tick: Decimal | None, up: bool = False) -> float:
    """`price` at the nearest tick (half up), or at the next one above or equal."""
    if tick is None:
        return price
    return float(round_to(decimal_of(price), tick, UP if up else NEAREST))


def decimals_shown(prices: Floats) -> Floats:
    """How many decimals each price shows with 14 significant digits; not-a-number for whole numbers."""
    found = np.full(len(prices), np.nan)
    left = np.arange(len(prices))
    # A price that is a whole number of 10**-n shows just that; the text of the others tells what they show.
    for decimals in range(_COMMON_DECIMALS + 1):
        power = 10.0**decimals
        whole = np.rint(prices[left] * power)
        shows = (whole / power == prices[left]) & (np.abs(whole) < 10.0**_SHOWN_DIGITS)
        found[left[shows]] = decimals or np.nan
        left = left[~shows]
    unique, where = np.unique(prices[left], return_inverse=True)
    found[left] = np.array([_decimals(price) for price in unique.tolist()], dtype=np.float64)[where]
    return found


def _decimals(price: float) -> float:
    if price != price:  # noqa: PLR0124 - not-a-number
        return float("nan")
    exponent = Decimal(f"{price:.{_SHOWN_DIGITS}e}").normalize().as_tuple().exponent
    return float(-exponent) if isinstance(exponent, int) and exponent < 0 else float("nan")


class MonthlyTicks:
    """The price tick of each calendar month: as fine as the finest price seen in it, later candles included."""

    def __init__(self, months: Sequence[int], ticks: Sequence[Decimal]) -> None:
        self._months, self._ticks = list(months), list(ticks)

    @classmethod
    def of(cls, open_time: Integers, decimals: Floats) -> MonthlyTicks:
        """From the most decimals per candle (`decimals_shown`, not-a-number where all its prices are whole)."""
        months = open_time.astype("datetime64[ms]").astype("datetime64[M]").astype("datetime64[ms]").astype(np.int64)
        seen = ~np.isnan(decimals)
        ordered, where = np.unique(months[seen], return_inverse=True)
        most = np.zeros(len(ordered), dtype=np.int64)
        np.maximum.at(most, where, decimals[seen].astype(np.int64))
        return cls(ordered.tolist(), [Decimal(1).scaleb(-count) for count in most.tolist()])

    def steps(self) -> list[tuple[int, Decimal]]:
        """The months that have a tick, by their first millisecond, ascending."""
        return list(zip(self._months, self._ticks, strict=True))

    def at(self, time: int) -> Decimal | None:
        """The tick of the month of `time`, else of the last earlier one that has any, else None."""
        place = bisect_right(self._months, time)
        return self._ticks[place - 1] if place else None
