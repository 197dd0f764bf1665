"""Profit by month of closing, or by day for a run too short to have months worth comparing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from tradewind.domain.money import ZERO
from tradewind.domain.timeframe import DAY, bucket_start, close_time
from tradewind.research.report.axis import room, value_ticks
from tradewind.research.report.chart import AXIS_HEIGHT, anchor, figure, label, plot, value_axis
from tradewind.research.report.curve import Plane
from tradewind.research.report.figures import MONTHS, date, number, signed
from tradewind.research.report.markup import Markup, element
from tradewind.research.report.run import RunReport

_HEIGHT = 150
_TOP = 18
_SHORT = 62 * DAY
_FEWEST_SLOTS = 8
_MOST_DATES = 12
_MOST_LABELLED = 14
_MOST_LABELLED_NARROW = 6
_BAR = 0.62


@dataclass(frozen=True, slots=True)
class _Period:
    """A month or a day: its full name, its short one for the axis, and what was made in it."""

    name: str
    tick: str
    profit: Decimal


def profit_bars(run: RunReport) -> Markup:
    """One bar for each month (or day) of the run, those without a trade included."""
    start, end = run.span
    unit, word = ("1d", "day") if end - start < _SHORT else ("1M", "month")
    periods = _periods(run, unit)
    profits = [ZERO, *(period.profit for period in periods)]
    low, high = room(float(min(profits)), float(max(profits)), 0.12)
    plane = Plane(0, max(len(periods), _FEWEST_SLOTS), low, high, _HEIGHT)
    ticks = value_ticks(low, high, 4)
    parts = [value_axis(plane, _TOP, ticks, lambda tick: number(tick, ticks.places))]
    for index, period in enumerate(periods):
        parts += [_bar(run, plane, index, period), *_labels(plane, index, period, len(periods))]
    zero = _TOP + plane.pixel(0)
    parts.append(element("line", x1=0, x2="100%", y1=zero, y2=zero, class_="zero"))
    told = ", ".join(f"{period.name} {signed(period.profit, run.money_places)}" for period in periods)
    drawn = plot(_TOP + _HEIGHT + AXIS_HEIGHT, f"Profit by {word}: {told}", parts)
    caption = f"Net of fees, by the {word} in which a trade closed."
    return figure(f"Profit by {word}, {run.currency}", caption, element("div", drawn, class_="chart"))


def _periods(run: RunReport, unit: str) -> list[_Period]:
    start, end = run.span
    summed: defaultdict[int, Decimal] = defaultdict(Decimal)
    for trade in run.trades:
        # A forced exit at the very end belongs to the last period, not to one after it.
        summed[bucket_start(unit, min(max(trade.close_time, start), end - 1))] += trade.profit
    periods: list[_Period] = []
    time = bucket_start(unit, start)
    while time < end:
        day, month, year = date(time).split()
        if unit == "1d":
            name, tick = f"{day} {month} {year}", f"{day} {month}"
        else:
            name = f"{month} {year}"
            tick = month if periods and month != MONTHS[0] else name
        periods.append(_Period(name, tick, summed[time]))
        time = close_time(unit, time)
    return periods


def _bar(run: RunReport, plane: Plane, index: int, period: _Period) -> Markup:
    slot = 100 / plane.end
    tip, zero = plane.pixel(float(period.profit)), plane.pixel(0)
    told = f"{period.name}: {signed(period.profit, run.money_places)} {run.currency}"
    return element(
        "rect",
        element("title", told),
        x=f"{round((index + 0.5 - _BAR / 2) * slot, 3)}%",
        width=f"{round(_BAR * slot, 3)}%",
        y=round(_TOP + min(tip, zero), 1),
        # A month that only just moved is still seen to have moved.
        height=round(max(abs(tip - zero), 1.0 if period.profit else 0.0), 1),
        class_="won" if period.profit > ZERO else "lost",
    )


def _labels(plane: Plane, index: int, period: _Period, count: int) -> list[Markup]:
    """The profit at the tip of the bar where there is room, and the date below every so many bars."""
    parts = []
    middle = round((index + 0.5) * 100 / plane.end, 3)
    if count <= _MOST_LABELLED and period.profit:
        wide = "" if count <= _MOST_LABELLED_NARROW else " wide"
        top = _TOP + plane.pixel(float(period.profit)) + (-6 if period.profit > ZERO else 15)
        parts.append(
            label(signed(period.profit, 0 if abs(period.profit) >= 100 else 1), middle, top, f"bar middle{wide}")
        )
    every = -(-count // _MOST_DATES)
    if index % every == 0:
        narrow = index % (every * 3) == 0 or count <= _MOST_LABELLED_NARROW
        kind = "first" if index == 0 else "" if narrow else "wide"
        parts.append(label(period.tick, middle, _TOP + _HEIGHT + 19, f"tick {anchor(middle)} {kind}".strip()))
    return parts
