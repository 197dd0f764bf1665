"""What holds for every strategy in the table, on any candles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tradewind.contracts.strategies import (
    FREQTRADE,
    STRATEGY_KINDS,
    DonchianBreakoutParameters,
    EmaCrossParameters,
    FreqtradeParameters,
    RsiMeanReversionParameters,
    parse_parameters,
)
from tradewind.domain.candle import Candle
from tradewind.domain.errors import ConfigError
from tradewind.domain.series import CandleSeries
from tradewind.strategies.loader import BUILDERS, build_strategy, warm_up_of

# Short periods, so that a few dozen candles hold many turns.
QUICK: dict[str, BaseModel] = {
    "EmaCross": EmaCrossParameters(fast=2, slow=4),
    "RsiMeanReversion": RsiMeanReversionParameters(period=3, entry_below=40.0, exit_above=50.0),
    "DonchianBreakout": DonchianBreakoutParameters(entry_period=4, exit_period=2),
}
EVERY = pytest.mark.parametrize("kind", QUICK)

prices = st.one_of(st.integers(1, 5).map(float), st.floats(0.5, 50.0))
candle_series = st.lists(st.tuples(prices, prices, prices).map(sorted), max_size=60).map(
    lambda rows: CandleSeries.of(
        "BTC/EUR",
        "1h",
        [Candle(60_000 * index, mid, high, low, mid, 1.0) for index, (low, mid, high) in enumerate(rows)],
    )
)


def test_the_table_of_kinds_and_the_code_agree() -> None:
    """What a manifest may name can be built, and is what it was called; the code of one kind is the user's."""
    assert STRATEGY_KINDS.keys() - {FREQTRADE} == BUILDERS.keys() == QUICK.keys()
    for kind in BUILDERS:
        assert build_strategy(kind, parse_parameters("spec.strategies[0]", kind, {})).kind == kind


def test_parameters_of_another_kind_are_refused() -> None:
    """A defect of the caller shows where it happens."""
    with pytest.raises(TypeError, match="EmaCross takes EmaCrossParameters, not RsiMeanReversionParameters"):
        build_strategy("EmaCross", RsiMeanReversionParameters())


def test_an_unknown_kind_is_the_users_to_mend() -> None:
    """The same error as in the manifest."""
    with pytest.raises(ConfigError, match="did you mean DonchianBreakout"):
        build_strategy("Donchian", DonchianBreakoutParameters())


def test_a_class_of_the_users_is_not_built_in() -> None:
    """Where only built-in ones are of use; how many candles it needs the manifest says, and no file is read."""
    named = FreqtradeParameters(file="nowhere.py", startup_candles=321)
    with pytest.raises(ConfigError, match="choose one that is built in"):
        build_strategy(FREQTRADE, named)
    assert warm_up_of(FREQTRADE, named) == 321
    assert warm_up_of("EmaCross", EmaCrossParameters(slow=50)) == 49


@EVERY
@given(candles=candle_series, data=st.data())
def test_a_later_candle_changes_no_stance(kind: str, candles: CandleSeries, data: st.DataObject) -> None:
    """Computed once over a replay is the same as computed at each candle: a backtest cannot see the future."""
    strategy = build_strategy(kind, QUICK[kind])
    whole = strategy.stances(candles)
    stop = data.draw(st.integers(0, len(candles)))
    prefix_candles = candles.slice(0, stop)
    prefix = strategy.stances(prefix_candles)
    np.testing.assert_array_equal(prefix.side, whole.side[:stop])
    np.testing.assert_array_equal(prefix.confidence, whole.confidence[:stop])
    np.testing.assert_array_equal(prefix.since, whole.since[:stop])
    if stop:
        assert strategy.reasons(prefix_candles, stop - 1) == strategy.reasons(candles, stop - 1)


@EVERY
@given(candles=candle_series)
def test_stances_are_whole_and_explained(kind: str, candles: CandleSeries) -> None:
    """One stance per candle, certain, Flat in the warm-up, with reasons that never show a missing value."""
    strategy = build_strategy(kind, QUICK[kind])
    stances = strategy.stances(candles)
    assert len(stances) == len(candles)
    assert set(stances.side.tolist()) <= ({0, 1} if kind == "RsiMeanReversion" else {-1, 0, 1})
    assert (stances.confidence == 1.0).all()
    assert not stances.side[: strategy.warm_up].any()
    for index in range(len(candles)):
        reasons = strategy.reasons(candles, index)
        assert reasons
        assert not any("nan" in reason for reason in reasons)


def machine(candles: CandleSeries, entry: int, leave: int) -> list[int]:
    """The Donchian rule as a person would run it, candle by candle."""
    side, sides = 0, []
    for index, close in enumerate(candles.close.tolist()):
        if index >= max(entry, leave):
            highs, lows = candles.high[:index], candles.low[:index]
            if close > highs[-entry:].max():
                side = 1
            elif close < lows[-entry:].min():
                side = -1
            elif (side == 1 and close < lows[-leave:].min()) or (side == -1 and close > highs[-leave:].max()):
                side = 0
        sides.append(side)
    return sides


@given(candles=candle_series, entry=st.integers(1, 6), leave=st.integers(1, 6))
def test_donchian_breakout_is_the_machine_of_three_states(candles: CandleSeries, entry: int, leave: int) -> None:
    """The array form gives what a loop with one state gives, for any pair of periods."""
    strategy = build_strategy("DonchianBreakout", DonchianBreakoutParameters(entry_period=entry, exit_period=leave))
    assert strategy.stances(candles).side.tolist() == machine(candles, entry, leave)
