"""The random walk: always valid candles, the same for the same seed, independent of what else is asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.domain.candle_checks import check_candles, iso_time
from tradewind.domain.money import decimal_of
from tradewind.domain.timeframe import TIMEFRAMES
from tradewind.market_data.adapters.synthetic import synthetic_series


def walk(pair="BTC/USDT", timeframe="1h", *, seed=1, candles=500, start_price=43_000.0, volatility=0.01):
    return synthetic_series(pair, timeframe, seed=seed, candles=candles, start_price=start_price, volatility=volatility)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(TIMEFRAMES),
    st.integers(0, 2**63),
    st.integers(1, 400),
    st.floats(1e-8, 1e8),
    st.one_of(st.floats(0.0, 0.1), st.floats(0.0, 100.0)),
)
def test_every_walk_is_valid_and_without_gaps(timeframe, seed, candles, start_price, volatility):
    """No seed, price, timeframe or volatility makes a candle that the checks would take out."""
    series = walk(timeframe=timeframe, seed=seed, candles=candles, start_price=start_price, volatility=volatility)
    columns = (series.open_time, series.open, series.high, series.low, series.close, series.volume)
    checked = check_candles("BTC/USDT", timeframe, *columns)
    assert checked.quarantined == ()
    assert checked.gaps == ()
    assert len(checked.series) == candles
    assert iso_time(int(series.open_time[0])) == "2024-01-01T00:00:00Z"
    assert series.volume.min() > 0


def test_a_long_wild_walk_stays_within_sensible_prices():
    """A load test of a year of minutes must not end at zero."""
    series = walk(timeframe="1m", candles=100_000, start_price=1.0, volatility=0.5)
    assert series.low.min() >= 0.9e-4
    assert series.high.max() <= 1.1e4
    assert len(np.unique(series.close)) > 10_000


def test_the_same_arguments_give_the_same_candles_and_another_seed_others():
    """A run can be repeated from its manifest alone."""
    assert walk().candles() == walk().candles()
    assert walk().candles() != walk(seed=2).candles()


def test_pairs_walk_apart_and_a_longer_series_begins_with_the_shorter_one():
    """Adding a pair, or time, changes nothing that was there."""
    bitcoin, ether = walk(), walk("ETH/USDT")
    returns = [np.diff(np.log(series.close)) for series in (bitcoin, ether)]
    assert abs(np.corrcoef(returns)[0, 1]) < 0.2
    assert walk(candles=700).candles()[:500] == bitcoin.candles()
    assert walk(candles=70_000).candles()[:66_000] == walk(candles=66_000).candles()


def test_the_numbers_look_like_a_market():
    """Volatility as asked, small gaps between candles, wicks on both sides, five significant digits."""
    series = walk(candles=20_000)
    assert series.open[0] == 43_000.0
    assert np.std(np.diff(np.log(series.close))) == pytest.approx(0.01, rel=0.05)
    gaps = np.abs(series.open[1:] / series.close[:-1] - 1)
    assert 0 < gaps.max() < 0.005
    assert np.mean(series.high > np.maximum(series.open, series.close)) > 0.5
    assert np.mean(series.low < np.minimum(series.open, series.close)) > 0.5
    assert max(len(decimal_of(price).normalize().as_tuple().digits) for price in series.close.tolist()) == 5


@pytest.mark.parametrize(
    "wrong", [{"candles": 0}, {"start_price": 0.0}, {"start_price": float("nan")}, {"volatility": -1.0}]
)
def test_an_impossible_walk_is_refused(wrong):
    """Rather than arrays of not-a-number."""
    with pytest.raises(ValueError, match="no walk of"):
        walk(**wrong)
