"""A class written for freqtrade as a strategy of a bot, under the native rules.

A signal to enter is of one candle: on that one the stance is Long with confidence 1. Until a signal to exit it stays
Long with confidence 0, which enters nothing and keeps what is held. On the first `startup_candle_count` candles it is
Flat. Stops and targets are the manifest's, as those of a configuration win over a class in freqtrade; one that the
class has and the manifest is silent about is refused, and so is by name whatever native rules would never ask.

What they ask, `reply` answers: of the frames that the class has made when it said its stances. The running bot asks the
class in a process of its own (`worker`), a backtest in its own; both by this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame, to_datetime

from tradewind.domain.callbacks import Callback, Question, Reply
from tradewind.domain.candle_checks import close_times, resample
from tradewind.domain.errors import ConfigError
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import TIMEFRAMES, close_time, is_multiple
from tradewind.strategies.base import Stances, carried
from tradewind.strategies.freqtrade.analysis import analyzed, never_a_number, only_numbers, other_pair
from tradewind.strategies.freqtrade.configuration import roi_steps
from tradewind.strategies.freqtrade.data_provider import DataProvider
from tradewind.strategies.freqtrade.enums import RunMode
from tradewind.strategies.freqtrade.imports import freqtrade_imports
from tradewind.strategies.freqtrade.informative import informative_methods
from tradewind.strategies.freqtrade.interface import IStrategy
from tradewind.strategies.freqtrade.loading import StrategyFile, make_strategy, read_strategy, started
from tradewind.strategies.freqtrade.named import NamedClass, check_file
from tradewind.strategies.freqtrade.native import check_native, native_callbacks
from tradewind.strategies.freqtrade.native_calls import NativeCalls
from tradewind.strategies.freqtrade.seen import Seen
from tradewind.strategies.freqtrade.session import moment, without_account

Others = Callable[[str], CandleSeries]
"""All known candles of another pair of the bot, in the bot's timeframe or the strategy's."""


class FileStrategy:
    """The class of a file as a strategy of a bot, see `strategies.base.VectorisedStrategy`.

    One object of the class answers for all pairs of a timeframe, as in freqtrade; it is made when it is first asked.
    """

    kind = "Freqtrade"

    def __init__(self, named: NamedClass, others: Others) -> None:
        """`others` gives candles of pairs beside the one that is looked at.

        Raises `ConfigError` for a file, a class or a setting of it that cannot be used.
        """
        self._named, self._others = named, others
        self._made = dict[str, tuple[IStrategy, ClosedCandles]]()
        self._seen = dict[str, Seen]()
        self._enters, self._empty = False, set[str]()
        check_file(named)
        with freqtrade_imports():
            self._file = _read(named)
        for timeframe in named.timeframes:
            self._made[timeframe] = self._make(timeframe)
        self.warm_up = max(int(strategy.startup_candle_count) for strategy, _ in self._made.values())
        strategy = self._made[named.timeframes[0]][0]
        later = _later_targets(strategy, named)
        self.callbacks = native_callbacks(strategy) | ({Callback.CUSTOM_EXIT} if later else set())
        """What of its own is asked when something is decided; among it, whether a target of later has come."""
        self.set_aside = _set_aside(strategy, named)
        """What of its own does not hold, in sentences: stops and targets for which the manifest has others."""
        self._calls = NativeCalls(strategy, named, named.timeframes[0], later)

    @property
    def class_name(self) -> str:
        """What the class is called."""
        return self._file.kind.__name__

    def stances(self, candles: CandleSeries) -> Stances:
        """One stance per candle. Raises `ConfigError` for a method that fails."""
        if not len(candles):
            # Most classes raise then; a pair that has yet to trade must not keep the others from it.
            return Stances.held(np.zeros(0, dtype=np.int8))
        strategy, provider = self._made[candles.timeframe]
        with freqtrade_imports(), without_account():
            provider.stand_at(candles)
            given = frame_of(candles)
            frame = analyzed(strategy, candles.pair, given)
        if len(frame) != len(candles):
            # Checked here too, because `disable_dataframe_checks` lets it pass: stances would be of other candles.
            told = f"{len(frame)} rows for {len(candles)} candles of {candles.pair}"
            raise ConfigError(f"{self.class_name}.populate_*", told, "a row for every candle, in order", "drop no row")
        enter, leave = signals_of(strategy, frame)
        if self.callbacks:
            self._seen[candles.pair] = Seen.of(candles, frame, np.flatnonzero(enter))
        self._enters |= bool(enter.any())
        if not self._enters:
            self._empty |= never_a_number(given, frame)
        return stances_of(enter, leave)

    def check_entered(self) -> None:
        """Raises `ConfigError` where it has entered nowhere, and of what it has added something was never a number.

        Of a whole recording that is an error; a bot whose candles have only begun has yet to see.
        """
        if self._empty and not self._enters:
            raise only_numbers(self._made[self._named.timeframes[0]][0], self._empty)

    def reply(self, question: Question, known: Collection[str] | None = None) -> Reply:
        """What a callback says. Of pairs in `known` there is nothing later than what was seen, of None of any.

        Raises `ConfigError` for one that fails, or returns what it should not.
        """
        timeframe = self._named.timeframes[0]
        now, provider = close_time(timeframe, question.time), self._made[timeframe][1]

        def seen(pair: str) -> Seen:
            found = self._seen.get(pair)
            if found is None or not (known is None or pair in known or found.reaches(now)):
                self.stances(self._others(pair))
                # It stood elsewhere meanwhile, perhaps later.
                provider.stand_in_callback(now, seen)
            return self._seen[pair]

        with freqtrade_imports(), without_account():
            provider.stand_in_callback(now, seen)
            return self._calls.reply(question, now, seen)

    def reasons(self, _candles: CandleSeries, _index: int) -> tuple[str, ...]:
        """Its name: a class of somebody's tells no more."""
        return (self.class_name,)

    def _make(self, timeframe: str) -> tuple[IStrategy, ClosedCandles]:
        named = self._named
        mode = RunMode.DRY_RUN if named.paper else RunMode.LIVE
        config: dict[str, Any] = {
            "strategy": self.class_name,
            "stake_currency": named.currency,
            "timeframe": timeframe,
            "runmode": mode,
            "dry_run": named.paper,
            "exchange": {"name": named.exchange, "pair_whitelist": list(named.pairs)},
        }
        with freqtrade_imports(), without_account():
            strategy = make_strategy(self._file, config)
            check_native(strategy)
            _check_alone(strategy, named)
            _check_told(strategy, named)
            provider = ClosedCandles(type(strategy).__name__, timeframe, named.pairs, self._others)
            provider.runmode = mode
            strategy.dp, strategy.wallets = provider, _NoWallets(self.class_name)
            _check_informative(strategy, timeframe, named)
            started(strategy)
        return strategy, provider


