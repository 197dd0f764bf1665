"""Instruments out of ccxt's markets: the three ways in which exchanges state precision, as ticks and steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from tradewind.domain.instrument import Instrument
from tradewind.domain.money import ZERO

# ccxt's constants, which are part of its interface (`precisionMode`).
DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE = 2, 3, 4


def instruments_of(
    markets: Iterable[Mapping[str, Any]], precision_mode: int, last_prices: Mapping[str, Decimal]
) -> dict[str, Instrument]:
    """Every active spot market with a known precision, by pair.

    Where prices have significant digits instead of a tick, the tick is the one at the pair's last price, and a pair
    without one is left out; it holds until the price gains or loses a digit.
    """
    found = {}
    for market in markets:
        if market.get("spot") and market.get("active") is not False:
            instrument = _instrument(market, precision_mode, last_prices.get(market["symbol"]))
            if instrument is not None:
                found[instrument.pair] = instrument
    return found


def _instrument(market: Mapping[str, Any], precision_mode: int, last_price: Decimal | None) -> Instrument | None:
    precision, limits = market["precision"], market["limits"]
    # Exchanges that count significant digits do so for prices only: ccxt cuts their amounts to decimal places.
    amount_mode = DECIMAL_PLACES if precision_mode == SIGNIFICANT_DIGITS else precision_mode
    tick = _step(precision.get("price"), precision_mode, last_price)
    step = _step(precision.get("amount"), amount_mode, None)
    if tick is None or step is None:
        return None
    return Instrument(
        pair=market["symbol"],
        base=market["base"],
        quote=market["quote"],
        price_tick=tick,
        amount_step=step,
        minimum_amount=_minimum(limits, "amount"),
        minimum_notional=_minimum(limits, "cost"),
    )


def _step(precision: Any, mode: int, last_price: Decimal | None) -> Decimal | None:
    """The smallest difference between two values; None where it cannot be known."""
    value = decimal(precision)
    if value is None:
        return None
    if mode == DECIMAL_PLACES:
        return Decimal(1).scaleb(-int(value))
    if mode == SIGNIFICANT_DIGITS:
        return Decimal(1).scaleb(last_price.adjusted() + 1 - int(value)) if last_price else None
    return value if value > 0 else None


def _minimum(limits: Mapping[str, Any], name: str) -> Decimal:
    return decimal((limits.get(name) or {}).get("min")) or ZERO


def decimal(value: Any) -> Decimal | None:
    """A number of ccxt's as the decimal that its text shows; None for None."""
    return None if value is None else Decimal(str(value))
