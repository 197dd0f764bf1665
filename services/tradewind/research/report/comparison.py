"""The page of a comparison: figures side by side, then the trades that differ, in the dress of the other reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tradewind.research.comparison import Compared
from tradewind.research.report.markup import Markup, element
from tradewind.research.report.page import document
from tradewind.research.report.tables import scrolling, table_head

Row = Sequence[str]


def write_comparison(
    path: Path, results: Sequence[Compared], figures: Sequence[Row], differences: Sequence[tuple[str, Sequence[Row]]]
) -> None:
    """Write the page to `path`, in folders made as needed. Raises `OSError` where that is not possible.

    `figures` are a name and a value of each result; `differences` a heading and rows of five cells for each result
    but the first.
    """
    names = [one.name for one in results]
    parts = [element("section", element("h2", "Figures"), _table(["Figure", *names], figures))]
    for heading, rows in differences:
        shown = _table(["Opened", "Pair", "What", names[0], "Other"], rows) if rows else Markup()
        parts.append(element("section", element("h2", heading), shown))
    title = " · ".join(names)
    body = element("main", element("header", element("h1", "Comparison"), element("p", title)), *parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document(f"Comparison: {title}", body), encoding="utf-8")


def _table(columns: Sequence[str], rows: Sequence[Row]) -> Markup:
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:])) for row in rows
    ]
    return scrolling(element("table", table_head(*columns), element("tbody", *body), class_="summary"))
