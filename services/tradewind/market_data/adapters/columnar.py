"""Parquet and Feather files of candles, through pyarrow, which is an extra of its own and imported only here.

Dates may be timestamps of any unit, dates, integers or text; prices any number type or text; missing values become
not-a-number, so that the checks report their rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tradewind.domain.candle_checks import NO_TIME
from tradewind.domain.series import Floats, Integers
from tradewind.market_data.adapters.raw_candles import (
    COLUMNS,
    FORMAT_FIX,
    RawCandles,
    column_positions,
    file_error,
    numbers_from_text,
    times_from_numbers,
    times_from_text,
)

_ROWS = 50_000


def read_columnar(path: Path, pair: str) -> Iterator[RawCandles]:
    """The rows of a `.parquet` or `.feather` file."""
    arrow = _pyarrow(path)
    try:
        for columns in _columns(path, pair):
            yield _batch(path, columns)
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, PermissionError):
            raise
        kind = path.suffix.removeprefix(".").capitalize()
        raise file_error(path, f"no {kind} data", kind, FORMAT_FIX) from error


def _batch(path: Path, columns: Sequence[Any]) -> RawCandles:
    unreadable: dict[int, str] = {}
    values = [_numbers(path, name, column, unreadable) for name, column in zip(COLUMNS[1:], columns[1:], strict=True)]
    return RawCandles(_times(path, columns[0], unreadable), values, unreadable)


def _pyarrow(path: Path) -> Any:
    try:
        import pyarrow  # noqa: ICN001, PLC0415 - an extra: 165 MB that a bot without such files does not need
    except ImportError as error:
        raise file_error(
            path,
            "pyarrow is not installed",
            "CSV without it, Parquet and Feather with it",
            "pip install 'tradewind[parquet]'",
        ) from error
    return pyarrow


def _columns(path: Path, pair: str) -> Iterator[Sequence[Any]]:
    """The six columns, so many rows at a time that a file of any length takes little memory."""
    from pyarrow import ipc, parquet  # noqa: PLC0415 - see _pyarrow

    if path.suffix == ".feather":
        with path.open("rb") as stream:
            reader = ipc.open_file(stream)
            places = column_positions(path, reader.schema.names, pair)
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                for start in range(0, len(batch), _ROWS):
                    yield [batch.column(place).slice(start, _ROWS) for place in places]
    else:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            wanted = [names[place] for place in column_positions(path, names, pair)]
            # Asked for all groups of rows at once, it holds every one that it has read.
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(_ROWS, row_groups=[group], columns=wanted):
                    yield [batch.column(name) for name in wanted]


def _times(path: Path, column: Any, unreadable: dict[int, str]) -> Integers:
    import pyarrow  # noqa: ICN001, PLC0415 - see _pyarrow

    kinds, kind = pyarrow.types, column.type
    if kinds.is_date(kind):
        column, kind = column.cast(pyarrow.timestamp("s")), pyarrow.timestamp("s")
    if kinds.is_timestamp(kind):
        whole = column.cast(pyarrow.timestamp("ms", tz=kind.tz), safe=False).cast(pyarrow.int64())
        return np.asarray(whole.fill_null(NO_TIME).to_numpy(zero_copy_only=False), dtype=np.int64)
    if _is_text(pyarrow, kind):
        return times_from_text(_texts(column), 0, unreadable)
    return times_from_numbers(_numbers(path, COLUMNS[0], column, unreadable))


def _numbers(path: Path, name: str, column: Any, unreadable: dict[int, str]) -> Floats:
    import pyarrow  # noqa: ICN001, PLC0415 - see _pyarrow

    if _is_text(pyarrow, column.type):
        return numbers_from_text(_texts(column), name, 0, unreadable)
    try:
        values = column.cast(pyarrow.float64(), safe=False)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
        raise file_error(
            path, f"column {name} of {column.type}", "numbers, or text of numbers", f"write {name} as numbers"
        ) from error
    return np.asarray(values.fill_null(float("nan")).to_numpy(zero_copy_only=False), dtype=np.float64)


def _is_text(pyarrow: Any, kind: Any) -> bool:
    kinds = pyarrow.types
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_dictionary(kind))


def _texts(column: Any) -> list[str]:
    return ["" if value is None else str(value) for value in column.to_pylist()]
