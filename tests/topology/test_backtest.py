"""The promise of the native backtest: it is the paper run, to the last digit.

What `test_venues` plays on the paper venue it backtests as well: bots of gaps, on several timeframes, and drawn ones.
Here are the bots that come with Tradewind, and markets in which orders meet what they seldom meet.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from tests.topology.backtests import backtested
from tests.topology.recordings import breakout_bot
from tests.topology.test_venues import RandomStances, outcome, random_bot

from tradewind.strategies import loader
from tradewind.strategies.base import Stances

PAPER = "spec.exchanges[0].venue=Paper"
TWO_MONTHS = "spec.data.span.end=2022-03-01"


async def on_paper(embedded, sample, *overrides):
    """What a backtest of the bot has to come to."""
    async with embedded(PAPER, *overrides, sample=sample) as bot:
        found = await outcome(bot)
        found["orders"] = dict(await bot.ask("execution", "summary"))
    return {name: found[name] for name in ("trades", "balances", "equity", "orders")}


@pytest.mark.parametrize(
    ("sample", "overrides"),
    [
        ("paper", (TWO_MONTHS, "spec.data.speed=max")),
        ("standard", (TWO_MONTHS, "spec.data.speed=max")),
        ("synthetic", ("spec.data.synthetic.candles=1500",)),
        ("minimal", ("spec.data.synthetic.candles=1500", "spec.data.speed=max")),
    ],
)
async def test_a_sample_trades_as_it_does_on_paper(embedded, sample, overrides):
    """Each with its own strategies, limits and market."""
    paper = await on_paper(embedded, sample, *overrides)

    assert len(paper["trades"]) > 5
    assert paper == backtested(sample, *overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        # A range that money and slots do not reach for.
        ("spec.risk.maxOpenPositions=1", "spec.capital.stakeAmount=2000"),
        # Limits that stop entries for the day, and for good.
        ("spec.risk.maxDailyLoss=0.005", "spec.risk.maxDrawdown=0.05"),
        ("spec.decision.consensus=Unanimous", "spec.strategies[trend].timeframes=[1h,4h]"),
        ("spec.decision.consensus=Majority", "spec.strategies[trend].weight=3", "spec.exchanges[0].fees.currency=Base"),
    ],
)
async def test_whatever_the_manifest_says_is_honoured(embedded, overrides):
    """Of limits, legs, votes and filters."""
    paper = await on_paper(embedded, "quickstart", TWO_MONTHS, *overrides)

    assert paper["trades"]
    assert paper == backtested("quickstart", TWO_MONTHS, *overrides)


async def test_a_target_without_a_stop_is_sold_at(embedded):
    """The one leg is no group."""
    changes = ("spec.data.synthetic.candles=1500", "spec.data.speed=max", "spec.risk.takeProfit.distance=0.02")
    paper = await on_paper(embedded, "minimal", *changes)

    assert any(trade["exit_reason"] == "roi" for trade in paper["trades"])
    assert paper == backtested("minimal", *changes)


async def test_what_the_venue_refuses_is_refused(embedded, tmp_path):
    """Legs that are worth less than it takes, then the exits for want of them, until the price has risen."""
    sample = breakout_bot(tmp_path, AAA=[100] * 6 + [101, 60, 60, 60, 90, 90, 90], BBB=[100] * 13)
    filters = "spec.exchanges[0].instruments=[{pair: AAA/EUR, minimumNotional: '2900'}]"
    changes = (filters, "spec.capital.stakeAmount=4400")
    paper = await on_paper(embedded, sample, *changes)

    assert paper["orders"]["rejected"] > 3
    assert ["emergency_exit"] == [trade["exit_reason"] for trade in paper["trades"]]
    assert paper == backtested(sample, *changes)


@pytest.mark.parametrize(
    "closes",
    [
        # An entry waits over a gap of its own pair until its decision is void, and another pair takes the slot.
        {"AAA": [100] * 10 + [101] + [None] * 50 + [150, 150], "BBB": [100] * 20 + [101] * 43},
        # Both pairs are silent, so that the entry is void at the first candle there is.
        {"AAA": [100] * 10 + [101] + [None] * 5 + [150, 150, 150], "BBB": [100] * 11 + [None] * 5 + [100, 101, 102]},
        # An exit waits over a gap; and one pair ends while it is held.
        {"AAA": [100] * 6 + [110, 90, None, None, 95, 95, 95], "BBB": [100] * 6 + [110, 111]},
        # Both end with an entry on its way.
        {"AAA": [100] * 6 + [101], "BBB": [100] * 6 + [101]},
        # It opens far higher than what it was sized at: the money is not there.
        {"AAA": [100] * 6 + [101, 400, 410, 420], "BBB": [100] * 10},
    ],
)
async def test_gaps_and_jumps_are_traded_as_on_paper(embedded, tmp_path, closes):
    """What is on its way meets the next candle that there is, or nothing."""
    sample = breakout_bot(tmp_path, **closes)
    changes = ("spec.risk.maxOpenPositions=1", "spec.capital.stakeAmount=9000")

    assert await on_paper(embedded, sample, *changes) == backtested(sample, *changes)


async def test_a_pair_that_is_left_out_is_not_entered(embedded):
    """A synthetic market has it all the same."""
    changes = ("spec.data.synthetic.candles=800", "spec.pairs.exclude=[BBB/EUR]")
    paper = await on_paper(embedded, "synthetic", *changes)

    assert {"AAA/EUR"} == {trade["pair"] for trade in paper["trades"]}
    assert paper == backtested("synthetic", *changes)


class Graded(RandomStances):
    """Drawn stances that are more or less sure of themselves."""

    def stances(self, candles):
        sides = super().stances(candles).side
        drawn = [hashlib.sha256(f"{self.seed}:{time}".encode()).digest()[0] for time in candles.open_time.tolist()]
        return Stances.held(sides, np.array(drawn) / 255)


async def test_confidence_that_changes_from_candle_to_candle_counts(embedded, tmp_path, monkeypatch):
    """A stance may hold and its confidence fall below what an entry needs."""
    monkeypatch.setitem(loader.BUILDERS, "RsiMeanReversion", lambda parameters: Graded(7))
    sample = random_bot(tmp_path, 7)
    paper = await on_paper(embedded, sample)

    assert len(paper["trades"]) > 10
    assert paper == backtested(sample)


async def test_a_bot_that_is_stopped_by_its_manifest_buys_nothing(embedded):
    """On paper and in a backtest."""
    changes = (TWO_MONTHS, "spec.emergencyStop=true")

    assert (
        []
        == (await on_paper(embedded, "quickstart", *changes))["trades"]
        == backtested("quickstart", *changes)["trades"]
    )
