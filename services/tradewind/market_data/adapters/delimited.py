"""CSV files of candles, plain or gzipped.

The standard library's reader splits, numpy holds: 100,000 rows take a fraction of a second without pandas in the
process. Rows are taken in chunks, so a file of many years of minutes never stands in memory as text.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import TextIO, cast

import numpy as np

from tradewind.domain.series import Floats, Integers
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


def read_delimited(path: Path, pair: str) -> RawCandles:
    """The rows of a `.csv` or `.csv.gz`: comma or semicolon, a header row, or none and the six columns first."""
    try:
        with _opened(path) as stream:
            return _read(path, stream, pair)
    except (UnicodeDecodeError, csv.Error, EOFError, zlib.error, gzip.BadGzipFile) as error:
        kind = "gzipped CSV text" if path.suffix == ".gz" else "CSV text"
        raise file_error(path, f"no {kind}", kind, FORMAT_FIX) from error


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return cast("TextIO", gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


def _read(path: Path, stream: TextIO, pair: str) -> RawCandles:
    reader, first = _begin(stream)
    if _is_data(first):
        positions, first_rows = list(range(len(COLUMNS))), [first]
    else:
        positions, first_rows = column_positions(path, first, pair), []
    unreadable: dict[int, str] = {}
    times: list[Integers] = [np.empty(0, dtype=np.int64)]
    values: list[list[Floats]] = [[np.empty(0)] for _ in COLUMNS[1:]]
    read = 0
    for rows in _chunks(reader, first_rows):
        texts = _columns(rows, positions)
        times.append(times_from_text(texts[0], read, unreadable))
        for name, column, parts in zip(COLUMNS[1:], texts[1:], values, strict=True):
            parts.append(numbers_from_text(column, name, read, unreadable))
        read += len(rows)
    return RawCandles(np.concatenate(times), [np.concatenate(parts) for parts in values], unreadable)


def _begin(stream: TextIO) -> tuple[Iterator[list[str]], list[str]]:
    # Some exporters put their address on a line of its own before the header.
    line = stream.readline()
    for _ in range(3):
        if not line or "," in line or ";" in line:
            break
        line = stream.readline()
    delimiter = ";" if line.count(";") > line.count(",") else ","
    return csv.reader(stream, delimiter=delimiter), next(csv.reader([line], delimiter=delimiter), [])


def _is_data(cells: list[str]) -> bool:
    # By majority, because the first row of a file without a header may hold a bad cell.
    unreadable: dict[int, str] = {}
    for place, cell in enumerate(cells[1 : len(COLUMNS)]):
        numbers_from_text([cell], "", place, unreadable)
    return len(cells) >= len(COLUMNS) and len(unreadable) <= 2


def _chunks(reader: Iterator[list[str]], first: list[list[str]]) -> Iterator[list[list[str]]]:
    while rows := [row for row in first + list(islice(reader, _CHUNK)) if row]:
        yield rows
        first = []


def _columns(rows: list[list[str]], positions: list[int]) -> list[list[str]]:
    width = max(positions) + 1
    if min(map(len, rows)) < width:
        rows = [row + [""] * (width - len(row)) for row in rows]
    return [list(map(itemgetter(position), rows)) for position in positions]
