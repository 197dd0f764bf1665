"""Candles per second of the compiled engine, beside a numba loop and a Python loop that trade the same cross.

Ours is a strategy's two averages, in numba as a quick strategy has them, and the engine that follows them: stakes,
slots, fees, stops, prices and amounts rounded to ticks and steps by freqtrade's rules, and the balance of every candle,
in columns. The bare sides carry two running sums from candle to candle and buy and sell at the next open, with fees:
what anybody writes who only wants to know how a cross does. Prices are whole cents, so that sums are exact and no side
sees another cross; all trade as often, for as much, or the bench says so and fails. Seconds of these are those that the
process had its core for, so that other programs do not count.

The sweep is a hundred pairs of 100,000 candles, one after the other on every core, in a process of its own whose memory
is told. Its seconds are those of the clock; beside them stands the rate by seconds of processor, which other programs
do not slow. The rest is the time from a fresh process to the printed result of 10,000 candles, and what one trade costs
that is made an object, as the command does.

Two libraries trade the same cross beside ours, vectorbt and backtesting.py (`bench.other_libraries`), unless they
cannot be installed, or `--alone` is said. They have to make as many trades as ours, and its profit to a thousandth.

    python -m bench.compiled_backtest [--rounds 5] [--candles 1000000] [--alone]
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import numba
import numpy as np
from bench.measured import Figure, in_turns, on_one_core, options, report
from bench.other_libraries import LIBRARIES, Side, Skipped, environment, side
from numpy.typing import NDArray

from tradewind.domain.freqtrade.fills import Book
from tradewind.domain.freqtrade.market import Market, MonthlyTicks
from tradewind.domain.freqtrade.roi import RoiTable
from tradewind.domain.freqtrade.signals import Callbacks, PairColumns, Settings
from tradewind.domain.freqtrade.stop import StopRules
from tradewind.domain.freqtrade.wallet import StakeRules
from tradewind.domain.series import Floats
from tradewind.research.freqtrade.compiled.engine import Run, result_of, run_compiled

FAST, SLOW, FEE, STAKE, BALANCE = 50, 200, 0.001, 1000.0, 1_000_000.0
START, STEP = 1_514_764_800_000, 60_000
RATE, RATIO, SWEEP, MEGABYTES, SECONDS = 60e6, 0.3, 100e6, 300, 2.0
PAIRS, PAIR_CANDLES, AT_ONCE = 100, 100_000, 10
SETTINGS = Settings(
    timeframe="1m",
    stakes=StakeRules(stake_amount=STAKE, max_open_trades=1.0, dry_run_wallet=BALANCE),
    fee=FEE,
    stop=StopRules(stoploss=-0.99),
    roi=RoiTable({}, 1),
)
STRATEGY = f"""
import talib.abstract as ta
from freqtrade.strategy import IStrategy

class Cross(IStrategy):
    timeframe, stoploss, minimal_roi = "1m", -0.99, {{}}

    def populate_indicators(self, dataframe, metadata):
        dataframe["fast"], dataframe["slow"] = ta.SMA(dataframe, {FAST}), ta.SMA(dataframe, {SLOW})
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["fast"] > dataframe["slow"], "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["fast"] < dataframe["slow"], "exit_long"] = 1
        return dataframe
