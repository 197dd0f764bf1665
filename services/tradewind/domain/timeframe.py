"""Timeframes as ccxt writes them: `m` is minute, `M` is month, so they are never lower-cased."""

from __future__ import annotations

from datetime import UTC, datetime

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

MILLISECONDS: dict[str, int] = {
    "1m": MINUTE,
    "3m": 3 * MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1h": HOUR,
    "2h": 2 * HOUR,
    "4h": 4 * HOUR,
    "6h": 6 * HOUR,
    "8h": 8 * HOUR,
    "12h": 12 * HOUR,
    "1d": DAY,
    "1w": 7 * DAY,
}
TIMEFRAMES: tuple[str, ...] = (*MILLISECONDS, "1M")

# Weeks start on Monday; the epoch was a Thursday.
_MONDAY = 4 * DAY


def bucket_start(timeframe: str, time: int) -> int:
    """Open time of the candle of `timeframe` that contains `time` (milliseconds UTC)."""
    if timeframe == "1M":
        moment = datetime.fromtimestamp(time / 1000, UTC)
        return int(moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
    span = MILLISECONDS[timeframe]
    offset = _MONDAY if timeframe == "1w" else 0
    return (time - offset) // span * span + offset


def close_time(timeframe: str, open_time: int) -> int:
    """The moment at which a candle opened at `open_time` is complete: the open of the next one."""
    if timeframe == "1M":
        moment = datetime.fromtimestamp(open_time / 1000, UTC)
        year, month = (moment.year + 1, 1) if moment.month == 12 else (moment.year, moment.month + 1)
        return int(datetime(year, month, 1, tzinfo=UTC).timestamp() * 1000)
    return open_time + MILLISECONDS[timeframe]


def is_multiple(timeframe: str, base: str) -> bool:
    """Whether candles of `timeframe` can be made of whole candles of `base`."""
    if base == "1M":
        return timeframe == "1M"
    if timeframe == "1M":
        return MILLISECONDS[base] <= DAY and DAY % MILLISECONDS[base] == 0
    return MILLISECONDS[timeframe] % MILLISECONDS[base] == 0
