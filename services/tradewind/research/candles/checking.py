"""Candles of any number checked by the rules of the domain, a batch of rows at a time.

What a row is worth depends on the rows around it: on the latest time before it, on the close before it and on the one
after. So the last rows of a batch are held back until the next has come, and the last good candle before them stands
in front of them as a flat one, which no rule finds fault with. The outcome is that of `check_candles` over all of it.
Two things differ: a row whose time has been given on already is called out of order, where it may be a duplicate, and
whether a file runs newest first is seen from its first batch. Such a file is read whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tradewind.domain.candle_checks import NO_TIME, Gap, QuarantinedRow, Reason, check_candles, find_gaps
from tradewind.domain.series import CandleSeries, Integers
from tradewind.market_data.adapters.files import BAD_ROWS
from tradewind.market_data.adapters.raw_candles import RawCandles, joined

HELD = 1_000
TOLD = 100
"""So many bad rows and gaps of a file are told one by one; all are counted."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that no bot may trade on. `row` counts from 0; `line` is None in files that have no lines."""

    row: int
    line: int | None
    reason: str
    detail: str


@dataclass(slots=True)
class Findings:
    """What was found so far: rows read, good candles among them with the first and last open time, bad rows, gaps."""

    rows: int = 0
    candles: int = 0
    first: int | None = None
    last: int | None = None
    bad: Counter[str] = field(default_factory=Counter)
    bad_rows: list[BadRow] = field(default_factory=list)
    gaps: int = 0
    missing: int = 0
    first_gaps: list[Gap] = field(default_factory=list)

    @property
    def refusal(self) -> str:
        """Why no bot may have these candles, however many of them are good; empty where one may."""
        if not self.candles or self.bad.total() > BAD_ROWS * self.rows:
            return f"{self.bad.total()} of {self.rows} rows are bad, and more than {BAD_ROWS:.0%} is too much"
        if self.candles > 2 and self.gaps == self.candles - 1:
            return "every candle is followed by a gap, so the timeframe is another one"
        return ""


class CandleCheck:
    """The check of one file; `findings` grow while its candles are taken."""

    def __init__(self, pair: str, timeframe: str) -> None:
        self.findings = Findings()
        self._pair, self._timeframe = pair, timeframe
        self._before: tuple[int, float] | None = None

    def candles(self, batches: Iterable[RawCandles]) -> Iterator[CandleSeries]:
        """The good candles, in ascending order; raises what `batches` raise."""
        held: RawCandles | None = None
        following = iter(batches)
        for batch in following:
            if held is None and _newest_first(batch.open_time):
                everything = joined([batch, *following])
                self.findings.rows = len(everything)
                yield self._examined(everything, 0, len(everything), in_order=False)
                return
            rows = batch if held is None else joined([held, batch])
            first, cut = self.findings.rows - (len(held) if held is not None else 0), max(len(rows) - HELD, 0)
            self.findings.rows += len(batch)
            yield self._examined(rows, first, cut, in_order=True)
            held = _from(rows, cut)
        if held is not None:
            yield self._examined(held, self.findings.rows - len(held), len(held), in_order=True)

    def _examined(self, rows: RawCandles, first: int, cut: int, *, in_order: bool) -> CandleSeries:
        """The good candles among `rows` before `cut`; `first` is the number of the first row."""
        before = int(self._before is not None)
        times, values = rows.open_time, rows.values
        if self._before is not None:
            time, close = self._before
            times = np.concatenate(([time], times))
            flat = (close, close, close, close, 0.0)
            values = [np.concatenate(([value], column)) for value, column in zip(flat, values, strict=True)]
        checked = check_candles(
            self._pair, self._timeframe, times, *values, first_row=first - before, in_order=in_order
        )
        bad = [row for row in checked.quarantined if first <= row.row < first + cut]
        self._note(bad, rows, first)
        series = checked.series.slice(0, before + cut - len(bad))
        self._count(series, before)
        return series.slice(before, len(series))

    def _note(self, bad: list[QuarantinedRow], rows: RawCandles, first: int) -> None:
        findings = self.findings
        findings.bad.update(row.reason for row in bad)
        for row in bad[: TOLD - len(findings.bad_rows)]:
            place = row.row - first
            line = None if rows.lines is None else int(rows.lines[place])
            unreadable = rows.unreadable.get(place, row.detail) if row.reason == Reason.NOT_A_NUMBER else row.detail
            findings.bad_rows.append(BadRow(row.row, line, row.reason, unreadable))

    def _count(self, series: CandleSeries, before: int) -> None:
        findings, good = self.findings, len(series) - before
        if not good:
            return
        gaps = find_gaps(series)
        findings.candles += good
        findings.gaps += len(gaps)
        findings.missing += sum(gap.missing for gap in gaps)
        findings.first_gaps += gaps[: TOLD - len(findings.first_gaps)]
        findings.first = int(series.open_time[0]) if findings.first is None else findings.first
        findings.last = int(series.open_time[-1])
        self._before = findings.last, float(series.close[-1])


def _from(rows: RawCandles, start: int) -> RawCandles:
    unreadable = {row - start: text for row, text in rows.unreadable.items() if row >= start}
    lines = None if rows.lines is None else rows.lines[start:].copy()
    # Copies, because a view would keep the whole batch in memory.
    return RawCandles(rows.open_time[start:].copy(), [one[start:].copy() for one in rows.values], unreadable, lines)


def _newest_first(times: Integers) -> bool:
    times = times[times != NO_TIME]
    return bool(np.count_nonzero(times[1:] < times[:-1]) > np.count_nonzero(times[1:] > times[:-1]))
