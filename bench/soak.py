"""Ten bots, each in processes of its own, share one Redis and one PostgreSQL for half an hour: does anything grow?

    make soak                                           ten bots for 30 minutes of replay at x600
    python -m bench.soak --bots 2 --minutes 3           a short look

Every half minute: the memory of all processes (their proportional share), what each group of Redis has not done yet,
how many candles each bot has been given, and whether a process has ended or was started again. In the end: a line
through the memory of the second half of the run, the longest lag and the slowest bot of that half, and every line of
the logs that is an error. The command fails where a process has ended, where a bot falls behind its pace or a group
behind its topic, where the log has an error, or where memory grows by more than the bound.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import redis
from tests.servers.programs import postgres_programs, redis_program
from tests.servers.running import PostgresServer, RedisServer

from tradewind.contracts.messages import CandleClosed
from tradewind.kernel.bus.redis_streams import stream_of

TRADEWIND = (sys.executable, "-m", "tradewind")
SPEED = 600
EVERY = 30.0
"""Seconds between two looks."""
GROWTH = 0.10
"""The part of its size by which memory may grow in an hour."""
BEHIND = 200
"""Messages that a group may have before it, at any look of the second half."""
PACE = 0.9
"""Of the candles that the speed asks for, those that each bot has to be given in the second half."""
PAIRS, TIMEFRAME = 2, 900
"""Of each bot: how many pairs, and the seconds of one candle."""
BOT = """
apiVersion: tradewind.dev/v1alpha1
kind: TradingBot
metadata: {{name: {name}}}
spec:
  profile: Standard
  exchanges: [{{name: paper}}]
  pairs: {{include: [AAA/EUR, BBB/EUR]}}
  timeframe: 15m
  strategies:
    - {{name: reversion, kind: RsiMeanReversion}}
    - {{name: trend, kind: EmaCross}}
  risk: {{maxOpenPositions: 2, stopLoss: "0.05", maxDrawdown: "0.90"}}
  capital: {{currency: EUR, startingBalance: "10000"}}
  data:
    source: Synthetic
    speed: "{speed}"
    synthetic: {{seed: {seed}, candles: {candles}, startPrice: "100", volatility: "0.01"}}
"""


class SharedPostgres(PostgresServer):
    """As many connections as the chart's database takes: each of the thirty processes may hold eight."""

    settings = (*PostgresServer.settings, "max_connections=300")


@dataclass
class Running:
    """One bot: its supervisor and where that writes."""

    name: str
    supervisor: subprocess.Popen[bytes]
    log: Path
    began: dict[str, int] = field(default_factory=dict)
    """The process of each workload, as it was first seen."""

    def processes(self) -> Iterator[tuple[str, psutil.Process]]:
        """The workloads that run now, by name, and the supervisor."""
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.supervisor.pid)
            yield "supervisor", parent
            for child in parent.children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    yield _workload(child.cmdline()), child

    def replaced(self) -> list[str]:
        """Workloads whose process is not the one that it began with."""
        if self.supervisor.poll() is not None:
            return [f"{self.name} has ended"]
        now = {name: process.pid for name, process in self.processes()}
        for name, pid in now.items():
            self.began.setdefault(name, pid)
        return [f"{name} of {self.name} was ended" for name, pid in self.began.items() if now.get(name) != pid]


@dataclass
class Sample:
    """One look; memory in MiB by workload, the longest lag of a group, messages of all, candles of each bot."""

    minutes: float
    memory: dict[str, float]
    waiting: int
    told: int
    candles: dict[str, int]
    redis_memory: float
    processes: int = 0


