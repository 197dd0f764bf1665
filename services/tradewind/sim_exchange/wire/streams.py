"""Names of market streams, and what the exchange must tell for each."""

from __future__ import annotations

import re
from dataclasses import dataclass

INTERVALS = frozenset(
    ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")
)
"""The candles that Binance knows; which of them can be made here, the exchange knows."""

_ONE = re.compile(
    r"(?P<symbol>[a-z0-9_.\-]{1,20})@(?:(?P<plain>trade|aggTrade|ticker|miniTicker|bookTicker)"
    r"|kline_(?P<interval>[0-9a-zA-Z]{2,3})"
    r"|depth(?P<levels>5|10|20)?(?:@100ms|@1000ms)?)",
    re.ASCII,
)
_SOURCES = {"aggTrade": "trade", "miniTicker": "ticker"}
_ALL = {"!ticker@arr": "ticker", "!miniTicker@arr": "ticker", "!bookTicker": "bookTicker"}


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream: its symbol (None for all), and the exchange's name of the events that it is made from."""

    name: str
    symbol: str | None
    source: str


def parse_stream(name: str) -> Stream | None:
    """The stream of `name`, or None where there is no such stream."""
    if name in _ALL:
        return Stream(name, None, _ALL[name])
    match = _ONE.fullmatch(name)
    if match is None:
        return None
    symbol, plain, interval = match["symbol"].upper(), match["plain"], match["interval"]
    if interval is not None:
        return Stream(name, symbol, f"kline_{interval}") if interval in INTERVALS else None
    return Stream(name, symbol, _SOURCES.get(plain, plain) if plain else "depth")
