"""Candles of a market that never was: a seeded random walk, for tests, demonstrations and load.

The same seed gives the same candles; each pair has its own stream, so adding a pair changes no other; and asking for
more candles only adds some at the end.
"""

from __future__ import annotations

import hashlib

import numpy as np

from tradewind.domain.series import CandleSeries, Floats, Integers
from tradewind.domain.timeframe import MILLISECONDS

START = 1_704_067_200_000
"""Open time of the first candle: 2024-01-01T00:00Z, a Monday, so the first of every timeframe."""

# Drawn in parts of this many candles, so that millions need no memory but their own.
_CHUNK = 65_536
_STEPS = 8
_DIGITS = 5
# Together below ln 1.5, the step at which the checks begin to look for spikes.
_LARGEST_MOVE, _LARGEST_GAP = 0.38, 0.01
_FARTHEST = np.log(1e4)
_TURNOVER = 50_000.0


def synthetic_series(
    pair: str, timeframe: str, *, seed: int, candles: int, start_price: float, volatility: float
) -> CandleSeries:
    """`candles` candles of `pair` from 2024-01-01T00:00Z, beginning at `start_price`.

    `volatility` is the standard deviation of the logarithmic return of one candle (0.01 is about one percent); the
    logarithmic return of one candle is held within 0.38, the price between a ten-thousandth and ten thousand times
    the first by reflection. Prices and volumes have five significant digits. Raises `ValueError`
    where no walk is possible: no candles, a price that is not positive, a negative volatility.
    """
    if candles < 1 or not start_price > 0 or volatility < 0:
        raise ValueError(f"no walk of {candles} candles from {start_price} with volatility {volatility}")
    generator = _generator(seed, pair)
    columns = np.empty((5, candles))
    log = 0.0
    for first in range(0, candles, _CHUNK):
        part = columns[:, first : first + _CHUNK]
        log = _walk(generator, log, volatility, part)
    prices, volume = _rounded(start_price * np.exp(columns[:4])), _rounded(columns[4] * (_TURNOVER / start_price))
    open_, close = prices[0], prices[3]
    high, low = prices.max(axis=0), prices.min(axis=0)
    return CandleSeries(pair, timeframe, _open_times(timeframe, candles), open_, high, low, close, volume)


def _walk(generator: np.random.Generator, log: float, volatility: float, out: Floats) -> float:
    """Fill `out` with the logarithms of open, high, low and close from `log` on, and volumes; returns the next open."""
    # One row a candle, drawn in order: a longer series begins with the shorter one.
    noise = generator.standard_normal((out.shape[1], _STEPS + 2))
    within = np.zeros((out.shape[1], _STEPS + 1))
    np.cumsum(noise[:, :_STEPS] * (volatility / np.sqrt(_STEPS)), axis=1, out=within[:, 1:])
    np.clip(within, -_LARGEST_MOVE, _LARGEST_MOVE, out=within)
    gaps = np.clip(noise[:, _STEPS] * volatility / 20, -_LARGEST_GAP, _LARGEST_GAP)
    opens = np.cumsum(np.concatenate(([log], within[:, -1] + gaps)))
    within = _reflected(within + opens[:-1, None])
    out[0], out[1], out[2], out[3] = within[:, 0], within.max(axis=1), within.min(axis=1), within[:, -1]
    out[4] = np.exp(noise[:, -1])
    return float(opens[-1])


def _generator(seed: int, pair: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}\x1f{pair}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def _open_times(timeframe: str, candles: int) -> Integers:
    if timeframe == "1M":
        months = np.datetime64(START, "ms").astype("datetime64[M]") + np.arange(candles)
        return np.asarray(months.astype("datetime64[ms]"), dtype=np.int64)
    return np.arange(candles, dtype=np.int64) * MILLISECONDS[timeframe] + START


def _reflected(logs: Floats) -> Floats:
    # A mirror never lengthens a step, so what was a valid candle stays one.
    return np.asarray(np.abs((logs - _FARTHEST) % (4 * _FARTHEST) - 2 * _FARTHEST) - _FARTHEST)


def _rounded(values: Floats) -> Floats:
    # By powers of ten that a float holds exactly, or the shortest text of a price would show the rounding.
    places = _DIGITS - 1 - np.floor(np.log10(values))
    scale = 10.0 ** np.abs(places)
    rounded: Floats = np.where(places >= 0, np.rint(values * scale) / scale, np.rint(values / scale) * scale)
    return rounded
