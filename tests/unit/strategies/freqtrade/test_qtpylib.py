"""The indicators of qtpylib, on numbers that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tradewind.strategies.freqtrade import qtpylib

CLOSE = pd.Series([1.0, 2.0, 4.0, 3.0, 5.0, 4.0])
BARS = pd.DataFrame(
    {
        "open": [1.0, 1.0, 2.0, 4.0, 3.0, 5.0],
        "high": [2.0, 3.0, 5.0, 5.0, 6.0, 6.0],
        "low": [0.0, 1.0, 2.0, 2.0, 3.0, 3.0],
        "close": CLOSE,
        "volume": [1.0, 1.0, 2.0, 2.0, 1.0, 1.0],
    }
)


def test_a_cross_is_a_change_of_sides_with_touching_on_the_old_one():
    """Against a series, an array or a number."""
    assert [False, False, True, False, True, False] == qtpylib.crossed_above(CLOSE, 3).tolist()
    assert [False, False, False, False, False, False] == qtpylib.crossed_below(CLOSE, 2).tolist()
    other = pd.Series([2.0, 2.0, 2.0, 4.0, 4.0, 5.0])
    assert [False, False, True, False, True, False] == qtpylib.crossed_above(CLOSE, other).tolist()
    assert [False, False, False, True, False, True] == qtpylib.crossed_below(CLOSE, other.to_numpy()).tolist()
    assert [False, False, True, True, True, True] == qtpylib.crossed(CLOSE, other).tolist()
    assert [False, False, True, False, True, False] == qtpylib.crossed_above(CLOSE.to_numpy(), other).tolist()


def test_bands_stand_around_a_mean():
    """From the first value on, as many sample deviations on either side."""
    bands = qtpylib.bollinger_bands(CLOSE, window=2, stds=1)
    assert pytest.approx([1.0, 1.5, 3.0, 3.5, 4.0, 4.5]) == bands["mid"].tolist()
    assert pytest.approx(3.0 + np.sqrt(2)) == bands["upper"].iloc[2]
    assert pytest.approx(3.0 - np.sqrt(2)) == bands["lower"].iloc[2]
    assert {"upper", "mid", "lower"} == set(qtpylib.weighted_bollinger_bands(CLOSE, window=2).columns)
    assert pytest.approx(17 / 6 + 2 * 2.5) == qtpylib.keltner_channel(BARS, window=2)["upper"].iloc[2]


def test_prices_of_a_candle():
    """Means of its corners, its true range, and Heikin-Ashi candles."""
    assert pytest.approx([1.0, 2.0, 11 / 3]) == qtpylib.typical_price(BARS).tolist()[:3]
    assert [1.0, 2.0, 3.5] == qtpylib.mid_price(BARS).tolist()[:3]
    assert [2.0, 2.0, 3.0, 3.0] == qtpylib.true_range(BARS).tolist()[:4]
    assert 2.5 == qtpylib.atr(BARS, 2).iloc[2]
    assert 2.0 < qtpylib.atr(BARS, 2, exp=True).iloc[2] < 3.0
    smooth = qtpylib.heikinashi(BARS)
    assert [1.0, 1.75, 3.25] == smooth["close"].tolist()[:3]
    assert [1.0, 1.0, 1.375] == smooth["open"].tolist()[:3]
    assert [2.0, 3.0, 5.0] == smooth["high"].tolist()[:3]
    assert [0.0, 1.0, 1.375] == smooth["low"].tolist()[:3]


def test_means_and_extremes_of_a_window():
    """Nothing until it is full, unless less is asked for."""
    assert pytest.approx([np.nan, 1.5, 3.0], nan_ok=True) == qtpylib.sma(CLOSE, 2).tolist()[:3]
    assert [1.0, 1.5] == qtpylib.rolling_mean(CLOSE, 2, min_periods=1).tolist()[:2]
    assert [4.0, 4.0, 5.0] == qtpylib.rolling_max(CLOSE, 2).tolist()[2:5]
    assert [2.0, 3.0, 3.0] == qtpylib.rolling_min(CLOSE, 2).tolist()[2:5]
    assert pytest.approx(np.sqrt(0.5)) == qtpylib.rolling_std(CLOSE, 2).iloc[1]
    assert pytest.approx(1 + 2 / 3) == qtpylib.ema(CLOSE, 2).iloc[1]
    assert qtpylib.ema(CLOSE, 2).equals(qtpylib.wma(CLOSE, 2))
    assert qtpylib.hma(CLOSE, 4).notna().sum() > 0
    assert 1.5 == qtpylib.numpy_rolling_mean(CLOSE, 2)[1]
    assert CLOSE.index.equals(qtpylib.numpy_rolling_mean(CLOSE, 2, as_source=True).index)


def test_oscillators_stay_within_their_bounds_and_turn_with_the_price():
    """RSI and stochastic from 0 to 100; change, CCI, MACD and scores by their definitions."""
    rsi = qtpylib.rsi(CLOSE, 2).dropna()
    assert rsi.between(0, 100).all()
    assert rsi.iloc[-1] < rsi.iloc[-2]
    slow, fast = qtpylib.stoch(BARS, 2, 2, 2).dropna(), qtpylib.stoch(BARS, 2, 2, fast=True)
    assert slow["slow_k"].between(0, 100).all()
    assert pytest.approx(100 * 2 / 3) == fast["fast_k"].iloc[1]
    assert 1.0 == qtpylib.roc(CLOSE, 1).iloc[1]
    assert pytest.approx(0.5 / (np.sqrt(0.5) * 0.015)) == qtpylib.cci(CLOSE, 2).iloc[1]
    lines = qtpylib.macd(CLOSE, 1, 2, 2).dropna()
    assert pytest.approx((lines["macd"] - lines["signal"]).tolist()) == lines["histogram"].tolist()
    assert pytest.approx(np.sqrt(0.5)) == qtpylib.zscore(BARS, 2).iloc[1]


def test_prices_weighted_by_volume():
    """From the first candle on, or over a window."""
    assert pytest.approx((1.0 + 2.0 + 2 * 3.5) / 4) == qtpylib.vwap(BARS).iloc[2]
    assert pytest.approx((2.0 + 2 * 11 / 3) / 3) == qtpylib.rolling_vwap(BARS, 2).iloc[2]
