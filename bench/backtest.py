"""Candles per second of the native backtest, beside a plain Python loop that trades the same cross of averages.

Ours is what `tradewind backtest` does once the candles are read: the strategy over the whole series, then the engine,
which decides, sizes, refuses, matches and counts every order by the functions of the running bot, in exact decimals.
The bare side carries two averages from candle to candle in floats and buys and sells at the next open, with fees:
what anybody writes who only wants to know how a cross does. Both trade as often, or the bench says so and fails.

Beside it, the time from a fresh process to the printed result of 10,000 candles.

    python -m bench.backtest [--rounds 5]
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from bench.measured import Figure, in_turns, on_one_core, options, report, sides

from tradewind.contracts.api.document import load_bot
from tradewind.market_data.recording import Recording, load_candles
from tradewind.research.native.given import given_of
from tradewind.research.native.run import backtest

SAMPLE = Path(__file__).parents[1] / "manifests" / "samples" / "minimal.yaml"
FAST, SLOW, FEE, STAKE = 20, 50, 0.001, 1000.0
CANDLES = 200_000
GOAL_RATIO, GOAL_SECONDS = 0.28, 2.0

CHANGES = (
    "spec.pairs.include=[AAA/EUR]",
    f"spec.strategies=[{{name: cross, kind: EmaCross, parameters: {{fast: {FAST}, slow: {SLOW}}}}}]",
    "spec.data.synthetic.volatility=0.002",
    "spec.capital.startingBalance=1000000",
    f"spec.capital.stakeAmount={STAKE:.0f}",
    "spec.risk.maxDrawdown=1",
    f"spec.exchanges[0].fees.maker={FEE}",
    f"spec.exchanges[0].fees.taker={FEE}",
)


def bare_loop(opens: list[float], closes: list[float]) -> int:
    """The trades of the cross."""
    fast = slow = 0.0
    seed_fast, seed_slow = sum(closes[:FAST]) / FAST, sum(closes[:SLOW]) / SLOW
    weight_fast, weight_slow = 2 / (FAST + 1), 2 / (SLOW + 1)
    cash, amount, trades, closed = 1_000_000.0, 0.0, 0, -1
    for index in range(len(closes) - 1):
        close = closes[index]
        fast = seed_fast if index == FAST - 1 else fast + weight_fast * (close - fast)
        slow = seed_slow if index == SLOW - 1 else slow + weight_slow * (close - slow)
        if index < SLOW - 1:
            continue
        if amount:
            if fast < slow:
                cash += amount * opens[index + 1] * (1 - FEE)
                amount, trades, closed = 0.0, trades + 1, index + 1
        elif fast > slow and index != closed:
            amount = STAKE / close
            cash -= amount * opens[index + 1] * (1 + FEE)
    return trades + bool(amount)


def fresh_process() -> float:
    """Seconds from the start of a process to its result."""
    command = [str(Path(sys.executable).with_name("tradewind")), "backtest", str(SAMPLE), "-o", "json"]
    started = time.perf_counter()
    subprocess.run([*command, *(f"--set={one}" for one in CHANGES)], check=True, capture_output=True)
    return time.perf_counter() - started


async def measure(rounds: int, recording: Recording) -> tuple[list[Figure], int, int]:
    """The figures, and the trades of both sides."""
    bot = load_bot(SAMPLE, CHANGES)
    series = recording.checked["AAA/EUR"].series
    opens, closes = series.open.tolist(), series.close.tolist()
    traded = [0, 0]

    async def ours() -> float:
        started = time.perf_counter()
        traded[0] = len(backtest(given_of(bot, recording)).trades)
        return len(series) / (time.perf_counter() - started)

    async def bare() -> float:
        started = time.perf_counter()
        traded[1] = bare_loop(opens, closes)
        return len(series) / (time.perf_counter() - started)

    return sides("candles", "candles/s", await in_turns(rounds, ours, bare), GOAL_RATIO), traded[0], traded[1]


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--candles", type=int, default=CANDLES)
    arguments = parser.parse_args()
    on_one_core()
    recording = load_candles(load_bot(SAMPLE, [*CHANGES, f"spec.data.synthetic.candles={arguments.candles}"]))
    figures, ours, bare = asyncio.run(measure(arguments.rounds, recording))
    if ours != bare:
        sys.exit(f"error: the sides disagree: {ours} trades and {bare}")
    figures.append(Figure("trades", ours))
    figures.append(
        Figure("10,000 candles, fresh process", min(fresh_process() for _ in range(3)), "s", GOAL_SECONDS, at_most=True)
    )
    return report(f"native backtest of EMA({FAST}) over EMA({SLOW})", figures, arguments.output)


if __name__ == "__main__":
    sys.exit(main())
