"""A bot that is killed at any point and started again ends with the trades of one that was left alone.

Three bots: the quickstart on the paper venue, one whose pairs have gaps, begin late and end early, on several
timeframes, and the same on the simulated exchange, which dies and comes back with it.

The child process kills itself with SIGKILL before or after its n-th commit, or at the n-th message published, so the
points are exact and lie where it hurts; some runs are killed twice, the second time while they resume. `make
kill-points` does 200, this does 20, of each bot a third.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import signal
import traceback
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path

import pytest
from tests.topology.recordings import gappy_bot

from tradewind.contracts.api.document import load_bot
from tradewind.domain.money import plain
from tradewind.kernel import retention
from tradewind.kernel.bus.memory import MemoryBus
from tradewind.kernel.state_directory import StateDirectory
from tradewind.kernel.telemetry.logging import configure_logging
from tradewind.topology.embedded import EmbeddedBot, EmbeddedOptions

POINTS = int(os.environ.get("TRADEWIND_KILL_POINTS", "20"))
QUICKSTART = Path(__file__).parents[2] / "manifests" / "samples" / "quickstart.yaml"
# 500 hourly ticks that hold every kind of exit; trailing stops are amended, targets are hit.
SLICE = ["spec.data.span.start=2022-03-01", "spec.data.span.end=2022-03-21T20:00:00Z"]
# The services that trade; the doors and the watchers beside them would only slow the children down.
TRADING = ("market-data", "strategy", "engine", "execution", "portfolio")


class KillingStore:
    """Dies before or after the n-th commit."""

    def __init__(self, store, countdown):
        self._store, self._countdown = store, countdown

    async def commit(self, writes):
        self._countdown.step("before commit")
        await self._store.commit(writes)
        self._countdown.step("after commit")

    async def read(self, query):
        return await self._store.read(query)

    async def close(self):
        await self._store.close()


class KillingBus(MemoryBus):
    """Dies at the n-th publication."""

    def __init__(self, countdown):
        super().__init__()
        self._countdown = countdown

    async def publish(self, messages):
        self._countdown.step("publish")
        await super().publish(messages)


class Countdown:
    def __init__(self, kind, number):
        self.kind, self.number = kind, number
        self.counts = {"before commit": 0, "after commit": 0, "publish": 0}

    def step(self, kind):
        self.counts[kind] += 1
        if kind == self.kind and self.counts[kind] == self.number:
            os.kill(os.getpid(), signal.SIGKILL)


async def _run(directory: Path, countdown: Countdown, manifest: Path) -> None:
    bot = load_bot(manifest, [*SLICE, "spec.exchanges[0].venue=Paper"] if manifest == QUICKSTART else [])
    options = EmbeddedOptions(services=TRADING, wrap_store=lambda store: KillingStore(store, countdown))
    embedded = EmbeddedBot(bot, StateDirectory(directory), options, bus=KillingBus(countdown))
    await embedded.start()
    await embedded.wait()
    trades = await embedded.ask("portfolio", "trades")
    snapshot = await embedded.ask("portfolio", "snapshot")
    venue = await embedded.ask("execution", "balances")
    equity = await embedded.ask("portfolio", "equity")
    outcome = {
        "trades": [asdict(trade) for trade in trades],
        "balances": snapshot["balances"],
        "positions": [asdict(position) for position in snapshot["positions"]],
        "venue": dict(venue),
        "orders": await embedded.ask("execution", "summary"),
        "equity": equity,
        "decisions": await embedded.ask("engine", "decisions", limit=100_000),
    }
    outcome["orders"].pop("unknown")  # how often an order was unknown on the way is what a kill changes
    await embedded.stop()
    (directory / "outcome.json").write_text(json.dumps(outcome, default=_text, sort_keys=True, indent=0))
    (directory / "counts.json").write_text(json.dumps(countdown.counts))


def _text(value):
    return plain(value) if isinstance(value, Decimal) else str(value)


def _child(directory: Path, manifest: Path, kind: str = "", number: int = 0) -> int:
    """Run in a child process; returns its wait status."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            configure_logging("critical", "text")
            asyncio.run(_run(directory, Countdown(kind, number), manifest))
            code = 0
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


@pytest.fixture(scope="module", autouse=True)
def _trimmed():
    """What is trimmed after months goes within each run, so that the trimming is killed too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retention, "TAIL", 20)
        patch.setattr(retention, "BLOCK", 10)
        patch.setattr(retention, "PAUSE", 0.0)
        yield


@pytest.fixture(scope="module", params=["quickstart", "gaps", "simulated"])
def undisturbed(request, tmp_path_factory, _trimmed):
    """A manifest, what it comes to when nobody disturbs it, and how many points there are to kill it at."""
    directory = tmp_path_factory.mktemp("undisturbed")
    simulated = request.param == "simulated"
    manifest = QUICKSTART if request.param == "quickstart" else gappy_bot(directory, candles=90 if simulated else 150)
    if simulated:
        manifest.write_text(manifest.read_text().replace("venue: Paper", "venue: Simulated"))
    # In this process, which then has loaded everything: its children would each do so again.
    asyncio.run(_run(directory, Countdown("", 0), manifest))
    return manifest, (directory / "outcome.json").read_text(), json.loads((directory / "counts.json").read_text())


def test_the_run_is_worth_killing(undisturbed):
    """It trades, with more than one kind of exit, so that a lost or doubled order would show."""
    outcome = json.loads(undisturbed[1])

    assert len(outcome["trades"]) >= 10
    assert len({trade["exit_reason"] for trade in outcome["trades"]}) >= 3
    assert outcome["positions"] == []


def test_the_same_run_twice_is_byte_equal(undisturbed, tmp_path):
    """Two undisturbed runs are the same to the byte."""
    manifest, expected, _ = undisturbed
    assert _child(tmp_path, manifest) == 0
    assert expected == (tmp_path / "outcome.json").read_text()


@pytest.mark.parametrize("seed", range(math.ceil(POINTS / 3)))
def test_killed_and_resumed_equals_undisturbed(undisturbed, tmp_path, seed):
    """SIGKILL at a random point, then again while resuming for every third, then to the end: the same outcome."""
    manifest, expected, counts = undisturbed
    choice = random.Random(seed)
    kind = choice.choice(sorted(counts))
    point = choice.randint(1, counts[kind])

    assert os.WTERMSIG(_child(tmp_path, manifest, kind, point)) == signal.SIGKILL
    if seed % 3 == 0:
        _child(tmp_path, manifest, choice.choice(sorted(counts)), choice.randint(1, 40))
    assert _child(tmp_path, manifest) == 0

    assert expected.splitlines() == (tmp_path / "outcome.json").read_text().splitlines()
