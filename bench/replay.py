"""Candles per second of a replay through the whole bot, on both of its venues, beside a bare loop.

The bot runs as `tradewind run` runs it: memory bus, SQLite with `synchronous=FULL`, metrics, logs and traces on
(spans are made and handed to an exporter that counts them). One core, pinned. On the paper venue orders are matched
inside the bot; on the simulated one every candle, order and update goes through HTTP or WebSocket and ccxt, to an
exchange in the same process and on the same core. The bare loop walks the arrays of the same strategies: it knows the
stances beforehand and does nothing but walk the candles, ask the consensus rule in plain floats and keep a position:
it is what the machine could do if a bot were only its decisions. The ratio of the two travels between machines, the
absolute figures do not.

    python bench/replay.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from tradewind.contracts.api.document import load_bot
from tradewind.contracts.strategies import parse_parameters
from tradewind.kernel.state_directory import StateDirectory
from tradewind.kernel.telemetry.logging import configure_logging
from tradewind.market_data.recording import Recording, load_recording
from tradewind.strategies.loader import build_strategy
from tradewind.topology.embedded import EmbeddedBot, EmbeddedOptions

ROOT = Path(__file__).parents[1]
QUICKSTART = ROOT / "manifests" / "samples" / "quickstart.yaml"
GOALS = {"Paper": 2000.0, "Simulated": 200.0}
MEMORY_GOAL = 300.0


class CountingExporter(SpanExporter):
    """Takes spans and forgets them."""

    def __init__(self) -> None:
        self.spans = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += len(spans)
        return SpanExportResult.SUCCESS


async def replay(directory: Path, venue: str = "Paper") -> tuple[float, int, int, int]:
    """Seconds, candles, trades and spans of one run on `venue`."""
    exporter = CountingExporter()
    embedded = EmbeddedBot(
        load_bot(QUICKSTART, [f"spec.exchanges[0].venue={venue}"]),
        StateDirectory(directory),
        EmbeddedOptions(exporter=exporter, services=["market-data", "strategy", "engine", "execution", "portfolio"]),
    )
    await embedded.start()
    started = time.perf_counter()
    await embedded.wait()
    seconds = time.perf_counter() - started
    status = await embedded.ask("market-data", "status")
    trades = await embedded.ask("portfolio", "trades")
    await embedded.stop()
    return seconds, status["candles"], len(trades), exporter.spans


def bare_loop(recording: Recording) -> tuple[float, int]:
    """Seconds and entries of a loop over the same stances, with nothing around it."""
    bot = load_bot(QUICKSTART)
    strategies = [
        (float(one.weight), build_strategy(one.kind, parse_parameters("spec", one.kind, one.parameters)))
        for one in bot.spec.strategies
    ]
    arrays = []
    for pair, checked in recording.checked.items():
        stances = [(weight, strategy.stances(checked.series).side.tolist()) for weight, strategy in strategies]
        arrays.append((pair, checked.series.open.tolist(), checked.series.close.tolist(), stances))
    total = sum(weight for weight, _ in strategies)
    entries, cash = 0, 10_000.0
    started = time.perf_counter()
    for _, opens, closes, stances in arrays:
        amount = 0.0
        for index in range(len(opens) - 1):
            score = sum(weight for weight, sides in stances if sides[index] == 1) / total
            if amount:
                if score <= 0.5:
                    cash += amount * opens[index + 1] * 0.9975
                    amount = 0.0
            elif score >= 0.8:
                amount = 1000.0 / closes[index]
                cash -= amount * opens[index + 1] * 1.0025
                entries += 1
    return time.perf_counter() - started, entries


def run(venue: str) -> tuple[float, int, int, int]:
    """A run with a directory of its own."""
    directory = Path(tempfile.mkdtemp(prefix="tradewind-bench-"))
    try:
        return asyncio.run(replay(directory, venue))
    finally:
        shutil.rmtree(directory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    configure_logging("warning", "json", sys.stderr)
    rows = [run("Paper") for _ in range(arguments.rounds)]
    seconds, candles, trades, spans = min(rows)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    simulated = run("Simulated")
    if simulated[1:3] != (candles, trades):
        sys.exit(f"the venues disagree: {candles} candles and {trades} trades, or {simulated[1]} and {simulated[2]}")
    bare_seconds, entries = min(bare_loop(load_recording(load_bot(QUICKSTART))) for _ in range(arguments.rounds))
    figures = {
        "candles": candles,
        "trades": trades,
        "spans": spans,
        "rounds": arguments.rounds,
        "botCandlesPerSecond": round(candles / seconds),
        "simulatedCandlesPerSecond": round(candles / simulated[0]),
        "slowestCandlesPerSecond": round(candles / max(rows)[0]),
        "bareLoopCandlesPerSecond": round(candles / bare_seconds),
        "bareLoopEntries": entries,
        "ratio": round(bare_seconds / seconds, 5),
        "residentMegabytes": round(resident, 1),
        "goal": {
            "botCandlesPerSecond": GOALS["Paper"],
            "simulatedCandlesPerSecond": GOALS["Simulated"],
            "residentMegabytes": MEMORY_GOAL,
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one used, Python {platform.python_version()}",
    }
    if arguments.output == "json":
        print(json.dumps(figures))
        return
    print(f"replay of {candles:,} candles, {trades} trades, {spans:,} spans, best of {arguments.rounds}, on one core")
    print(f"  whole bot   {figures['botCandlesPerSecond']:>12,} candles/s   (goal {GOALS['Paper']:,.0f})")
    print(f"  over HTTP   {figures['simulatedCandlesPerSecond']:>12,} candles/s   (goal {GOALS['Simulated']:,.0f})")
    print(f"  bare loop   {figures['bareLoopCandlesPerSecond']:>12,} candles/s   ({entries} entries)")
    print(f"  ratio       {figures['ratio']:>12}")
    print(f"  memory      {figures['residentMegabytes']:>12} MB resident at most   (goal {MEMORY_GOAL:,.0f})")
    print(f"  machine     {figures['machine']}")


if __name__ == "__main__":
    main()
