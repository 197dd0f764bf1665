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
from tradewind.research.report.figures import MONTHS, date, number, places_for, signed
from tradewind.research.report.markup import Markup, element
from tradewind.research.report.run import RunReport

_HEIGHT = 150
_TOP = 18
_SHORT = 62 * DAY
_MOST_DATES = 12
_MOST_LABELLED = 14
_MOST_LABELLED_NARROW = 6
_BAR = 0.62
_WIDEST_BAR = 8.0


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
    plane = Plane(0, len(periods), low, high, _HEIGHT)
    ticks = value_ticks(low, high, 4)
    parts = [value_axis(plane, _TOP, ticks, lambda tick: number(tick, ticks.places))]
    for index, period in enumerate(periods):
        parts.append(_bar(run, plane, index, period))
        parts += _date(index, period, plane, len(periods))
    if len(periods) <= _MOST_LABELLED:
        parts += _profits(periods, plane)
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
    width = round(min(100 / plane.end * _BAR, _WIDEST_BAR), 3)
    tip, zero = plane.pixel(float(period.profit)), plane.pixel(0)
    told = f"{period.name}: {signed(period.profit, run.money_places)} {run.currency}"
    return element(
        "rect",
        element("title", told),
        x=f"{round(_middle(index, plane) - width / 2, 3)}%",
        width=f"{width}%",
        y=round(_TOP + min(tip, zero), 1),
        # A month that only just moved is still seen to have moved.
        height=round(max(abs(tip - zero), 1.0 if period.profit else 0.0), 1),
        class_="won" if period.profit > ZERO else "lost",
    )


def _profits(periods: list[_Period], plane: Plane) -> list[Markup]:
    """The profit at the tip of each bar, short: the tooltip has all decimals."""
    places = places_for([period.profit for period in periods], 3, fewest=0)
    narrow = "" if len(periods) <= _MOST_LABELLED_NARROW else " wide"
    labels = []
    for index, period in enumerate(periods):
        if period.profit:
            top = _TOP + plane.pixel(float(period.profit)) + (-6 if period.profit > ZERO else 15)
            labels.append(label(signed(period.profit, places), _middle(index, plane), top, f"bar middle{narrow}"))
    return labels


def _date(index: int, period: _Period, plane: Plane, count: int) -> list[Markup]:
    """The date below every so many bars, fewer on a narrow screen."""
    every = -(-count // _MOST_DATES)
    if index % every:
        return []
    crowded = count > _MOST_LABELLED_NARROW
    # The first one starts at its bar: centred, it would leave a narrow page.
    kind = "first" if crowded and index == 0 else "wide" if crowded and index % (every * 3) else ""
    middle = _middle(index, plane)
    return [label(period.tick, middle, _TOP + _HEIGHT + 19, f"tick {anchor(middle)} {kind}".strip())]


def _middle(index: int, plane: Plane) -> float:
    return round((index + 0.5) * 100 / plane.end, 3)
