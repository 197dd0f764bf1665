"""Decimals as Binance writes them: eight places after the point, more only where the value has more."""

from __future__ import annotations

from decimal import Decimal

_PLACES = 8
_PADDING = ("00000000", "0000000", "000000", "00000", "0000", "000", "00", "0", "")


def written(value: Decimal) -> str:
    """The text of `value`; nothing is ever rounded away."""
    text = f"{value:f}"
    point = text.find(".")
    if point < 0:
        return text + ".00000000"
    places = len(text) - point - 1
    if places <= _PLACES:
        return text + _PADDING[places]
    return text[: point + 1 + _PLACES] + text[point + 1 + _PLACES :].rstrip("0")
