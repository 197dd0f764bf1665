"""Candles per second of the native backtest, beside a plain Python loop that trades the same cross of averages.

Ours is what `tradewind backtest` does once the candles are read: the strategy over the whole series, then the engine,
which decides, sizes, refuses, matches and counts every order by the functions of the running bot, in exact decimals.
The bare side carries two averages from candle to candle in floats and buys and sells at the next open, with fees:
what anybody writes who only wants to know how a cross does. Both trade as often, or the bench says so and fails.

What ours costs is its orders, so there are two crosses: one of 50 and 200 candles, and one of 20 and 50, which trades
three times as often. Beside them the time from a fresh process to the printed result of 10,000 candles.

    python -m bench.backtest [--rounds 5] [--candles 200000]
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from bench.measured import Figure, in_turns, on_one_core, options, report

from tradewind.contracts.api.document import load_bot
from tradewind.market_data.recording import Recording, load_candles
from tradewind.research.native.given import given_of
from tradewind.research.native.run import backtest

SAMPLE = Path(__file__).parents[1] / "manifests" / "samples" / "minimal.yaml"
PAIR, FEE, STAKE, BALANCE = "AAA/EUR", 0.001, 1000.0, 1_000_000.0
GOAL, GOAL_SECONDS = 500_000.0, 2.0
CROSSES = ((50, 200, GOAL), (20, 50, None))


def changes(fast: int, slow: int, candles: int) -> list[str]:
    """The sample as a bot that trades one cross on one pair, whose money lasts."""
    return [
        f"spec.pairs.include=[{PAIR}]",
        f"spec.strategies=[{{name: cross, kind: EmaCross, parameters: {{fast: {fast}, slow: {slow}}}}}]",
        f"spec.data.synthetic={{candles: {candles}, volatility: 0.002}}",
        f"spec.capital.startingBalance={BALANCE:.0f}",
        f"spec.capital.stakeAmount={STAKE:.0f}",
        "spec.risk.maxDrawdown=1",
        f"spec.exchanges[0].fees.maker={FEE}",
        f"spec.exchanges[0].fees.taker={FEE}",
    ]


def bare_loop(opens: list[float], closes: list[float], fast_period: int, slow_period: int) -> int:
    """How many trades the cross makes."""
    fast = slow = 0.0
    seed_fast, seed_slow = sum(closes[:fast_period]) / fast_period, sum(closes[:slow_period]) / slow_period
    weight_fast, weight_slow = 2 / (fast_period + 1), 2 / (slow_period + 1)
    cash, amount, trades, closed = BALANCE, 0.0, 0, -1
    for index in range(len(closes) - 1):
        close = closes[index]
        fast = seed_fast if index == fast_period - 1 else fast + weight_fast * (close - fast)
        slow = seed_slow if index == slow_period - 1 else slow + weight_slow * (close - slow)
        if index < slow_period - 1:
            continue
        if amount:
            if fast < slow:
                cash += amount * opens[index + 1] * (1 - FEE)
                amount, trades, closed = 0.0, trades + 1, index + 1
        elif fast > slow and index != closed:
            amount = STAKE / close
            cash -= amount * opens[index + 1] * (1 + FEE)
    return trades + bool(amount)


async def cross(rounds: int, candles: int, fast: int, slow: int, goal: float | None) -> list[Figure]:
    """The figures of one cross."""
    bot = load_bot(SAMPLE, changes(fast, slow, candles))
    recording: Recording = load_candles(bot)
    series = recording.checked[PAIR].series
    opens, closes = series.open.tolist(), series.close.tolist()
    traded = [0, 0]

    async def ours() -> float:
        started = time.perf_counter()
        traded[0] = len(backtest(given_of(bot, recording)).trades)
        return len(series) / (time.perf_counter() - started)

    async def bare() -> float:
        started = time.perf_counter()
        traded[1] = bare_loop(opens, closes, fast, slow)
        return len(series) / (time.perf_counter() - started)

    found = await in_turns(rounds, ours, bare)
    if traded[0] != traded[1]:
        sys.exit(f"error: the sides disagree: {traded[0]} trades and {traded[1]}")
    name = f"{fast} over {slow}"
    return [
        Figure(f"{name}: ours", max(found.ours), "candles/s", goal),
        Figure(f"{name}: bare", max(found.bare), "candles/s"),
        Figure(f"{name}: ratio", found.ratio),
        Figure(f"{name}: a trade of ours", candles / traded[0] / max(found.ours) * 1e6, "us"),
        Figure(f"{name}: trades", traded[0]),
    ]


def fresh_process() -> float:
    """Seconds from the start of a process to its result."""
    command = [str(Path(sys.executable).with_name("tradewind")), "backtest", str(SAMPLE), "-o", "json"]
    started = time.perf_counter()
    subprocess.run([*command, *(f"--set={one}" for one in changes(20, 50, 10_000))], check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--candles", type=int, default=200_000)
    arguments = parser.parse_args()
    on_one_core()
    figures = []
    for fast, slow, goal in CROSSES:
        figures += asyncio.run(cross(arguments.rounds, arguments.candles, fast, slow, goal))
    seconds = min(fresh_process() for _ in range(3))
    figures.append(Figure("10,000 candles, fresh process", seconds, "s", GOAL_SECONDS, at_most=True))
    return report("native backtest, and a plain loop of the same cross", figures, arguments.output)


if __name__ == "__main__":
    sys.exit(main())
