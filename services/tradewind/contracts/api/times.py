"""Values of time on the wire: timeframes as ccxt writes them, and moments in UTC.

A moment must say where it is on the clock: a date means midnight UTC, a time must end in `Z` or an offset, because a
time without one would mean another candle on every machine. YAML readers turn unquoted dates into date objects, so
those are taken as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from tradewind.contracts.api.problems import Problem, refusal
from tradewind.contracts.api.text import TextKind
from tradewind.domain.timeframe import MILLISECONDS, TIMEFRAMES

_CASES = "m is minute and M is month"
_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_COUNTED = re.compile(r"\s*([0-9]{1,6})\s*([A-Za-z]+)\s*")
_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[-+][0-9]{2}:[0-9]{2}))?"


@dataclass(frozen=True, slots=True)
class TimeframeText(TextKind):
    """One of `domain.timeframe.TIMEFRAMES`; never lower-cased, because case carries meaning."""

    words: str = f"one of {', '.join(TIMEFRAMES)} ({_CASES})"

    def read(self, value: Any) -> str:
        """The timeframe itself."""
        if isinstance(value, str) and value in TIMEFRAMES:
            return value
        meant = _meant(value)
        raise refusal(Problem(value, self.words, f"write {meant}" if meant else "write one of them, such as 1h"))

    def schema(self) -> dict[str, Any]:
        """A string of an enumeration."""
        return {"type": "string", "enum": list(TIMEFRAMES), "x-words": self.words, "x-example": "1h"}


def _meant(value: Any) -> str | None:
    """The timeframe of the same length: `1H` and `60m` are 1h, `5M` is 5m (no venue has candles of five months)."""
    match = _COUNTED.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    count, unit = int(match[1]), match[2]
    if unit.lower().startswith("mo"):
        return "1M" if count == 1 else None
    span = count * _UNITS.get(unit[0].lower(), 0)
    return next((timeframe for timeframe, length in MILLISECONDS.items() if length == span), None)


@dataclass(frozen=True, slots=True)
class MomentText(TextKind):
    """A date, or an RFC 3339 timestamp with `Z` or an offset; UTC in Python and on the wire."""

    words: str = "a date (midnight UTC) or an RFC 3339 timestamp that ends in Z or an offset"

    def read(self, value: Any) -> datetime:
        """The moment, in UTC."""
        try:
            moment = _moment(value)
        except (ValueError, OverflowError):
            moment = None
        if moment is None:
            raise refusal(Problem(value, self.words, _mended(value)))
        return moment

    def write(self, value: datetime) -> str:
        """RFC 3339 in UTC, with as many digits of a second as it has."""
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def schema(self) -> dict[str, Any]:
        """A string with a pattern; that the day exists is checked by the parser alone."""
        return {
            "type": "string",
            "maxLength": 40,
            "pattern": f"^{_MOMENT}$",
            "x-words": self.words,
            "x-example": "2022-01-01T00:00:00Z",
        }


def _moment(value: Any) -> datetime | None:
    if isinstance(value, str):
        if re.fullmatch(_MOMENT, value) is None:
            return None
        value = datetime.fromisoformat(value.upper()) if len(value) > len("2022-01-01") else date.fromisoformat(value)
    if isinstance(value, datetime):
        return None if value.tzinfo is None else value.astimezone(UTC)
    return datetime.combine(value, time(), UTC) if isinstance(value, date) else None


def _mended(value: Any) -> str:
    if isinstance(value, datetime):
        return f"write {value.isoformat()}Z"
    bare = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?", str(value))
    if bare:
        return f"write {bare[1]}T{bare[2]}{bare[3] or ':00'}Z"
    return "write for example 2022-01-01 or 2022-01-01T00:00:00Z"


Timeframe = Annotated[str, TimeframeText()]
Moment = Annotated[datetime, MomentText()]
