"""Files of candles in another form: the same rows in the same order, every number as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tradewind.domain.candle_checks import NO_TIME
from tradewind.domain.errors import ConfigError
from tradewind.market_data.adapters.files import read_batches
from tradewind.market_data.adapters.raw_candles import RawCandles
from tradewind.research.candles.folder import SourceFile
from tradewind.research.candles.survey import Rows, told
from tradewind.research.candles.writers import writer


def convert(file: SourceFile, target: Path, on_rows: Rows) -> int:
    """Write the rows of `file` to `target`; their number. Raises `ConfigError` for a row that is no six numbers."""
    rows = 0
    with writer(target) as write:
        for batch in told(read_batches(file.path, file.pair), on_rows):
            _refuse_no_numbers(file.path, batch, rows)
            write(batch.open_time, batch.values)
            rows += len(batch)
    return rows


def _refuse_no_numbers(path: Path, batch: RawCandles, before: int) -> None:
    good = (batch.open_time != NO_TIME) & np.logical_and.reduce([np.isfinite(column) for column in batch.values])
    if good.all():
        return
    row = int(np.argmin(good))
    place = f"row {before + row} (from 0)" if batch.lines is None else f"line {batch.lines[row]}"
    detail = batch.unreadable.get(row, "a time or number is missing")
    fix = "tradewind data import leaves such rows out and counts them"
    raise ConfigError("DIR", f"{place}, {detail}: {path}", "rows of a time and five numbers", fix)
