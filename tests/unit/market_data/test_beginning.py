"""What a live market asks for before its first tick, and how it says that it cannot have it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tradewind.contracts.api.document import load_bot
from tradewind.domain.errors import ConfigError, PermanentError
from tradewind.domain.timeframe import DAY, HOUR
from tradewind.market_data.beginning import HISTORY, chosen_pairs, history_since, patiently

LISTED = ["ADA/EUR", "BTC/EUR", "BTC/USDT", "ETH/EUR"]
NOW = 1_640_995_200_000 + 37 * HOUR

_MANIFEST = """
apiVersion: tradewind.dev/v1alpha1
kind: TradingBot
metadata: {{name: live}}
spec:
  exchanges: [{{name: binance}}]
  pairs: {{include: [BTC/EUR]}}
  timeframe: {timeframe}
  strategies: [{{name: trend, kind: EmaCross, timeframes: {timeframes}, parameters: {{fast: 5, slow: 50}}}}]
  capital: {{currency: EUR, startingBalance: "1000"}}
  data: {{source: Exchange}}
"""


def spec(tmp_path, timeframe, timeframes):
    manifest = tmp_path / "bot.yaml"
    manifest.write_text(_MANIFEST.format(timeframe=timeframe, timeframes=timeframes))
    return load_bot(manifest).spec


def test_pairs_come_exact_ones_first_then_what_patterns_match():
    """The order in which pairs are decided is the manifest's, and does not depend on the exchange's."""
    assert chosen_pairs(["*/EUR", "ETH/EUR"], ["ADA/*"], LISTED, "x") == (
        ["ETH/EUR", "BTC/EUR"],
        {"ADA/EUR": "excluded by 'ADA/*'"},
    )


@pytest.mark.parametrize(
    ("include", "exclude", "words"),
    [
        (["BTC/EURO"], [], "received BTC/EURO; allowed: one of the 4 spot pairs of x; fix: write BTC/EUR"),
        (["*/JPY"], [], "received */JPY"),
        (["*/EUR"], ["*/*"], "at least one pair that spec.pairs.exclude (*/*) leaves"),
    ],
)
def test_a_pair_that_is_not_there_is_refused(include, exclude, words):
    with pytest.raises(ConfigError) as caught:
        chosen_pairs(include, exclude, LISTED, "x")
    assert caught.value.field == "spec.pairs.include"
    assert words in str(caught.value)


def test_history_is_enough_for_every_strategy(tmp_path):
    """At least 500 candles, and the warm-up of each strategy on its own timeframe, whichever reaches further back."""
    assert history_since(spec(tmp_path, "1h", "[1h]"), NOW) == NOW - HISTORY * HOUR
    assert history_since(spec(tmp_path, "1h", "[1h, 1d]"), NOW) == NOW // DAY * DAY - 50 * DAY
    assert history_since(spec(tmp_path, "1d", "[1M]"), NOW) < NOW - 49 * 30 * DAY


@pytest.mark.parametrize(
    ("error", "field", "words"),
    [
        (ConfigError("exchange", "binanc", "exchanges", "write binance"), "spec.exchanges[0].name", "write binance"),
        (ConfigError("timeframe", "3m", "1m, 5m", "choose one"), "spec.timeframe", "allowed: 1m, 5m"),
        (PermanentError("no candles here"), "spec.exchanges[0].name", "for it says: no candles here"),
    ],
)
async def test_what_an_exchange_never_tells_is_the_manifests_to_mend(error, field, words):
    """With the field of the manifest, for the reader does not know what was asked."""

    async def refused():
        raise error

    with pytest.raises(ConfigError) as caught:
        await patiently(SimpleNamespace(), "x", refused)
    assert caught.value.field == field
    assert words in str(caught.value)
