"""Rows of a candle file before anything is checked, and what all readers of files agree on.

Every exporter names and writes its columns in its own way: `timestamp` or `Open time`, seconds or milliseconds,
numbers or ISO 8601 text. All of it becomes the same six arrays here. A cell that cannot be read becomes
not-a-number, so that the checks of the domain take its row out and report it; its text is kept for that report.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tradewind.domain.candle_checks import NO_TIME
from tradewind.domain.errors import ConfigError
from tradewind.domain.series import Floats, Integers

FIELD = "spec.data.path"
PATH_FIX = "correct the path; it is relative to the working directory"
FORMAT_FIX = "give the file the ending of its format, or export it again"
COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")

_TIME_NAMES = ("timestamp", "open_time", "opentime", "datetime", "date", "time", "unix", "index_level_0")

# Digits tell the unit: 1e11 s is the year 5138, 1e11 ms is 1973.
_MILLISECONDS_FROM, _MICROSECONDS_FROM, _NANOSECONDS_FROM = 1e11, 1e14, 1e17
_LATEST = 8.64e15


@dataclass(slots=True)
class RawCandles:
    """Columns of one length: `values` are open, high, low, close and volume.

    `unreadable` says, by row, what stood where a number or a time was meant. `lines` are the lines of a text on which
    the rows stand, from 1; None where a file has none.
    """

    open_time: Integers
    values: list[Floats]
    unreadable: dict[int, str] = field(default_factory=dict)
    lines: Integers | None = None

    def __len__(self) -> int:
        return len(self.open_time)


def joined(batches: Iterable[RawCandles]) -> RawCandles:
    """The rows of all of `batches`, in their order."""
    found = list(batches)
    unreadable: dict[int, str] = {}
    before = 0
    for batch in found:
        unreadable |= {before + row: text for row, text in batch.unreadable.items()}
        before += len(batch)
    times = np.concatenate([np.empty(0, dtype=np.int64), *(batch.open_time for batch in found)])
    values = [np.concatenate([np.empty(0), *(batch.values[place] for batch in found)]) for place in range(5)]
    lines = [batch.lines for batch in found if batch.lines is not None]
    return RawCandles(times, values, unreadable, np.concatenate(lines) if lines and len(lines) == len(found) else None)


def file_error(path: Path, problem: str, allowed: str, fix: str) -> ConfigError:
    """The one line about a file that cannot be used; the problem comes first, because a long path is cut off."""
    return ConfigError(FIELD, f"{problem}: {path}", allowed, fix)


def column_positions(path: Path, names: Sequence[str], pair: str) -> list[int]:
    """Where the six columns are among `names`, in the order of `COLUMNS`; other columns do not matter."""
    known = [re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") for name in names]
    base = pair.partition("/")[0].lower()
    wanted = {name: (name,) for name in COLUMNS} | {
        "timestamp": _TIME_NAMES,
        "volume": ("volume", f"volume_{base}", "base_volume", "volume_base"),
    }
    found = {
        column: next((known.index(name) for name in aliases if name in known), None)
        for column, aliases in wanted.items()
    }
    missing = [column for column, position in found.items() if position is None]
    if missing:
        raise file_error(
            path,
            f"columns {', '.join(names)} without {', '.join(missing)}",
            f"columns {', '.join(COLUMNS)}, in any order and case",
            f"name the column{'s' * (len(missing) > 1)} {', '.join(missing)} in the first row",
        )
    return [position for position in found.values() if position is not None]


def numbers_from_text(texts: Sequence[str], column: str, first_row: int, unreadable: dict[int, str]) -> Floats:
    """Texts as numbers; what is none is not-a-number and noted in `unreadable` under its row."""
    try:
        return np.array([float(text) for text in texts], dtype=np.float64)
    except ValueError:
        return np.array([_number(text, column, first_row + row, unreadable) for row, text in enumerate(texts)])


def times_from_text(texts: Sequence[str], first_row: int, unreadable: dict[int, str]) -> Integers:
    """Texts as milliseconds UTC: numbers of any unit, or ISO 8601 (UTC where no offset is written)."""
    try:
        return times_from_numbers(np.array([float(text) for text in texts], dtype=np.float64))
    except ValueError:
        return np.array([_time(text, first_row + row, unreadable) for row, text in enumerate(texts)], dtype=np.int64)


def times_from_numbers(values: Floats) -> Integers:
    """Seconds, milliseconds, microseconds or nanoseconds since the epoch, told by their size, as milliseconds."""
    size = np.abs(values)
    units = [size < _MILLISECONDS_FROM, size < _MICROSECONDS_FROM, size < _NANOSECONDS_FROM]
    milliseconds = np.rint(values * np.select(units, [1e3, 1.0, 1e-3], 1e-6))
    readable = np.abs(milliseconds) < _LATEST
    return np.where(readable, np.where(readable, milliseconds, 0.0).astype(np.int64), NO_TIME)


def _number(text: str, column: str, row: int, unreadable: dict[int, str]) -> float:
    try:
        return float(text)
    except ValueError:
        unreadable.setdefault(row, f"{column} is '{text.strip()[:40]}'")
        return float("nan")


def _time(text: str, row: int, unreadable: dict[int, str]) -> int:
    try:
        return int(times_from_numbers(np.array([float(text)]))[0])
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    except ValueError:
        unreadable.setdefault(row, f"{COLUMNS[0]} is '{text.strip()[:40]}'")
        return NO_TIME
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
