"""A strategy that is ready to be asked: loaded, started, and with the candles that it may have.

A backtest, and every analysis of a strategy, begins the same way. What differs is which candles there are to be seen,
so whoever stages a strategy may say where they come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pandas import DataFrame

from tradewind.domain.errors import ConfigError
from tradewind.domain.freqtrade.fills import Book
from tradewind.domain.freqtrade.market import TICK_SIZE, Market, MonthlyTicks, step_of
from tradewind.domain.freqtrade.signals import Settings
from tradewind.research.freqtrade.frames import CandleFrames, with_decimals
from tradewind.research.timerange import Timerange
from tradewind.strategies.freqtrade.analysis import analyzed, never_a_number, own_columns
from tradewind.strategies.freqtrade.configuration import settings_of
from tradewind.strategies.freqtrade.data_provider import DataProvider
from tradewind.strategies.freqtrade.enums import RunMode
from tradewind.strategies.freqtrade.imports import freqtrade_imports
from tradewind.strategies.freqtrade.interface import IStrategy
from tradewind.strategies.freqtrade.loading import load_strategy, started
from tradewind.strategies.freqtrade.session import Session, running
from tradewind.strategies.freqtrade.wallets import Wallets

Load = Callable[[str, str], DataFrame]
"""The candles of a pair (first) and a timeframe (second); raises `ConfigError` where there are none."""

CandlesOf = Callable[[IStrategy], Load]
"""Where the candles of a strategy that is loaded come from."""


@dataclass(frozen=True, slots=True)
class BacktestInput:
    """What a backtest is made of. `markets` as ccxt has them, by pair; `files` by pair and timeframe."""

    strategy: Path
    config: Mapping[str, Any]
    files: Mapping[tuple[str, str], Path]
    markets: Mapping[str, Mapping[str, Any]]
    precision_mode: int = TICK_SIZE

    @property
    def timerange(self) -> Timerange:
        """What of the candles counts."""
        return Timerange.parse(self.config.get("timerange"))

    def candles_of(self, strategy: IStrategy) -> Load:
        """Those of the files in the timerange, with the warm-up that `strategy` asks for."""
        return CandleFrames(self.files, self.timerange, int(strategy.startup_candle_count)).load


@dataclass(frozen=True, slots=True)
class Asking:
    """How a strategy is made and asked; who stages one strategy many times may keep what stays the same.

    `widen` gives candles the columns that freqtrade adds, and their price ticks.
    """

    make: Callable[[Path, dict[str, Any]], IStrategy] = load_strategy
    widen: Callable[[DataFrame], tuple[DataFrame, MonthlyTicks]] = with_decimals
    analyze: Callable[[IStrategy, str, DataFrame], DataFrame] = analyzed


@dataclass(frozen=True, slots=True)
class Analyzed:
    """One pair: its candles, what the strategy made of them (the same rows), and its price ticks by month."""

    candles: DataFrame
    frame: DataFrame
    ticks: MonthlyTicks

    @property
    def added(self) -> list[Any]:
        """The columns that are the strategy's own, signals and tags left out; each once."""
        return own_columns(self.candles, self.frame)

    def never_a_number(self) -> set[str]:
        """What the strategy added and never filled."""
        return never_a_number(self.candles, self.frame)


@dataclass(frozen=True, slots=True)
class Stage:
    """A strategy with what it may ask for; `config` is whole, with the strategy's own settings."""

    strategy: IStrategy
    config: Mapping[str, Any]
    pairs: list[str]
    markets: Mapping[str, Market]
    settings: Settings
    book: Book
    session: Session
    load: Load
    asking: Asking = Asking()

    def analyzed(self, pair: str) -> Analyzed:
        """Ask the strategy about all candles of `pair` that there are."""
        candles, ticks = self.asking.widen(self.load(pair, self.settings.timeframe))
        return Analyzed(candles, self.asking.analyze(self.strategy, pair, candles), ticks)


@contextmanager
def staged(given: BacktestInput, candles_of: CandlesOf | None = None, asking: Asking | None = None) -> Iterator[Stage]:
    """Load and start the strategy; inside, the classes that it reaches without being handed them stand for this stage.

    Raises `ConfigError` for what cannot be run, naming what is wrong.
    """
    config: dict[str, Any] = {**given.config, "runmode": RunMode.BACKTEST}
    asking = asking or Asking()
    with freqtrade_imports():
        strategy = asking.make(given.strategy, config)
        pairs = list(config.get("exchange", {}).get("pair_whitelist") or ())
        if not pairs:
            raise ConfigError("exchange.pair_whitelist", pairs, "at least one pair", "name the pairs to trade")
        markets = {pair: _market(pair, given) for pair in pairs}
        fees = [float(given.markets[pair].get("taker") or 0.0) for pair in pairs]
        settings = settings_of(strategy, config, max(fees))
        book = Book(settings)
        exchange = str(config.get("exchange", {}).get("name", ""))
        stake_currency = str(config["stake_currency"])
        session = Session(book, settings.timeframe, exchange, type(strategy).__name__, stake_currency)
        load = (candles_of or given.candles_of)(strategy)
        strategy.dp = DataProvider(settings.timeframe, pairs, load, given.markets)
        strategy.wallets = Wallets(book, stake_currency)
        with running(session):
            started(strategy)
            yield Stage(strategy, config, pairs, markets, settings, book, session, load, asking)


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
