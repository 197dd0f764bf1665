"""Candles from one file: CSV, Parquet, Feather or freqtrade's JSON, checked, and in the timeframe that was asked for.

What a file says about itself is not believed: its format is what can be read, its timeframe the most frequent
distance of its rows. Few bad rows are taken out and reported; a file that is mostly wrong is refused in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from tradewind.domain.candle_checks import NO_TIME, CheckedCandles, Reason, check_candles, resample
from tradewind.domain.series import Integers
from tradewind.domain.timeframe import DAY, HOUR, MILLISECONDS, MINUTE, TIMEFRAMES, is_multiple
from tradewind.market_data.adapters.columnar import read_columnar
from tradewind.market_data.adapters.delimited import read_delimited
from tradewind.market_data.adapters.json_rows import read_json
from tradewind.market_data.adapters.raw_candles import PATH_FIX, RawCandles, file_error, joined

READERS: dict[str, Callable[[Path, str], Iterator[RawCandles]]] = {
    ".csv": read_delimited,
    ".csv.gz": read_delimited,
    ".parquet": read_columnar,
    ".feather": read_columnar,
    ".json": read_json,
    ".json.gz": read_json,
}
"""Readers by the ending of the file name; each gives the rows in batches."""

BAD_ROWS = 0.05
"""A file with a larger share of bad rows than this is refused."""


def ending(path: Path) -> str | None:
    """The key of `READERS` that the file name ends with."""
    return next((end for end in READERS if path.name.endswith(end)), None)


def read_candles(path: str | Path, pair: str, timeframe: str) -> CheckedCandles:
    """Candles of `pair` and `timeframe` in the file, and what was wrong with it.

    A file of a finer timeframe that divides the wanted one is resampled; rows and gaps are then reported as they are
    in the file. Raises `ConfigError` when the file is missing, not what its name says, empty, of a coarser timeframe,
    without a needed column, or with more than 5 % bad rows.
    """
    path = Path(path)
    raw = read_raw(path, pair)
    own = _own_timeframe(path, raw.open_time, timeframe)
    checked = check_candles(pair, own, raw.open_time, *raw.values)
    quarantined = tuple(
        row._replace(detail=raw.unreadable.get(row.row, row.detail)) if row.reason == Reason.NOT_A_NUMBER else row
        for row in checked.quarantined
    )
    _refuse_mostly_bad(path, len(raw), replace(checked, quarantined=quarantined))
    series = resample(checked.series, timeframe)
    if not len(series):
        raise file_error(
            path,
            f"{len(checked.series)} candles of {own}, no whole one of {timeframe}",
            f"at least one whole candle of {timeframe}",
            f"use a longer recording or set spec.timeframe to {own}",
        )
    return CheckedCandles(series, quarantined, checked.gaps)


def read_raw(path: Path, pair: str) -> RawCandles:
    """The rows of the file as they are, unchecked. Raises `ConfigError` when they cannot be read."""
    return joined(read_batches(path, pair))


def read_batches(path: Path, pair: str) -> Iterator[RawCandles]:
    """As `read_raw`, a batch of rows at a time: a file of any length takes little memory."""
    end = ending(path)
    formats = f"a file ending in {', '.join(READERS)}"
    if path.is_dir():
        raise file_error(path, "a folder where a file is meant", formats, "name one of the files of the folder")
    if not path.exists():
        raise file_error(path, "no file", formats, PATH_FIX)
    if end is None:
        raise file_error(path, f"ending '{path.suffix}'", formats, "convert the file to one of these formats")
    rows = 0
    try:
        for batch in READERS[end](path, pair) if path.stat().st_size else ():
            rows += len(batch)
            yield batch
    except OSError as error:
        raise file_error(path, str(error.strerror), "a readable file", "correct the file's permissions") from error
    if not rows:
        raise file_error(path, "no rows", "a file with candles", "record or export the candles again")


def _own_timeframe(path: Path, open_time: Integers, wanted: str) -> str:
    distances = np.diff(np.unique(open_time[open_time != NO_TIME]))
    if not len(distances):
        return wanted
    values, counts = np.unique(distances, return_counts=True)
    most = values[counts == counts.max()].tolist()
    names = [_timeframe_of(distance) for distance in most]
    if wanted in names:
        return wanted
    finer = next((name for name in names if name and is_multiple(wanted, name)), None)
    if finer:
        return finer
    usable = [name for name in TIMEFRAMES if is_multiple(wanted, name)]
    raise file_error(
        path,
        f"candles every {names[0] or _duration(most[0])}",
        f"candles of {' or '.join(usable)}, because spec.timeframe is {wanted}",
        f"use a file of {wanted} candles" + (f", or set spec.timeframe to {names[0]}" if names[0] else ""),
    )


def _timeframe_of(distance: int) -> str | None:
    if 28 * DAY <= distance <= 31 * DAY:
        return "1M"
    return next((name for name, span in MILLISECONDS.items() if span == distance), None)


def _duration(milliseconds: int) -> str:
    for unit, length in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", 1000)):
        if milliseconds % length == 0:
            return f"{milliseconds // length}{unit}"
    return f"{milliseconds} ms"


def _refuse_mostly_bad(path: Path, total: int, checked: CheckedCandles) -> None:
    bad = len(checked.quarantined)
    if len(checked.series) and bad <= BAD_ROWS * total:
        return
    first = checked.quarantined[0]
    raise file_error(
        path,
        f"{bad} of {total} rows are bad, first row {first.row} (from 0), {first.reason}: {first.detail}",
        f"at most {BAD_ROWS:.0%} bad rows",
        "correct the file; the columns, the unit of the times and spec.timeframe are the usual causes",
    )
