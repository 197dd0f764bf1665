"""The numbers that traders know: every indicator against what TA-Lib gives for the same 300 hours of BTC/EUR."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tradewind.domain import indicators

REFERENCE = json.loads((Path(__file__).parent / "talib_reference.json").read_text(encoding="utf-8"))
HIGH, LOW, CLOSE, VOLUME = (np.array(REFERENCE[column]) for column in ("high", "low", "close", "volume"))


def computed() -> dict[str, np.ndarray]:
    bands = indicators.bollinger(CLOSE, 20, 2.0)
    macd = indicators.macd(CLOSE, 12, 26, 9)
    stochastic = indicators.stochastic(HIGH, LOW, CLOSE, 14, slow_k=3, slow_d=3)
    return {
        "rsi14": indicators.rsi(CLOSE, 14),
        "ema20": indicators.ema(CLOSE, 20),
        "sma20": indicators.sma(CLOSE, 20),
        "atr14": indicators.atr(HIGH, LOW, CLOSE, 14),
        "bb20_2_upper": bands.upper,
        "bb20_2_middle": bands.middle,
        "bb20_2_lower": bands.lower,
        "macd": macd.line,
        "macd_signal": macd.signal,
        "macd_hist": macd.histogram,
        "adx14": indicators.adx(HIGH, LOW, CLOSE, 14),
        "stoch14_3_3_slowk": stochastic.slow_k,
        "stoch14_3_3_slowd": stochastic.slow_d,
        "cci20": indicators.cci(HIGH, LOW, CLOSE, 20),
        "mfi14": indicators.mfi(HIGH, LOW, CLOSE, VOLUME, 14),
        "obv": indicators.obv(CLOSE, VOLUME),
    }


NAMES = [name for name in REFERENCE if name not in {"source", "computed_by", "open", "high", "low", "close", "volume"}]


@pytest.mark.parametrize("name", NAMES)
def test_values_and_warm_up_are_those_of_talib(name: str) -> None:
    """Each value agrees to nine digits, and the first one comes at the same candle."""
    expected = np.array([np.nan if value is None else value for value in REFERENCE[name]])
    np.testing.assert_allclose(computed()[name], expected, rtol=1e-9, atol=0.0, equal_nan=True)


def test_macd_starts_both_averages_at_the_slow_one() -> None:
    """The line is not the difference of two plain EMAs at first: the fast seed ends where the slow one does."""
    line = indicators.macd(CLOSE, 12, 26, 1).line
    assert abs(line[25] - (indicators.ema(CLOSE, 12)[25] - indicators.ema(CLOSE, 26)[25])) > 1e-6
    assert line[25] == pytest.approx(CLOSE[14:26].mean() - CLOSE[:26].mean(), rel=1e-12)


def test_macd_takes_the_periods_in_either_order() -> None:
    """TA-Lib exchanges fast and slow given the wrong way round, and so do we."""
    for right, swapped in zip(indicators.macd(CLOSE, 12, 26, 9), indicators.macd(CLOSE, 26, 12, 9), strict=True):
        np.testing.assert_array_equal(right, swapped)
