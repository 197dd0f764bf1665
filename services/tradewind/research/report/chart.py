"""What all charts are drawn from: a plot, panels stretched over it, axes, labels.

A plot is an SVG as wide as the page and of a fixed height. Paths lie in a nested SVG that stretches to the width
while strokes keep theirs; text and markers are placed in percent across and pixels down, so on a phone they are as
large as on a screen. Values are labelled in the gutter right of the plot, where the eye ends up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tradewind.research.report.axis import ValueTicks, date_ticks
from tradewind.research.report.curve import Plane
from tradewind.research.report.markup import Markup, element, joined

AXIS_HEIGHT = 26
"""Pixels below the lowest panel for its dates."""

_LABEL_DISTANCE = 30
_TICK_DISTANCE = 17
_MOST_NARROW = 3.5


@dataclass(frozen=True, slots=True)
class Ending:
    """The label at the right end of a line: its name above its last value, in the colour of `kind`."""

    value: float
    name: str
    text: str
    kind: str


def plot(height: int, description: str, parts: Sequence[Markup]) -> Markup:
    """The whole chart; `description` is what a screen reader says of it."""
    return element("svg", *parts, class_="plot", height=height, role="img", aria_label=description)


def drawing(plane: Plane, top: float, paths: Iterable[tuple[str, str]]) -> Markup:
    """Paths as (kind, path data) in the plane's box, stretched to the width of the plot; empty ones are left out."""
    return element(
        "svg",
        *(element("path", class_=kind, d=data) for kind, data in paths if data),
        viewBox=plane.box,
        preserveAspectRatio="none",
        width="100%",
        height=plane.height,
        y=top,
    )


def label(text: str, left: float | str, top: float, kind: str, **attributes: object) -> Markup:
    """Text at a place; `left` is in percent."""
    across = left if isinstance(left, str) else f"{left}%"
    return element("text", text, x=across, y=round(top, 1), class_=kind, **attributes)


def value_axis(
    plane: Plane, top: float, ticks: ValueTicks, text: Callable[[float], str], endings: Sequence[Ending] = ()
) -> Markup:
    """Grid lines with their values, and the endings of lines; a tick that would touch an ending is not labelled."""
    parts, taken = [], _places(plane, endings)
    for tick in ticks.values:
        height = top + plane.pixel(tick)
        parts.append(element("line", x1=0, x2="100%", y1=height, y2=height, class_="grid"))
        if all(abs(height - top - place) > _TICK_DISTANCE + _LABEL_DISTANCE / 4 for place in taken):
            parts.append(label(text(tick), "100%", height, "tick value", dx=10, dy="0.35em"))
    for ending, place in zip(endings, taken, strict=True):
        kind = f"ending {ending.kind}"
        parts.append(label(ending.name, "100%", top + place, kind, dx=10, dy=-2))
        parts.append(label(ending.text, "100%", top + place, kind, dx=10, dy=12))
    return joined(parts)


def date_axis(start: int, end: int, top: float) -> Markup:
    """Dates below a panel. On a narrow screen only every so many are shown, four at most."""
    ticks = date_ticks(start, end)
    every = math.ceil(len(ticks) / _MOST_NARROW)
    plane = Plane(start, end, 0, 1, 1)
    parts = []
    for index, (time, text) in enumerate(ticks):
        left, width = plane.percent(time), "" if index % every == 0 else " wide"
        parts.append(element("line", x1=f"{left}%", x2=f"{left}%", y1=top, y2=top + 5, class_=f"mark{width}"))
        parts.append(label(text, left, top + 19, f"tick {anchor(left)}{width}"))
    return joined(parts)


def anchor(left: float) -> str:
    """Which way text at `left` percent must run to stay on the plot."""
    return "from" if left < 3 else "until" if left > 97 else "middle"


def figure(title: str, subtitle: str, *content: Markup) -> Markup:
    """A chart with its heading; the heading says what is drawn, the subtitle how to read it."""
    heading = element("figcaption", element("h3", title), element("p", subtitle))
    return element("figure", heading, *content)


def _places(plane: Plane, endings: Sequence[Ending]) -> list[float]:
    """Pixels from the top for each ending, moved apart where they would overlap, in their order of value."""
    wanted = [plane.pixel(ending.value) for ending in endings]
    groups: list[list[int]] = []
    for one in sorted(range(len(wanted)), key=wanted.__getitem__):
        group = [one]
        while groups and _middle(groups[-1], wanted) + _reach(groups[-1]) > _middle(group, wanted) - _reach(group):
            group = groups.pop() + group
        groups.append(group)
    places = [0.0] * len(wanted)
    for group in groups:
        first = _middle(group, wanted) - _LABEL_DISTANCE * (len(group) - 1) / 2
        for number, one in enumerate(group):
            places[one] = first + _LABEL_DISTANCE * number
    return places


def _middle(group: list[int], wanted: Sequence[float]) -> float:
    return sum(wanted[one] for one in group) / len(group)


def _reach(group: list[int]) -> float:
    return _LABEL_DISTANCE * len(group) / 2
