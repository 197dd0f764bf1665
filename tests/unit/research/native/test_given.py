"""What a backtest refuses by name before it starts, and what a voter says after each candle."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewind.contracts.api.document import load_bot
from tradewind.domain.errors import ConfigError
from tradewind.domain.timeframe import close_time
from tradewind.research.native.given import given_by

SAMPLES = Path(__file__).parents[4] / "manifests" / "samples"


def given(sample, *overrides):
    return given_by(load_bot(SAMPLES / f"{sample}.yaml", overrides))


@pytest.mark.parametrize(
    ("sample", "override", "field"),
    [
        ("live", "spec.capital.currency=USDT", "spec.mode: received Live"),
        ("full", "spec.capital.currency=USDT", "spec.data.source: received Exchange"),
        ("quickstart", "spec.exchanges[0].faults=[{kind: Timeout, count: 1}]", "spec.exchanges[0].faults"),
        ("synthetic", "spec.pairs.include=['*/EUR']", "spec.pairs.include: received */EUR"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(sample, override, field):
    """Rather than left away without a word."""
    with pytest.raises(ConfigError) as refused:
        given(sample, override)
    assert field in str(refused.value)


def test_a_longer_voter_says_what_its_last_complete_candle_says():
    """Nothing before there is one; then the stance of it until the next is complete."""
    made = given("quickstart", "spec.strategies[trend].timeframes=[4h]", "spec.data.span.end=2022-02-01")
    tape = made.tapes["BTC/EUR"]
    series = made.recording.series["BTC/EUR", "4h"]
    known = [close_time("4h", time) for time in series.open_time.tolist()]

    for index, time in enumerate(tape.series.open_time.tolist()):
        complete = sum(one <= close_time("1h", time) for one in known)
        assert ("trend/4h" in tape.said(index).answer.missing) == (complete == 0)


def test_pairs_stand_in_the_order_in_which_they_are_decided():
    """That of the manifest."""
    assert ["ETH/EUR", "BTC/EUR"] == list(given("quickstart", "spec.pairs.include=[ETH/EUR, BTC/EUR]").tapes)


def test_a_longer_voter_without_a_whole_candle_is_silent():
    """Of a span that is shorter than its candle."""
    made = given("quickstart", "spec.strategies[trend].timeframes=[1w]", "spec.data.span.end=2022-01-03")

    assert {("trend/1w",)} == {made.tapes["BTC/EUR"].said(index).answer.missing for index in range(40)}
