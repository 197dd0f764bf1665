"""The price of a pair with the trades on it.

Candles where there is room for them, otherwise the range from low to high as a band with the closes as a line. They
are drawn without colour: green and red belong to the trades.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tradewind.domain.money import ZERO
from tradewind.domain.series import CandleSeries, Integers
from tradewind.domain.timeframe import DAY, MILLISECONDS
from tradewind.domain.trade import ClosedTrade
from tradewind.research.report.axis import room, value_ticks
from tradewind.research.report.chart import AXIS_HEIGHT, date_axis, drawing, figure, plot, value_axis
from tradewind.research.report.curve import WIDTH, Plane, band, column_starts, stroke, unbroken
from tradewind.research.report.figures import number, signed
from tradewind.research.report.markers import markers, spans
from tradewind.research.report.markup import Markup, element
from tradewind.research.report.run import RunReport

_HEIGHT = 300
_MOST_CANDLESTICKS = 250
_BODY = 0.7
_TOP = 12


def price_chart(run: RunReport, pair: str) -> Markup:
    """The chart of one pair over the whole run, whether or not it has candles everywhere."""
    series, trades = run.series_of(pair), run.trades_of(pair)
    profit = f"{signed(sum((trade.profit for trade in trades), ZERO), run.money_places)} {run.currency}"
    counted = f"{len(trades)} {'trade' if len(trades) == 1 else 'trades'}, {profit}" if trades else "No trades"
    if not len(series):
        return figure(pair, counted, element("p", "No candles of this pair in the run.", class_="empty"))
    plane = _plane(run, series, trades)
    ticks = value_ticks(plane.low, plane.high)
    parts = [
        value_axis(plane, _TOP, ticks, lambda tick: number(tick, ticks.places)),
        drawing(plane, _TOP, [*_prices(series, plane), *spans(trades, plane)]),
        *markers(trades, plane, _TOP, run),
        date_axis(*run.span, _TOP + plane.height),
    ]
    described = f"{pair}, {len(series)} candles of {series.timeframe}. {counted}"
    drawn = plot(_TOP + plane.height + AXIS_HEIGHT, described, parts)
    return figure(pair, counted, element("div", drawn, class_="chart"))


def _plane(run: RunReport, series: CandleSeries, trades: Sequence[ClosedTrade]) -> Plane:
    rates = [float(rate) for trade in trades for rate in (trade.open_rate, trade.close_rate)]
    low, high = min([float(series.low.min()), *rates]), max([float(series.high.max()), *rates])
    return Plane(*run.span, *room(low, high), _HEIGHT)


def _prices(series: CandleSeries, plane: Plane) -> Iterator[tuple[str, str]]:
    if len(series) <= _MOST_CANDLESTICKS:
        yield from _candlesticks(series, plane)
        return
    columns = plane.columns(series.open_time)
    for run in unbroken(series.open_time, columns, _interval(series)):
        starts = run[0] + column_starts(columns[run])
        stop = int(run[-1]) + 1
        xs = plane.x(series.open_time[starts])
        highs = np.maximum.reduceat(series.high[:stop], starts)
        lows = np.minimum.reduceat(series.low[:stop], starts)
        yield "range", band(xs, plane.y(highs), plane.y(lows))
        lasts = np.append(starts[1:], stop) - 1
        yield "close", stroke(xs, plane.y(series.close[lasts]))


def _candlesticks(series: CandleSeries, plane: Plane) -> Iterator[tuple[str, str]]:
    interval = _interval(series)
    width = max(1, min(round(interval / (plane.end - plane.start) * WIDTH * _BODY / 2), WIDTH // 50))
    middles = np.clip(plane.x(series.open_time + interval // 2), width, WIDTH - width)
    yield "wick", _uprights(middles, plane.y(series.high), plane.y(series.low))
    rising = series.close >= series.open
    for kind, chosen in (("rising", rising), ("falling", ~rising)):
        opens, closes = plane.y(series.open[chosen]).tolist(), plane.y(series.close[chosen]).tolist()
        boxes = zip(middles[chosen].tolist(), opens, closes, strict=True)
        yield kind, "".join(f"M{x - width} {o} {x + width} {o} {x + width} {c} {x - width} {c}Z" for x, o, c in boxes)


def _uprights(xs: Integers, tops: Integers, bottoms: Integers) -> str:
    ends = zip(xs.tolist(), tops.tolist(), bottoms.tolist(), strict=True)
    return "".join(f"M{x} {top} {x} {bottom}" for x, top, bottom in ends)


def _interval(series: CandleSeries) -> int:
    return MILLISECONDS.get(series.timeframe, 31 * DAY)
