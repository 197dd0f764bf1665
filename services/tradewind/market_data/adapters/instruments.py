"""The filters of instruments whose candles are recorded: from a file beside them, or deduced from the prices.

A recording has prices but no rules. Sizing and rounding need rules, so what nobody states is deduced, in a way that
is written down here and never depends on anything but the candles.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np

from tradewind.domain.errors import ConfigError
from tradewind.domain.instrument import Instrument, split_pair
from tradewind.domain.series import CandleSeries
from tradewind.market_data.adapters.catalogue import resolve
from tradewind.market_data.adapters.raw_candles import FIELD

FILE = "instruments.json"
OVERRIDES = "spec.exchanges[].instruments"

FILTERS = {
    "priceTick": "price_tick",
    "amountStep": "amount_step",
    "minimumAmount": "minimum_amount",
    "minimumNotional": "minimum_notional",
}
"""Names of the filters on the wire and in `Instrument`."""

_WIRE_NAMES = {name: wire for wire, name in FILTERS.items()}

_FIVE = Decimal(5)
# About five euros each; of a quote that is not listed nothing is known, and a fiat or stable coin is assumed.
MINIMUM_NOTIONALS = {
    "BTC": Decimal("0.0001"),
    "XBT": Decimal("0.0001"),
    "ETH": Decimal("0.002"),
    "BNB": Decimal("0.01"),
    "SOL": Decimal("0.05"),
    "JPY": Decimal(500),
    "TRY": Decimal(100),
    "INR": Decimal(500),
    "KRW": Decimal(5000),
    "IDR": Decimal(50000),
}
"""Smallest order by quote currency; 5 of any other."""

_FINEST_PRICE = Decimal("1e-6")
_MOST_DECIMALS = 16
_NOTIONAL_STEPS = 500
_FINEST_STEP, _COARSEST_STEP = -8, 0


def instrument_defaults(series: CandleSeries) -> Instrument:
    """Filters deduced from a series with at least one candle.

    - price tick: one unit of the last decimal that any price of the series shows, but never finer than the power of
      ten at or above a millionth of the median close, so that averaged prices do not pretend to a precision;
    - minimum notional: 5 in a fiat or stable quote, about as much in others (`MINIMUM_NOTIONALS`);
    - amount step: the largest power of ten that is worth, at the median close, a 500th of the minimum notional
      (0.01 of a fiat quote) or less; between 0.00000001 and 1;
    - minimum amount: one amount step.
    """
    base, quote = split_pair(series.pair)
    price = Decimal(repr(float(np.median(series.close))))
    notional = MINIMUM_NOTIONALS.get(quote, _FIVE)
    # `adjusted` is the exponent of the first digit, which is the power of ten at or below.
    exponent = (notional / _NOTIONAL_STEPS / price).adjusted()
    step = Decimal(1).scaleb(min(max(exponent, _FINEST_STEP), _COARSEST_STEP))
    return Instrument(series.pair, base, quote, _price_tick(series, price), step, step, notional)


def load_instruments(
    path: str | None,
    series_by_pair: Mapping[str, CandleSeries],
    overrides: Mapping[str, Mapping[str, Decimal]] | None = None,
) -> dict[str, Instrument]:
    """The instrument of every pair: `overrides` win over `instruments.json` beside the files, that over defaults.

    `path` is `spec.data.path`, None where nothing is read from files. Both sources may state some of the filters of
    some of the pairs, named as on the wire or as in `Instrument`. Raises `ConfigError` for a filter that does not
    exist or is not a number that it can be, and for an override of a pair that is not there.
    """
    recorded = _recorded(path) if path else {}
    given = overrides or {}
    for pair in given:
        if pair not in series_by_pair:
            raise ConfigError(OVERRIDES, pair, f"pairs of this bot: {', '.join(series_by_pair)}", f"remove {pair}")
    instruments = {}
    for pair, series in series_by_pair.items():
        instrument = _with(instrument_defaults(series), recorded.get(pair, {}), f"{FIELD} ({FILE}): {pair}")
        instruments[pair] = _with(instrument, given.get(pair, {}), f"{OVERRIDES}: {pair}")
    return instruments


def _price_tick(series: CandleSeries, price: Decimal) -> Decimal:
    prices = np.concatenate((series.open, series.high, series.low, series.close))
    # Recordings that went through arithmetic hold 0.10441057000000001 for 0.10441057.
    noise = prices * 1e-12
    decimals = next((d for d in range(_MOST_DECIMALS) if (np.abs(np.round(prices, d) - prices) <= noise).all()), None)
    smallest = price * _FINEST_PRICE
    exponent = smallest.adjusted() + int(smallest > Decimal(1).scaleb(smallest.adjusted()))
    return Decimal(1).scaleb(exponent if decimals is None else max(exponent, -decimals))


def _recorded(path: str) -> Mapping[str, Mapping[str, object]]:
    place = resolve(path)
    file = (place.parent if place.is_file() else place) / FILE
    if not file.exists():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"), parse_float=Decimal, parse_int=Decimal)
    except (ValueError, OSError) as error:
        raise _unusable(file, str(error)) from error
    if not isinstance(content, dict) or not all(isinstance(filters, dict) for filters in content.values()):
        raise _unusable(file, "no object of objects")
    return content


def _unusable(file: Path, problem: str) -> ConfigError:
    return ConfigError(
        FIELD,
        f"{problem}: {file}",
        f'{FILE} as {{"BTC/EUR": {{"priceTick": "1"}}}}',
        f"correct {FILE}, or remove it to have the filters deduced",
    )


def _with(instrument: Instrument, filters: Mapping[str, object], field: str) -> Instrument:
    values: dict[str, Decimal] = {}
    for name, value in filters.items():
        wire = _WIRE_NAMES.get(name, name)
        if wire not in FILTERS:
            raise ConfigError(field, name, f"the filters {', '.join(FILTERS)}", "correct the name")
        values[FILTERS[wire]] = _filter_value(f"{field}.{wire}", wire, value)
    return replace(instrument, **values)  # type: ignore[arg-type]


def _filter_value(field: str, name: str, value: object) -> Decimal:
    above_zero = not name.startswith("minimum")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite() or number < 0 or (above_zero and number == 0):
        allowed = "a decimal number above zero" if above_zero else "a decimal number, zero for no minimum"
        raise ConfigError(field, str(value), allowed, f'write {name} as text, such as "0.01"')
    return number