def stances_of(enter: NDArray[np.bool_], leave: NDArray[np.bool_]) -> Stances:
    """Signals (see `signals_of`) as stances."""
    side = carried(enter.astype(np.int8) - leave.astype(np.int8)) == 1
    return Stances.held(side.astype(np.int8), np.where(side & ~enter, 0.0, 1.0))


def signals_of(strategy: IStrategy, frame: DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The candles on which it enters and on which it leaves. With both signals a candle is one to leave."""
    enter, leave = _said(frame, "enter_long"), _said(frame, "exit_long")
    if not strategy.use_exit_signal:
        leave = np.zeros(len(frame), dtype=bool)
    enter = enter & ~leave
    enter[: int(strategy.startup_candle_count)] = False
    return enter, leave


class ClosedCandles(DataProvider):
    """`self.dp` under native rules: the bot's pairs, in the strategy's timeframe and longer ones, as far as closed.

    Of every pair it shows what had closed when the last candle closed that the strategy is asked about: so a bot that
    knows no more says the same as a backtest. What only a venue knows is in no recording, and refused. Frames with
    indicators are there in a callback, when all are made.
    """

    def __init__(self, name: str, timeframe: str, pairs: tuple[str, ...], others: Others) -> None:
        super().__init__(timeframe, pairs, self._longer, {})
        self._name, self._base, self._others = f"{name}.dp", timeframe, others
        self._now: int | None = None
        self._known = others
        self._seen: Callable[[str], Seen] | None = None

    def stand_at(self, candles: CandleSeries) -> None:
        """Show these candles, and of others what had closed with them, until the next call."""
        self._now = close_time(candles.timeframe, int(candles.open_time[-1]))
        self._known = lambda pair: candles if pair == candles.pair else self._others(pair)
        self._seen = None
        self._frames.clear()

    def stand_in_callback(self, now: int, seen: Callable[[str], Seen]) -> None:
        """Show what had closed at `now` of what was `seen`, until the next call."""
        self._now, self._seen = now, seen
        self._known = lambda pair: seen(pair).candles
        self._frames.clear()

    def get_analyzed_dataframe(self, pair: str, timeframe: str) -> tuple[DataFrame, datetime]:
        """In a callback, the candles of a pair with indicators and signals, at most 1000; and what time it is."""
        if self._seen is None or self._now is None or timeframe != self._base:
            raise self._refusal(f"get_analyzed_dataframe of {pair} {timeframe}")
        check_candles(pair, timeframe, self._whitelist, self._base)
        return self._seen(pair).analyzed(self._now), moment(self._now)

    def ticker(self, pair: str) -> Any:
        """Refused."""
        raise self._refusal(f"ticker of {pair}")

    def orderbook(self, pair: str, maximum: int) -> Any:
        """Refused."""
        raise self._refusal(f"orderbook of {pair}")

    def market(self, pair: str) -> Any:
        """Refused."""
        raise self._refusal(f"market of {pair}")

    def send_msg(self, message: str, *, always_send: bool = False) -> None:
        """Refused."""
        raise self._refusal("send_msg")

    def _longer(self, pair: str, timeframe: str) -> DataFrame:
        now = self._now
        if now is None:
            raise self._refusal(f"candles of {pair} {timeframe}, in bot_start")
        check_candles(pair, timeframe, self._whitelist, self._base)
        known = self._known(pair)
        closed = int(np.searchsorted(close_times(known.timeframe, known.open_time), now, side="right"))
        return frame_of(resample(known.slice(0, closed), timeframe, now))

    def _refusal(self, asked: str) -> ConfigError:
        allowed = "closed candles: under native rules a strategy sees nothing else"
        return ConfigError(self._name, asked, allowed, "remove it")


def check_candles(pair: str, timeframe: str, pairs: Sequence[str], base: str) -> None:
    """Raises `ConfigError` for candles that no bot of `pairs` has whose strategy looks at `base`."""
    if pair not in pairs or timeframe not in TIMEFRAMES or not is_multiple(timeframe, base):
        have = f"pairs of the bot ({', '.join(pairs)}) in multiples of {base}"
        raise ConfigError("spec.pairs", f"no candles of {pair} {timeframe}", have, "add the pair, or ask for others")


class _NoWallets:
    """`self.wallets` where there is no account to ask: whatever is asked is refused by name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        told = f"{self._name}.wallets.{name}"
        raise ConfigError(
            told, "asked by the class", "candles and its own trade: the account is the engine's", "remove it"
        )


def frame_of(candles: CandleSeries) -> DataFrame:
    """Candles as strategies get them: columns `date` (UTC), `open high low close volume`."""
    columns = {name: getattr(candles, name) for name in ("open", "high", "low", "close", "volume")}
    return DataFrame({"date": to_datetime(candles.open_time, unit="ms", utc=True), **columns})


def _read(named: NamedClass) -> StrategyFile:
    """The class of the file; errors name the place in the manifest."""
    try:
        return read_strategy(Path(named.path), named.class_name)
    except ConfigError as error:
        if error.field != "strategy":
            raise
        raise ConfigError(f"{named.field}.file", error.received, error.allowed, error.fix) from error


def _check_alone(strategy: IStrategy, named: NamedClass) -> None:
    """Refuse callbacks of a class that has not the only vote: of whose position would they decide?"""
    callbacks = sorted(native_callbacks(strategy))
    if callbacks and not named.alone:
        allowed = "callbacks of a class that votes alone, in the timeframe of the bot"
        fix = "leave the other strategies and timeframes out of spec.strategies, or remove the callbacks"
        raise ConfigError(type(strategy).__name__, ", ".join(callbacks), allowed, fix)


def _check_told(strategy: IStrategy, named: NamedClass) -> None:
    """Refuse what the class would have and the manifest is silent about: a stop that nobody places costs money."""
    name, stop = type(strategy).__name__, _own_stop(strategy)
    silent: Mapping[str, tuple[bool, str, str]] = {
        "stopLoss": (
            stop is not None and not named.stop_loss,
            f"{name}.stoploss is -{stop}",
            f'write stopLoss: "{stop}", or set {name}.stoploss = -1 for none',
        ),
        "takeProfit": (
            bool(_own_targets(strategy)) and not named.take_profit,
            f"{name}.minimal_roi is {strategy.minimal_roi}",
            f'write takeProfit: {{distance: "..."}}, or set {name}.minimal_roi = {{}} for none',
        ),
        "trailingStop": (
            bool(strategy.trailing_stop) and not named.trailing_stop,
            f"{name}.trailing_stop is True",
            f'write trailingStop: {{distance: "..."}}, or set {name}.trailing_stop = False',
        ),
    }
    for field, (wrong, told, fix) in silent.items():
        if wrong:
            allowed = "what holds for the bot: native rules have stops and targets of the manifest alone"
            raise ConfigError(f"spec.risk.{field}", f"nothing, while {told}", allowed, fix)
    if Callback.CUSTOM_STOPLOSS in native_callbacks(strategy) and not named.stop_loss:
        told, allowed = f"nothing, while {name} has custom_stoploss", "the stop that it raises"
        raise ConfigError("spec.risk.stopLoss", told, allowed, 'write stopLoss: "0.1", or what you would lose at most')
    needed = int(strategy.startup_candle_count)
    if needed > named.startup_candles:
        told = f"{named.startup_candles}, while {name}.startup_candle_count is {needed}"
        raise ConfigError(f"{named.field}.startupCandles", told, f"{needed} or more", f"write {needed}")


def _set_aside(strategy: IStrategy, named: NamedClass) -> tuple[str, ...]:
    """What the class has and the manifest has otherwise, which holds: as a configuration does in freqtrade."""
    name, holds = type(strategy).__name__, "in its place"
    told, table, stop = [], _own_targets(strategy), _own_stop(strategy)
    if named.take_profit is not None and table and not _is_first(table, named):
        held = f"spec.risk.takeProfit {named.take_profit} holds {holds}, at any age"
        told.append(f"{name}.minimal_roi {table}: {held}")
    if named.stop_loss is not None and stop is not None and stop != float(named.stop_loss):
        told.append(f"{name}.stoploss -{stop}: spec.risk.stopLoss {named.stop_loss} holds {holds}")
    if named.trailing_stop is not None and strategy.trailing_stop:
        distance, offset = strategy.trailing_stop_positive or stop or 1.0, strategy.trailing_stop_positive_offset or 0.0
        own = float(distance), float(offset) if strategy.trailing_only_offset_is_reached else 0.0
        if own != tuple(map(float, named.trailing_stop)):
            held = " from ".join(map(str, named.trailing_stop))
            told.append(f"{name}.trailing_stop {own[0]} from {own[1]}: spec.risk.trailingStop {held} holds {holds}")
    return tuple(told)


def _own_stop(strategy: IStrategy) -> float | None:
    """How far below the entry the class has its stop, as a ratio; None for one that has none."""
    stop = getattr(strategy, "stoploss", None)
    return abs(stop) if isinstance(stop, int | float) and -1 < stop < 0 else None


def _own_targets(strategy: IStrategy) -> dict[int, float]:
    """The targets of the class by the age of a position in minutes; 100 or more is freqtrade's word for none."""
    return {minutes: ratio for minutes, ratio in roi_steps(strategy).items() if ratio < 100}


def _is_first(table: Mapping[int, float], named: NamedClass) -> bool:
    """Whether the manifest's target is the one that the class begins with, so that those of later hold too."""
    return table.get(0) == float(named.take_profit or 0) and (named.alone or len(table) == 1)


def _later_targets(strategy: IStrategy, named: NamedClass) -> dict[int, float]:
    """The targets of the class, by minutes, that hold once a position is so old: looked at when a candle closes."""
    table = _own_targets(strategy)
    return {minutes: ratio for minutes, ratio in table.items() if minutes > 0 and _is_first(table, named)}


def _check_informative(strategy: IStrategy, timeframe: str, named: NamedClass) -> None:
    """Refuse at load what the decorator and `informative_pairs` ask for and nobody will have."""
    name = type(strategy).__name__
    try:
        asked = [(str(one[0]), str(one[1])) for one in strategy.informative_pairs()]
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{name}.informative_pairs", told, "pairs with timeframes", "correct it") from error
    for one, _ in informative_methods(strategy):
        asked += [(other_pair(one.asset, pair, named.currency), one.timeframe) for pair in named.pairs]
    for pair, length in asked:
        check_candles(pair, length, named.pairs, timeframe)


def _said(frame: DataFrame, name: str) -> np.ndarray:
    if name not in frame.columns:
        return np.zeros(len(frame), dtype=bool)
    return np.asarray((frame[name] == 1).to_numpy(bool, na_value=False))
