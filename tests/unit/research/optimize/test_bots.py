"""A bot that is searched: what may be named and how, and that a trial is the backtest with those values."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tradewind.contracts.api.document import load_bot
from tradewind.contracts.api.reading import read_document
from tradewind.domain.backtest.loop import Backtest
from tradewind.domain.errors import ConfigError
from tradewind.research.native.given import given_by
from tradewind.research.native.run import backtest
from tradewind.research.optimize.bench import Judge, Window, judged
from tradewind.research.optimize.native_bench import KEPT, NativeSetup
from tradewind.research.optimize.space import Choice, Steps
from tradewind.research.optimize.subject import BotSubject
from tradewind.research.optimize.vary import overrides_of, vary_space

QUICKSTART = Path(__file__).parents[4] / "manifests" / "samples" / "quickstart.yaml"
SPAN = ["spec.data.span.start=2022-01-01T00:00:00Z", "spec.data.span.end=2022-02-01T00:00:00Z"]
FAST, STOP = "spec.strategies[0].parameters.fast", "spec.risk.stopLoss"


@pytest.fixture
def setup():
    return NativeSetup.of(QUICKSTART, read_document(QUICKSTART), SPAN)


def test_a_range_has_the_steps_that_it_is_written_with(setup):
    """Whole numbers, decimals, a step of its own, or values with commas."""
    given = [
        f"{FAST}=5..20",
        f"{STOP}=0.02..0.10",
        "spec.risk.maxDailyLoss=0.1..0.5:0.15",
        "spec.strategies[breakout].weight=1,2.5",
    ]

    space = vary_space(given, setup.document)

    assert {
        FAST: Steps(Decimal(5), Decimal(1), 16),
        STOP: Steps(Decimal("0.02"), Decimal("0.01"), 9),
        "spec.risk.maxDailyLoss": Steps(Decimal("0.1"), Decimal("0.15"), 3),
        "spec.strategies[breakout].weight": Choice(("1", "2.5")),
    } == space
    assert [f"{FAST}=7", f"{STOP}=0.1"] == overrides_of({FAST: 7, STOP: 0.1})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("spec.risk.stopLoss", "KEY=LOW..HIGH"),
        (f"{FAST}=5..", "write numbers on both sides"),
        (f"{FAST}=5", "at least two values"),
        (f"{FAST}=9..5", "turn it round"),
        (f"{FAST}=5..9:0", "correct the step"),
        (f"{FAST}=5..9:5", "up to 4"),
        ("spec.strategies[other].parameters.fast=5..9", r"an item of spec.strategies: \[0\], \[1\], \[trend\]"),
        ("spec.risk.stopLos=0.1..0.2", "did you mean spec.risk.stopLoss"),
        ("spec.timeframe=1h,4h", "below spec.strategies"),
        ("spec.strategies[0].timeframes=1h,4h", "does not change which candles"),
        ("spec.capital.startingBalance=1..9", "does not change which candles"),
    ],
)
def test_what_cannot_be_varied_is_one_clear_error(setup, given, words):
    """By what was written."""
    with pytest.raises(ConfigError, match=words) as refused:
        vary_space([given], setup.document)

    assert "--vary" == refused.value.field


def test_each_key_is_varied_once(setup):
    """And there is one at least."""
    with pytest.raises(ConfigError, match="each key once"):
        vary_space([f"{FAST}=5..9"] * 2, setup.document)
    with pytest.raises(ConfigError, match="nothing to vary"):
        vary_space([], setup.document)


def test_a_trial_is_the_backtest_with_its_values(setup):
    """Over all candles, or over a window of them as a backtest of that span; strategies are asked once for each."""
    bench, values = setup.open(), {FAST: 8, STOP: 0.03}
    window = Window(1_641_600_000_000, 1_642_809_600_000)
    for where, span in ((None, SPAN), (window, ["spec.data.span.start=2022-01-08", "spec.data.span.end=2022-01-22"])):
        wanted = backtest(given_by(load_bot(QUICKSTART, [*span, *overrides_of(values)])))
        found = bench.trade(values, where)
        assert wanted.trades == found.trades
        assert len(found.trades) > 5
        assert (window.start, window.stop) == (found.start, found.start + found.length) or where is None


def test_stances_are_computed_once_for_the_same_parameters(setup, monkeypatch):
    """Of two strategies on two pairs, the one that varies again for each value; not without end."""
    bench = setup.open()
    computed = []
    for fast, stop in ((8, 0.03), (8, 0.05), (9, 0.03), (8, 0.03)):
        bench.trade({FAST: fast, STOP: stop}, None)
        computed.append(bench.stances.computed)
    assert [4, 4, 6, 6] == computed

    monkeypatch.setattr("tradewind.research.optimize.native_bench.KEPT", 1000)
    bench.trade({FAST: 10, STOP: 0.03}, None)
    bench.trade({FAST: 9, STOP: 0.03}, None)
    assert bench.stances.computed > 8
    assert KEPT > 1000


def test_a_hopeless_trial_ends_at_a_part_of_its_window(setup, monkeypatch):
    """And values that cannot be are refused with the reason."""
    ticks = []
    bench, judge = setup.open(), Judge("profit", 1)
    meet = Backtest._meet
    monkeypatch.setattr(Backtest, "_meet", lambda self, tick, pairs: (ticks.append(tick), meet(self, tick, pairs))[1])
    heard = []

    ended = judged(bench, judge, {FAST: 8, STOP: 0.03}, None, lambda part, loss: heard.append(loss) or part < 2)
    refused = judged(bench, judge, {FAST: 80, STOP: 0.03}, None, None)

    assert ("ended early", "refused") == (ended.ending, refused.ending)
    assert 2 == len(heard)
    assert max(ticks) < 744 / 2
    assert "parameters.slow: received 50; allowed: more than fast, which is 80" in refused.told


def test_a_study_knows_its_bot_and_its_candles(setup):
    """An export is the manifest with the values in it."""
    space = vary_space([f"{FAST}=5..20"], setup.document)
    subject = BotSubject.of(setup, space)
    subject.bench.trade(None, None)
    other = NativeSetup.of(QUICKSTART, read_document(QUICKSTART), [SPAN[0], "spec.data.span.end=2022-02-02T00:00:00Z"])
    longer = BotSubject.of(other, space)
    longer.bench.trade(None, None)

    before, after = subject.begun_with(), longer.begun_with()
    assert before["spaces"] == after["spaces"]
    assert before["candles"] != after["candles"]
    assert Window(1_640_995_200_000, 1_643_673_600_000) == subject.span()
    assert "fast: 7" in subject.export({FAST: 7})


def test_a_class_of_the_users_is_searched_by_its_own_rules():
    """A study of a bot would not notice that the file has changed."""
    path = QUICKSTART.with_name("freqtrade.yaml")
    with pytest.raises(ConfigError, match=r"spec.strategies: received kind Freqtrade; .* --strategy FILE --data DIR"):
        NativeSetup.of(path, read_document(path), SPAN).bot([])
