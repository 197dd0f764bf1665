"""Backtest-of-one: on the paper venue and on the simulated exchange a bot makes the same trades.

The paper venue fills orders inside the bot; the simulated exchange is reached over HTTP and WebSocket by ccxt, with
its own account and clock. What differs between them is only how the bot gets to know. The native backtest has no bot at
all, and comes to the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict

import numpy as np
import pytest
from tests.topology.backtests import backtested
from tests.topology.recordings import gappy_bot, random_walk, write_candles

from tradewind.strategies import loader
from tradewind.strategies.base import Stances

VENUES = {"Paper": "spec.exchanges[0].venue=Paper", "Simulated": "spec.exchanges[0].venue=Simulated"}

_RANDOM = """
apiVersion: tradewind.dev/v1alpha1
kind: TradingBot
metadata: {{name: random}}
spec:
  mode: Paper
  exchanges:
    - name: x
      fees: {{maker: "{maker}", taker: "0.0025", currency: {currency}}}
      slippage: {{basisPoints: "{slippage}", volumeShare: "{share}"}}
  pairs: {{include: [AAA/EUR, BBB/EUR, CCC/EUR]}}
  timeframe: 1h
  strategies: [{{name: random, kind: RsiMeanReversion, timeframes: {timeframes}}}]
  decision: {{consensus: Weighted, minConfidence: "0.5"}}
  risk:
    maxOpenPositions: 2
    maxDrawdown: "0.9"
    maxDailyLoss: "0.5"
    stopLoss: "{stop}"
    takeProfit: {{distance: "{target}"}}
    trailingStop: {{distance: "{trail}", activation: "0.01"}}
  capital: {{currency: EUR, startingBalance: "10000"}}
  data: {{source: Replay, path: {path}}}
"""


class RandomStances:
    """An opinion drawn from the seed, the pair and the candle, so that it is the same in every window."""

    kind = "RsiMeanReversion"
    warm_up = 0

    def __init__(self, seed):
        self.seed = seed

    def stances(self, candles):
        side, sides = 0, []
        for time in candles.open_time.tolist():
            drawn = hashlib.sha256(f"{self.seed}:{candles.pair}:{candles.timeframe}:{time // 3_600_000 // 3}".encode())
            side = 1 if drawn.digest()[0] < 140 else 0
            sides.append(side)
        return Stances.held(np.array(sides, dtype=np.int64))

    def reasons(self, candles, index):
        return (f"drawn for {candles.pair} at {index}",)


def random_bot(directory, seed):
    """A manifest of a market and a bot that `seed` draws."""
    choice = np.random.default_rng(seed)
    for number, base in enumerate(("AAA", "BBB", "CCC")):
        rows = random_walk(1000 * seed + number, 150, missing=0.04 if seed % 2 else 0.0)
        write_candles(directory / "candles" / f"{base}-EUR-1h.csv", rows)
    manifest = directory / "random.yaml"
    manifest.write_text(
        _RANDOM.format(
            path=directory / "candles",
            maker=choice.choice(["0", "0.0015"]),
            currency=choice.choice(["Quote", "Base"]),
            slippage=choice.choice(["0", "5"]),
            share=choice.choice(["0.02", "0.25"]),
            timeframes=choice.choice(["[1h]", "[1h, 4h]"]),
            stop=choice.choice(["0.02", "0.05"]),
            target=choice.choice(["0.02", "0.06"]),
            trail=choice.choice(["0.01", "0.03"]),
        )
    )
    return manifest


async def outcome(bot):
    """What a run came to, in the bot's books and in the venue's."""
    await bot.wait()
    snapshot = await bot.ask("portfolio", "snapshot")
    balances = await bot.ask("execution", "balances")
    return {
        "trades": [asdict(trade) for trade in await bot.ask("portfolio", "trades")],
        "balances": {currency: total for currency, total in snapshot["balances"].items() if total},
        "venue": {currency: total for currency, total in balances.items() if total},
        "positions": snapshot["positions"],
        "equity": await bot.ask("portfolio", "equity"),
    }


async def on_both(embedded, tmp_path, sample, *overrides):
    """The outcomes on the paper venue and on the simulated exchange; that of a backtest is held to the first."""
    found = {}
    for name, venue in VENUES.items():
        async with embedded(venue, *overrides, sample=sample, directory=tmp_path / name) as bot:
            found[name] = await outcome(bot)
            orders = dict(await bot.ask("execution", "summary"))
            if name == "Paper":
                same = {part: found[name][part] for part in ("trades", "balances", "equity")}
                assert {**same, "orders": orders} == backtested(sample, venue, *overrides)
    return found["Paper"], found["Simulated"]


async def test_the_quickstart_trades_the_same_on_both(embedded, tmp_path):
    """Two pairs and a quarter: entries, stops, targets, trailing stops and signals, at the same prices and fees."""
    paper, simulated = await on_both(embedded, tmp_path, "quickstart", "spec.data.span.end=2022-04-01")

    assert len(paper["trades"]) > 50
    assert len({trade["exit_reason"] for trade in paper["trades"]}) > 3
    assert paper["trades"] == simulated["trades"]
    assert paper == simulated


async def test_a_bot_of_gaps_trades_the_same_on_both(embedded, tmp_path):
    """Pairs that begin late, end early and have holes, on three timeframes, with partial fills and fees in base."""
    paper, simulated = await on_both(embedded, tmp_path, gappy_bot(tmp_path, candles=150))

    assert len(paper["trades"]) > 10
    assert paper["trades"] == simulated["trades"]
    assert paper == simulated


@pytest.mark.parametrize("seed", range(4))
async def test_a_random_bot_trades_the_same_on_both(embedded, tmp_path, monkeypatch, seed):
    """Whatever it decides, on whatever market: drawn from a seed."""
    monkeypatch.setitem(loader.BUILDERS, "RsiMeanReversion", lambda parameters: RandomStances(seed))

    paper, simulated = await on_both(embedded, tmp_path, random_bot(tmp_path, seed))

    assert len(paper["trades"]) > 10
    assert paper["trades"] == simulated["trades"]
    assert paper == simulated
