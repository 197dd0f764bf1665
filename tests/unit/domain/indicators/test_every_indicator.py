"""What holds for every indicator: causality, warm-up, no surprise at the edges of its input."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.domain import indicators


class Columns(NamedTuple):
    """High, low, close and volume of the same candles."""

    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    def rows(self, start: int, stop: int) -> Columns:
        return Columns(*(column[start:stop] for column in self))


class Case(NamedTuple):
    """An indicator with a short period, the index of its first value, and whether only a window of candles counts."""

    compute: Callable[[Columns], np.ndarray | tuple[np.ndarray, ...]]
    first: int
    windowed: bool

    def arrays(self, columns: Columns) -> tuple[np.ndarray, ...]:
        result = self.compute(columns)
        return result if isinstance(result, tuple) else (result,)


CASES = {
    "sma": Case(lambda c: indicators.sma(c.close, 5), 4, True),
    "ema": Case(lambda c: indicators.ema(c.close, 5), 4, False),
    "rsi": Case(lambda c: indicators.rsi(c.close, 5), 5, False),
    "true_range": Case(lambda c: indicators.true_range(c.high, c.low, c.close), 1, True),
    "atr": Case(lambda c: indicators.atr(c.high, c.low, c.close, 5), 5, False),
    "bollinger": Case(lambda c: indicators.bollinger(c.close, 5, 2.0), 4, True),
    "macd": Case(lambda c: indicators.macd(c.close, 3, 6, 4), 8, False),
    "adx": Case(lambda c: indicators.adx(c.high, c.low, c.close, 4), 7, False),
    "stochastic": Case(lambda c: indicators.stochastic(c.high, c.low, c.close, 5, slow_k=3, slow_d=2), 7, True),
    "cci": Case(lambda c: indicators.cci(c.high, c.low, c.close, 5), 4, True),
    "mfi": Case(lambda c: indicators.mfi(c.high, c.low, c.close, c.volume, 5), 5, True),
    "obv": Case(lambda c: indicators.obv(c.close, c.volume), 0, False),
    "donchian": Case(lambda c: indicators.donchian(c.high, c.low, 5), 5, True),
}
EVERY = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
FEWER = settings(max_examples=50)
"""Of each indicator; all of them together see some six hundred."""
WINDOWED = {name: case for name, case in CASES.items() if case.windowed}

# A few round prices make ties and standstill likely; the others make rounding likely.
prices = st.one_of(st.integers(1, 4).map(float), st.floats(1e-6, 1e6))
volumes = st.one_of(st.just(0.0), st.floats(1e-6, 1e6))
candle_columns = st.lists(st.tuples(st.tuples(prices, prices, prices).map(sorted), volumes), max_size=40).map(
    lambda rows: Columns(*np.array([[p[2], p[0], p[1], v] for p, v in rows], dtype=np.float64).reshape(-1, 4).T)
)


def walk(length: int) -> Columns:
    random = np.random.default_rng(7)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, length)))
    return Columns(close * 1.01, close * 0.99, close, random.uniform(1.0, 2.0, length))


def standing(length: int, price: float) -> Columns:
    prices = np.full(length, price)
    return Columns(prices, prices, prices, np.ones(length))


@EVERY
@FEWER
@given(columns=candle_columns, data=st.data())
def test_a_later_candle_changes_nothing(case: Case, columns: Columns, data: st.DataObject) -> None:
    """The values of a prefix are a prefix of the values, bit for bit: nothing looks into the future."""
    stop = data.draw(st.integers(0, len(columns.close)))
    for short, long in zip(case.arrays(columns.rows(0, stop)), case.arrays(columns), strict=True):
        assert short.dtype == np.float64
        np.testing.assert_array_equal(short, long[:stop])


@pytest.mark.parametrize("case", WINDOWED.values(), ids=WINDOWED.keys())
@FEWER
@given(columns=candle_columns, data=st.data())
def test_a_windowed_indicator_forgets_what_left_its_window(case: Case, columns: Columns, data: st.DataObject) -> None:
    """A live window and a backtest of years agree bit for bit where the definition only looks back so far."""
    start = data.draw(st.integers(0, len(columns.close)))
    late = case.arrays(columns.rows(start, len(columns.close)))
    for short, long in zip(late, case.arrays(columns), strict=True):
        np.testing.assert_array_equal(short[case.first :], long[start:][case.first :])


@EVERY
def test_the_first_value_comes_when_the_warm_up_is_over(case: Case) -> None:
    """One candle too few gives nothing but NaN; the next candle gives the first value, and none is missing after."""
    for array in case.arrays(walk(case.first)):
        assert array.shape == (case.first,)
        assert np.isnan(array).all()
    for array in case.arrays(walk(30)):
        assert np.flatnonzero(np.isfinite(array)).tolist() == list(range(case.first, 30))


@EVERY
@FEWER
@given(columns=candle_columns)
def test_every_value_after_the_warm_up_is_a_number(case: Case, columns: Columns) -> None:
    """Standstill, no volume and equal highs and lows never divide by zero."""
    for array in case.arrays(columns):
        assert np.isfinite(array[case.first :]).all()


@given(columns=candle_columns)
def test_indices_stay_on_their_scale(columns: Columns) -> None:
    """RSI, ADX, stochastic and MFI are 0 to 100, whatever rounding does."""
    for name in ("rsi", "adx", "stochastic", "mfi"):
        case = CASES[name]
        for array in case.arrays(columns):
            values = array[case.first :]
            assert ((values >= 0.0) & (values <= 100.0 + 1e-9)).all(), name


STANDSTILL = {
    "sma": (0.1,),
    "ema": (0.1,),
    "rsi": (0.0,),
    "true_range": (0.0,),
    "atr": (0.0,),
    "bollinger": (0.1, 0.1, 0.1),
    "macd": (0.0, 0.0, 0.0),
    "adx": (0.0,),
    "stochastic": (0.0, 0.0),
    "cci": (0.0,),
    "mfi": (0.0,),
    "obv": (1.0,),
    "donchian": (0.1, 0.1),
}


@pytest.mark.parametrize("name", CASES)
def test_a_price_that_does_not_move(name: str) -> None:
    """Averages are exactly the price, everything that measures movement is exactly 0 (TA-Lib's answer to 0 / 0)."""
    case = CASES[name]
    for array, expected in zip(case.arrays(standing(30, 0.1)), STANDSTILL[name], strict=True):
        assert (array[case.first :] == expected).all()


@pytest.mark.parametrize(
    "compute",
    [
        lambda c, period: indicators.sma(c.close, period),
        lambda c, period: indicators.ema(c.close, period),
        lambda c, period: indicators.rsi(c.close, period),
        lambda c, period: indicators.atr(c.high, c.low, c.close, period),
        lambda c, period: indicators.bollinger(c.close, period),
        lambda c, period: indicators.macd(c.close, 12, period, 9),
        lambda c, period: indicators.adx(c.high, c.low, c.close, period),
        lambda c, period: indicators.stochastic(c.high, c.low, c.close, period),
        lambda c, period: indicators.cci(c.high, c.low, c.close, period),
        lambda c, period: indicators.mfi(c.high, c.low, c.close, c.volume, period),
        lambda c, period: indicators.donchian(c.high, c.low, period),
    ],
)
@pytest.mark.parametrize("period", [0, -3])
def test_a_period_below_one_is_refused(compute: Callable[[Columns, int], object], period: int) -> None:
    """A period of nothing is an error, not an array of something."""
    with pytest.raises(ValueError, match=f"must be 1 candle or more, not {period}"):
        compute(walk(30), period)
