"""`tradewind status`, `stop`, `restart` and `logs` on a supervised bot whose processes are played.

The supervisor is a real process, and so are those that it runs; they hold a state directory and answer `/readyz`, as
`tradewind serve` does, and are there in a tenth of a second. `tests/topology/test_processes.py` has the real bot.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tradewind.contracts.api.document import dump_bot, load_bot
from tradewind.domain.errors import MachineError
from tradewind.kernel.state_directory import StateDirectory
from tradewind.kernel.telemetry.logging import configure_logging
from tradewind.topology.child import Program
from tradewind.topology.places import Places
from tradewind.topology.supervised_bot import SupervisedBot

SAMPLE = Path(__file__).parents[2] / "manifests" / "samples" / "standard.yaml"
SERVICES = {"market-data": "market-data", "trading": "engine,portfolio", "door": "gateway", "door-2": "gateway"}
PATIENCE = 60

PLAYED = """
import http.server, json, os, signal, sys
from pathlib import Path
from tradewind.kernel.state_directory import StateDirectory
from tradewind.kernel.supervised import end_with_supervisor

directory, services = StateDirectory(Path(sys.argv[1])), sys.argv[2].split(",")
if len(sys.argv) > 3:
    end_with_supervisor(Path(sys.argv[3]))


def end(*_):
    print("at its end", flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
directory.acquire()
sick = directory.path / "sick"

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        reasons = {"bus": sick.read_text()} if sick.exists() else {}
        body = json.dumps({"ready": not reasons, "state": "Running", "reasons": reasons}).encode()
        self.send_response(503 if reasons else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
address = f"http://127.0.0.1:{server.server_port}"
directory.write("addresses.json", json.dumps({"process": os.getpid(), "services": dict.fromkeys(services, address)}))
print("up", services[0], os.getpid(), flush=True)
server.serve_forever()
"""

SUPERVISOR = """
import asyncio, json, os, sys
from pathlib import Path
from tradewind.contracts.api.document import load_bot
from tradewind.domain.errors import MachineError
from tradewind.topology.child import Program
from tradewind.topology.places import Places
from tradewind.topology.supervised_bot import SupervisedBot

root, sample, played, services = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
places = Places(root, "default", "standard")

def command(name):
    return (sys.executable, "-c", played, str(places.process(name)), services[name], str(places.log(name)))

def replica_of(name):
    return name.removesuffix("-2")

programs = [
    Program(name, replica_of(name), tuple(services[name].split(",")), command(name), os.environ) for name in services
]
show = lambda name, line: print(f"[{name}] {line}", flush=True)
one = SupervisedBot(load_bot(sample), places, show, log_style="text", log_level="info")
try:
    one.acquire()
except MachineError as error:
    sys.exit(str(error))
code = asyncio.run(one.run(programs))
one.release()
sys.exit(code)
"""


class Lines:
    """A child whose lines are read as they come."""

    def __init__(self, *command):
        self.child = subprocess.Popen([sys.executable, "-c", *map(str, command)], stdout=subprocess.PIPE, text=True)
        self.lines, self._said = [], threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.child.stdout:
            with self._said:
                self.lines.append(line.rstrip())
                self._said.notify_all()

    def until(self, word, times=1):
        """Wait until so many lines hold `word`; the last of them."""
        with self._said:
            found = lambda: [line for line in self.lines if word in line]  # noqa: E731
            assert self._said.wait_for(lambda: len(found()) >= times, PATIENCE), "\n".join(self.lines)
            return found()[-1]

    def close(self):
        if self.child.poll() is None:
            self.child.terminate()
        self.child.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.child.stdout.close()


@pytest.fixture
def places(tmp_path):
    return Places(tmp_path / "state", "default", "standard")


@pytest.fixture
def start():
    """Starts programs, and ends them."""
    started = []

    def begin(*command):
        started.append(Lines(*command))
        return started[-1]

    yield begin
    for one in started:
        one.close()


@pytest.fixture
def up(start, places):
    """A supervised bot whose processes all listen."""

    def begin():
        one = start(SUPERVISOR, places.root, SAMPLE, PLAYED, json.dumps(SERVICES))
        for name in SERVICES:
            one.until(f"[{name}] up")
        return one

    return begin


@pytest.fixture
def by_hand(start, places):
    """A process of the bot that nobody supervises."""

    def begin(name, services):
        one = start(PLAYED, places.process(name), services)
        one.until("up")
        return one

    return begin


@pytest.fixture
def tradewind(command_line, monkeypatch, places):
    """Run a command on the bot in this process; returns (exit code, stdout, stderr)."""
    monkeypatch.setenv("TRADEWIND_STATE_DIRECTORY", str(places.root))
    return lambda command, *arguments, bot="standard": command_line(command, bot, *arguments)


def rows(tradewind, **more):
    code, out, err = tradewind("status", "-o", "json", **more)
    assert (0, "") == (code, err)
    return {(row["process"], row["service"]): row for row in json.loads(out)}


def test_each_service_is_told_with_what_it_says_of_itself(up, places, tradewind):
    """By name or by manifest; why one is not ready stands there, and where it listens."""
    up()
    (places.process("door-2") / "sick").write_text("Redis does not answer")
    found = rows(tradewind)
    assert {(name, one) for name, services in SERVICES.items() for one in services.split(",")} == set(found)
    well, ill = found["trading", "portfolio"], found["door-2", "gateway"]
    assert {"state": "Running", "ready": True, "reasons": {}, "restarts": 0} == {
        name: well[name] for name in ("state", "ready", "reasons", "restarts")
    }
    assert StateDirectory(places.process("trading")).holder() == well["pid"]
    assert well["address"].startswith("http://127.0.0.1:")
    assert (False, {"bus": "Redis does not answer"}) == (ill["ready"], ill["reasons"])
    assert found.keys() == rows(tradewind, bot=SAMPLE).keys()
    code, out, _ = tradewind("status")
    assert 0 == code
    assert [] == [word for word in ("default/standard", "portfolio", "Redis does not answer", "yes") if word not in out]


def test_only_what_is_not_well_is_restarted_where_that_is_asked_for(up, places, tradewind):
    """What works goes on working; where all is well nothing happens."""
    one = up()
    before = rows(tradewind)
    sick = places.process("trading") / "sick"
    sick.write_text("stuck")
    code, out, _ = tradewind("restart", "gateway", "--unhealthy-only")
    assert (0, "") == (code, out)
    code, out, _ = tradewind("restart", "--unhealthy-only")
    assert (0, "trading (engine, portfolio): started again\n") == (code, out)
    one.until("[trading] up", 2)
    sick.unlink()
    after = rows(tradewind)
    assert [key for key, row in before.items() if row["pid"] != after[key]["pid"]] == [
        ("trading", "engine"),
        ("trading", "portfolio"),
    ]
    code, _, err = tradewind("restart", "--unhealthy-only")
    assert (0, "nothing to do: all are ready\n") == (code, err)


def test_what_is_stopped_by_name_stays_so_until_a_restart(up, tradewind):
    """And is said to be so, beside what works."""
    one = up()
    code, out, _ = tradewind("stop", "gateway")
    assert (0, {"door (gateway): stopped", "door-2 (gateway): stopped"}) == (code, set(out.splitlines()))
    found = rows(tradewind)
    assert ("Stopped", False, None) == tuple(found["door-2", "gateway"][name] for name in ("state", "ready", "pid"))
    assert found["trading", "engine"]["ready"]
    code, out, _ = tradewind("restart", "door-2")
    assert (0, "door-2 (gateway): started again\n") == (code, out)
    one.until("[door-2] up", 2)
    found = rows(tradewind)
    assert (False, True) == (found["door", "gateway"]["ready"], found["door-2", "gateway"]["ready"])


def test_a_killed_process_is_healed_and_counted(up, tradewind):
    """Within a second, by another process."""
    one = up()
    killed = rows(tradewind)["trading", "engine"]["pid"]
    os.kill(killed, signal.SIGKILL)
    one.until("[trading] up", 2)
    row = rows(tradewind)["trading", "engine"]
    assert (True, 1) == (row["ready"], row["restarts"])
    assert killed != row["pid"]
    assert "reason=it was ended by SIGKILL again_in=1s" in one.until("process ended")


def test_the_whole_bot_is_stopped_in_order_and_gone_when_the_command_is_done(up, places, tradewind):
    """Nothing of it holds anything any more, and it can be started again at once."""
    one = up()
    code, out, _ = tradewind("stop")
    assert (0, "default/standard: stopped\n") == (code, out)
    assert [] == places.running()
    assert 0 == one.child.wait(PATIENCE)
    for command in ("status", "stop"):
        code, out, err = tradewind(command)
        assert (4, "", "error: default/standard does not run here\n") == (code, out, err)
    up()
    assert 0 == tradewind("stop")[0]


def test_a_second_supervisor_is_refused(up, start, places):
    """With the number of the first."""
    one = up()
    second = start(SUPERVISOR, places.root, SAMPLE, PLAYED, json.dumps(SERVICES))
    assert 1 == second.child.wait(PATIENCE)
    assert StateDirectory(places.supervisor).holder() == one.child.pid


def test_nothing_goes_on_when_the_supervisor_is_killed(up, places, tradewind):
    """Its processes end by themselves; the next supervisor waits for them and goes on."""
    one = up()
    before = [StateDirectory(places.process(name)) for name in SERVICES]
    one.child.kill()
    again = up()
    assert all(row["ready"] for row in rows(tradewind).values())
    assert {again.child.pid} == {StateDirectory(places.supervisor).holder()}
    one.close()
    assert all(directory.holder() is not None for directory in before)
    assert "the supervisor has ended" in places.log("trading").read_text()


def test_a_process_that_somebody_runs_by_hand_is_waited_for(by_hand, start, places):
    """Two that trade the same account never run beside each other; the log says who is in the way."""
    first = by_hand("trading", "engine,portfolio")
    one = start(SUPERVISOR, places.root, SAMPLE, PLAYED, json.dumps(SERVICES))
    assert f"process {first.child.pid}, which still has {places.process('trading')}" in one.until("start waits")
    assert not [line for line in one.lines if "process started" in line]
    first.close()
    one.until("[trading] up")


@pytest.mark.parametrize("patient", [True, False])
async def test_nobody_waits_for_ever_for_another_process(by_hand, places, monkeypatch, patient):
    """Ctrl-C ends the wait at once; left alone it ends with who is in the way."""
    monkeypatch.setattr("tradewind.topology.supervised_bot.LEFTOVERS_END_WITHIN", 600.0 if patient else 0.05)
    first, lines = by_hand("trading", "engine,portfolio"), []

    def show(_, line):
        lines.append(line)
        if patient and "start waits" in line:
            os.kill(os.getpid(), signal.SIGINT)

    one = SupervisedBot(load_bot(SAMPLE), places, show, log_style="text", log_level="info")
    never = Program("engine", "engine", ("engine",), ("/bin/false",), {})
    one.acquire()
    try:
        if patient:
            assert 0 == await one.run([never])
        else:
            with pytest.raises(MachineError, match=f"process {first.child.pid} runs"):
                await one.run([never])
    finally:
        one.release()
        configure_logging("critical", "text")
    assert not [line for line in lines if "process started" in line]


def test_processes_without_a_supervisor_are_seen_and_stopped(by_hand, tradewind, places):
    """As `tradewind serve --services` starts them; nobody would start them again, so that is refused."""
    first, second = by_hand("engine", "engine"), by_hand("strategy+portfolio", "strategy,portfolio")
    found = rows(tradewind)
    assert {("engine", "engine"), ("strategy+portfolio", "strategy"), ("strategy+portfolio", "portfolio")} == set(found)
    assert found["engine", "engine"]["ready"]
    assert found["engine", "engine"]["since"]
    code, _, err = tradewind("stop", "portfolio", "risk")
    assert (4, "error: no process of default/standard runs risk here\n") == (code, err)
    code, out, _ = tradewind("stop", "portfolio")
    assert (0, "strategy+portfolio: stopped\n") == (code, out)
    assert 0 == second.child.wait(PATIENCE)
    for arguments in (("restart", "engine"), ("restart", "--unhealthy-only"), ("logs", "engine")):
        code, _, err = tradewind(*arguments)
        assert 4 == code
        assert "tradewind up" in err
    assert 0 == tradewind("stop")[0]
    assert 0 == first.child.wait(PATIENCE)


def test_a_process_that_does_not_answer_is_not_ready(by_hand, tradewind, places):
    """One whose loop hangs holds its directory and its port, and says nothing."""
    (places.process("engine")).mkdir(parents=True)
    one = by_hand("engine", "engine")
    (places.process("engine") / "addresses.json").write_text(
        json.dumps({"process": one.child.pid, "services": {"engine": "http://127.0.0.1:1"}})
    )
    row = rows(tradewind)["engine", "engine"]
    assert ("Unknown", False) == (row["state"], row["ready"])
    (places.process("engine") / "addresses.json").write_text(json.dumps({"process": 1, "services": {"engine": "x"}}))
    row = rows(tradewind)["engine", "engine"]
    assert ("Starting", "") == (row["state"], row["address"]), "addresses of a process that was killed mean nothing"


# ---------------------------------------------------------------------------------------------------------------- logs


def test_the_last_lines_of_a_service_are_printed(up, places, tradewind):
    """Of each of its processes, and of the supervisor; also when nothing runs any more."""
    up()
    code, out, _ = tradewind("logs", "engine", "-n", "1")
    assert 0 == code
    assert out.startswith("up engine")
    assert 1 == len(out.splitlines())
    _, out, _ = tradewind("logs", "gateway")
    assert ["[door-2]", "[door]"] == sorted(line.split()[0] for line in out.splitlines())
    assert "process started" in tradewind("logs", "supervisor")[1]
    assert tradewind("logs", "trading")[1].startswith("up engine")
    code, _, err = tradewind("logs", "risk")
    assert 4 == code
    assert "no log of risk; there are: door, door-2, market-data, supervisor, trading" in err
    tradewind("stop")
    assert tradewind("logs", "engine", "-n", "5")[1].startswith("up engine")


@pytest.mark.parametrize(("name", "last"), [("gateway", "[door] at its end"), ("supervisor", "stopping")])
def test_a_log_is_followed_to_its_end(up, start, tradewind, name, last):
    """Old lines, then new ones as they come, until the bot ends."""
    one = up()
    following = start("from tradewind.cli.main import main; main()", "logs", "standard", name, "-f")
    following.until("up gateway" if name == "gateway" else "process started")
    one.child.terminate()
    assert 0 == following.child.wait(PATIENCE)
    following.until(last)


def test_a_log_that_nobody_writes_cannot_be_followed(up, tradewind):
    """Rather than waiting for ever."""
    up()
    tradewind("stop")
    code, _, err = tradewind("logs", "engine", "-f")
    assert 4 == code
    assert "no `tradewind up` of this bot runs here" in err


# --------------------------------------------------------------------------------------------------------------- names


def test_a_bot_is_found_though_its_manifest_has_become_wrong(by_hand, tradewind, tmp_path):
    """Who edits the file into something invalid must still be able to stop the bot."""
    by_hand("engine", "engine")
    manifest = tmp_path / "bot.yaml"
    manifest.write_text(dump_bot(load_bot(SAMPLE)).replace("timeframe: 1h", "timeframe: 7parsecs"))
    assert 0 == tradewind("stop", bot=manifest)[0]


@pytest.mark.parametrize(
    ("bot", "code", "words"),
    [
        ("nobody", 4, "default/nobody has never run here"),
        ("other/standard", 4, "other/standard has never run here"),
        ("bot.yaml", 3, "bot.yaml"),
        (SAMPLE, 4, "default/standard has never run here"),
    ],
)
def test_a_bot_that_is_not_here_is_told(tradewind, bot, code, words):
    """A file that is missing is one thing, a bot that never ran another."""
    found, out, err = tradewind("status", bot=bot)
    assert (code, "") == (found, out)
    assert words in err


def test_a_manifest_without_a_name_names_no_bot(tradewind, tmp_path):
    """Nothing is guessed."""
    (tmp_path / "bot.yaml").write_text("metadata: {name: 'A B'}")
    code, _, err = tradewind("status", bot=tmp_path / "bot.yaml")
    assert 3 == code
    assert "metadata.name" in err
