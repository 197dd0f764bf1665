"""Prices, amounts and values to the last bit of what decimals give, in floats.

The domain reckons with the decimals that floats show. A float that is `n / 10**scale` for a whole n of at most 15
digits shows exactly that, and two floats compare as what they show does, if one of them shows so few digits: so
rounding to a step needs no decimals. Products are carried as the sum of two floats, twice as precise as one, and
rounded once; where even that leaves open which of two floats is nearer, or a number shows more digits, the domain's
own function is asked. So the answers are always the domain's, and nearly always without it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import objmode

from tradewind.domain import money
from tradewind.domain.freqtrade import market, trade
from tradewind.research.freqtrade.compiled.compiling import compiled, stands_for

_POWERS = np.array([10.0**power for power in range(23)])
"""All powers of ten that a float holds exactly."""
_SHOWN = 1e15
_UNSURE = -1.0
_EXACT = 2.0**51
_SPLIT = 2.0**27 + 1
_ERROR = 2.0**-96
"""More than what a product of three and its quotient, as two floats each, can be off, as a share of it."""


@compiled
def _whole(value: float, scale: int) -> float:
    """The n of `value == n / 10**scale`, where it shows so; else -1."""
    number = np.rint(value * _POWERS[scale])
    if abs(number) < _SHOWN and number / _POWERS[scale] == value:
        return float(number)
    return _UNSURE


@compiled
def _shown(value: float) -> tuple[float, int]:
    """The digits that `value`, not negative, shows, as a whole number and its scale; -1 where they are too many."""
    for scale in (8, 5, 2, 12):
        number = _whole(value, scale)
        if number != _UNSURE:
            return number, scale
    return _UNSURE, 0


@compiled
def _product(left: float, right: float) -> tuple[float, float]:
    """The exact product, as a float and what it is off."""
    product = left * right
    high = left * _SPLIT
    left_high = high - (high - left)
    left_low = left - left_high
    high = right * _SPLIT
    right_high = high - (high - right)
    right_low = right - right_high
    rest = left_low * right_low - (((product - left_high * right_high) - left_low * right_high) - left_high * right_low)
    return product, rest


@compiled
def _multiplied(amount: float, rate: float, fee: float) -> float:
    """`amount * rate * (1 + fee)` in decimals, then as a float; -1 where that is not sure."""
    first, first_scale = _shown(amount)
    second, second_scale = _shown(rate)
    third, third_scale = _whole(abs(fee), 5), 5
    if third == _UNSURE:
        third, third_scale = _whole(abs(fee), 8), 8
    scale = first_scale + second_scale + third_scale
    if min(first, second, third) == _UNSURE or scale > 22:
        return _UNSURE
    third = _POWERS[third_scale] + math.copysign(third, fee)
    product, rest = _product(first, second)
    whole, off = _product(product, third)
    off += rest * third
    divisor = _POWERS[scale]
    quotient = whole / divisor
    back, back_off = _product(quotient, divisor)
    correction = (((whole - back) - back_off) + off) / divisor
    margin = abs(quotient) * _ERROR
    low, high = quotient + (correction - margin), quotient + (correction + margin)
    return low if low == high else _UNSURE


@compiled
def _value(amount: float, rate: float, fee: float) -> float:
    """`amount * rate * (1 + fee)`; the fee of a sale is negative."""
    found = _multiplied(amount, rate, fee)
    if found == _UNSURE:
        with objmode(found="float64"):
            found = trade.value_with_fee(amount, rate, fee)
    return found


@stands_for(trade.open_value)
def _open_value(amount: float, rate: float, fee: float) -> float:
    return _value(amount, rate, fee)


@stands_for(trade.close_value)
def _close_value(amount: float, rate: float, fee: float) -> float:
    return _value(amount, rate, -fee)


@stands_for(trade.stake_of)
def _stake_of(amount: float, price: float) -> float:
    return _value(amount, price, 0.0)


@stands_for(trade.rounded)
def _rounded(value: float) -> float:
    high, low = _product(value, 1e8)
    if not abs(high) < _EXACT:
        with objmode(found="float64"):
            found = trade.rounded(value)
        return found  # noqa: RET504 - what comes back from Python needs a name
    number = np.rint(high)
    left = high - number
    if left == 0.5 and low > 0:
        number += 1
    elif left == -0.5 and low < 0:
        number -= 1
    return float(number / 1e8)


@compiled
def _stepped(value: float, step: float, kind: int) -> float:
    """`value` at the step below (-1), above (1) or nearest (0, half up); not-a-number where that is not sure."""
    size, scale = _shown(step)
    if size == _UNSURE or not max(abs(value) * _POWERS[scale], size) * 50 < _SHOWN:
        return math.nan
    about = value * _POWERS[scale] / size
    divisor = _POWERS[scale]
    if kind > 0:
        number = math.ceil(about) - 1.0
        while number * size / divisor < value:
            number += 1
    elif kind < 0:
        number = math.floor(about) + 1.0
        while number * size / divisor > value:
            number -= 1
    else:
        number = math.floor(about) + 2.0
        while (2 * number - 1) * size * 5 / (divisor * 10) > value:
            number -= 1
    return float(number * size / divisor)


@stands_for(market.rounded_price)
def _rounded_price(price: float, tick: float, up: bool = False) -> float:
    """`rounded_price` with 0 for no tick."""
    if tick == 0:
        return price
    found = _stepped(price, tick, 1 if up else 0)
    if math.isnan(found):
        with objmode(found="float64"):
            found = market.rounded_price(price, money.decimal_of(tick), up)
    return found


@stands_for(market.cut_amount)
def _cut_amount(value: float, step: float) -> float:
    """`cut_amount` with 0 for no step."""
    if step == 0:
        return value
    found = _stepped(value, step, -1)
    if math.isnan(found):
        with objmode(found="float64"):
            found = market.cut_amount(value, money.decimal_of(step))
    return found


@stands_for(trade.average_of)
def _average_of(amount: float, price: float) -> float:
    """What one entry of `amount` at `price` averages to: the price, unless it shows more than 18 decimals."""
    number, _ = _shown(price)
    found = price
    if number == _UNSURE:
        with objmode(found="float64"):
            found = trade.average_of(amount, price)
    return found
