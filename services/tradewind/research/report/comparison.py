"""The page of a comparison: balances over time, figures side by side, then the trades that differ."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import numpy as np

from tradewind.research.comparison import Compared
from tradewind.research.report.axis import room, value_ticks
from tradewind.research.report.chart import AXIS_HEIGHT, Ending, date_axis, drawing, figure, plot, value_axis
from tradewind.research.report.curve import Plane, line
from tradewind.research.report.figures import number, places_for, signed_percent
from tradewind.research.report.markup import Markup, element
from tradewind.research.report.page import document
from tradewind.research.report.tables import scrolling, table_head

Row = Sequence[str]

_TOP, _HEIGHT = 12, 260
_KINDS = ("first", "second", "third", "fourth", "fifth", "sixth")
"""Colours of lines in the style sheet; more results than these begin again."""


def write_comparison(
    path: Path, results: Sequence[Compared], figures: Sequence[Row], differences: Sequence[tuple[str, Sequence[Row]]]
) -> None:
    """Write the page to `path`, in folders made as needed. Raises `OSError` where that is not possible.

    `figures` are a name and a value of each result; `differences` a heading and rows of five cells for each result
    but the first.
    """
    names = [one.name for one in results]
    title = " · ".join(names)
    parts = [element("section", element("h2", "Balances"), _chart(results))]
    parts.append(element("section", element("h2", "Figures"), _table(["Figure", *names], figures, "summary")))
    for other, (heading, rows) in zip(names[1:], differences, strict=True):
        columns = ["Opened", "Pair", "What", names[0], other]
        shown = _table(columns, rows, "differences") if rows else Markup()
        parts.append(element("section", element("h2", heading), shown))
    body = element("main", element("header", element("h1", "Comparison"), element("p", title)), *parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document(f"Comparison: {title}", body), encoding="utf-8")


def _chart(results: Sequence[Compared]) -> Markup:
    """The balance of every result, a step for each trade that closed."""
    traded = [one for one in results if one.balances]
    if not traded:
        return element("p", "No trade was closed in any of them.", class_="empty")
    start, end = min(one.balances[0][0] for one in traded), max(one.balances[-1][0] for one in traded)
    end = max(end, start + 1)
    low, high = (bound(balance for one in traded for _, balance in one.balances) for bound in (min, max))
    plane = Plane(start, end, *room(low, high), _HEIGHT)
    ticks, places = value_ticks(plane.low, plane.high, 6), places_for([high], 4, fewest=0)
    endings, paths, names = [], [], []
    for one, kind in zip(traded, cycle(_KINDS), strict=False):
        begun, last = one.balances[0][1], one.balances[-1][1]
        endings.append(Ending(last, number(last, places), signed_percent(last / begun - 1), kind))
        paths.append((kind, _steps(plane, one.balances)))
        names.append(element("li", _sample(kind), one.name))
    parts = [
        value_axis(plane, _TOP, ticks, lambda tick: number(tick, ticks.places), endings),
        # The measure lies in front.
        drawing(plane, _TOP, paths[::-1]),
        date_axis(start, end, _TOP + _HEIGHT),
    ]
    described = ", ".join(f"{one.name} ends with {ending.name}" for one, ending in zip(traded, endings, strict=True))
    chart = element("div", plot(_TOP + _HEIGHT + AXIS_HEIGHT, described, parts), class_="chart")
    legend = element("ul", *names, class_="legend")
    return figure("Start balance and profit", "After each trade that closed, of all pairs.", legend, chart)


def _sample(kind: str) -> Markup:
    path = element("path", class_=kind, d="M0 6H18")
    return element("svg", path, width=18, height=12, aria_hidden="true")


def _steps(plane: Plane, balances: Sequence[tuple[int, float]]) -> str:
    times = np.array([time for time, _ in balances] + [plane.end], dtype=np.int64)
    values = np.array([balance for _, balance in balances], dtype=np.float64)
    return line(plane, times.repeat(2)[1:-1], values.repeat(2))


def _table(columns: Sequence[str], rows: Sequence[Row], kind: str) -> Markup:
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:])) for row in rows
    ]
    return scrolling(element("table", table_head(*columns), element("tbody", *body), class_=kind))
