"""The memory of a bot in processes: what `tradewind up` takes with profile Full, process by process.

    python -m bench.processes         against a Redis and a PostgreSQL that the script starts and ends

The bot is the quickstart at x36000, traded on the simulated exchange that ccxt reaches over HTTP and WebSocket, so
that every service of the catalog runs and does its work. Each process is looked at while the bot trades, several times,
and counted with the most that it had. It is the bot's second start: the first one of any installation compiles what it
imports, and what the compiler took is not given back.

PSS: a page that several processes share counts for each with its share, so the sum is what the bot takes from the
machine. What the supervisor takes is counted; the two servers are not, as bots share them.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from bench.measured import Figure, options, report
from tests.servers.programs import postgres_programs, redis_program
from tests.servers.running import PostgresServer, RedisServer

BOT = Path(__file__).parents[1] / "manifests" / "samples" / "quickstart.yaml"
PATIENCE = 180.0
GOAL, LIGHT_GOAL = 1000.0, 85.0
"""Megabytes, of a million bytes each."""
LIGHT = ("gateway", "strategy", "monitoring")
"""Services that have neither tables nor ccxt."""


class Up:
    """A bot that `tradewind up` runs; whoever reads what it says learns when it trades."""

    def __init__(self, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "tradewind", "up", str(BOT), "--set", "spec.data.speed=36000"]
        self.program = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        self.trades = threading.Event()
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.program.stderr is not None
        for line in self.program.stderr:
            self.lines.append(line)
            if "position closed" in line:
                self.trades.set()

    def until_it_trades(self) -> None:
        """Wait for the first position that was opened and closed."""
        if not self.trades.wait(PATIENCE):
            raise SystemExit(f"the bot does not trade:\n{''.join(self.lines[-40:])}")

    def end(self) -> None:
        """End it in order."""
        self.program.terminate()
        self.program.wait(PATIENCE)

    def processes(self) -> dict[str, int]:
        """The number of each process by its name."""
        found = {"up": self.program.pid}
        for child in psutil.Process(self.program.pid).children(recursive=True):
            words = child.cmdline()
            found[words[words.index("--name") + 1]] = child.pid
        return found


@contextlib.contextmanager
def running() -> Iterator[Up]:
    """The bot with its servers, trading."""
    with (
        RedisServer(redis_program()) as redis,
        PostgresServer(postgres_programs()) as postgres,
        tempfile.TemporaryDirectory(prefix="tradewind-bench-") as state,
    ):
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        environment = {
            **os.environ,
            "PYTHONPYCACHEPREFIX": f"{state}/bytecode",
            "TRADEWIND_BUS_URL": redis.url,
            "TRADEWIND_DATABASE_URL": postgres.url("postgres"),
            "TRADEWIND_STATE_DIRECTORY": state,
            "TRADEWIND_PORTS__GATEWAY": "0",
        }
        for measured in (False, True):
            up = Up(environment)
            try:
                up.until_it_trades()
                if measured:
                    yield up
            finally:
                up.end()


def proportional_megabytes(process: int) -> float:
    """The proportional set size of a process, in MB."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1]) * 1024 / 1e6


def watched(up: Up, looks: int, pause: float) -> dict[str, float]:
    """The most that each process had in several looks."""
    most: dict[str, float] = {}
    for _ in range(looks):
        for name, process in up.processes().items():
            most[name] = max(most.get(name, 0.0), proportional_megabytes(process))
        time.sleep(pause)
    return most


def main() -> int:
    """Measure, print, and say by the exit code whether the goals are reached."""
    parser = options(__doc__)
    parser.add_argument("--looks", type=int, default=10, help="how often each process is looked at")
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two looks")
    given = parser.parse_args()
    with running() as up:
        most = watched(up, given.looks, given.pause)
    figures = [Figure("all together", sum(most.values()), "MB", GOAL, at_most=True)]
    figures += [
        Figure(name, size, "MB", LIGHT_GOAL if name in LIGHT else None, at_most=True) for name, size in most.items()
    ]
    return report("memory (PSS) of the processes of profile Full", figures, given.output)


if __name__ == "__main__":
    sys.exit(main())
