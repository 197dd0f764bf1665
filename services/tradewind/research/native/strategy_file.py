"""A strategy written for freqtrade as the one voter of a bot: its signals, under the native rules.

A signal to enter is of one candle: on that one the stance is Long with confidence 1. Until a signal to exit it stays
Long with confidence 0, which enters nothing and keeps what is held. Stops and targets are the manifest's. What
native rules would never ask, the callbacks, is refused by name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pandas import DataFrame, to_datetime

from tradewind.contracts.api.v1alpha1 import ConsensusRule, Strategy, TradingBot
from tradewind.domain.candle_checks import resample
from tradewind.domain.errors import ConfigError
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import TIMEFRAMES, is_multiple
from tradewind.market_data.recording import Recording, load_candles
from tradewind.research.native.given import Given, check_backtest, given_of
from tradewind.strategies.base import Stances, carried
from tradewind.strategies.freqtrade.analysis import analyzed
from tradewind.strategies.freqtrade.callbacks import check_native
from tradewind.strategies.freqtrade.data_provider import DataProvider
from tradewind.strategies.freqtrade.enums import RunMode
from tradewind.strategies.freqtrade.imports import freqtrade_imports
from tradewind.strategies.freqtrade.interface import IStrategy
from tradewind.strategies.freqtrade.loading import load_strategy, started

KIND = "Freqtrade"


class FileStrategy:
    """The class of a file as a strategy of a bot, see `strategies.base.VectorisedStrategy`."""

    kind = KIND

    def __init__(self, strategy: IStrategy) -> None:
        self._strategy = strategy
        self.warm_up = int(strategy.startup_candle_count)

    def stances(self, candles: CandleSeries) -> Stances:
        """One stance per candle. Raises `ConfigError` for a method that fails."""
        frame = analyzed(self._strategy, candles.pair, _frame(candles))
        enter, leave = _said(frame, "enter_long"), _said(frame, "exit_long")
        if not self._strategy.use_exit_signal:
            leave = np.zeros(len(frame), dtype=bool)
        enter = enter & ~leave
        side = carried(enter.astype(np.int8) - leave.astype(np.int8)) == 1
        return Stances.held(side.astype(np.int8), np.where(side & ~enter, 0.0, 1.0))

    def reasons(self, _candles: CandleSeries, _index: int) -> tuple[str, ...]:
        """Its name: a class of somebody's tells no more."""
        return (type(self._strategy).__name__,)


def given_by_file(bot: TradingBot, path: Path, name: str | None = None) -> Given:
    """What a backtest of `bot` is made of with the class `name` of `path` in place of its strategies.

    Raises `ConfigError` for what the user must mend.
    """
    check_backtest(bot)
    spec = bot.spec
    if spec.decision.consensus is not ConsensusRule.WEIGHTED:
        allowed = "Weighted, where the confidence of a signal counts"
        fix = "add --set spec.decision.consensus=Weighted"
        raise ConfigError("spec.decision.consensus", spec.decision.consensus.value, allowed, fix)
    config: dict[str, Any] = {
        "strategy": name,
        "stake_currency": spec.capital.currency,
        "timeframe": spec.timeframe,
        "runmode": RunMode.BACKTEST,
    }
    with freqtrade_imports():
        strategy = load_strategy(path, config)
        _refuse(strategy)
        recording = load_candles(bot)
        pairs = list(recording.checked)
        strategy.dp = DataProvider(spec.timeframe, pairs, lambda pair, length: _candles(recording, pair, length), {})
        started(strategy)
        voter = Strategy(name="strategy", kind=KIND)
        alone = bot.model_copy(update={"spec": spec.model_copy(update={"strategies": (voter,)})})
        return given_of(alone, recording, strategy=FileStrategy(strategy))


def _refuse(strategy: IStrategy) -> None:
    """Whatever is never asked under native rules."""
    check_native(strategy)
    if strategy.exit_profit_only:
        name = f"{type(strategy).__name__}.exit_profit_only"
        raise ConfigError(name, "True", "False: an exit signal closes a position at a loss too", "remove it")


def _candles(recording: Recording, pair: str, timeframe: str) -> DataFrame:
    """Candles of a pair of the bot, of its timeframe or longer ones made of it."""
    base = recording.timeframe
    series = recording.series.get((pair, base))
    if series is None or timeframe not in TIMEFRAMES or not is_multiple(timeframe, base):
        have = f"pairs of the bot ({', '.join(recording.checked)}) in multiples of {base}"
        raise ConfigError("spec.pairs", f"no candles of {pair} {timeframe}", have, "add the pair, or ask for others")
    return _frame(resample(series, timeframe))


def _frame(candles: CandleSeries) -> DataFrame:
    columns = {name: getattr(candles, name) for name in ("open", "high", "low", "close", "volume")}
    return DataFrame({"date": to_datetime(candles.open_time, unit="ms", utc=True), **columns})


def _said(frame: DataFrame, name: str) -> np.ndarray:
    return np.asarray(frame[name] == 1) if name in frame.columns else np.zeros(len(frame), dtype=bool)
