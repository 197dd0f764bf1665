"""One pair of a strategy written for freqtrade, for the analyses: with all candles, or with some of them.

The file is loaded anew for every question, because strategies keep things: in themselves, in their class, in their
module. Candles are read once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame, Series
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from tradewind.domain.candle_checks import close_times, iso_time
from tradewind.domain.errors import ConfigError
from tradewind.domain.series import Integers
from tradewind.research.analyses.columns import Column, Columns, Role
from tradewind.research.freqtrade.stage import Analyzed, BacktestInput, Load, staged
from tradewind.strategies.freqtrade.analysis import SIGNALS, TAGS, only_numbers
from tradewind.strategies.freqtrade.informative import milliseconds
from tradewind.strategies.freqtrade.interface import IStrategy

_Key = tuple[str, str]


class Candles:
    """The candles that a strategy is shown, by pair and timeframe: read once, and cut as a question wants them."""

    def __init__(self, given: BacktestInput) -> None:
        self._given = given
        self._read: Load | None = None
        self._frames: dict[_Key, tuple[DataFrame, Integers, Integers]] = {}

    def all(self, strategy: IStrategy) -> Load:
        """Everything."""
        self._read = self._read or self._given.candles_of(strategy)
        return lambda pair, timeframe: self._frame(pair, timeframe)[0]

    def known_at(self, moment: int) -> Load:
        """What has closed by `moment` (milliseconds UTC)."""

        def load(pair: str, timeframe: str) -> DataFrame:
            frame, _, closes = self._frame(pair, timeframe)
            return frame.iloc[: int(np.searchsorted(closes, moment, side="right"))]

        return load

    def begun_before(self, time: int, moment: int, candles: int) -> Load:
        """What has closed by `moment`, from `candles` candles of each timeframe before the one opened at `time`."""

        def load(pair: str, timeframe: str) -> DataFrame:
            frame, opens, closes = self._frame(pair, timeframe)
            end = int(np.searchsorted(closes, moment, side="right"))
            present = int(np.searchsorted(opens, time, side="right")) - 1
            return frame.iloc[max(present - candles, 0) : end].reset_index(drop=True)

        return load

    def first_closes(self) -> list[int]:
        """When the first candle of each timeframe and pair closed that anybody asked for, in milliseconds UTC."""
        return [int(closes[0]) for _, _, closes in self._frames.values()]

    def _frame(self, pair: str, timeframe: str) -> tuple[DataFrame, Integers, Integers]:
        if (pair, timeframe) not in self._frames:
            assert self._read is not None, "everything is asked for first"
            frame = self._read(pair, timeframe)
            opens = milliseconds(frame["date"])
            self._frames[pair, timeframe] = frame, opens, close_times(timeframe, opens)
        return self._frames[pair, timeframe]


class StrategySubject:
    """`given.strategy` on one pair; see `analyses.subject.Subject`. `candles` may be shared between pairs."""

    def __init__(self, given: BacktestInput, pair: str, candles: Candles) -> None:
        """Asks about all candles once; raises `ConfigError` for a strategy or candles that cannot be used."""
        self.pair, self._given, self._candles = pair, given, candles
        with staged(given, candles.all) as stage:
            analyzed = stage.analyzed(pair)
            self.name, self.timeframe = type(stage.strategy).__name__, stage.settings.timeframe
            self.warm_up = int(stage.strategy.startup_candle_count)
            empty = analyzed.never_a_number()
            columns = _columns(analyzed)
            if empty and not np.any(columns["enter_long"].values):
                raise only_numbers(stage.strategy, empty)
        self._all: Columns | None = columns
        self.times: Integers = milliseconds(analyzed.candles["date"])
        self._closes = close_times(self.timeframe, self.times)
        self.earliest = int(np.searchsorted(self._closes, max(candles.first_closes()))) + 1

    def all(self) -> Columns:
        """What it says of all candles."""
        # What the constructor has asked already is given once; the next question is a question again.
        held, self._all = self._all, None
        if held is not None:
            return held
        with staged(self._given, self._candles.all) as stage:
            return _columns(stage.analyzed(self.pair))

    def known_after(self, candles: int) -> Columns:
        """What it says of the first `candles` when nothing is known that closed later."""
        return self._asked(self._candles.known_at(int(self._closes[candles - 1])), candles - 1)

    def begun_before(self, last: int, candles: int) -> Columns:
        """What it says of the candle in row `last` and the `candles` before it, when nothing else is known."""
        return self._asked(self._candles.begun_before(int(self.times[last]), int(self._closes[last]), candles), last)

    def _asked(self, load: Load, last: int) -> Columns:
        try:
            with staged(self._given, lambda _strategy: load) as stage:
                return _columns(stage.analyzed(self.pair))
        except ConfigError as error:
            told = f"{error.received}, with the candles up to {iso_time(int(self.times[last]))} alone"
            raise ConfigError(error.field, told, error.allowed, error.fix) from error


def _columns(analyzed: Analyzed) -> Columns:
    """Signals and tags, there or not, then what the strategy added."""
    frame = analyzed.frame.loc[:, ~analyzed.frame.columns.duplicated()]
    rows = len(frame)
    found = {name: Column(Role.SIGNAL, _signal(frame, name)) for name in SIGNALS}
    for name in TAGS:
        tags = frame[name].tolist() if name in frame.columns else [""] * rows
        found[name] = Column(Role.TAG, np.array([tag if isinstance(tag, str) else "" for tag in tags], dtype=object))
    return found | {str(name): Column(Role.INDICATOR, _values(frame[name])) for name in analyzed.added}


def _signal(frame: DataFrame, name: str) -> NDArray[np.float64]:
    if name not in frame.columns:
        return np.zeros(len(frame))
    said: NDArray[np.float64] = (np.asarray(frame[name]) == 1).astype(np.float64)
    return said


def _values(series: Series) -> NDArray[Any]:
    if is_datetime64_any_dtype(series.dtype):
        missing = series.isna().to_numpy()
        return np.where(missing, np.nan, milliseconds(series).astype(np.float64))
    if is_bool_dtype(series.dtype) or is_numeric_dtype(series.dtype):
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.array(
        [None if missing else str(value) for value, missing in zip(series, series.isna(), strict=True)], object
    )
