"""One backtest: a strategy file, a configuration, candles; freqtrade's rules over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame

from tradewind.domain.errors import ConfigError
from tradewind.domain.freqtrade.fills import Book
from tradewind.domain.freqtrade.market import TICK_SIZE, Market, MonthlyTicks, step_of
from tradewind.domain.freqtrade.signals import PairColumns, Result, Settings
from tradewind.research.freqtrade.engine import Engine
from tradewind.research.freqtrade.frames import CandleFrames, trimmed
from tradewind.research.freqtrade.play import Backtest, played
from tradewind.research.timerange import Timerange
from tradewind.strategies.freqtrade.analysis import SIGNALS, TAGS, analyzed
from tradewind.strategies.freqtrade.callbacks import callbacks_of, own_callbacks
from tradewind.strategies.freqtrade.configuration import settings_of
from tradewind.strategies.freqtrade.data_provider import DataProvider
from tradewind.strategies.freqtrade.enums import RunMode
from tradewind.strategies.freqtrade.imports import freqtrade_imports
from tradewind.strategies.freqtrade.informative import milliseconds
from tradewind.strategies.freqtrade.interface import IStrategy
from tradewind.strategies.freqtrade.loading import load_strategy
from tradewind.strategies.freqtrade.session import Session, running
from tradewind.strategies.freqtrade.wallets import Wallets


@dataclass(frozen=True, slots=True)
class BacktestInput:
    """What a backtest is made of. `markets` as ccxt has them, by pair; `files` by pair and timeframe."""

    strategy: Path
    config: Mapping[str, Any]
    files: Mapping[tuple[str, str], Path]
    markets: Mapping[str, Mapping[str, Any]]
    precision_mode: int = TICK_SIZE


@dataclass(frozen=True, slots=True)
class BacktestOutput:
    """The outcome, with what a summary needs besides: `market_change` is the mean over pairs, a ratio."""

    settings: Settings
    pairs: list[str]
    result: Result
    market_change: float


@dataclass(frozen=True, slots=True)
class Way:
    """How to run: by which engine, and who is told of the book at each candle's time.

    A run of many may say from how many candles on compiling is `worth` it, give `frames` that it has read before and an `analyze` that remembers.
    """

    engine: Engine = Engine.AUTO
    worth: int | None = None
    watch: Callable[[Book, int], None] | None = None
    frames: CandleFrames | None = None
    analyze: Callable[[IStrategy, str, DataFrame], DataFrame] = analyzed


def backtest(given: BacktestInput, *, engine: Engine = Engine.AUTO) -> BacktestOutput:
    """Run it. Raises `ConfigError` for what cannot be run, naming what is wrong."""
    config = config_of(given)
    with freqtrade_imports():
        return run_strategy(given, config, load_strategy(given.strategy, config), Way(engine))


def config_of(given: BacktestInput) -> dict[str, Any]:
    """A configuration for one strategy, which will be written to."""
    return {**given.config, "runmode": RunMode.BACKTEST}


def run_strategy(given: BacktestInput, config: dict[str, Any], strategy: IStrategy, way: Way) -> BacktestOutput:
    """Run a strategy that is loaded with `config`, once; raises as `backtest`."""
    pairs = list(config.get("exchange", {}).get("pair_whitelist") or ())
    if not pairs:
        raise ConfigError("exchange.pair_whitelist", pairs, "at least one pair", "name the pairs to trade")
    markets = {pair: _market(pair, given) for pair in pairs}
    fees = [float(given.markets[pair].get("taker") or 0.0) for pair in pairs]
    settings = settings_of(strategy, config, max(fees))
    book = Book(settings)
    timerange = Timerange.parse(config.get("timerange"))
    startup = int(strategy.startup_candle_count)
    frames = way.frames or CandleFrames(given.files, timerange, startup)
    exchange = str(config.get("exchange", {}).get("name", ""))
    stake_currency = str(config["stake_currency"])
    session = Session(book, settings.timeframe, exchange, type(strategy).__name__, stake_currency)
    strategy.dp = DataProvider(settings.timeframe, pairs, frames.load, given.markets)
    strategy.wallets = Wallets(book, stake_currency)
    with running(session):
        _start(strategy)
        kept: dict[str, DataFrame] = {}
        columns: dict[str, PairColumns] = {}
        empty: set[str] = set()
        for pair in pairs:
            candles, ticks = frames.load_with_decimals(pair, settings.timeframe)
            whole = way.analyze(strategy, pair, candles)
            empty |= _empty_columns(candles, whole)
            frame = trimmed(whole, startup, timerange)
            if len(frame):
                kept[pair] = frame
                strategy.dp.keep_analyzed(pair, frame)
                columns[pair] = _columns(frame, markets[pair], ticks)
        if not kept:
            raise ConfigError(
                "timerange", config.get("timerange"), f"more than {startup} candles of warm-up", "choose a longer one"
            )
        if empty and not any(pair.enter.any() for pair in columns.values()):
            field, fix = f"{type(strategy).__name__}.populate_indicators", "choose a longer timerange, or correct them"
            raise ConfigError(field, f"nothing but not-a-number in {', '.join(sorted(empty))}", "numbers", fix)
        times = [milliseconds(frame["date"]) for frame in kept.values()]
        span = min(int(each[0]) for each in times), max(int(each[-1]) for each in times)
        callbacks, own = callbacks_of(strategy, session), own_callbacks(strategy)
        watch = way.watch
        progress = None if watch is None else lambda time: watch(book, time)
        result = played(Backtest(columns, settings, callbacks, own, span, book), way.engine, progress, way.worth)
    changes = [float(frame["close"].iloc[-1] / frame["close"].iloc[0] - 1) for frame in kept.values()]
    return BacktestOutput(settings, pairs, result, sum(changes) / len(changes))


def _start(strategy: IStrategy) -> None:
    try:
        strategy.bot_start()
    except ConfigError:
        raise
    except Exception as error:
        field, told = f"{type(strategy).__name__}.bot_start", f"{type(error).__name__}: {error}"
        raise ConfigError(field, told, "a method that returns", "correct it") from error


def _market(pair: str, given: BacktestInput) -> Market:
    market = given.markets.get(pair)
    if market is None:
        have = ", ".join(given.markets) or "none"
        raise ConfigError("exchange.pair_whitelist", pair, f"pairs of the exchange: {have}", "add its market")
    precision, limits = market.get("precision") or {}, market.get("limits") or {}
    amount, cost = limits.get("amount") or {}, limits.get("cost") or {}
    field = f"markets.{pair}.precision"
    return Market(
        pair=pair,
        price_tick=step_of(precision.get("price"), given.precision_mode, field),
        amount_step=step_of(precision.get("amount"), given.precision_mode, field),
        amount_min=amount.get("min"),
        amount_max=amount.get("max"),
        cost_min=cost.get("min"),
        cost_max=cost.get("max"),
    )


def _empty_columns(candles: DataFrame, whole: DataFrame) -> set[str]:
    """What a strategy added and never filled; where it never enters either, that is why."""
    added = whole.columns.difference([*candles.columns, *SIGNALS, *TAGS])
    return {str(name) for name in added if len(whole) and whole[name].isna().all()}


def _columns(frame: DataFrame, market: Market, ticks: MonthlyTicks) -> PairColumns:
    """Each candle with the signals and tags of the one before it; the first has none, and is left out."""
    prices = (frame[name].to_numpy(dtype=float)[1:] for name in ("open", "high", "low", "close", "volume"))
    signals = (_signal(frame, name)[:-1] for name in ("enter_long", "exit_long"))
    tags = (_tags(frame, name) for name in ("enter_tag", "exit_tag"))
    return PairColumns(market, ticks, milliseconds(frame["date"])[1:], *prices, *signals, *tags)


def _signal(frame: DataFrame, name: str) -> NDArray[np.bool_]:
    if name not in frame.columns:
        return np.zeros(len(frame), dtype=bool)
    signal: NDArray[np.bool_] = np.asarray(frame[name]) == 1
    return signal


def _tags(frame: DataFrame, name: str) -> list[str]:
    """Without the last; nothing where there are none."""
    if name not in frame.columns:
        return []
    tags = [tag if isinstance(tag, str) else "" for tag in frame[name].tolist()[:-1]]
    return tags if any(tags) else []
