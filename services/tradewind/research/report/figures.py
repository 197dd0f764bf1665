"""Numbers, money and moments as people read them, the same everywhere in the report.

Thousands are grouped, minus is a minus sign and not a hyphen, a figure that is not defined is a dash, and the number
of decimals follows the size of what is counted: an account of 1000 is told in hundredths, one of 0.05 in millionths.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from tradewind.domain.metrics import UNDEFINED
from tradewind.domain.timeframe import DAY, HOUR, MINUTE

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_MOST_PLACES = 8


def places_for(values: Iterable[Decimal | float], significant: int, fewest: int = 2) -> int:
    """Decimals that show the largest of `values` with `significant` digits; at least `fewest`, at most 8."""
    largest = max((abs(float(value)) for value in values), default=0.0)
    if not largest or not math.isfinite(largest):
        return fewest
    places = significant - 1 - math.floor(math.log10(largest))
    return min(max(places, fewest), _MOST_PLACES)


def number(value: Decimal | float, places: int) -> str:
    """`-1234.5` as `-1,234.50`."""
    text = f"{value:,.{places}f}"
    if text.startswith("-"):
        # What rounds to nothing has no sign.
        return MINUS + text[1:] if text.strip("-0.,") else text[1:]
    return text


def signed(value: Decimal | float, places: int) -> str:
    """Like `number`, with a plus sign before gains."""
    text = number(value, places)
    return text if text.startswith(MINUS) or not text.strip("0.,") else f"+{text}"


def percent(share: Decimal | float, places: int = 2) -> str:
    """`0.0841` as `8.41%`."""
    return f"{number(share * 100, places)}%"


def signed_percent(share: Decimal | float, places: int = 2) -> str:
    """`0.0841` as `+8.41%`."""
    return f"{signed(share * 100, places)}%"


def ratio(value: float, places: int = 2) -> str:
    """A ratio of the metrics; a dash where it is not defined or not finite."""
    return NONE if value == UNDEFINED or not math.isfinite(value) else number(value, places)


def moment(time: int) -> str:
    """`2021-01-05 19:00`, for columns."""
    return f"{_utc(time):%Y-%m-%d %H:%M}"


def date(time: int) -> str:
    """`5 Jan 2021`, with the time of day unless that is midnight."""
    utc = _utc(time)
    day = f"{utc.day} {MONTHS[utc.month - 1]} {utc.year}"
    return day if time % DAY == 0 else f"{day}, {utc:%H:%M}"


def duration(milliseconds: float) -> str:
    """The two largest units: `2 d 11 h`, `3 h 20 min`, `45 min`."""
    minutes = round(milliseconds / MINUTE)
    days, hours = divmod(minutes // 60, 24)
    if minutes * MINUTE >= DAY:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if minutes * MINUTE >= HOUR:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{minutes} min"


def _utc(time: int) -> datetime:
    return datetime.fromtimestamp(time / 1000, UTC)
