"""A bot in several processes, started by `tradewind up` over a real Redis and PostgreSQL.

It stores what one process stores, is healed, looked at and stopped. How parts of a bot come and go in any order is the
matter of `test_split.py`, where a process is quicker to make.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.servers.databases import Postgres
from tests.topology.recordings import gappy_bot
from tests.topology.test_databases import everything
from tests.topology.test_split import until_ended

from tradewind import catalog
from tradewind.kernel.state_directory import StateDirectory
from tradewind.topology.places import Places

MINIMAL = Path(__file__).parents[2] / "manifests" / "samples" / "minimal.yaml"
TRADEWIND = (sys.executable, "-m", "tradewind")
PATIENCE = 120
BOT = """
apiVersion: tradewind.dev/v1alpha1
kind: TradingBot
metadata: {name: apart}
spec:
  profile: Standard
  exchanges: [{name: paper}]
  pairs: {include: [AAA/EUR, BBB/EUR]}
  timeframe: 15m
  strategies: [{name: reversion, kind: RsiMeanReversion}]
  risk: {maxOpenPositions: 2, stopLoss: "0.05", maxDrawdown: "0.90"}
  capital: {currency: EUR, startingBalance: "10000"}
  data:
    source: Synthetic
    speed: "9000"                 # ten candles a second: quick enough to trade, and the processes stay answering
    synthetic: {seed: 7, candles: 100000, startPrice: "100", volatility: "0.01"}
