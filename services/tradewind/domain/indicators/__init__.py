"""Indicators: pure functions from candle columns to float64 arrays.

Inputs are columns of closed candles in ascending order, all of one length n. Every output has shape (n,) and is
aligned with its input: the value at i is known when candle i has closed and depends on candles 0..i alone, so
appending a candle never changes a value already there (a property test holds every function to it, bit for bit).
Warm-up is NaN, and so is everything when there are fewer candles than the indicator needs. Units are those of the
input (prices in quote per base, volumes in base) unless the docstring says otherwise. Inputs must be finite.

Definitions, seeds and first value follow TA-Lib 0.8 with its default settings (unstable period 0); the tests hold
them to values that TA-Lib computed. Periods are in candles. TA-Lib refuses a period of 1 for most of them; here 1
means what the formula gives. A period below 1 raises `ValueError`.
"""

from tradewind.domain.indicators.moving_averages import ema, sma
from tradewind.domain.indicators.oscillators import Stochastic, cci, rsi, stochastic
from tradewind.domain.indicators.trend import Macd, adx, macd
from tradewind.domain.indicators.volatility import Bollinger, Donchian, atr, bollinger, donchian, true_range
from tradewind.domain.indicators.volume import mfi, obv

__all__ = [
    "Bollinger",
    "Donchian",
    "Macd",
    "Stochastic",
    "adx",
    "atr",
    "bollinger",
    "cci",
    "donchian",
    "ema",
    "macd",
    "mfi",
    "obv",
    "rsi",
    "sma",
    "stochastic",
    "true_range",
]
