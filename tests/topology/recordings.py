"""Candle files and manifests for tests: markets with gaps, pairs that begin late or end early, several timeframes."""

from __future__ import annotations

import random
from pathlib import Path

HOUR = 3_600_000
BEGIN = 1_646_092_800_000
"""2022-03-01T00:00Z."""

_MANIFEST = """
apiVersion: tradewind.dev/v1alpha1
kind: TradingBot
metadata: {{name: gaps}}
spec:
  mode: Paper
  exchanges:
    - {{name: x, venue: Paper, fees: {{currency: Base}}, slippage: {{basisPoints: "5", volumeShare: "0.1"}}}}
  pairs: {{include: [CCC/EUR, AAA/EUR, BBB/EUR, DDD/EUR]}}
  timeframe: 1h
  strategies:
    - name: breakout
      kind: DonchianBreakout
      timeframes: [1h, 4h]
      parameters: {{entryPeriod: 10, exitPeriod: 6}}
    - name: rsi
      kind: RsiMeanReversion
      timeframes: [2h]
      parameters: {{period: 5, entryBelow: 45, exitAbove: 60}}
  decision: {{consensus: Weighted, minConfidence: "0.4"}}
  risk:
    maxOpenPositions: 3
    maxDailyLoss: "0.03"
    maxDrawdown: "0.5"
    stopLoss: "0.04"
    takeProfit: {{distance: "0.06"}}
    trailingStop: {{distance: "0.03", activation: "0.02"}}
  capital: {{currency: EUR, startingBalance: "10000"}}
  data: {{source: Replay, path: {path}}}
"""


def write_candles(path: Path, rows) -> None:
    """A CSV file of (open time, open, high, low, close, volume)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["timestamp,open,high,low,close,volume", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def random_walk(seed: int, candles: int, *, missing: float = 0.0, last: int | None = None, start: float = 100.0):
    """Hourly rows of a random market, a share of which is `missing`; none from the candle `last` on."""
    choice, price, rows = random.Random(seed), start, []
    for index in range(candles):
        opened, price = price, round(price * (1 + choice.gauss(0, 0.012)), 2)
        high = round(max(opened, price) * (1 + abs(choice.gauss(0, 0.006))), 2)
        low = round(min(opened, price) * (1 - abs(choice.gauss(0, 0.006))), 2)
        volume = round(choice.uniform(0, 300), 2)
        if choice.random() > missing and (last is None or index < last):
            rows.append((BEGIN + index * HOUR, opened, high, low, price, volume))
    return rows


_BREAKOUT = """
apiVersion: tradewind.dev/v1alpha1
kind: TradingBot
metadata: {{name: breakout}}
spec:
  mode: Paper
  exchanges: [{{name: x, venue: Paper}}]
  pairs: {{include: [AAA/EUR, BBB/EUR]}}
  timeframe: 1h
  strategies:
    - {{name: breakout, kind: DonchianBreakout, parameters: {{entryPeriod: 5, exitPeriod: 5}}}}
  risk: {{maxOpenPositions: 2, maxRiskPerTrade: "1", stopLoss: "0.5"}}
  capital: {{currency: EUR, startingBalance: "10000", stakeAmount: "3000"}}
  data: {{source: Replay, path: {path}}}
"""


def rows_of(closes):
    """Hourly rows that close at `closes`, None being a candle that is missing."""
    price, rows = 100.0, []
    for index, close in enumerate(closes):
        if close is not None:
            high, low = max(price, close) + 0.01, min(price, close) - 0.01
            rows.append((BEGIN + index * HOUR, price, high, low, close, 100_000))
            price = close
    return rows


def breakout_bot(directory: Path, **closes) -> Path:
    """A manifest over AAA and BBB whose candles close at `closes` (by base); returns its path."""
    data = directory / "breakout"
    for base, prices in closes.items():
        write_candles(data / f"{base}-EUR-1h.csv", rows_of(prices))
    manifest = directory / "breakout.yaml"
    manifest.write_text(_BREAKOUT.format(path=data))
    return manifest


def gappy_bot(directory: Path, candles: int = 400) -> Path:
    """A manifest over four pairs with gaps, one that ends early and one that begins late; returns its path."""
    data = directory / "candles"
    # Every pair misses 05:00 and 06:00 of a day: the candles 04-06 and 06-08 are complete at the same moment.
    for seed, base in enumerate(("AAA", "BBB", "CCC", "DDD"), start=1):
        rows = random_walk(seed, candles, missing=0.03, last=candles * 5 // 8 if base == "CCC" else None)
        rows = [row for row in rows if (row[0] - BEGIN) // HOUR not in (101, 102)]
        write_candles(data / f"{base}-EUR-1h.csv", rows[candles // 8 if base == "DDD" else 0 :])
    manifest = directory / "gaps.yaml"
    manifest.write_text(_MANIFEST.format(path=data))
    return manifest
