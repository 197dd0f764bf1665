"""Lines of plain values as CSV: what a person opens in a spreadsheet, from a file or from the gateway."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any


def csv_text(lines: Sequence[Mapping[str, Any]]) -> str:
    """A header and a row for each of `lines`, with every field that any of them has; an empty line for none."""
    rows = squared(lines)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def squared(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines with every field that any of them has."""
    fields = dict.fromkeys(name for line in lines for name in line)
    return [{name: line.get(name) for name in fields} for line in lines]
