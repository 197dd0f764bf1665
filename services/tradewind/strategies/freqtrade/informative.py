"""Candles of other timeframes and pairs beside one's own: the decorator `informative`, and the join it stands on.

A higher candle is visible on the base candle that closes at the same moment, not before: it is joined where its own
close is, seen from the open times that both are stamped with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pandas import DataFrame, concat

from tradewind.domain.series import Integers
from tradewind.domain.timeframe import close_time
from tradewind.strategies.freqtrade.timeframes import timeframe_to_msecs

Populate = Callable[[Any, DataFrame, dict[str, Any]], DataFrame]
Format = str | Callable[..., str] | None
_MARK = "_tradewind_informative"


@dataclass(frozen=True, slots=True)
class Informative:
    """What one decorator asks for; `asset` is empty for the strategy's own pair."""

    timeframe: str
    asset: str
    fmt: Format
    ffill: bool


def informative(
    timeframe: str, asset: str = "", fmt: Format = None, *, candle_type: str | None = None, ffill: bool = True
) -> Callable[[Populate], Populate]:
    """Let a method compute indicators on another timeframe or pair, joined before `populate_indicators` runs.

    `asset` may hold `{stake}`, `{base}` and `{quote}`. Columns become `{column}_{timeframe}`, with an asset
    `{base}_{quote}_{column}_{timeframe}`, or what `fmt` says.
    """
    if candle_type not in (None, "", "spot"):
        raise ValueError(f"@informative(candle_type={candle_type!r}) is not honoured; allowed: spot candles")

    def mark(method: Populate) -> Populate:
        asked = [*getattr(method, _MARK, ()), Informative(timeframe, asset, fmt, ffill)]
        setattr(method, _MARK, asked)
        return method

    return mark


def informative_methods(strategy: Any) -> list[tuple[Informative, Populate]]:
    """Every decorated method of `strategy`, in the order of definition, each with what one decorator asks for."""
    found: dict[str, Populate] = {}
    for kind in reversed(type(strategy).__mro__):
        found |= {name: method for name, method in vars(kind).items() if hasattr(method, _MARK)}
    return [(asked, method) for method in found.values() for asked in getattr(method, _MARK)]


def column_name(asked: Informative, pair: str, column: str) -> str:
    """The name that `column` of the informative `pair` gets beside the base candles."""
    base, _, quote = pair.partition("/")
    words = {
        "column": column,
        "timeframe": asked.timeframe,
        "asset": pair.replace("/", "_").replace(":", "_"),
        "base": base.lower(),
        "quote": quote.lower(),
        "BASE": base.upper(),
        "QUOTE": quote.upper(),
    }
    if callable(asked.fmt):
        return asked.fmt(**words)
    default = "{base}_{quote}_{column}_{timeframe}" if asked.asset else "{column}_{timeframe}"
    return (asked.fmt or default).format(**words)


def merge_informative_pair(
    dataframe: DataFrame,
    informative: DataFrame,  # noqa: A002, RUF100 - the name that strategies pass
    timeframe: str,
    timeframe_inf: str,
    ffill: bool = True,
    append_timeframe: bool = True,
    date_column: str = "date",
    suffix: str | None = None,
) -> DataFrame:
    """`dataframe` with the columns of `informative`, each where its candle has closed.

    Columns get `_{timeframe_inf}`, or `_{suffix}` where `append_timeframe` is off. With `ffill` the last known candle
    goes on until the next one closes. Raises `ValueError` for a timeframe shorter than the base.
    """
    if suffix and append_timeframe:
        raise ValueError("merge_informative_pair takes a suffix or append_timeframe=True, not both")
    if timeframe_to_msecs(timeframe_inf) < timeframe_to_msecs(timeframe):
        raise ValueError(f"merge_informative_pair cannot join {timeframe_inf} candles to the longer {timeframe}")
    ending = timeframe_inf if append_timeframe else suffix
    added = informative.rename(columns={name: f"{name}_{ending}" for name in informative.columns} if ending else {})
    opened = milliseconds(informative[date_column])
    visible = opened
    if timeframe != timeframe_inf:
        base = timeframe_to_msecs(timeframe)
        visible = np.array([close_time(timeframe_inf, time) - base for time in opened.tolist()], dtype=np.int64)
    wanted = milliseconds(dataframe["date"])
    place = np.searchsorted(visible, wanted, side="right") - 1
    if not ffill and len(visible):
        place = np.where(visible[place] == wanted, place, -1)
    joined = added.reset_index(drop=True).reindex(np.where(place < 0, -1, place))
    joined.index = dataframe.index
    return concat([dataframe, joined], axis=1)


def milliseconds(dates: Any) -> Integers:
    """A column of dates as milliseconds UTC."""
    return np.asarray(dates.dt.tz_localize(None).to_numpy().astype("datetime64[ms]").astype(np.int64))
