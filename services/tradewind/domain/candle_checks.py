"""What a recorded candle must be before anything may trade on it, and candles of a longer timeframe made of shorter.

Venues, exports and hands leave holes, doubled rows, prices of zero and spikes that never traded. A backtest that
silently uses them is wrong without a word, and one that silently repairs them is wrong as well. So nothing here is
repaired or invented: a bad row is taken out and reported with its place, reason and values, a hole stays a hole and is
reported too, and whoever asked decides what it means.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradewind.domain.series import CandleSeries, Floats, Integers
from tradewind.domain.timeframe import DAY, MILLISECONDS, bucket_start, close_time, is_multiple

NO_TIME = int(np.iinfo(np.int64).min)
"""The open time of a row that has none (numpy's own not-a-time)."""

SPIKE = 0.5
"""A close this far (as a ratio) from the one before is an outlier when the next close is back."""

WICK = 10.0
"""A high or low this many times beyond the closes around it is an outlier."""


class Reason(StrEnum):
    """Why a row was taken out; a row that offends twice is reported under the first of these that applies."""

    NOT_A_NUMBER = "NotANumber"
    NOT_POSITIVE = "NotPositive"
    NEGATIVE_VOLUME = "NegativeVolume"
    HIGH_BELOW_LOW = "HighBelowLow"
    OUTSIDE_RANGE = "OutsideRange"
    MISALIGNED = "Misaligned"
    DUPLICATE = "Duplicate"
    OUT_OF_ORDER = "OutOfOrder"
    OUTLIER = "Outlier"


class QuarantinedRow(NamedTuple):
    """A row taken out. `row` counts the data rows of the source from 0; `open_time` is None where it had none."""

    row: int
    open_time: int | None
    reason: str
    detail: str


class Gap(NamedTuple):
    """Candles missing between the ones opened at `after` and `before` (milliseconds UTC)."""

    after: int
    before: int
    missing: int


@dataclass(frozen=True, slots=True)
class CheckedCandles:
    """The good candles of a source, and what was found wrong with it: bad rows by row, gaps by time."""

    series: CandleSeries
    quarantined: tuple[QuarantinedRow, ...] = ()
    gaps: tuple[Gap, ...] = ()


def check_candles(  # noqa: PLR0917 - the columns of a candle, in the order every venue has them
    pair: str,
    timeframe: str,
    open_time: Integers,
    open: Floats,  # noqa: A002 - the column's name
    high: Floats,
    low: Floats,
    close: Floats,
    volume: Floats,
    *,
    first_row: int = 0,
    in_order: bool = False,
) -> CheckedCandles:
    """The valid candles among raw rows of one `timeframe`, in ascending order, and a report about the others.

    All arrays have one length; `open_time` is milliseconds UTC, `NO_TIME` where a row has none. A source that runs
    newest first (more steps back than forward) is turned round, unless it is known to be `in_order`. Of rows with the
    same open time, the first valid one in the source is kept. Zero-volume candles are valid. Where these are rows of a
    longer source, `first_row` is the number of the first.
    """
    numbers = np.arange(first_row, first_row + len(open_time))
    rows = _Rows(numbers, open_time, open, high, low, close, volume)
    rows = rows if in_order else _oldest_first(rows)
    rows, bad = _without_bad_values(rows, timeframe)
    rows, displaced = _without_bad_order(rows)
    rows, outliers = _without_outliers(rows)
    series = CandleSeries(pair, timeframe, rows.open_time, rows.open, rows.high, rows.low, rows.close, rows.volume)
    return CheckedCandles(series, tuple(sorted(bad + displaced + outliers)), find_gaps(series))


def find_gaps(series: CandleSeries) -> tuple[Gap, ...]:
    """The holes between the first and the last candle of `series`."""
    numbers = _candle_numbers(series.timeframe, series.open_time)
    steps = np.diff(numbers)
    return tuple(
        Gap(int(series.open_time[index]), int(series.open_time[index + 1]), int(steps[index]) - 1)
        for index in np.flatnonzero(steps > 1)
    )


def resample(series: CandleSeries, timeframe: str, known_until: int = NO_TIME) -> CandleSeries:
    """Candles of `timeframe`, a multiple of the series' own (else `ValueError`): first, max, min, last, sum.

    The first candle is left out unless the series begins at its open; the last one unless the series reaches its
    close, or nothing can follow before it because everything is known up to `known_until` (milliseconds UTC). Candles
    between are kept even where some of theirs are missing.
    """
    if timeframe == series.timeframe:
        return series
    if not is_multiple(timeframe, series.timeframe):
        raise ValueError(f"candles of {timeframe} cannot be made of {series.timeframe}")
    if not len(series):
        return replace(series, timeframe=timeframe)
    buckets = bucket_starts(timeframe, series.open_time)
    first = np.flatnonzero(np.diff(buckets, prepend=buckets[:1] - 1))
    last = np.append(first[1:], len(series)) - 1
    whole = CandleSeries(
        series.pair,
        timeframe,
        buckets[first],
        series.open[first],
        np.maximum.reduceat(series.high, first),
        np.minimum.reduceat(series.low, first),
        series.close[last],
        np.add.reduceat(series.volume, first),
    )
    begins = int(series.open_time[0] != buckets[0])
    reached = max(close_time(series.timeframe, int(series.open_time[-1])), known_until)
    ends = len(whole) - int(close_time(timeframe, int(buckets[-1])) > reached)
    return whole.slice(begins, max(begins, ends))


def bucket_starts(timeframe: str, times: Integers) -> Integers:
    """`timeframe.bucket_start` of every time."""
    if timeframe == "1M":
        return times.astype("datetime64[ms]").astype("datetime64[M]").astype("datetime64[ms]").astype(np.int64)
    # Any open time of the grid serves as its offset: weeks do not begin at the epoch.
    span, offset = MILLISECONDS[timeframe], bucket_start(timeframe, 7 * DAY)
    return (times - offset) // span * span + offset


def close_times(timeframe: str, open_times: Integers) -> Integers:
    """`timeframe.close_time` of every open time."""
    if timeframe == "1M":
        months = open_times.astype("datetime64[ms]").astype("datetime64[M]") + 1
        return months.astype("datetime64[ms]").astype(np.int64)
    return open_times + MILLISECONDS[timeframe]


def iso_time(time: int) -> str:
    """`time` (milliseconds UTC, any integer) as ISO 8601 text, with milliseconds only where there are some."""
    moment = np.datetime64(time, "ms")
    return f"{moment.astype('datetime64[s]') if time % 1000 == 0 else moment}Z"


class _Rows(NamedTuple):
    """Rows under examination; `row` is the place of each in the source."""

    row: Integers
    open_time: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def at(self, which: NDArray[Any]) -> _Rows:
        """The rows at positions, or where a mask is true."""
        return _Rows(*(column[which] for column in self))

    def quarantined(self, index: int, reason: Reason, detail: str) -> QuarantinedRow:
        """The report about the row at `index`."""
        time = int(self.open_time[index])
        return QuarantinedRow(int(self.row[index]), None if time == NO_TIME else time, reason, detail)


def _oldest_first(rows: _Rows) -> _Rows:
    times = rows.open_time[rows.open_time != NO_TIME]
    if np.count_nonzero(times[1:] < times[:-1]) <= np.count_nonzero(times[1:] > times[:-1]):
        return rows
    # Equal times stay in the order of the source, so that the first of them is the one kept.
    turned = rows.at(np.arange(len(rows.row))[::-1])
    runs = np.cumsum(np.diff(turned.open_time, prepend=turned.open_time[0]) != 0)
    return turned.at(np.lexsort((turned.row, runs)))


def _without_bad_values(rows: _Rows, timeframe: str) -> tuple[_Rows, list[QuarantinedRow]]:
    prices = np.stack((rows.open, rows.high, rows.low, rows.close))
    finite = np.isfinite(prices).all(axis=0) & np.isfinite(rows.volume) & (rows.open_time != NO_TIME)
    body_high, body_low = np.maximum(rows.open, rows.close), np.minimum(rows.open, rows.close)
    faults: dict[Reason, Any] = {
        Reason.NOT_A_NUMBER: ~finite,
        Reason.NOT_POSITIVE: (prices <= 0).any(axis=0),
        Reason.NEGATIVE_VOLUME: rows.volume < 0,
        Reason.HIGH_BELOW_LOW: rows.high < rows.low,
        Reason.OUTSIDE_RANGE: (body_high > rows.high) | (body_low < rows.low),
        Reason.MISALIGNED: bucket_starts(timeframe, rows.open_time) != rows.open_time,
    }
    bad = np.logical_or.reduce(list(faults.values()))
    report = []
    for index in np.flatnonzero(bad).tolist():
        reason = next(reason for reason, found in faults.items() if found[index])
        report.append(rows.quarantined(index, reason, _value_detail(rows, index, reason, timeframe)))
    return rows.at(~bad), report


def _value_detail(rows: _Rows, index: int, reason: Reason, timeframe: str) -> str:
    time = int(rows.open_time[index])
    values = {name: float(getattr(rows, name)[index]) for name in ("open", "high", "low", "close", "volume")}
    match reason:
        case Reason.NOT_A_NUMBER:
            wrong = [f"{name} is {value}" for name, value in values.items() if not np.isfinite(value)]
            return ", ".join(wrong + ["open time is missing"] * (time == NO_TIME))
        case Reason.NOT_POSITIVE:
            return ", ".join(f"{name} is {value}" for name, value in values.items() if value <= 0 and name != "volume")
        case Reason.NEGATIVE_VOLUME:
            return f"volume is {values['volume']}"
        case Reason.HIGH_BELOW_LOW:
            return f"high {values['high']} is below low {values['low']}"
        case Reason.OUTSIDE_RANGE:
            return f"open {values['open']} or close {values['close']} is outside {values['low']} to {values['high']}"
        case _:
            return f"{iso_time(time)} is not an open time of {timeframe}"


def _without_bad_order(rows: _Rows) -> tuple[_Rows, list[QuarantinedRow]]:
    times = rows.open_time
    latest = np.maximum.accumulate(times)
    good = np.ones(len(times), dtype=bool)
    good[1:] = times[1:] > latest[:-1]
    if good.all():
        return rows, []
    kept = rows.at(good)
    report = []
    for index in np.flatnonzero(~good).tolist():
        time = int(times[index])
        place = int(np.searchsorted(kept.open_time, time))
        if kept.open_time[place] == time:
            reason, detail = Reason.DUPLICATE, f"{iso_time(time)} is row {kept.row[place]} already"
        else:
            reason, detail = Reason.OUT_OF_ORDER, f"{iso_time(time)} comes after {iso_time(int(latest[index]))}"
        report.append(rows.quarantined(index, reason, detail))
    return kept, report


def _without_outliers(rows: _Rows) -> tuple[_Rows, list[QuarantinedRow]]:
    report: list[QuarantinedRow] = []
    # A spike makes the row after it look like one; so of neighbours only every other goes, and the rest is seen anew.
    while len(rows.row) and (found := _every_other(_outliers(rows))).any():
        for index in np.flatnonzero(found).tolist():
            around = ", ".join(str(float(close)) for close in rows.close[max(index - 1, 0) : index + 2])
            detail = f"high {float(rows.high[index])}, low {float(rows.low[index])} among closes {around}"
            report.append(rows.quarantined(index, Reason.OUTLIER, detail))
        rows = rows.at(~found)
    return rows, report


def _outliers(rows: _Rows) -> NDArray[np.bool_]:
    before = np.concatenate((rows.open[:1], rows.close[:-1]))
    # The last row has no next close yet: it may be a crash as well as a spike, and stays.
    back = np.zeros(len(rows.row), dtype=bool)
    with np.errstate(over="ignore", under="ignore"):
        move = np.abs(rows.close / before - 1)
        back[:-1] = np.abs(rows.close[1:] / before[:-1] - 1) <= move[:-1] / 2
        above = rows.high > WICK * np.maximum(before, rows.close)
        below = rows.low < np.minimum(before, rows.close) / WICK
    found: NDArray[np.bool_] = ((move > SPIKE) & back) | above | below
    return found


def _every_other(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    index = np.arange(len(found))
    begins = found & ~np.concatenate(([False], found[:-1]))
    chosen: NDArray[np.bool_] = found & ((index - np.maximum.accumulate(np.where(begins, index, 0))) % 2 == 0)
    return chosen


def _candle_numbers(timeframe: str, times: Integers) -> Integers:
    if timeframe == "1M":
        return times.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    return times // MILLISECONDS[timeframe]
