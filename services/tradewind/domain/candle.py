"""A candle: one closed bar.

A candle is stamped by its open time. Values are floats as the venue sent them; they become `Decimal` at the order
boundary (`money.decimal_of`), where the shortest text is what the venue's price list shows.
"""

from __future__ import annotations

from typing import NamedTuple


class Candle(NamedTuple):
    """`[open_time ms UTC, open, high, low, close, volume]`; volume is in the base currency."""

    open_time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
