"""The indicators that strategies import as `freqtrade.vendor.qtpylib.indicators`, on pandas series and frames.

Only the documented and widely used ones are here; their names and arguments are those that strategies call.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame, Series


def numpy_rolling_mean(data: Any, window: int, as_source: bool = False) -> Any:
    """Mean of the last `window` values; `as_source` keeps the index of a series."""
    rolled = pd.Series(data).rolling(window).mean()
    return _as_source(rolled, data, as_source)


def numpy_rolling_std(data: Any, window: int, as_source: bool = False) -> Any:
    """Sample deviation of the last `window` values."""
    return _as_source(pd.Series(data).rolling(window).std(), data, as_source)


def rolling_mean(series: Any, window: int = 200, min_periods: int | None = None) -> Series:
    """Mean of the last `window` values."""
    return _rolling(series, window, min_periods).mean()


def rolling_std(series: Any, window: int = 200, min_periods: int | None = None) -> Series:
    """Sample deviation of the last `window` values."""
    return _rolling(series, window, min_periods).std()


def rolling_min(series: Any, window: int = 14, min_periods: int | None = None) -> Series:
    """Least of the last `window` values."""
    return _rolling(series, window, min_periods).min()


def rolling_max(series: Any, window: int = 14, min_periods: int | None = None) -> Series:
    """Largest of the last `window` values."""
    return _rolling(series, window, min_periods).max()


def sma(series: Any, window: int = 200, min_periods: int | None = None) -> Series:
    """Simple moving average."""
    return rolling_mean(series, window, min_periods)


def ema(series: Any, window: int = 200, min_periods: int | None = None) -> Series:
    """Exponential moving average of span `window`."""
    return rolling_weighted_mean(series, window, min_periods)


def rolling_weighted_mean(
    series: Any, window: int = 200, min_periods: int | None = None, adjust: bool = False
) -> Series:
    """Exponentially weighted mean of span `window`."""
    least = window if min_periods is None else min_periods
    return pd.Series(series).ewm(span=window, min_periods=least, adjust=adjust).mean()


def wma(series: Any, window: int = 200, min_periods: int | None = None) -> Series:
    """Exponentially weighted mean, under its other name."""
    return rolling_weighted_mean(series, window, min_periods)


def hull_moving_average(series: Any, window: int = 200, min_periods: int | None = None) -> Series:
    """Hull's moving average: twice the fast mean less the slow one, smoothed over the root of `window`."""
    fast = rolling_weighted_mean(series, window // 2, min_periods)
    slow = rolling_weighted_mean(series, window, min_periods)
    return rolling_weighted_mean(2 * fast - slow, int(np.sqrt(window)), min_periods)


def hma(series: Any, window: int = 200, min_periods: int | None = None) -> Series:
    """Hull's moving average."""
    return hull_moving_average(series, window, min_periods)


def typical_price(bars: DataFrame) -> Series:
    """Mean of high, low and close."""
    return ((bars["high"] + bars["low"] + bars["close"]) / 3.0).fillna(0)


def mid_price(bars: DataFrame) -> Series:
    """Mean of high and low."""
    return ((bars["high"] + bars["low"]) / 2.0).fillna(0)


def true_range(bars: DataFrame) -> Series:
    """Largest of the range and the moves from the close before."""
    before = bars["close"].shift(1)
    spans = pd.concat([bars["high"] - bars["low"], (bars["high"] - before).abs(), (bars["low"] - before).abs()], axis=1)
    return spans.max(axis=1)


def atr(bars: DataFrame, window: int = 14, exp: bool = False) -> Series:
    """Average true range: a simple mean, or with `exp` an exponential one."""
    spans = true_range(bars)
    return rolling_weighted_mean(spans, window) if exp else rolling_mean(spans, window)


def bollinger_bands(series: Any, window: int = 20, stds: float = 2) -> DataFrame:
    """Columns `upper`, `mid`, `lower`: the mean and `stds` sample deviations (none lost) on either side."""
    mean, spread = rolling_mean(series, window, min_periods=1), rolling_std(series, window, min_periods=1)
    return DataFrame({"upper": mean + spread * stds, "mid": mean, "lower": mean - spread * stds})


def weighted_bollinger_bands(series: Any, window: int = 20, stds: float = 2) -> DataFrame:
    """The same bands around an exponential mean."""
    mean, spread = rolling_weighted_mean(series, window), rolling_std(series, window)
    return DataFrame({"upper": mean + spread * stds, "mid": mean, "lower": mean - spread * stds})


def keltner_channel(bars: DataFrame, window: int = 14, atrs: float = 2) -> DataFrame:
    """Columns `upper`, `mid`, `lower`: the mean typical price and `atrs` average ranges on either side."""
    mean, span = rolling_mean(typical_price(bars), window), atr(bars, window)
    return DataFrame({"upper": mean + span * atrs, "mid": mean, "lower": mean - span * atrs}, index=bars.index)


def vwap(bars: DataFrame) -> Series:
    """Volume-weighted average price from the first candle on."""
    price = (bars["high"] / 2 + bars["low"] / 2) * bars["volume"]
    return price.cumsum() / bars["volume"].cumsum()


def rolling_vwap(bars: DataFrame, window: int = 200, min_periods: int | None = None) -> Series:
    """Volume-weighted average typical price of the last `window` candles."""
    least = window if min_periods is None else min_periods
    money = (bars["volume"] * typical_price(bars)).rolling(window, min_periods=least).sum()
    volume = bars["volume"].rolling(window, min_periods=least).sum()
    return (money / volume).replace([np.inf, -np.inf], float("nan")).ffill()


def rsi(series: Any, window: int = 14) -> Series:
    """Relative strength index with Wilder's smoothing, 0 to 100."""
    change = pd.Series(series).diff()
    gains, losses = change.clip(lower=0), -change.clip(upper=0)
    smooth = {"alpha": 1 / window, "min_periods": window, "adjust": False}
    strength = gains.ewm(**smooth).mean() / losses.ewm(**smooth).mean()
    return 100 - 100 / (1 + strength)


def macd(series: Any, fast: int = 3, slow: int = 10, smooth: int = 16) -> DataFrame:
    """Columns `macd`, `signal` and `histogram`."""
    line = rolling_weighted_mean(series, fast) - rolling_weighted_mean(series, slow)
    signal = rolling_weighted_mean(line, smooth)
    return DataFrame({"macd": line, "signal": signal, "histogram": line - signal})


def stoch(bars: DataFrame, window: int = 14, d: int = 3, k: int = 3, fast: bool = False) -> DataFrame:
    """Stochastic oscillator: `slow_k` and `slow_d`, with `fast` `fast_k` and `fast_d`; 0 to 100."""
    low, high = rolling_min(bars["low"], window), rolling_max(bars["high"], window)
    fast_k = 100 * (bars["close"] - low) / (high - low)
    fast_d = fast_k.rolling(d).mean()
    if fast:
        return DataFrame({"fast_k": fast_k, "fast_d": fast_d}, index=bars.index)
    return DataFrame({"slow_k": fast_d, "slow_d": fast_d.rolling(k).mean()}, index=bars.index)


def roc(series: Any, window: int = 14) -> Series:
    """Rate of change over `window` values, as a ratio."""
    values = pd.Series(series)
    return (values - values.shift(window)) / values.shift(window)


def cci(series: Any, window: int = 14) -> Series:
    """Commodity channel index of a series of prices."""
    values = pd.Series(series)
    return (values - rolling_mean(values, window)) / (rolling_std(values, window) * 0.015)


def zscore(bars: Any, window: int = 20, stds: float = 1, col: str = "close") -> Series:
    """How many `stds` deviations a column is from its mean."""
    return (bars[col] - rolling_mean(bars[col], window)) / (numpy_rolling_std(bars[col], window, True) * stds)


def heikinashi(bars: DataFrame) -> DataFrame:
    """Heikin-Ashi candles: `open`, `high`, `low`, `close` on the same index."""
    close = (bars["open"] + bars["high"] + bars["low"] + bars["close"]) / 4
    opens = np.empty(len(bars))
    closes = close.to_numpy()
    for place in range(len(bars)):
        if place:
            opens[place] = (opens[place - 1] + closes[place - 1]) / 2
        else:
            opens[0] = (bars["open"].iloc[0] + bars["close"].iloc[0]) / 2
    body = DataFrame({"open": opens, "close": closes, "high": bars["high"], "low": bars["low"]}, index=bars.index)
    return DataFrame(
        {
            "open": body["open"],
            "high": body[["high", "open", "close"]].max(axis=1),
            "low": body[["low", "open", "close"]].min(axis=1),
            "close": body["close"],
        }
    )


def crossed(series1: Series, series2: Any, direction: str | None = None) -> Series:
    """Where `series1` crosses `series2` (a series, an array or a number); `direction` `above`, `below` or either."""
    other = series2 if isinstance(series2, Series) else pd.Series(series2, index=series1.index)
    first = series1 if isinstance(series1, Series) else pd.Series(series1)
    above = below = pd.Series(False, index=first.index)
    if direction in (None, "above"):
        above = (first > other) & (first.shift(1) <= other.shift(1))
    if direction in (None, "below"):
        below = (first < other) & (first.shift(1) >= other.shift(1))
    return above | below


def crossed_above(series1: Series, series2: Any) -> Series:
    """Where `series1` comes from at or below `series2` and is above it."""
    return crossed(series1, series2, "above")


def crossed_below(series1: Series, series2: Any) -> Series:
    """Where `series1` comes from at or above `series2` and is below it."""
    return crossed(series1, series2, "below")


def _rolling(series: Any, window: int, min_periods: int | None) -> Any:
    return pd.Series(series).rolling(window, min_periods=window if min_periods is None else min_periods)


def _as_source(rolled: Series, data: Any, as_source: bool) -> Any:
    return Series(rolled.to_numpy(), index=data.index) if as_source and isinstance(data, Series) else rolled.to_numpy()
