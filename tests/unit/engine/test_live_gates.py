"""Where entries go out with money, they are refused on candles that are late or disturbed, and the decision says so."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from tradewind.contracts.api.document import load_bot
from tradewind.contracts.messages import CandleClosed
from tradewind.domain.candle import Candle
from tradewind.domain.risk import gates
from tradewind.engine.cycle import Cycle
from tradewind.engine.view import AccountView
from tradewind.kernel.telemetry.metrics import Metrics

QUICKSTART = Path(__file__).parents[3] / "manifests" / "samples" / "quickstart.yaml"
ENDPOINT = "endpoint: {url: 'http://127.0.0.1:1', websocketUrl: 'ws://127.0.0.1:1'}"
LIVE = [
    "spec.mode=Live",
    "spec.data={source: Exchange}",
    f"spec.exchanges=[{{name: binance, venue: Exchange, {ENDPOINT}}}]",
]
NOW = 1_700_000_000.0


def answers_of(*overrides, trouble=(), **fields):
    """Gate -> verdict and value, for one candle of BTC/EUR."""
    bot = load_bot(QUICKSTART, overrides)
    context = SimpleNamespace(bot=bot, key=bot.key, metrics=Metrics(), clock=SimpleNamespace(now=lambda: NOW))
    cycle = Cycle(context, AccountView(context), SimpleNamespace(trading="Running"))
    cycle.feed_trouble = dict.fromkeys(trouble, "Silent")
    candle = Candle(0, 1.0, 1.0, 1.0, 1.0, 1.0)
    tick = CandleClosed(id="c", time=0, pair="BTC/EUR", timeframe="1h", candle=candle, tick_size=1, **fields)
    answers = gates(cycle._risk("Running", tick), cycle.rules.limits)
    return {gate.name: (gate.verdict.value, gate.value) for gate in answers}


def verdicts(*overrides, **fields):
    """Those of the gates that look at the market."""
    answers = answers_of(*overrides, **fields)
    return answers["data_freshness"], answers["exchange_connectivity"]


@pytest.mark.parametrize(
    ("pairs", "verdict"),
    [
        ("{include: [BTC/EUR]}", "GO"),
        ("{include: ['*/EUR']}", "GO"),
        ("{include: [ETH/EUR]}", "NO-GO"),
        ("{include: ['*/EUR'], exclude: ['BTC/*']}", "NO-GO"),
    ],
)
def test_a_pair_that_the_manifest_names_no_longer_is_not_entered(pairs, verdict):
    """Its candles go on to come, because what is held of it may still be left."""
    assert answers_of(*LIVE, f"spec.pairs={pairs}")["pair"][0] == verdict


def test_a_candle_that_was_told_in_time_passes():
    """Its age is what it took from there to the decision."""
    assert verdicts(*LIVE, occurred_at=NOW - 1.5) == (("GO", "1.5"), ("GO", "True"))


@pytest.mark.parametrize(
    ("fields", "value"), [({"missed": True, "occurred_at": NOW}, "inf"), ({"occurred_at": NOW - 301}, "301.0")]
)
def test_a_candle_after_which_the_market_has_gone_on_does_not(fields, value):
    """Whether it was told late, or lay about here."""
    assert verdicts(*LIVE, **fields)[0] == ("NO-GO", value)


def test_a_pair_whose_candles_are_disturbed_is_not_entered():
    """And another pair's trouble is no reason."""
    assert verdicts(*LIVE, occurred_at=NOW, trouble=["BTC/EUR"])[1] == ("NO-GO", "False")
    assert verdicts(*LIVE, occurred_at=NOW, trouble=["ETH/EUR"])[1] == ("GO", "True")


def test_on_paper_they_have_no_meaning():
    """A replay has no freshness, and what was missed is traded there in its turn."""
    paper = ("NotApplicable", "replay")
    assert verdicts(occurred_at=0.0, missed=True, trouble=["BTC/EUR"]) == (paper, paper)


def test_the_use_of_limits_is_told_when_somebody_reads_it():
    """As the account stands then, without a cycle between."""
    bot = load_bot(QUICKSTART)
    context = SimpleNamespace(bot=bot, key=bot.key, metrics=Metrics(), clock=SimpleNamespace(now=lambda: NOW))
    view = AccountView(context)
    Cycle(context, view, SimpleNamespace(trading="Running"))
    labels = {"bot": bot.key, "limit": "drawdown"}
    view.equity_peak, view.equity = Decimal(1000), Decimal(1000)
    assert context.metrics.registry.get_sample_value("tradewind_risk_limit_used_ratio", labels) == 0
    view.equity = 1000 * (1 - bot.spec.risk.max_drawdown)
    assert context.metrics.registry.get_sample_value("tradewind_risk_limit_used_ratio", labels) == 1
