"""Runs the `populate_*` methods of a strategy over whole frames, and checks what comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pandas import DataFrame

from tradewind.domain.errors import ConfigError
from tradewind.strategies.freqtrade.informative import column_name, informative_methods, merge_informative_pair
from tradewind.strategies.freqtrade.interface import IStrategy

SIGNALS = ("enter_long", "exit_long")
TAGS = ("enter_tag", "exit_tag")


def analyzed(strategy: IStrategy, pair: str, candles: DataFrame) -> DataFrame:
    """`candles` of `pair` with indicators, signals and tags; the same rows.

    Raises `ConfigError` for a method that raises, or that gives other rows than it got.
    """
    return with_signals(strategy, pair, with_indicators(strategy, pair, candles))


def with_indicators(strategy: IStrategy, pair: str, candles: DataFrame) -> DataFrame:
    """`candles` with what the informative methods and `populate_indicators` add; raises as `analyzed`."""
    frame = candles.copy()
    for asked, method in informative_methods(strategy):
        frame = _with_informative(strategy, pair, frame, asked, method)
    return _populated(strategy, "populate_indicators", strategy.populate_indicators, frame, {"pair": pair})


def with_signals(strategy: IStrategy, pair: str, frame: DataFrame) -> DataFrame:
    """`frame`, which may be written to, with signals and tags; raises as `analyzed`."""
    metadata = {"pair": pair}
    for name in ("populate_entry_trend", "populate_exit_trend"):
        if name == "populate_entry_trend":
            frame["enter_tag"] = ""
        if name == "populate_exit_trend":
            frame["exit_tag"] = ""
        frame = _populated(strategy, name, getattr(strategy, name), frame, metadata)
    return frame


def own_columns(candles: DataFrame, frame: DataFrame) -> list[Any]:
    """The columns of `frame` that a strategy has added to `candles`, signals and tags left out; each once."""
    taken = {*candles.columns, *SIGNALS, *TAGS}
    return list(dict.fromkeys(name for name in frame.columns if name not in taken))


def never_a_number(candles: DataFrame, frame: DataFrame) -> set[str]:
    """What a strategy has added to `candles` and never filled."""
    return {str(name) for name in own_columns(candles, frame) if len(frame) and frame[name].isna().all(axis=None)}


def only_numbers(strategy: IStrategy, empty: set[str]) -> ConfigError:
    """What to tell where the columns `empty` are why a strategy never enters."""
    field, fix = f"{type(strategy).__name__}.populate_indicators", "choose a longer timerange, or correct them"
    return ConfigError(field, f"nothing but not-a-number in {', '.join(sorted(empty))}", "numbers", fix)


def _with_informative(
    strategy: IStrategy, pair: str, frame: DataFrame, asked: Any, method: Callable[..., DataFrame]
) -> DataFrame:
    other = other_pair(asked.asset, pair, str(strategy.config["stake_currency"]))
    candles = strategy.dp.get_pair_dataframe(other, asked.timeframe)
    bound = method.__get__(strategy)
    filled = _populated(strategy, method.__name__, bound, candles, {"pair": other})
    names = {column: column_name(asked, other, column) for column in filled.columns}
    taken = [name for name in names.values() if name in frame.columns]
    if taken:
        raise ConfigError(
            f"{type(strategy).__name__}.{method.__name__}",
            f"columns that exist already: {', '.join(taken)}",
            "columns of other names",
            "give the decorator informative another fmt",
        )
    return merge_informative_pair(
        frame,
        filled.rename(columns=names),
        strategy.timeframe,
        asked.timeframe,
        ffill=asked.ffill,
        append_timeframe=False,
        date_column=names["date"],
    )


def other_pair(asset: str, pair: str, stake: str) -> str:
    """The pair that a decorator of `asset` means beside `pair`."""
    base, _, quote = pair.partition("/")
    words = {"stake": stake, "base": base, "quote": quote, "BASE": base.upper(), "QUOTE": quote.upper()}
    return asset.format(**words) if asset else pair


def _populated(
    strategy: IStrategy, name: str, method: Callable[..., Any], frame: DataFrame, metadata: dict[str, str]
) -> DataFrame:
    field = f"{type(strategy).__name__}.{name}"
    dates, closes = frame["date"], frame["close"]
    try:
        filled = method(frame, metadata)
    except ConfigError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error} (for {metadata['pair']})"
        raise ConfigError(field, told, "a method that returns the dataframe", "correct it") from error
    if not isinstance(filled, DataFrame):
        raise ConfigError(field, type(filled).__name__, "the dataframe", "end it with: return dataframe")
    problem = None
    if len(filled) != len(dates):
        problem = f"{len(filled)} rows for {len(dates)} candles of {metadata['pair']}"
    elif not {"date", "open", "high", "low", "close", "volume"} <= set(filled.columns):
        problem = "a dataframe without its candles"
    elif len(filled) and (filled["date"].iat[-1] != dates.iat[-1] or filled["close"].iat[-1] != closes.iat[-1]):
        problem = f"other candles than it was given for {metadata['pair']}"
    if problem and not strategy.disable_dataframe_checks:
        raise ConfigError(field, problem, "a row for every candle, in order", "add columns, and drop no row")
    return filled