"""


def candles_of(seed: int, count: int) -> tuple[Any, ...]:
    """Times, opens, highs, lows and closes of a walk in cents."""
    random = np.random.default_rng(seed)
    close = np.round(10_000 * np.exp(np.cumsum(random.normal(0, 0.001, count)))) / 100
    opened = np.concatenate(([100.0], close[:-1]))
    high, low = np.maximum(opened, close) + 0.05, np.minimum(opened, close) - 0.05
    return START + STEP * np.arange(1, count + 1), opened, np.round(high, 2), np.round(low, 2), close


@numba.njit(nogil=True)
def signals(close: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """When to enter and to leave: above and below. The signal of a candle is followed at the open of the next."""
    enter, leave = np.zeros(len(close), np.bool_), np.zeros(len(close), np.bool_)
    cents = np.rint(close * 100)
    fast, slow = cents[SLOW - FAST : SLOW].sum(), cents[:SLOW].sum()
    for index in range(SLOW, len(close) - 1):
        fast += cents[index] - cents[index - FAST]
        slow += cents[index] - cents[index - SLOW]
        enter[index + 1], leave[index + 1] = fast * SLOW > slow * FAST, fast * SLOW < slow * FAST
    return enter, leave


def ours(candles: tuple[Any, ...]) -> tuple[dict[str, PairColumns], Run]:
    """The cross as a strategy has it, and the engine."""
    times, opened, high, low, close = candles
    enter, leave = signals(close)
    market = Market("AAA/EUR", Decimal("0.01"), Decimal("0.00001"))
    columns = {
        market.pair: PairColumns(market, MonthlyTicks((), ()), times, opened, high, low, close, close, enter, leave)
    }
    return columns, run_compiled(columns, SETTINGS, (START, int(times[-1])))


def bare(opened: Floats, cents: Floats) -> tuple[int, float]:
    """How many trades the cross makes, and what they bring; `cents` are the closes, whole."""
    fast = slow = profit = amount = paid = 0.0
    trades, last = 0, len(cents) - 1
    for index in range(last):
        fast += cents[index]
        slow += cents[index]
        if index >= FAST:
            fast -= cents[index - FAST]
        if index < SLOW:
            continue
        slow -= cents[index - SLOW]
        if amount:
            if fast * SLOW < slow * FAST:
                profit += amount * opened[index + 1] * (1 - FEE) - paid
                amount, trades = 0.0, trades + 1
        elif fast * SLOW > slow * FAST and index + 1 < last:
            amount = STAKE / opened[index + 1]
            paid = STAKE * (1 + FEE)
    if amount:
        profit += amount * opened[last] * (1 - FEE) - paid
        trades += 1
    return trades, profit


def done(run: Run) -> tuple[int, float]:
    """How many trades a run of ours made, and what they brought."""
    return len(run.desk.closed), float(run.desk.state[0]["profit"])


def agree(ours: tuple[int, float], told: tuple[int, float]) -> None:
    """Stop where the sides did not do the same: as many trades, and profits within a thousandth of each other."""
    if ours[0] != told[0] or not math.isclose(ours[1], told[1], rel_tol=1e-3):
        sys.exit(f"error: the sides disagree: {ours[0]} trades for {ours[1]:.2f}, and {told[0]} for {told[1]:.2f}")


async def loops(rounds: int, count: int) -> list[Figure]:
    """Ours beside both loops."""
    candles = candles_of(1, count)
    bare_numba = numba.njit(bare)
    opened, close = candles[1].tolist(), candles[4].tolist()

    async def one() -> float:
        started = time.thread_time()
        ours(candles)
        return count / (time.thread_time() - started)

    async def with_numba() -> float:
        started = time.thread_time()
        bare_numba(candles[1], np.rint(candles[4] * 100))
        return count / (time.thread_time() - started)

    async def plain() -> float:
        started = time.thread_time()
        bare(opened, [float(round(price * 100)) for price in close])
        return count / (time.thread_time() - started)

    columns, run = ours(candles)
    cents = np.rint(candles[4] * 100)
    for told in (bare_numba(candles[1], cents), bare(opened, cents.tolist())):
        agree(done(run), told)
    started = time.thread_time()
    result_of(run, columns, SETTINGS, Callbacks(), Book(SETTINGS))
    each = (time.thread_time() - started) / len(run.desk.closed)
    found, slow = await in_turns(rounds, one, with_numba), await in_turns(1, one, plain)
    return [
        Figure("ours", max(found.ours), "candles/s"),
        Figure("numba loop", max(found.bare), "candles/s"),
        Figure("ours beside the numba loop", found.ratio),
        Figure(
            f"of {RATE / 1e6:.0f} M candles/s or {RATIO} of it",
            max(max(found.ours) / RATE, found.ratio / RATIO),
            "",
            1.0,
        ),
        Figure("Python loop", max(slow.bare), "candles/s"),
        Figure("ours beside the Python loop", slow.ratio),
        Figure("trades", len(run.desk.closed)),
        Figure("a trade and its candles' balances as objects", each * 1e6, "us"),
    ]


async def libraries(python: Path, rounds: int, count: int) -> list[Figure]:
    """Ours beside each of the other libraries; the slow one in a single round."""
    candles = candles_of(1, count)
    prices = dict(zip(("open", "high", "low", "close"), candles[1:], strict=True))
    made = done(ours(candles)[1])
    figures = []
    for library, name in LIBRARIES.items():
        with side(python, library, **prices, fast=FAST, slow=SLOW, fee=FEE, stake=STAKE, balance=BALANCE) as other:

            async def one() -> float:
                started = time.thread_time()
                ours(candles)
                return count / (time.thread_time() - started)

            async def theirs(other: Side = other) -> float:
                told = other.once()
                agree(made, (told.trades, told.profit))
                return count / told.seconds

            found = await in_turns(rounds if library == "vectorbt" else 1, one, theirs)
        figures += [
            Figure(f"{name} {other.version}", max(found.bare), "candles/s"),
            Figure(f"ours beside {name}", found.ratio),
        ]
    return figures


def sweep() -> None:
    """Print candles a second and the most memory, in MB, of this process."""
    ours(candles_of(0, 1_000))
    seconds, processor, trades = 0.0, 0.0, 0
    cores = sorted(os.sched_getaffinity(0))
    free = iter(cores)

    def take_a_core() -> None:
        """Woken for a few milliseconds at a time, threads would else share one core until somebody notices."""
        os.sched_setaffinity(0, {next(free)})

    with ThreadPoolExecutor(len(cores), initializer=take_a_core) as pool:
        for first in range(0, PAIRS, AT_ONCE):
            pairs = [candles_of(seed, PAIR_CANDLES) for seed in range(first, first + AT_ONCE)]
            started, used = time.perf_counter(), time.process_time()
            trades += sum(pool.map(lambda candles: len(ours(candles)[1].desk.closed), pairs))
            seconds, processor = seconds + time.perf_counter() - started, processor + time.process_time() - used
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    candles = PAIRS * PAIR_CANDLES
    rates = {"rate": candles / seconds, "free_rate": candles * len(cores) / processor}
    print(json.dumps({**rates, "megabytes": most, "trades": trades}))


def swept() -> list[Figure]:
    """The figures of the sweep, best of three processes. One goes before, which compiles where nobody did yet."""
    command = [sys.executable, "-m", "bench.compiled_backtest", "--sweep"]
    first, *told = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(4)]
    best = max(told, key=lambda one: one["rate"])
    return [
        Figure("100 pairs of 100,000 candles", best["rate"], "candles/s", SWEEP),
        Figure("the same by seconds of processor, if all cores were free", best["free_rate"], "candles/s"),
        Figure("their memory", max(one["megabytes"] for one in told), "MB", MEGABYTES, at_most=True),
        Figure("that of one before, which may have to compile", first["megabytes"], "MB"),
        Figure("their trades", best["trades"]),
    ]


def fresh_process() -> float:
    """Seconds from the start of a process to its result."""
    with tempfile.TemporaryDirectory() as folder:
        columns = np.column_stack((*candles_of(1, 10_000), np.ones(10_000)))
        (Path(folder) / "cross.py").write_text(STRATEGY)
        head, form = "timestamp,open,high,low,close,volume", ["%d", *["%.2f"] * 5]
        np.savetxt(Path(folder) / "AAA-EUR-1m.csv", columns, form, ",", header=head, comments="")
        command = [str(Path(sys.executable).with_name("tradewind")), "backtest", "--strategy", f"{folder}/cross.py"]
        started = time.perf_counter()
        subprocess.run([*command, "--data", folder, "-o", "json"], check=True, capture_output=True)
        return time.perf_counter() - started


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--candles", type=int, default=1_000_000)
    parser.add_argument("--alone", action="store_true", help="without the other libraries")
    parser.add_argument("--sweep", action="store_true", help="only this, and in this process")
    arguments = parser.parse_args()
    if arguments.sweep:
        sweep()
        return 0
    figures = swept()
    on_one_core()
    figures = asyncio.run(loops(arguments.rounds, arguments.candles)) + figures
    python = Skipped("--alone") if arguments.alone else environment()
    if isinstance(python, Skipped):
        print(python, file=sys.stderr)
    else:
        figures += asyncio.run(libraries(python, arguments.rounds, arguments.candles))
    seconds = min(fresh_process() for _ in range(3))
    figures.append(Figure("10,000 candles, fresh process", seconds, "s", SECONDS, at_most=True))
    return report("compiled backtest, and plain loops of the same cross", figures, arguments.output)


if __name__ == "__main__":
    sys.exit(main())
