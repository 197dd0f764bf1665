"""`self.dp`: candles for strategies. In a callback it shows no candle that has not closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from pandas import DataFrame

from tradewind.domain.series import Integers
from tradewind.domain.timeframe import bucket_start
from tradewind.strategies.freqtrade.enums import RunMode
from tradewind.strategies.freqtrade.informative import milliseconds
from tradewind.strategies.freqtrade.session import moment

MOST_ROWS = 1000
"""As many of the latest candles as `get_analyzed_dataframe` shows."""


class DataProvider:
    """Candles by pair and timeframe; `load` fetches those that nobody asked for before."""

    runmode: RunMode = RunMode.BACKTEST

    def __init__(
        self,
        timeframe: str,
        whitelist: Sequence[str],
        load: Callable[[str, str], DataFrame],
        markets: Mapping[str, Any],
    ) -> None:
        self._timeframe, self._whitelist, self._load, self._markets = timeframe, list(whitelist), load, markets
        self._frames: dict[tuple[str, str], DataFrame] = {}
        self._analyzed: dict[str, tuple[DataFrame, Integers]] = {}
        self._time: int | None = None
        self._reached: dict[str, int] = {}
        self._shown: dict[str, DataFrame] = {}

    def walk_to(self, time: int) -> None:
        """From now on a candle opened at `time` (milliseconds UTC) is the present one."""
        self._time = time

    def walk_pair_to(self, pair: str, time: int) -> None:
        """The turn of `pair` has come in that candle; until then its analyzed frame ends one candle earlier."""
        self._reached[pair] = time
        self._shown.pop(pair, None)

    def keep_analyzed(self, pair: str, dataframe: DataFrame) -> None:
        """What `get_analyzed_dataframe` shows of `pair`, candle by candle."""
        self._analyzed[pair] = (dataframe, milliseconds(dataframe["date"]))

    def get_analyzed_dataframe(self, pair: str, timeframe: str) -> tuple[DataFrame, datetime]:
        """Candles with indicators and signals up to the last one that closed, at most 1000, and what time it is.

        Of a pair whose turn has not come in this candle, up to the one before that, as freqtrade shows it; of one
        that has had no turn yet, none.
        """
        if pair not in self._analyzed or pair not in self._reached or timeframe != self._timeframe:
            return DataFrame(), moment(0)
        shown = self._shown.get(pair)
        if shown is None:
            dataframe, times = self._analyzed[pair]
            end = int(np.searchsorted(times, self._reached[pair]))
            shown = self._shown[pair] = dataframe.iloc[max(end - MOST_ROWS, 0) : end]
        return shown, moment(self._time or 0)

    def get_pair_dataframe(self, pair: str, timeframe: str | None = None, candle_type: str = "") -> DataFrame:
        """Candles of `pair`: all that are loaded, in a callback those that have closed."""
        wanted = timeframe or self._timeframe
        frame = self._frames.get((pair, wanted))
        if frame is None:
            frame = self._frames[pair, wanted] = self._load(pair, wanted)
        if self._time is None:
            return frame.copy()
        closed = milliseconds(frame["date"]) < bucket_start(wanted, self._time)
        return frame[closed].copy()

    def historic_ohlcv(self, pair: str, timeframe: str, candle_type: str = "") -> DataFrame:
        """The same candles, under their other name."""
        return self.get_pair_dataframe(pair, timeframe)

    ohlcv = historic_ohlcv

    def current_whitelist(self) -> list[str]:
        """The pairs that are traded."""
        return list(self._whitelist)

    @property
    def available_pairs(self) -> list[tuple[str, str]]:
        """Pairs and timeframes at hand."""
        return [(pair, self._timeframe) for pair in self._whitelist]

    def market(self, pair: str) -> Any:
        """What the exchange says of a pair, as ccxt has it."""
        return self._markets.get(pair)

    def ticker(self, pair: str) -> dict[str, Any]:
        """Nothing: a backtest has no ticker."""
        return {}

    def orderbook(self, pair: str, maximum: int) -> dict[str, list[Any]]:
        """Nothing: a backtest has no order book."""
        return {"bids": [], "asks": []}

    def send_msg(self, message: str, *, always_send: bool = False) -> None:
        """Nothing: a backtest writes to nobody."""
