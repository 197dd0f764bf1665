"""Where an axis has its ticks: at round values and at round dates, because a reader measures with them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from tradewind.domain.timeframe import DAY, HOUR, MINUTE
from tradewind.research.report.figures import MONTHS

_MONDAY = 4 * DAY
_STEPS = (
    *(minutes * MINUTE for minutes in (1, 5, 15, 30)),
    *(hours * HOUR for hours in (1, 3, 6, 12)),
    *(days * DAY for days in (1, 2, 7)),
)
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)


@dataclass(frozen=True, slots=True)
class ValueTicks:
    """Ticks at multiples of `step`, which is 1, 2, 2.5 or 5 times a power of ten."""

    step: float
    values: tuple[float, ...]

    @property
    def places(self) -> int:
        """Decimals in which the ticks can be written exactly."""
        power = math.floor(math.log10(self.step) + 1e-9)
        exact = abs(self.step / 10.0**power - 2.5) > 1e-6
        return max(0, -power if exact else 1 - power)


def value_ticks(low: float, high: float, about: int = 5) -> ValueTicks:
    """At most `about` + 1 ticks between `low` and `high`, which must differ."""
    wanted = (high - low) / about
    power = 10.0 ** math.floor(math.log10(wanted))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= wanted * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return ValueTicks(step, tuple(index * step for index in range(first, last + 1)))


def room(low: float, high: float, margin: float = 0.05) -> tuple[float, float]:
    """The range of an axis that shows `low` to `high` with air around; never empty."""
    extent = high - low
    # Values that differ by rounding noise only are one value: a line in the middle, not a mountain range.
    if extent <= 1e-9 * max(abs(low), abs(high)):
        extent = max(abs(low), abs(high)) or 1.0
    return low - extent * margin, high + extent * margin


def date_ticks(start: int, end: int, at_most: int = 13) -> list[tuple[int, str]]:
    """Round moments from `start` to `end` (ms UTC) with their labels; the year is told once, and where it changes."""
    span = end - start
    # A day is a wider label than a month, so there is room for fewer.
    step = next((step for step in _STEPS if span / step <= at_most - 2), None)
    if step is None:
        months = _month_step(span, at_most)
        return _labelled_months(list(_months(start, end, months)), whole_years=months >= 12)
    offset = _MONDAY if step >= 7 * DAY else 0
    first = -((offset - start) // step) * step + offset
    return _labelled_days(list(range(first, end + 1, step)))


def _month_step(span: int, at_most: int) -> int:
    return next((months for months in _MONTH_STEPS if span / (months * 30.4 * DAY) <= at_most), _MONTH_STEPS[-1])


def _months(start: int, end: int, step: int) -> Iterator[int]:
    year = datetime.fromtimestamp(start / 1000, UTC).year
    # Steps of years begin at years that they divide: 2020 and 2025, not 2021 and 2026.
    index = year // max(1, step // 12) * max(1, step // 12) * 12
    while (time := _month_start(index)) <= end:
        if time >= start:
            yield time
        index += step


def _month_start(index: int) -> int:
    return int(datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC).timestamp() * 1000)


def _labelled_months(times: list[int], *, whole_years: bool) -> list[tuple[int, str]]:
    labels, year = [], None
    for time in times:
        moment = datetime.fromtimestamp(time / 1000, UTC)
        month = MONTHS[moment.month - 1]
        dated = f"{moment.year}" if whole_years else f"{month} {moment.year}"
        labels.append((time, month if moment.year == year else dated))
        year = moment.year
    return labels


def _labelled_days(times: list[int]) -> list[tuple[int, str]]:
    """Days by their date, moments within a day by their time alone: what is wide would touch its neighbour."""
    labels, year = [], None
    for time in times:
        moment = datetime.fromtimestamp(time / 1000, UTC)
        if time % DAY:
            labels.append((time, f"{moment:%H:%M}"))
            continue
        date = f"{moment.day} {MONTHS[moment.month - 1]}"
        labels.append((time, date if moment.year == year else f"{date} {moment.year}"))
        year = moment.year
    return labels
