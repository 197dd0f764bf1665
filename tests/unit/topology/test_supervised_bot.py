"""What a supervised bot answers on its socket, and what is put together around its supervisor; processes are shells."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tradewind.cli.main import main
from tradewind.contracts.api.document import load_bot
from tradewind.domain.errors import MachineError, NotFoundError, TradewindError
from tradewind.kernel.state_directory import StateDirectory
from tradewind.kernel.telemetry.logging import configure_logging
from tradewind.topology.child import Program
from tradewind.topology.control import ask
from tradewind.topology.places import Places
from tradewind.topology.supervised_bot import SupervisedBot

SAMPLES = Path(__file__).parents[3] / "manifests" / "samples"
PATIENCE = 20.0


def program(name, *services):
    script = f"trap 'echo {name} ends; exit 0' TERM; echo {name} is up; read nothing"
    return Program(name, name, services, ("/bin/sh", "-c", script), dict(os.environ))


@pytest.fixture
def places(tmp_path):
    return Places(tmp_path, "default", "standard")


@pytest.fixture
def running(places):
    """A bot of two processes that runs, how to ask it, and what it says."""

    @asynccontextmanager
    async def run():
        lines, said = [], asyncio.Event()

        def show(name, line):
            lines.append(f"[{name}] {line}")
            said.set()

        async def until(words, times=1):
            while sum(words in line for line in lines) < times:
                said.clear()
                await said.wait()

        one = SupervisedBot(load_bot(SAMPLES / "standard.yaml"), places, show, log_style="text", log_level="info")
        one.acquire()
        task = asyncio.create_task(one.run([program("trading", "engine", "strategy"), program("door", "gateway")]))
        try:
            async with asyncio.timeout(PATIENCE):
                for name in ("trading", "door"):
                    await until(f"{name} is up")
                yield lambda do, *names, **more: asyncio.to_thread(_asked, places, do, names, more), until, task
        finally:
            if not task.done():
                os.kill(os.getpid(), signal.SIGTERM)
                await task
            one.release()
            configure_logging("critical", "text")

    return run


def _asked(places, do, names, more):
    return list(ask(places.supervisor, {"do": do, "names": names, **more}))


async def test_its_processes_are_told_stopped_and_started_by_name(running):
    """One row for each, with everything that can be known without asking it."""
    async with running() as (asked, until, _):
        rows = await asked("status")
        assert [("trading", ["engine", "strategy"]), ("door", ["gateway"])] == [
            (row["process"], row["services"]) for row in rows
        ]
        assert [("Running", 0, "")] * 2 == [(row["state"], row["restarts"], row["reason"]) for row in rows]
        assert all(isinstance(row["pid"], int) and row["since"] for row in rows)
        assert ["trading"] == [row["process"] for row in await asked("named", "engine")]
        assert ["trading", "door"] == [row["process"] for row in await asked("named")]
        assert [("door", "Stopped", None)] == [
            (row["process"], row["state"], row["pid"]) for row in await asked("stop", "gateway")
        ]
        assert ["trading", "door"] == [row["process"] for row in await asked("restart")]
        await until("is up", 4)
        with pytest.raises(NotFoundError, match="no service or process risk"):
            await asked("stop", "risk")
        with pytest.raises(TradewindError, match="not understood: dance"):
            await asked("dance")


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("gateway", ["door", "door is up"], ["door", "door ends"]), ("supervisor", ["supervisor"], ["supervisor"])],
)
async def test_a_log_is_followed_from_its_last_lines_to_its_end(running, places, name, first, last):
    """Whoever follows gets the end of the bot too, and then the end of the answer."""
    lines = []

    def follow():
        lines.extend(ask(places.supervisor, {"do": "follow", "names": [name], "lines": 100}))

    async with running() as (_, _, task):
        following = asyncio.create_task(asyncio.to_thread(follow))
        while not lines:  # noqa: ASYNC110 - a thread takes them
            await asyncio.sleep(0.001)
        os.kill(os.getpid(), signal.SIGTERM)
        await following
        assert 0 == await task
    assert first == lines[0][: len(first)]
    assert last == lines[-1][: len(last)]


async def test_the_manifest_of_its_processes_is_the_one_it_began_with(running, places):
    """With all that `--set` changed; nobody else supervises the bot meanwhile."""
    async with running():
        assert load_bot(places.supervisor / "bot.yaml") == load_bot(SAMPLES / "standard.yaml")
        with pytest.raises(MachineError, match=f"process {os.getpid()} has it"):
            StateDirectory(places.supervisor).acquire()


# ------------------------------------------------------------------------------------------------------- the command


@pytest.fixture
def up(monkeypatch, capfd, tmp_path):
    """`tradewind up` with shells for processes; returns (exit code, stderr)."""
    monkeypatch.setenv("TRADEWIND_STATE_DIRECTORY", str(tmp_path))

    def run(script, sample, *arguments, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(f"TRADEWIND_{name.upper()}", value)
        monkeypatch.setattr("tradewind.topology.processes.COMMAND", ("/bin/sh", "-c", script, "played"))
        monkeypatch.setattr(sys, "argv", ["tradewind", "up", str(SAMPLES / f"{sample}.yaml"), *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        finally:
            configure_logging("critical", "text")
        return code, capfd.readouterr().err

    return run


def test_processes_that_all_refuse_the_manifest_end_it_with_their_exit_code(up, tmp_path):
    """A script that starts a bot learns that no patience will help."""
    code, err = up('echo "$2 of $1"; exit 3', "minimal")
    assert 3 == code
    manifest = tmp_path / "default" / "minimal" / "supervisor" / "bot.yaml"
    assert f"[bot] {manifest} of serve" in err
    assert "ERROR process is not tried again process=bot" in err
    assert not (tmp_path / "default" / "minimal" / "supervisor" / "control").exists()


def test_a_database_that_cannot_be_migrated_ends_it(up):
    """With what the migration said; nothing was started."""
    servers = {"database_url": "postgresql://me:hidden@db/bots", "bus_url": "redis://broker:6379/0"}
    code, err = up("echo 'error: unknown revision'; exit 1", "standard", "--replicas", "gateway=2", **servers)
    assert 1 == code
    assert "processes    market-data, sim-exchange, execution, trading, operations, door, door-2\n" in err
    assert err.endswith("error: migrate ended with exit code 1: unknown revision\n")
    assert "process started" not in err
    assert "hidden" not in err


def test_lines_stay_json_for_who_wants_them_so(up):
    """The supervisor's own among them."""
    _, err = up("exit 3", "minimal", log_style="json")
    assert '{"process": "supervisor", ' in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--set", "spec.suspended=true"], 3, "spec.suspended"),
        (["--replicas", "strategy"], 3, "--replicas"),
        (["--set", "spec.timeframe=7parsecs"], 3, "spec.timeframe"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_starts(up, arguments, code, words):
    """Once, with the line that `serve` has for it."""
    found, err = up("exit 3", "minimal", *arguments)
    assert code == found
    assert words in err.splitlines()[-1]
    assert "process started" not in err
