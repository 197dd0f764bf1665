"""What is kept of an exchange's market: every candle that strategies saw, and whether the bot traded on it.

A tick is written before it goes out, in the same transaction. So a bot that comes back has the same past to the last
digit, whatever the exchange tells of it today, and goes on where that ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, select

from tradewind.domain.candle import Candle
from tradewind.kernel.store.base import Write
from tradewind.market_data.tables import candles

_COLUMNS = (candles.c.open_time, candles.c.open, candles.c.high, candles.c.low, candles.c.close, candles.c.volume)


@dataclass(slots=True)
class Kept:
    """Candles by pair, ascending; `begin` is the open time of the first that was traded on, None before there is."""

    candles: dict[str, list[Candle]] = field(default_factory=dict)
    begin: int | None = None


def candles_write(bot: str, by_pair: Mapping[str, Iterable[Candle]], *, traded: bool) -> Write:
    """The rows of new candles; at least one."""
    rows = [
        # In full: a block of a year is large, and the tuple's own way of telling its fields takes twice as long.
        {
            "bot": bot,
            "pair": pair,
            "open_time": open_time,
            "open": first,
            "high": high,
            "low": low,
            "close": last,
            "volume": volume,
            "traded": traded,
        }
        for pair, found in by_pair.items()
        for open_time, first, high, low, last, volume in found
    ]
    return Write(insert(candles), rows, bulk=True)


def read_candles_kept(connection: Connection, bot: str) -> Kept:
    """Everything that is kept for `bot`."""
    kept = Kept()
    query = (
        select(candles.c.pair, candles.c.traded, *_COLUMNS).where(candles.c.bot == bot).order_by(candles.c.open_time)
    )
    for pair, traded, *values in connection.execute(query):
        candle = Candle(*values)
        kept.candles.setdefault(pair, []).append(candle)
        if traded and kept.begin is None:
            kept.begin = candle.open_time
    return kept
