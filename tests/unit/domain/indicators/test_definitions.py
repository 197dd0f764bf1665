"""Single definitions, each against the few candles that show it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain import indicators
from tradewind.domain.indicators.windows import window_highest, window_lowest, window_mean, window_spread, window_sum

NAN = np.nan
CLOSE = np.array([10.0, 11.0, 9.0, 9.0, 12.0])
HIGH = np.array([11.0, 12.0, 10.0, 9.5, 12.0])
LOW = np.array([9.0, 10.0, 8.0, 8.5, 10.0])
VOLUME = np.array([1.0, 2.0, 4.0, 8.0, 16.0])


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30).map(np.array),
    period=st.integers(1, 32),
)
def test_windows_are_what_a_loop_over_slices_gives(values: np.ndarray, period: int) -> None:
    """Sum, mean, spread, highest and lowest over every period, powers of two or not, and longer than the series."""
    ends = range(period, len(values) + 1)
    slices = [values[end - period : end] for end in ends]
    warm_up = [NAN] * min(period - 1, len(values))
    for computed, expected in (
        (window_highest(values, period), [piece.max() for piece in slices]),
        (window_lowest(values, period), [piece.min() for piece in slices]),
    ):
        np.testing.assert_array_equal(computed, warm_up + expected)
    for computed, expected in (
        (window_sum(values, period), [piece.sum() for piece in slices]),
        (window_mean(values, period), [piece.mean() for piece in slices]),
        (window_spread(values, period, np.square), [piece.var() for piece in slices]),
    ):
        np.testing.assert_allclose(computed, warm_up + expected, rtol=1e-9, atol=1e-4)


def test_ema_is_seeded_by_the_simple_average() -> None:
    """The first value is the mean of the first period, the next moves two parts of `period + 1` toward the price."""
    np.testing.assert_array_equal(indicators.ema(CLOSE, 3), [NAN, NAN, 10.0, 9.5, 10.75])


def test_rsi_without_losses_is_a_hundred_and_without_gains_zero() -> None:
    """The ends of the scale."""
    rising = np.arange(1.0, 10.0)
    assert (indicators.rsi(rising, 3)[3:] == 100.0).all()
    assert (indicators.rsi(rising[::-1].copy(), 3)[3:] == 0.0).all()


def test_rsi_keeps_its_value_while_the_price_stands_still_after_a_move() -> None:
    """Gains and losses fade together, until (some hundreds of candles on) they are nothing and TA-Lib's 0 stands."""
    close = np.array([10.0, 12.0, 11.0] + [11.0] * 60)
    values = indicators.rsi(close, 2)
    np.testing.assert_allclose(values[2:45], 100.0 * 2 / 3)
    assert values[-1] == 0.0


def test_donchian_leaves_the_candle_itself_out() -> None:
    """A close can break the channel only because its own candle is not part of it."""
    channel = indicators.donchian(HIGH, LOW, 2)
    np.testing.assert_array_equal(channel.highest, [NAN, NAN, 12.0, 12.0, 10.0])
    np.testing.assert_array_equal(channel.lowest, [NAN, NAN, 9.0, 8.0, 8.0])


def test_true_range_reaches_to_the_close_before() -> None:
    """A gap counts as movement, up or down."""
    np.testing.assert_array_equal(indicators.true_range(HIGH, LOW, CLOSE), [NAN, 2.0, 3.0, 1.0, 3.0])


def test_bollinger_uses_the_population_deviation() -> None:
    """Two prices one unit either side of their mean have a deviation of 1, not of the square root of 2."""
    bands = indicators.bollinger(np.array([9.0, 11.0]), 2, 3.0)
    assert (bands.upper[1], bands.middle[1], bands.lower[1]) == (13.0, 10.0, 7.0)


def test_obv_starts_at_the_first_volume_and_ignores_an_unchanged_close() -> None:
    """Only a close that differs from the one before moves it."""
    np.testing.assert_array_equal(indicators.obv(CLOSE, VOLUME), [1.0, 3.0, -1.0, -1.0, 15.0])


def test_obv_leaves_its_input_alone() -> None:
    """Columns are shared between indicators, so none may write to them."""
    volume = VOLUME.copy()
    indicators.obv(CLOSE, volume)
    np.testing.assert_array_equal(volume, VOLUME)


def test_mfi_of_a_pair_quoted_in_tiny_prices_is_not_cut_to_zero() -> None:
    """Old TA-Lib called any money below 1 none; a memecoin in BTC never has more, and still has an index."""
    tiny = np.array([1.0, 2.0, 3.0, 2.0]) * 1e-9
    np.testing.assert_allclose(indicators.mfi(tiny, tiny, tiny, np.ones(4), 3)[3], 100.0 * 5 / 7)


def test_mfi_takes_rounding_for_no_move() -> None:
    """0.4 + 0.1 + 0.1 and 0.3 + 0.1 + 0.2 are the same price, though not the same float: no money moved it."""
    high, low, close = np.array([0.4, 0.3]), np.array([0.1, 0.1]), np.array([0.1, 0.2])
    assert ((high + low + close)[0] < (high + low + close)[1]).all()
    assert indicators.mfi(high, low, close, np.ones(2), 1)[1] == 0.0


def test_adx_of_a_standstill_keeps_its_last_value() -> None:
    """Once movement has faded to nothing there is no direction to average, so the index stays where it was."""
    rise = np.arange(10.0, 20.0)
    close = np.concatenate([rise, np.full(400, 19.0)])
    values = indicators.adx(close + 0.5, close - 0.5, close, 2)
    assert values[9] == pytest.approx(100.0)
    flat = np.concatenate([rise, np.full(100, 19.0)])
    assert indicators.adx(flat, flat, flat, 2)[-1] == pytest.approx(100.0)
    assert values[-1] == values[-200]


def test_a_period_of_one_is_what_the_formula_gives() -> None:
    """TA-Lib refuses it for most indicators; here it is the candle itself, its range, or the sign of its change."""
    np.testing.assert_array_equal(indicators.sma(CLOSE, 1), CLOSE)
    np.testing.assert_array_equal(indicators.ema(CLOSE, 1), CLOSE)
    np.testing.assert_array_equal(indicators.atr(HIGH, LOW, CLOSE, 1), [NAN, 2.0, 3.0, 1.0, 3.0])
    np.testing.assert_array_equal(indicators.rsi(CLOSE, 1), [NAN, 100.0, 0.0, 0.0, 100.0])
    np.testing.assert_array_equal(indicators.adx(HIGH, LOW, CLOSE, 1), [NAN, 100.0, 100.0, 100.0, 100.0])
    np.testing.assert_array_equal(indicators.cci(HIGH, LOW, CLOSE, 1), np.zeros(5))
    np.testing.assert_array_equal(indicators.mfi(CLOSE, CLOSE, CLOSE, VOLUME, 1), [NAN, 100.0, 0.0, 0.0, 100.0])
    np.testing.assert_array_equal(indicators.donchian(HIGH, LOW, 1).highest, [NAN, 11.0, 12.0, 10.0, 9.5])
    for band in indicators.bollinger(CLOSE, 1):
        np.testing.assert_array_equal(band, CLOSE)
    for line in indicators.stochastic(HIGH, LOW, CLOSE, 1, slow_k=1, slow_d=1):
        np.testing.assert_allclose(line, [50.0, 50.0, 50.0, 50.0, 100.0])
