"""JSON files of candles as freqtrade writes them: one list of `[milliseconds, open, high, low, close, volume]`.

A parser of the whole text would hold a Python object for every number. Rows are flat, so the text is cut behind a
closing bracket and parsed a piece at a time.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from tradewind.market_data.adapters.raw_candles import (
    COLUMNS,
    FORMAT_FIX,
    RawCandles,
    file_error,
    numbers_from_text,
    times_from_text,
)

_PIECE = 1 << 21


def read_json(path: Path, pair: str) -> Iterator[RawCandles]:
    """The rows of a `.json` or `.json.gz`."""
    del pair  # other forms name a column of volume by it
    try:
        with _opened(path) as stream:
            for rows in _rows(stream):
                yield _batch(rows)
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        kind = "a JSON list of rows of six numbers"
        raise file_error(path, f"not {kind}", f"{kind}, {', '.join(COLUMNS)}", FORMAT_FIX) from error


def _opened(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _rows(stream: BinaryIO) -> Iterator[Sequence[Sequence[Any]]]:
    text = stream.read(_PIECE).lstrip()
    if not text.startswith(b"["):
        raise ValueError("no list")
    text = text[1:]
    while more := stream.read(_PIECE):
        cut = text.rfind(b"],") + 1
        if cut:
            yield _parsed(text[:cut])
            text = text[cut:].lstrip().removeprefix(b",")
        text += more
    text = text.rstrip()
    if not text.endswith(b"]"):
        raise ValueError("the list does not end")
    yield _parsed(text[:-1])


def _parsed(text: bytes) -> list[Sequence[Any]]:
    rows = orjson.loads(b"[" + text + b"]")
    if not all(isinstance(row, list) and len(row) >= len(COLUMNS) for row in rows):
        raise ValueError("not rows")
    return cast("list[Sequence[Any]]", rows)


def _batch(rows: Sequence[Sequence[Any]]) -> RawCandles:
    unreadable: dict[int, str] = {}
    columns = [["" if row[place] is None else str(row[place]) for row in rows] for place in range(len(COLUMNS))]
    return RawCandles(
        times_from_text(columns[0], 0, unreadable),
        [numbers_from_text(text, name, 0, unreadable) for name, text in zip(COLUMNS[1:], columns[1:], strict=True)],
        unreadable,
    )
