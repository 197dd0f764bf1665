"""Trades on a price chart: an entry points up at its rate, an exit down at its own, a dotted line joins the two.

A winning trade is solid and green, a losing one hollow and red. The shape says all by itself, because one reader in
twenty does not tell these colours apart. Where trades crowd, markers shrink rather than hide the price.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from tradewind.domain.money import ZERO
from tradewind.domain.trade import ClosedTrade
from tradewind.research.report.curve import Plane
from tradewind.research.report.figures import moment, number, places_for, signed, signed_percent
from tradewind.research.report.markup import Markup, element, joined
from tradewind.research.report.run import RunReport

# The tip is at the origin, so that a marker touches the price and does not cover it.
SHAPES = Markup(
    '<svg class="shapes" aria-hidden="true"><defs>'
    '<path id="entry" d="M0 1 4.5 9-4.5 9Z"/><path id="exit" d="M0-1 4.5-9-4.5-9Z"/>'
    '<path id="entry-small" d="M0 1 3 6.5-3 6.5Z"/><path id="exit-small" d="M0-1 3-6.5-3-6.5Z"/>'
    "</defs></svg>"
)
"""Once in a document, before the first marker."""

_MOST_LARGE = 80


def spans(trades: Sequence[ClosedTrade], plane: Plane) -> Iterator[tuple[str, str]]:
    """Lines from entries to exits as (kind, path data)."""
    lefts, rights = plane.x([trade.open_time for trade in trades]), plane.x([trade.close_time for trade in trades])
    opens, closes = (
        plane.y(_floats(trade.open_rate for trade in trades)),
        plane.y(_floats(t.close_rate for t in trades)),
    )
    ends = list(zip(lefts.tolist(), opens.tolist(), rights.tolist(), closes.tolist(), strict=True))
    for kind in ("lost", "won"):
        chosen = [end for end, trade in zip(ends, trades, strict=True) if _kind(trade) == kind]
        yield f"span {kind}", "".join(f"M{left} {o} {right} {c}" for left, o, right, c in chosen)


def markers(trades: Sequence[ClosedTrade], plane: Plane, top: int, run: RunReport) -> Iterator[Markup]:
    """Entry and exit of each trade, with their facts as tooltips; `top` is where the plane begins, in pixels."""
    places = places_for(_floats(rate for trade in trades for rate in (trade.open_rate, trade.close_rate)), 6)
    size = "" if len(trades) <= _MOST_LARGE else "-small"
    for trade in trades:
        result = f"{signed(trade.profit, run.money_places)} {run.currency} ({signed_percent(trade.profit_ratio)})"
        tag = f", {trade.entry_tag}" if trade.entry_tag else ""
        entry = f"Entry {moment(trade.open_time)} at {number(trade.open_rate, places)}{tag}\n{result}"
        exit_ = f"Exit {moment(trade.close_time)} at {number(trade.close_rate, places)}, {trade.exit_reason}\n{result}"
        ends = (("entry", trade.open_time, trade.open_rate, entry), ("exit", trade.close_time, trade.close_rate, exit_))
        for shape, time, rate, told in ends:
            place = {"x": f"{plane.percent(time)}%", "y": round(top + plane.pixel(float(rate)), 1)}
            yield element("use", element("title", told), href=f"#{shape}{size}", class_=_kind(trade), **place)


def legend() -> Markup:
    """What the markers mean."""
    meanings = [
        ("entry", "Entry", "won"),
        ("exit", "Exit", "won"),
        ("", "solid: the trade won", "won"),
        ("", "hollow: it lost", "lost"),
    ]
    items = []
    for shape, meaning, kind in meanings:
        shapes = [shape] if shape else ["entry", "exit"]
        items.append(element("li", *(_sample(name, kind if not shape else "plain") for name in shapes), meaning))
    return element("ul", *items, class_="legend")


def _sample(shape: str, kind: str) -> Markup:
    use = element("use", href=f"#{shape}", x=6, y=1 if shape == "entry" else 11, class_=kind)
    return element("svg", joined([use]), width=12, height=12, aria_hidden="true")


def _kind(trade: ClosedTrade) -> str:
    return "won" if trade.profit > ZERO else "lost"


def _floats(values: Iterator[Decimal]) -> list[float]:
    return [float(value) for value in values]
