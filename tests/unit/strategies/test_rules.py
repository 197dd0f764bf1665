"""Each rule strategy on a handful of candles, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tradewind.contracts.strategies import (
    DonchianBreakoutParameters,
    EmaCrossParameters,
    RsiMeanReversionParameters,
)
from tradewind.domain.candle import Candle
from tradewind.domain.series import CandleSeries
from tradewind.strategies.base import VectorisedStrategy
from tradewind.strategies.donchian_breakout import DonchianBreakout
from tradewind.strategies.ema_cross import EmaCross
from tradewind.strategies.rsi_mean_reversion import RsiMeanReversion


def series(*closes: float) -> CandleSeries:
    rows = [Candle(3_600_000 * index, close, close, close, close, 1.0) for index, close in enumerate(closes)]
    return CandleSeries.of("BTC/EUR", "1h", rows)


def said(strategy: VectorisedStrategy, candles: CandleSeries) -> list[str]:
    return [" | ".join(strategy.reasons(candles, index)) for index in range(len(candles))]


def test_ema_cross_follows_the_faster_average() -> None:
    """Flat in the warm-up and while nothing has crossed, Long above, Short below."""
    strategy = EmaCross(EmaCrossParameters(fast=1, slow=2))
    candles = series(10.0, 10.0, 12.0, 12.5, 9.0)
    stances = strategy.stances(candles)
    assert stances.side.tolist() == [0, 0, 1, 1, -1]
    assert stances.since.tolist() == [0, 0, 2, 2, 4]
    assert stances.confidence.tolist() == [1.0] * 5
    assert said(strategy, candles) == [
        "warming up: candle 1 of 1",
        "EMA(1) 10 equal to EMA(2) 10",
        "EMA(1) 12 above EMA(2) 11.3333",
        "EMA(1) 12.5 above EMA(2) 12.1111",
        "EMA(1) 9 below EMA(2) 10.037",
    ]


def test_ema_cross_holds_its_stance_while_the_averages_are_equal() -> None:
    """Touching is not crossing: no order is sent for it."""
    strategy = EmaCross(EmaCrossParameters(fast=1, slow=2))
    assert strategy.stances(series(1.0, 3.0, 2.0, 3.0)).side.tolist() == [0, 1, 1, 1]
    assert strategy.stances(series(3.0, 1.0, 2.0, 1.0)).side.tolist() == [0, -1, -1, -1]


def test_ema_cross_has_no_opinion_on_a_market_that_never_moved() -> None:
    """Rounding in the averages of equal prices must not look like a trend."""
    stances = EmaCross(EmaCrossParameters()).stances(series(*[0.1] * 80))
    assert not stances.side.any()


def test_rsi_mean_reversion_holds_between_its_levels() -> None:
    """Long from below the entry level, held over values between the levels, Flat above the exit level; never Short."""
    strategy = RsiMeanReversion(RsiMeanReversionParameters(period=2))
    candles = series(10.0, 9.0, 8.0, 8.5, 20.0, 19.0, 14.0)
    stances = strategy.stances(candles)
    assert stances.side.tolist() == [0, 0, 1, 1, 0, 0, 0]
    assert stances.since.tolist() == [0, 0, 2, 2, 4, 4, 4]
    assert said(strategy, candles) == [
        "warming up: candle 1 of 2",
        "warming up: candle 2 of 2",
        "RSI(2) 0 below 30",
        "RSI(2) 33.3333 not yet above 55",
        "RSI(2) 95.9184 above 55",
        "RSI(2) 82.4561 above 55",
        "RSI(2) 34.3066 not below 30",
    ]


def test_rsi_mean_reversion_takes_its_levels_for_neither_side() -> None:
    """An index of exactly the entry level does not enter, one of exactly the exit level does not leave."""
    even = (10.0, 11.0, 10.0)
    entering = RsiMeanReversion(RsiMeanReversionParameters(period=2, entry_below=50.0, exit_above=60.0))
    assert entering.stances(series(*even)).side.tolist() == [0, 0, 0]
    leaving = RsiMeanReversion(RsiMeanReversionParameters(period=2, entry_below=30.0, exit_above=50.0))
    assert leaving.stances(series(10.0, 9.0, 8.0, 9.0)).side.tolist() == [0, 0, 1, 1]


def test_donchian_breakout_enters_leaves_and_turns() -> None:
    """Long on a new high, Flat on the shorter low, Short on the longer one, and from Short to Long in one step."""
    strategy = DonchianBreakout(DonchianBreakoutParameters(entry_period=3, exit_period=2))
    candles = series(5.0, 6.0, 5.0, 7.0, 8.0, 7.5, 7.2, 4.0, 4.5, 9.0)
    stances = strategy.stances(candles)
    assert stances.side.tolist() == [0, 0, 0, 1, 1, 1, 0, -1, -1, 1]
    assert stances.since.tolist() == [0, 0, 0, 3, 3, 3, 6, 7, 7, 9]
    assert said(strategy, candles) == [
        "warming up: candle 1 of 3",
        "warming up: candle 2 of 3",
        "warming up: candle 3 of 3",
        "close 7 above highest high 6 of 3 candles",
        "close 8 above highest high 7 of 3 candles",
        "close 7.5 not below lowest low 7 of 2 candles",
        "close 7.2 within 7 to 8 of 3 candles",
        "close 4 below lowest low 7.2 of 3 candles",
        "close 4.5 not above highest high 7.2 of 2 candles",
        "close 9 above highest high 7.2 of 3 candles",
    ]


def test_donchian_breakout_is_flat_inside_its_channel() -> None:
    """A close equal to the highest high has not broken it."""
    strategy = DonchianBreakout(DonchianBreakoutParameters(entry_period=2, exit_period=1))
    candles = series(5.0, 6.0, 6.0, 5.5)
    assert strategy.stances(candles).side.tolist() == [0, 0, 0, -1]
    assert said(strategy, candles)[2] == "close 6 within 5 to 6 of 2 candles"


def test_donchian_breakout_takes_no_stance_that_it_could_not_leave() -> None:
    """With the longer exit channel still unknown, a breakout is not entered."""
    strategy = DonchianBreakout(DonchianBreakoutParameters(entry_period=1, exit_period=4))
    assert strategy.warm_up == 4
    assert strategy.stances(series(1.0, 2.0, 3.0, 4.0, 5.0)).side.tolist() == [0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("strategy", "warm_up"),
    [
        (EmaCross(EmaCrossParameters()), 49),
        (RsiMeanReversion(RsiMeanReversionParameters()), 14),
        (DonchianBreakout(DonchianBreakoutParameters()), 20),
    ],
)
def test_the_first_stance_can_come_right_after_the_warm_up(strategy: VectorisedStrategy, warm_up: int) -> None:
    """A bot fetches as many candles as it needs, and not one more."""
    assert strategy.warm_up == warm_up
    falling = series(*(100.0 * 0.99 ** np.arange(warm_up + 1)).tolist())
    side = strategy.stances(falling).side
    assert not side[:warm_up].any()
    assert side[warm_up] != 0
