"""What `list`, `check` and `import` tell: every file is looked at, and one that cannot be read stops no other."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tradewind.cli.progress import Progress
from tradewind.cli.wording import in_words_of
from tradewind.domain.errors import ConfigError
from tradewind.research.candles.checking import Findings
from tradewind.research.candles.folder import SourceFile, find_files
from tradewind.research.candles.survey import survey

ROWS_SHOWN = 10
"""So many bad rows of a file are shown in a text; `-o json` has more."""


def surveyed(
    place: str, pairs: Sequence[str], timeframes: Sequence[str]
) -> tuple[list[tuple[SourceFile, Findings]], list[ConfigError]]:
    """What was found in each file that is meant, and why others could not be read."""
    with in_words_of("DIR"):
        folder = find_files(place, pairs, timeframes)
    found, errors = [], []
    tell_unnamed(folder.unnamed)
    with Progress("reading", None, "rows") as progress:
        for file in folder.files:
            try:
                with in_words_of("DIR"):
                    found.append((file, survey(file, progress.advance)))
            except ConfigError as error:
                errors.append(error)
    for one in errors:
        print(f"error: {one}", file=sys.stderr)
    return found, errors


def tell_unnamed(paths: Sequence[Path]) -> None:
    """Say which files are left out because of their names."""
    if paths:
        names = ", ".join(path.name for path in paths[:5]) + (", ..." if len(paths) > 5 else "")
        print(f"left out, because the name says no pair and timeframe: {names}", file=sys.stderr)


def bad_row_lines(document: Mapping[str, Any]) -> list[str]:
    """The bad rows of a file in words, each with its place."""
    lines = []
    for row in document["badRows"][:ROWS_SHOWN]:
        place = f"row {row['row']} (from 0)" if row["line"] is None else f"line {row['line']}"
        lines.append(f"  {place}: {row['reason']}, {row['detail']}")
    more = document["bad"] - ROWS_SHOWN
    return lines + [f"  ... {more} more bad rows"] * (more > 0)


def cell(name: str, value: Any) -> str:
    """A value of a table; times are as short as they can be, for no candle is shorter than a minute."""
    text = "" if value is None else str(value)
    return text.removesuffix(":00Z").replace("T", " ") if name in {"first", "last"} else text
