"""What is in files of candles, without keeping it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tradewind.domain.candle_checks import iso_time
from tradewind.market_data.adapters.files import read_batches
from tradewind.market_data.adapters.raw_candles import RawCandles
from tradewind.research.candles.checking import CandleCheck, Findings
from tradewind.research.candles.folder import SourceFile
from tradewind.research.candles.forms import form_of

Rows = Callable[[int], None]
"""Told how many rows have been read since it was last told."""


def survey(file: SourceFile, on_rows: Rows) -> Findings:
    """Check the file by every rule. Raises `ConfigError` where it cannot be read."""
    check = CandleCheck(file.pair, file.timeframe)
    for _ in check.candles(told(read_batches(file.path, file.pair), on_rows)):
        pass
    return check.findings


def told(batches: Iterable[RawCandles], on_rows: Rows) -> Iterator[RawCandles]:
    """The same batches, each told before it is given on."""
    for batch in batches:
        on_rows(len(batch))
        yield batch


def summary(file: SourceFile, found: Findings) -> dict[str, Any]:
    """The findings in a line: what a folder's list says of a file."""
    return {
        "pair": file.pair,
        "timeframe": file.timeframe,
        "form": form_of(file.path),
        "file": file.path.name,
        "candles": found.candles,
        "first": _time(found.first),
        "last": _time(found.last),
        "gaps": found.gaps,
        "missing": found.missing,
        "bad": found.bad.total(),
    }


def details(file: SourceFile, found: Findings) -> dict[str, Any]:
    """The findings with what was found where, as far as it is told one by one."""
    return {
        **summary(file, found),
        "refusal": found.refusal,
        "reasons": dict(found.bad),
        "badRows": [
            {"row": row.row, "line": row.line, "reason": row.reason, "detail": row.detail} for row in found.bad_rows
        ],
        "firstGaps": [
            {"after": iso_time(gap.after), "before": iso_time(gap.before), "missing": gap.missing}
            for gap in found.first_gaps
        ],
    }


def _time(time: int | None) -> str | None:
    return None if time is None else iso_time(time)
