"""The account over time: equity, how far below its peak it was, and what buying and holding would have made of it.

Both lines share one scale as long as that leaves the equity readable. A bot that keeps a tenth of its money at work
in a market that doubled would be a flat line under a mountain; then the comparison gets a panel of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tradewind.domain.series import Floats, Integers
from tradewind.research.report.axis import room, value_ticks
from tradewind.research.report.chart import (
    AXIS_HEIGHT,
    Ending,
    anchor,
    date_axis,
    drawing,
    figure,
    label,
    plot,
    value_axis,
)
from tradewind.research.report.curve import Plane, area, line
from tradewind.research.report.figures import number, percent, places_for
from tradewind.research.report.markup import Markup, element
from tradewind.research.report.run import RunReport, buy_and_hold

_EQUITY = 260
_COMPARISON = 130
_DRAWDOWN = 96
_TOP = 12
_TITLE = 40
_READABLE = 4.0


class _Line(NamedTuple):
    kind: str
    name: str
    values: Floats


def equity_chart(run: RunReport) -> Markup:
    """Equity with buy and hold, and the drawdown below, on one time axis."""
    times, equity = _points(run)
    if not len(times):
        return element("p", "No equity was recorded in this run.", class_="empty")
    own = _Line("equity", "Equity", equity)
    held = buy_and_hold(run, times)
    other = [] if held is None else [_Line("held", "Buy & hold", held)]
    apart = held is not None and _extent([own, *other]) > _READABLE * max(_extent([own]), 1e-12)
    parts = _panel(run, times, [own] if apart else [*other, own], _TOP, _EQUITY)
    top = _TOP + _EQUITY + _TITLE
    if apart:
        parts.append(label("Beside buy and hold, on its scale", 0.0, top - 12, "panel"))
        parts += _panel(run, times, [*other, own], top, _COMPARISON)
        top += _COMPARISON + _TITLE
    parts += _drawdown(run, times, equity, top)
    parts.append(date_axis(*run.span, top + _DRAWDOWN))
    ends = number(equity[0], run.money_places), number(equity[-1], run.money_places)
    described = f"Equity from {ends[0]} to {ends[1]} {run.currency}, and its drawdown"
    return figure(
        f"Equity, {run.currency}",
        "The account at the close of every candle. Buy and hold: the start balance in equal parts of every pair.",
        element("div", plot(top + _DRAWDOWN + AXIS_HEIGHT, described, parts), class_="chart"),
    )


def _points(run: RunReport) -> tuple[Integers, Floats]:
    table = np.asarray(run.equity, dtype=np.float64).reshape(-1, 2)
    table = table[np.isfinite(table[:, 1])]
    return table[:, 0].astype(np.int64), table[:, 1]


def _extent(lines: list[_Line]) -> float:
    return float(max(line.values.max() for line in lines) - min(line.values.min() for line in lines))


def _panel(run: RunReport, times: Integers, lines: list[_Line], top: int, height: int) -> list[Markup]:
    """Lines over a common scale, the last one in front."""
    low, high = (float(bound([bound(line.values) for line in lines])) for bound in (np.min, np.max))
    plane = Plane(*run.span, *room(low, high), height)
    ticks = value_ticks(plane.low, plane.high, max(2, height // 43))
    places = places_for([high], 4, fewest=0)
    endings = [Ending(float(values[-1]), name, number(values[-1], places), kind) for kind, name, values in lines]
    return [
        value_axis(plane, top, ticks, lambda tick: number(tick, ticks.places), endings),
        drawing(plane, top, [(kind, line(plane, times, values)) for kind, _, values in lines]),
    ]


def _drawdown(run: RunReport, times: Integers, equity: Floats, top: int) -> list[Markup]:
    peaks = np.maximum.accumulate(equity)
    depths = np.divide(equity, peaks, out=np.ones_like(equity), where=peaks > 0) - 1
    deepest = int(depths.argmin())
    depth = float(depths[deepest])
    # Room below the deepest point for its own label; a few percent where there is nothing to show.
    plane = Plane(*run.span, depth * 1.3 if depth < 0 else -0.05, 0.0, _DRAWDOWN)
    ticks = value_ticks(plane.low, 0.0, 2)
    parts = [
        label("Drawdown from the peak, by candle", 0.0, top - 12, "panel"),
        value_axis(plane, top, ticks, lambda tick: percent(tick, max(0, ticks.places - 2))),
        drawing(plane, top, [("drawdown", area(plane, times, depths, 0.0)), ("depth", line(plane, times, depths))]),
    ]
    if depth < 0:
        left = plane.percent(int(times[deepest]))
        parts.append(label(percent(depth, 1), left, top + plane.pixel(depth) + 14, f"deepest {anchor(left)}"))
    return parts