"""


class Up:
    """`tradewind up`, read line by line."""

    def __init__(self, manifest, environment, *options):
        self.child = subprocess.Popen(
            [*TRADEWIND, "up", manifest, *options], env=environment, stderr=subprocess.PIPE, text=True
        )
        self.lines, self._said = [], threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.child.stderr:
            with self._said:
                self.lines.append(line)
                self._said.notify_all()

    def until(self, *words, after=0):
        """Wait for a line with all of `words` behind the first `after` lines; how many lines there are then."""
        with self._said:

            def found():
                return any(all(word in line for word in words) for line in self.lines[after:])

            assert self._said.wait_for(found, PATIENCE), f"no {words} in:\n{''.join(self.lines[-60:])}"
            return len(self.lines)

    def end(self, how=signal.SIGTERM):
        if self.child.poll() is None:
            self.child.send_signal(how)
        code = self.child.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.child.stderr.close()
        return code


@pytest.fixture
def environment(tmp_path, redis_server, postgres_url):
    return {
        **os.environ,
        "TRADEWIND_BUS_URL": redis_server.url,
        "TRADEWIND_DATABASE_URL": postgres_url,
        "TRADEWIND_STATE_DIRECTORY": str(tmp_path / "state"),
        "TRADEWIND_PORTS__GATEWAY": "0",
    }


@pytest.fixture
def manifest(tmp_path):
    path = tmp_path / "bot.yaml"
    path.write_text(BOT)
    return path


@pytest.fixture
def up(manifest, environment):
    started = []

    def begin(*options):
        started.append(Up(manifest, environment, *options))
        return started[-1]

    yield begin
    for one in started:
        one.end()


@pytest.fixture
def tradewind(environment):
    def run(*arguments):
        done = subprocess.run(
            [*TRADEWIND, *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def libraries_of(process):
    """The packages of which a process has loaded something compiled."""
    maps = Path(f"/proc/{process}/maps").read_text()
    return {line.partition("/site-packages/")[2].partition("/")[0] for line in maps.splitlines()}


async def test_a_full_bot_with_three_strategies_stores_row_for_row_what_one_process_stores(
    embedded, environment, postgres_url, tmp_path
):
    """Processes of the system, one for each service: the same trades, and the same event log with all that it says."""
    manifest = gappy_bot(tmp_path / "market", candles=80)
    async with embedded(sample=manifest, directory=tmp_path / "one", until_end=False) as bot:
        await until_ended(bot)
        assert await bot.ask("portfolio", "trades")
        expected = await everything(bot._store)
    store = Postgres(postgres_url).store()
    one = Up(manifest, environment, "--set", "spec.profile=Full", "--replicas", "strategy=3")
    try:
        await asyncio.to_thread(one.until, "[strategy-3]")
        async with asyncio.timeout(PATIENCE):
            while len((await everything(store))["outbox"]) < len(expected["outbox"]):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.5)
        assert await asyncio.to_thread(one.end) == 0
        found = await everything(store)
    finally:
        one.end()
        await store.close()
    for name, rows in expected.items():
        assert found[name] == rows, name


def test_a_bot_in_processes_is_healed_looked_at_and_stopped(up, tradewind, environment, tmp_path, redis_server):
    """Killed in the middle of trading it trades on; its state is known even without Redis; it ends with 0."""
    one = up()
    trading = one.until("[trading]", "position closed")

    code, out, err = tradewind("status", "apart", "-o", "json")
    rows = {row["service"]: row for row in json.loads(out)}
    assert (0, "") == (code, err)
    assert {"market-data", "engine", "portfolio", "strategy", "execution", "monitoring", "gateway"} == set(rows)
    assert {True} == {rows[name]["ready"] for name in ("market-data", "engine", "portfolio", "strategy", "execution")}
    assert rows["engine"]["pid"] == rows["strategy"]["pid"] != rows["execution"]["pid"]
    for name in ("gateway", "monitoring"):
        assert not libraries_of(rows[name]["pid"]) & {"sqlalchemy", "asyncpg", "numpy", "ccxt"}, name
    assert libraries_of(rows["engine"]["pid"]) >= {"sqlalchemy", "asyncpg"}

    os.kill(rows["execution"]["pid"], signal.SIGKILL)
    healed = one.until("[execution]", "state", "resumed", after=trading)
    trading = one.until("[trading]", "position closed", after=healed)

    code, out, _ = tradewind("restart", "apart", "gateway")
    assert (0, "door (gateway): started again\n") == (code, out)
    one.until("[door]", "resumed", after=trading)

    redis_server.kill()
    code, out, _ = tradewind("status", "apart", "-o", "json")
    blind = {row["service"]: row for row in json.loads(out)}
    assert 0 == code
    assert {"Running"} == {row["state"] for row in blind.values()}
    assert 1 == blind["execution"]["restarts"]
    redis_server.start()
    one.until("[trading]", "position closed", after=len(one.lines))

    code, out, _ = tradewind("stop", "apart")
    assert (0, "default/apart: stopped\n") == (code, out)
    assert 0 == one.child.wait(PATIENCE)
    places = Places(tmp_path / "state", "default", "apart")
    assert [] == places.running()
    assert not [line for line in one.lines if "Traceback" in line]
    assert not [line for line in one.lines if "process killed" in line]


def test_what_waits_for_its_servers_ends_on_ctrl_c_and_leaves_nothing(manifest, environment, tmp_path):
    """Neither a database nor Redis is there: `up` says so, starts nothing, and ends with 0."""
    away = {"TRADEWIND_DATABASE_URL": "postgresql://me:hidden@127.0.0.1:1/bots"}
    one = Up(manifest, {**environment, **away})
    one.until("start waits", "migrate")
    assert 0 == one.end(signal.SIGINT)
    assert "hidden" not in "".join(one.lines)
    assert not [line for line in one.lines if "process started" in line]
    places = Places(tmp_path / "state", "default", "apart")
    assert ["serve"] == list(places.directories())


def test_a_process_that_waits_ends_on_a_signal(manifest, environment, tmp_path, tradewind):
    """A part of a bot whose Redis is away waits for it however long, and stops as one that works."""
    assert 0 == tradewind("migrate")[0]
    away = {"TRADEWIND_BUS_URL": "redis://127.0.0.1:1/0"}
    child = subprocess.Popen(
        [*TRADEWIND, "serve", manifest, "--services", "engine"],
        env={**environment, **away, "TRADEWIND_PORTS__ENGINE": "0"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = next((line for line in child.stderr if "start waits" in line), "")
        directory = Places(tmp_path / "state", "default", "apart").process("engine")
        holder = StateDirectory(directory).holder()
    finally:
        child.terminate()
        _, rest = child.communicate(timeout=PATIENCE)
    assert "market-data" in said, rest
    assert child.pid == holder
    assert 0 == child.returncode, rest
    assert "Traceback" not in rest
    assert not directory.exists(), "what has stored nothing leaves nothing that another manifest could disagree with"


def test_a_supervised_process_ends_with_its_supervisor(environment, tmp_path):
    """The real one, in order: what it still says when nobody reads it any more is in its log."""
    bare = {name: value for name, value in environment.items() if not name.endswith("_URL")}
    ports = {f"TRADEWIND_PORTS__{name.upper().replace('-', '_')}": "0" for name in catalog.by_name()}
    log = tmp_path / "bot.log"
    child = subprocess.Popen(
        [*TRADEWIND, "serve", MINIMAL, "--set", "spec.data.speed=3600", "--supervised", log],
        env={**bare, **ports},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert any(line.startswith("API key ") for line in child.stderr)
        child.stdin.close()
        assert 0 == child.wait(PATIENCE)
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stderr.close()
    assert ["the supervisor has ended; so does this process", "stopping: draining orders and writing what is owed"] == [
        line for line in log.read_text().splitlines() if not line.startswith("{")
    ]


def test_without_servers_the_commands_that_start_them_are_shown(manifest, environment):
    """Whoever tries it first has neither."""
    bare = {
        name: value
        for name, value in environment.items()
        if name not in ("TRADEWIND_BUS_URL", "TRADEWIND_DATABASE_URL")
    }
    done = subprocess.run(
        [*TRADEWIND, "up", manifest], env=bare, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (1, "") == (done.returncode, done.stdout)
    assert [] == [
        word
        for word in ("docker run", "apt-get install", "export TRADEWIND_BUS_URL=redis://")
        if word not in done.stderr
    ]
    assert "error: TRADEWIND_DATABASE_URL and TRADEWIND_BUS_URL: received nothing" in done.stderr.splitlines()[-1]


def test_another_bot_is_not_started_on_the_state_of_this_one(manifest, environment, tmp_path):
    """Refused at once and by name, rather than by each process for itself."""
    directory = Places(tmp_path / "state", "default", "apart").process("trading")
    directory.mkdir(parents=True)
    StateDirectory(directory).write("bot.yaml", BOT.replace("AAA/EUR", "CCC/EUR"))
    done = subprocess.run(
        [*TRADEWIND, "up", manifest], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert 3 == done.returncode
    assert "spec.pairs" in done.stderr
