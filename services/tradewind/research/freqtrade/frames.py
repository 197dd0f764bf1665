"""Candles as freqtrade's strategies see them: the timerange with its warm-up, holes filled, nothing else repaired."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame, to_datetime

from tradewind.domain.errors import ConfigError
from tradewind.domain.freqtrade.market import MonthlyTicks, decimals_shown
from tradewind.domain.series import CandleSeries, Floats, Integers
from tradewind.domain.timeframe import bucket_start, close_time
from tradewind.market_data.adapters.files import read_raw
from tradewind.research.timerange import Timerange
from tradewind.strategies.freqtrade.informative import milliseconds
from tradewind.strategies.freqtrade.timeframes import timeframe_to_msecs

PRICES = ("open", "high", "low", "close")


class CandleFrames:
    """Frames by pair and timeframe, out of files; columns `date` (UTC), `open high low close volume`."""

    def __init__(
        self, files: Mapping[tuple[str, str], Path], timerange: Timerange, startup: int, *, whole: bool = False
    ) -> None:
        """`startup` candles of each timeframe are loaded before the start of the timerange.

        With `whole` none that closes after the candles opened at the end of the timerange begin: a longer candle
        would know of prices from after it.
        """
        self._files, self._timerange, self._startup, self._whole = files, timerange, startup, whole

    def load(self, pair: str, timeframe: str) -> DataFrame:
        """Raises `ConfigError` where there is no such file, or no candle in the timerange."""
        return self._framed(pair, timeframe)[0]

    def series(self, pair: str, timeframe: str) -> CandleSeries:
        """The candles that there are: holes stay holes. Raises as `load`."""
        frame, there = self._framed(pair, timeframe)
        prices = (frame[name].to_numpy(dtype=float)[there] for name in (*PRICES, "volume"))
        return CandleSeries(pair, timeframe, milliseconds(frame["date"])[there], *prices)

    def _framed(self, pair: str, timeframe: str) -> tuple[DataFrame, NDArray[np.bool_]]:
        """A frame without holes, and which of its rows the file has."""
        path = self._files.get((pair, timeframe))
        if path is None:
            have = ", ".join(f"{name} {length}" for name, length in sorted(self._files)) or "none"
            raise ConfigError("data", f"no candles of {pair} {timeframe}", have, "add a file of these candles")
        times, values = _read(path, pair)
        start, stop = self._timerange.start, self._timerange.stop
        wanted = np.ones(len(times), dtype=bool)
        if start is not None:
            wanted &= times >= start - self._startup * timeframe_to_msecs(timeframe)
        if stop is not None:
            wanted &= times <= stop
            if self._whole:
                wanted &= np.array([close_time(timeframe, time) - 1 <= stop for time in times.tolist()], dtype=bool)
        if not wanted.any():
            had = f"{_day(times.min())} to {_day(times.max())}" if len(times) else "no candles"
            raise ConfigError("timerange", _text(self._timerange), f"within {had} ({path.name})", "choose another")
        columns = dict(zip((*PRICES, "volume"), (column[wanted] for column in values), strict=True))
        frame = _without_holes(times[wanted], columns, timeframe)
        dates = milliseconds(frame["date"])
        if not np.isin(times[wanted], dates).all():
            allowed, fix = f"candles of {timeframe}", "name the file by the timeframe of its candles"
            raise ConfigError("data", f"candles that are not {timeframe} apart: {path}", allowed, fix)
        return frame, np.isin(dates, times[wanted])


class KeptFrames(CandleFrames):
    """The same, read once and given again: for runs over the same candles, one after the other.

    Nobody may write to them; strategies get copies.
    """

    def __init__(
        self, files: Mapping[tuple[str, str], Path], timerange: Timerange, startup: int, *, whole: bool = False
    ) -> None:
        super().__init__(files, timerange, startup, whole=whole)
        self._kept: dict[tuple[str, str], DataFrame] = {}
        self._widened: dict[int, tuple[DataFrame, MonthlyTicks]] = {}

    def load(self, pair: str, timeframe: str) -> DataFrame:
        """As it was loaded first."""
        if (pair, timeframe) not in self._kept:
            self._kept[pair, timeframe] = super().load(pair, timeframe)
        return self._kept[pair, timeframe]

    def with_decimals(self, frame: DataFrame) -> tuple[DataFrame, MonthlyTicks]:
        """As the function of that name, of a frame that is kept here."""
        if id(frame) not in self._widened:
            self._widened[id(frame)] = with_decimals(frame)
        return self._widened[id(frame)]

    def digest(self) -> str:
        """Sixteen hexadecimal digits that tell these candles, all that were loaded so far, from others."""
        digest = hashlib.sha256()
        for key, frame in sorted(self._kept.items()):
            digest.update(repr((key, len(frame))).encode())
            for name in ("date", *PRICES, "volume"):
                column = milliseconds(frame[name]) if name == "date" else frame[name].to_numpy()
                digest.update(np.ascontiguousarray(column).data)
        return digest.hexdigest()[:16]


def _read(path: Path, pair: str) -> tuple[Integers, list[Floats]]:
    try:
        raw = read_raw(path, pair)
    except ConfigError as error:
        raise ConfigError("data", error.received, error.allowed, error.fix) from error
    if raw.unreadable:
        row, told = min(raw.unreadable.items())
        raise ConfigError("data", f"row {row} (from 0), {told}: {path}", "numbers and times", "correct the file")
    return raw.open_time, raw.values  # noqa: PD011 - no frame


def with_decimals(frame: DataFrame) -> tuple[DataFrame, MonthlyTicks]:
    """`frame` with the decimals of each price in columns of their own, and the price ticks that follow from them."""
    counts = {f"{name}_count": decimals_shown(frame[name].to_numpy()) for name in PRICES}
    most = np.fmax.reduce(list(counts.values()))
    widened = frame.assign(**counts, max_count=most)
    return widened, MonthlyTicks.of(milliseconds(frame["date"]), most)


def trimmed(frame: DataFrame, startup: int, timerange: Timerange) -> DataFrame:
    """`frame` without its warm-up: the first `startup` rows by count, or without any what is before the start."""
    if startup > 0:
        frame = frame.iloc[startup:]
    elif timerange.start is not None:
        frame = frame[milliseconds(frame["date"]) >= timerange.start]
    return frame


def _without_holes(times: Integers, columns: Mapping[str, np.ndarray], timeframe: str) -> DataFrame:
    """Missing candles stand at the close before them, with no volume."""
    order = np.argsort(times, kind="stable")
    times, columns = times[order], {name: column[order] for name, column in columns.items()}
    grid = _grid(int(times[0]), int(times[-1]), timeframe)
    place = np.searchsorted(times, grid, side="right") - 1
    there = times[place] == grid
    closes = columns["close"][place]
    filled = {name: np.where(there, columns[name][place], closes) for name in PRICES}
    filled["volume"] = np.where(there, columns["volume"][place], 0.0)
    return DataFrame({"date": to_datetime(grid, unit="ms", utc=True), **filled})


def _grid(first: int, last: int, timeframe: str) -> Integers:
    if timeframe not in ("1w", "1M"):
        step = timeframe_to_msecs(timeframe)
        return np.arange(first, last + 1, step, dtype=np.int64)
    times = [bucket_start(timeframe, first)]
    while times[-1] < last:
        times.append(close_time(timeframe, times[-1]))
    return np.array(times, dtype=np.int64)


def _day(time: int) -> str:
    return f"{datetime.fromtimestamp(int(time) / 1000, UTC):%Y-%m-%d %H:%M}"


def _text(timerange: Timerange) -> str:
    return " to ".join("open" if time is None else _day(time) for time in (timerange.start, timerange.stop))
