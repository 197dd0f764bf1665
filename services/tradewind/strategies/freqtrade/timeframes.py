"""Arithmetic with timeframes: what strategies import from `freqtrade.strategy` and `freqtrade.exchange`."""

from __future__ import annotations

from datetime import UTC, datetime

from tradewind.domain.timeframe import DAY, bucket_start, close_time

_MONTH = 30 * DAY
_MILLISECONDS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": DAY, "w": 7 * DAY, "M": _MONTH, "y": 365 * DAY}


def timeframe_to_msecs(timeframe: str) -> int:
    """Milliseconds of a timeframe; a month counts 30 days. Raises `ValueError` for text that is none."""
    amount, unit = timeframe[:-1], timeframe[-1:]
    if not amount.isdigit() or unit not in _MILLISECONDS:
        raise ValueError(f"{timeframe!r} is not a timeframe; allowed: a number and one of s, m, h, d, w, M: 5m, 1h")
    return int(amount) * _MILLISECONDS[unit]


def timeframe_to_seconds(timeframe: str) -> int:
    """Seconds of a timeframe."""
    return timeframe_to_msecs(timeframe) // 1000


def timeframe_to_minutes(timeframe: str) -> int:
    """Whole minutes of a timeframe."""
    return timeframe_to_msecs(timeframe) // 60_000


def timeframe_to_prev_date(timeframe: str, date: datetime | None = None) -> datetime:
    """The open of the candle of `timeframe` that contains `date`, or this moment."""
    return _moment(bucket_start(timeframe, _milliseconds(date)))


def timeframe_to_next_date(timeframe: str, date: datetime | None = None) -> datetime:
    """The open of the candle after the one that contains `date`, or this moment."""
    return _moment(close_time(timeframe, bucket_start(timeframe, _milliseconds(date))))


def _milliseconds(date: datetime | None) -> int:
    moment = date or datetime.now(UTC)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