@dataclass
class Found:
    """What a soak has shown."""

    samples: list[Sample] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def slope(self, workload: str | None = None) -> float:
        """MiB an hour, by least squares over the second half."""
        late = self.samples[len(self.samples) // 2 :]
        values = [one.memory.get(workload, 0.0) if workload else sum(one.memory.values()) for one in late]
        if len(late) < 2:
            return 0.0
        return statistics.linear_regression([one.minutes / 60 for one in late], values).slope

    def pace(self) -> float:
        """Candles that the slowest bot was given in the second half, as a share of those that were due."""
        first, last = self.samples[len(self.samples) // 2], self.samples[-1]
        due = (last.minutes - first.minutes) * 60 * SPEED / TIMEFRAME * PAIRS
        given = [last.candles.get(name, 0) - count for name, count in first.candles.items()]
        return min(given, default=0) / due if due else 0.0


def _workload(command: list[str]) -> str:
    """What a process of a bot runs: the services after `--services`."""
    return command[command.index("--services") + 1] if "--services" in command else "other"


def begin(name: str, seed: int, minutes: float, folder: Path, environment: dict[str, str]) -> Running:
    """Start a bot by `tradewind up`; its market lasts longer than the soak."""
    candles = int(minutes * 60 * SPEED / 900 * 1.5) + 500
    manifest = folder / f"{name}.yaml"
    manifest.write_text(BOT.format(name=name, seed=seed, candles=candles, speed=SPEED))
    log = folder / f"{name}.log"
    with log.open("wb") as file:
        child = subprocess.Popen([*TRADEWIND, "up", manifest], env=environment, stdout=file, stderr=file)
    return Running(name, child, log)


def look(began: float, bots: list[Running], client: redis.Redis) -> Sample:
    """Measure everything once."""
    memory: dict[str, float] = collections.defaultdict(float)
    count = 0
    for bot in bots:
        for name, process in bot.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                memory[name] += process.memory_full_info().pss / 2**20
                count += 1
    waiting = told = 0
    streams = {stream_of(f"default/{bot.name}", CandleClosed.topic): bot.name for bot in bots}
    candles = dict.fromkeys(streams.values(), 0)
    for key in client.scan_iter(_type="stream"):
        added = client.xinfo_stream(key)["entries-added"]
        told += added
        if (owner := streams.get(key.decode())) is not None:
            candles[owner] = added
        groups = client.xinfo_groups(key)
        waiting = max([waiting, *((one["lag"] or 0) + one["pending"] for one in groups)])
    redis_memory = client.info("memory")["used_memory"] / 2**20
    return Sample((time.monotonic() - began) / 60, dict(memory), waiting, told, candles, redis_memory, count)


def errors_of(bots: list[Running]) -> list[str]:
    """Every line of a log that is an error, or no line of a log."""
    found = []
    for bot in bots:
        for line in bot.log.read_text(errors="replace").splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                if json.loads(line[max(line.find("{"), 0) :]).get("level") in ("error", "critical"):
                    found.append(f"{bot.name} {line}")
            if "Traceback" in line:
                found.append(f"{bot.name} {line}")
    return found


def soak(count: int, minutes: float, folder: Path) -> Found:
    """Run the bots and look at them; ends them all."""
    found, bots = Found(), []
    with RedisServer(redis_program()) as broker, SharedPostgres(postgres_programs()) as database:
        environment = {
            **os.environ,
            "TRADEWIND_BUS_URL": broker.url,
            "TRADEWIND_DATABASE_URL": database.url("postgres"),
            "TRADEWIND_STATE_DIRECTORY": str(folder / "state"),
            "TRADEWIND_PORTS__GATEWAY": "0",
            "TRADEWIND_LOG_STYLE": "json",
        }
        client = redis.Redis.from_url(broker.url)
        began = time.monotonic()
        try:
            bots += [begin(f"bot-{number}", number, minutes, folder, environment) for number in range(count)]
            while (time.monotonic() - began) / 60 < minutes:
                time.sleep(EVERY)
                found.samples.append(sample := look(began, bots, client))
                say(sample)
                found.troubles = [trouble for one in bots for trouble in one.replaced()]
                if found.troubles:
                    break
        finally:
            client.close()
            for one in bots:
                with contextlib.suppress(ProcessLookupError):
                    one.supervisor.send_signal(signal.SIGTERM)
            for one in bots:
                if (code := one.supervisor.wait(120)) != 0:
                    found.troubles.append(f"{one.name} ended with {code}")
    found.errors = errors_of(bots)
    return found


def say(one: Sample) -> None:
    """A line for each look."""
    total = sum(one.memory.values())
    sys.stdout.write(
        f"{one.minutes:5.1f} min  {one.processes:3d} processes  {total:7.0f} MiB  Redis {one.redis_memory:6.1f} MiB  "
        f"{one.told:8d} messages  longest lag {one.waiting}\n"
    )
    sys.stdout.flush()


def judge(found: Found, count: int) -> bool:
    """Print what came of it; whether all of it is as it should be."""
    half = found.samples[len(found.samples) // 2 :]
    last = half[-1]
    total, slope = sum(last.memory.values()), found.slope()
    sys.stdout.write(f"\n{'workload':44} {'MiB a bot':>10} {'MiB an hour':>12}\n")
    for name in sorted(last.memory):
        sys.stdout.write(f"{name:44} {last.memory[name] / count:10.1f} {found.slope(name) / count:12.2f}\n")
    sys.stdout.write(f"{'all':44} {total / count:10.1f} {slope / count:12.2f}\n")
    lag = max(one.waiting for one in half)
    rate = (last.told - half[0].told) / max((last.minutes - half[0].minutes) * 60, 1)
    sys.stdout.write(f"{count} bots, {rate:.0f} messages a second, longest lag of the second half {lag} messages, ")
    sys.stdout.write(f"{found.pace():.0%} of its candles for the slowest, {len(found.errors)} errors in the logs\n")
    for line in [*found.troubles, *found.errors[:20]]:
        sys.stdout.write(f"  {line}\n")
    checks = {
        f"memory grows by less than {GROWTH:.0%} an hour": slope < GROWTH * total,
        f"no group is more than {BEHIND} messages behind in the second half": lag <= BEHIND,
        f"each bot is given {PACE:.0%} of the candles that are due": found.pace() >= PACE,
        "no process has ended, no error is in a log": not found.troubles and not found.errors,
    }
    for what, holds in checks.items():
        sys.stdout.write(f"{'ok  ' if holds else 'NOT '} {what}\n")
    return all(checks.values())


def main() -> None:
    """Soak, print, and fail where something grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bots", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=30.0)
    options = parser.parse_args()
    sys.stdout.write(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory(prefix="tradewind-soak-") as folder:
        found = soak(options.bots, options.minutes, Path(folder))
        sys.exit(0 if judge(found, options.bots) else 1)


if __name__ == "__main__":
    main()
