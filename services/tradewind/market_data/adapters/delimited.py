"""CSV files of candles, plain or gzipped.

The standard library's reader splits, numpy holds: 100,000 rows take a fraction of a second without pandas in the
process. Rows are taken in chunks, so a file of many years of minutes never stands in memory as text.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from itertools import compress, islice
from operator import itemgetter
from pathlib import Path
from typing import TextIO, cast

import numpy as np

from tradewind.domain.series import Integers
from tradewind.market_data.adapters.raw_candles import (
    COLUMNS,
    FORMAT_FIX,
    RawCandles,
    column_positions,
    file_error,
    numbers_from_text,
    times_from_text,
)

_CHUNK = 50_000


def read_delimited(path: Path, pair: str) -> Iterator[RawCandles]:
    """The rows of a `.csv` or `.csv.gz`: comma or semicolon, a header row, or none and the six columns first."""
    try:
        with _opened(path) as stream:
            yield from _read(path, stream, pair)
    except (UnicodeDecodeError, csv.Error, EOFError, zlib.error, gzip.BadGzipFile) as error:
        kind = "gzipped CSV text" if path.suffix == ".gz" else "CSV text"
        raise file_error(path, f"no {kind}", kind, FORMAT_FIX) from error


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return cast("TextIO", gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


def _read(path: Path, stream: TextIO, pair: str) -> Iterator[RawCandles]:
    reader, first, line = _begin(stream)
    if _is_data(first):
        positions, first_rows = list(range(len(COLUMNS))), [first]
    else:
        positions, first_rows, line = column_positions(path, first, pair), [], line + 1
    for rows in _chunks(reader, first_rows):
        filled = [bool(row) for row in rows]
        lines = line + np.flatnonzero(filled)
        line += len(rows)
        if len(lines):
            yield _batch(rows if len(lines) == len(rows) else list(compress(rows, filled)), positions, lines)


def _batch(rows: list[list[str]], positions: list[int], lines: Integers) -> RawCandles:
    texts, unreadable = _columns(rows, positions), dict[int, str]()
    times = times_from_text(texts[0], 0, unreadable)
    named = zip(COLUMNS[1:], texts[1:], strict=True)
    values = [numbers_from_text(column, name, 0, unreadable) for name, column in named]
    return RawCandles(times, values, unreadable, lines)


def _begin(stream: TextIO) -> tuple[Iterator[list[str]], list[str], int]:
    """What reads on, the first row, and its line."""
    # Some exporters put their address on a line of its own before the header.
    line, number = stream.readline(), 1
    for _ in range(3):
        if not line or "," in line or ";" in line:
            break
        line, number = stream.readline(), number + 1
    delimiter = ";" if line.count(";") > line.count(",") else ","
    return csv.reader(stream, delimiter=delimiter), next(csv.reader([line], delimiter=delimiter), []), number


def _is_data(cells: list[str]) -> bool:
    # By majority, because the first row of a file without a header may hold a bad cell.
    unreadable: dict[int, str] = {}
    for place, cell in enumerate(cells[1 : len(COLUMNS)]):
        numbers_from_text([cell], "", place, unreadable)
    return len(cells) >= len(COLUMNS) and len(unreadable) <= 2


def _chunks(reader: Iterator[list[str]], first: list[list[str]]) -> Iterator[list[list[str]]]:
    while rows := first + list(islice(reader, _CHUNK)):
        yield rows
        first = []


def _columns(rows: list[list[str]], positions: list[int]) -> list[list[str]]:
    width = max(positions) + 1
    if min(map(len, rows)) < width:
        rows = [row + [""] * (width - len(row)) for row in rows]
    return [list(map(itemgetter(position), rows)) for position in positions]
