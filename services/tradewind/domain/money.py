"""Decimal arithmetic for prices, amounts and money.

Rounding is always stated by its purpose (to the tick, down to the step), never left to a default, because a rounded
price on the wrong side of a stop is more risk than was asked for.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal

ZERO = Decimal(0)
ONE = Decimal(1)

UP = ROUND_CEILING
DOWN = ROUND_FLOOR
NEAREST = ROUND_HALF_UP


def decimal_of(value: float) -> Decimal:
    """The decimal a person would read: the shortest text that gives the same float back."""
    return Decimal(repr(float(value)))


def round_to(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    """`value` as a multiple of `step`, rounded `UP`, `DOWN` or `NEAREST`."""
    return (value / step).quantize(ONE, rounding) * step


def truncate_to(value: Decimal, step: Decimal) -> Decimal:
    """`value` cut toward zero to a multiple of `step`: an amount is never raised by rounding."""
    return (value / step).quantize(ONE, ROUND_DOWN) * step


def plain(value: Decimal) -> str:
    """Text without exponent or trailing zeros, the form of every wire and file."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
