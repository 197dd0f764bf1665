"""The command line as people use it: results, errors of one line, exit codes."""

from __future__ import annotations

import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from tests.cluster.processes import own_ports

from tradewind import __version__
from tradewind.catalog import CATALOG
from tradewind.contracts.api.document import load_bot
from tradewind_operator.manifests import Site, render

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "manifests" / "samples" / "quickstart.yaml"
SAMPLE = ROOT / "services" / "tradewind" / "market_data" / "samples" / "bitvavo-2022" / "BTC-EUR-1h.csv.gz"
MARCH = ("--set", "spec.data.span.start=2022-03-01", "--set", "spec.data.span.end=2022-03-10")


@pytest.fixture
def tradewind(command_line, monkeypatch, tmp_path):
    """`command_line`, with a state directory of the test's own."""
    monkeypatch.setenv("TRADEWIND_STATE_DIRECTORY", str(tmp_path / "state"))
    return command_line


def test_run_as_json_is_one_object_that_adds_up(tradewind):
    """`-o json`: one object on stdout, every trade in it, balances that agree with the profits to the last digit."""
    code, out, err = tradewind("run", QUICKSTART, "--until-end", "-o", "json", *MARCH)
    result = json.loads(out)

    assert (0, "") == (code, err)
    assert 1 == len(out.splitlines())
    assert {"bot", "mode", "candles", "startBalance", "endBalance", "trades", "orders", "metrics", "report"} <= set(
        result
    )
    assert ("default/quickstart", "Paper", 432) == (result["bot"], result["mode"], result["candles"])
    profit = sum(Decimal(trade["profit"]) for trade in result["trades"])
    assert Decimal(result["endBalance"]) - Decimal(result["startBalance"]) == profit
    assert result["trades"]
    assert {
        "pair", "openTime", "closeTime", "openRate", "closeRate", "amount", "fees", "profit", "exitReason", "entryTag",
    } <= set(result["trades"][0])  # fmt: skip
    assert {"sent", "filled", "canceled", "rejected", "unknown"} <= set(result["orders"])
    assert Path(result["report"]).read_text().startswith("<!doctype html>".upper()[:2])


def test_run_as_text_tells_the_essentials(tradewind):
    """The table has what a trader asks first; the report's path is the last line."""
    code, out, _ = tradewind("run", QUICKSTART, *MARCH)

    assert 0 == code
    for word in (
        "trades",
        "win rate",
        "profit",
        "fees",
        "max drawdown",
        "Sharpe",
        "exposure",
        "BTC/EUR",
        "exit_signal",
    ):
        assert word in out
    assert Path(out.strip().splitlines()[-1].removeprefix("report: ")).is_file()


def test_runs_are_fresh_and_resume_goes_on(tradewind, tmp_path):
    """Two runs do not share state; resuming a finished run tells the same again."""
    first = json.loads(tradewind("run", QUICKSTART, "-o", "json", *MARCH)[1])
    second = json.loads(tradewind("run", QUICKSTART, "-o", "json", *MARCH)[1])
    directory = Path(first["report"]).parent
    again = json.loads(tradewind("run", QUICKSTART, "-o", "json", "--resume", directory, *MARCH)[1])

    assert first["report"] != second["report"]
    assert first["trades"] == second["trades"] == again["trades"]
    assert first["endBalance"] == again["endBalance"]


def test_other_data_by_set(tradewind, tmp_path):
    """A single file serves one pair, with sensible filters and all of its span."""
    path = tmp_path / "XRP-EUR-1h.csv.gz"
    path.write_bytes(SAMPLE.read_bytes())
    code, out, _ = tradewind(
        "run", QUICKSTART, "--set", f"spec.data.path={path}", "--set", "spec.pairs.include=[XRP/EUR]", "-o", "json",
        "--set", "spec.data.span.end=2022-02-01",
    )  # fmt: skip

    assert 0 == code
    assert 744 == json.loads(out)["candles"]


def test_quarantined_rows_and_gaps_are_counted_and_shown(tradewind, tmp_path):
    """Bad rows never trade: the result counts them, and standard error names the first with its reason."""
    lines = gzip.decompress(SAMPLE.read_bytes()).decode().splitlines()[:1000]
    cells = lines[10].split(",")
    lines[10] = ",".join([cells[0], cells[1], cells[3], cells[2], *cells[4:]])
    lines[20] = ",".join([lines[20].split(",")[0], "nan", *lines[20].split(",")[2:]])
    lines.insert(31, lines[30])
    del lines[500:503]
    path = tmp_path / "BTC-EUR-1h.csv"
    path.write_text("\n".join(lines) + "\n")
    values = (f"spec.data.path={path}", "spec.pairs.include=[BTC/EUR]", "spec.exchanges[0].venue=Paper")
    arguments = ("run", QUICKSTART, *(word for value in values for word in ("--set", value)))
    document = json.loads(tradewind(*arguments, "-o", "json")[1])
    _, _, err = tradewind(*arguments)

    assert 3 == document["data"]["quarantined"]
    assert 5 == document["data"]["missing"]
    for word in ("HighBelowLow", "NotANumber", "Duplicate", "5 candles missing in 3 gap(s)"):
        assert word in err
    assert 4 == len(err.splitlines())


def broken_file(tmp_path):
    path = tmp_path / "BTC-EUR-1h.csv"
    path.write_text(
        "timestamp,open,high,low,close,volume\n"
        + "".join(f"{1640995200000 + i * 3600000},1,0,2,1,1\n" for i in range(99))
    )
    return path


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("spec.risk.stopLos=0.05", ("spec.risk.stopLos", "0.05", "stopLoss")),
        ("spec.timeframe=1H", ("spec.timeframe", "1H", "1h")),
        ("spec.timeframe=7m", ("spec.timeframe", "7m", "5m")),
        ("spec.strategies[0].kind=EmaCros", ("spec.strategies[0].kind", "EmaCros", "EmaCross")),
        ("spec.strategies[0].parameters={fast: 50, slow: 20}", ("spec.strategies[0].parameters", "fast", "slow")),
        ("spec.strategies[0].parameters={quick: 5}", ("spec.strategies[0].parameters.quick", "5", "fast")),
        ("spec.mode=Live", ("spec.mode", "Live", "Paper")),
        ("spec.data.path=nowhere/at-all.csv", ("spec.data.path", "nowhere/at-all.csv")),
        ("spec.data.path=sample:bitvavo-1999", ("spec.data.path", "bitvavo-1999", "bitvavo-2022")),
        ("spec.pairs.include=[DOGE/EUR]", ("spec.pairs.include", "DOGE/EUR", "BTC/EUR")),
        ("spec.data.span.start=2031-01-01", ("spec.data.span", "2031")),
        ("spec.data.span.start=yesterday", ("spec.data.span.start", "yesterday")),
        ("spec.risk.maxOpenPositions=0", ("spec.risk.maxOpenPositions", "0", "1")),
        ("spec.nonsense", ("--set", "spec.nonsense")),
    ],
)
def test_bad_input_is_one_line_and_exit_code_3(tradewind, tmp_path, override, names):
    """Field, value, what is allowed and the fix in one line; nothing on stdout, nothing left on disk."""
    code, out, err = tradewind("run", QUICKSTART, "--set", override)

    assert (3, "") == (code, out)
    assert 1 == len(err.splitlines()), err
    assert err.startswith("error: ")
    assert "allowed: " in err
    assert "fix: " in err
    assert [] == [word for word in names if word not in err]
    assert [] == list((tmp_path / "state").rglob("*.sqlite3"))
    assert [] == list((tmp_path / "state").rglob("bot.yaml"))


def test_a_corrupt_file_is_refused_with_its_first_bad_row(tradewind, tmp_path):
    """When most rows are bad it is not the market's fault: exit code 3, how many of how many, and the first reason."""
    path = broken_file(tmp_path)
    code, _, err = tradewind(
        "run", QUICKSTART, "--set", f"spec.data.path={path}", "--set", "spec.pairs.include=[BTC/EUR]"
    )

    assert 3 == code
    assert 1 == len(err.splitlines())
    assert "99 of 99" in err
    assert "high" in err
    assert [] == list((tmp_path / "state").rglob("*.sqlite3"))


def test_a_missing_manifest_is_exit_code_3_and_a_missing_argument_is_usage(tradewind):
    """A file that is not there is named; a command without its argument explains itself."""
    code, _, err = tradewind("run", "no-such.yaml")

    assert 3 == code
    assert "no-such.yaml" in err
    assert 1 == len(err.splitlines())
    assert 2 == tradewind("run")[0]
    assert 2 == tradewind("fly")[0]


def test_a_store_that_cannot_be_written_is_exit_code_1(tradewind, monkeypatch, tmp_path):
    """The manifest is fine and the machine is not: the directory is named, with the setting that moves it."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRADEWIND_STATE_DIRECTORY", str(tmp_path / "file" / "below"))
    code, _, err = tradewind("run", QUICKSTART, *MARCH)

    assert 1 == code
    assert 1 == len(err.splitlines())
    assert "TRADEWIND_STATE_DIRECTORY" in err


def test_resume_refuses_what_is_no_run_and_another_bot(tradewind, tmp_path):
    """State is never mixed: neither with nothing, nor with a manifest that its orders do not rest on."""
    assert 3 == tradewind("run", QUICKSTART, "--resume", tmp_path)[0]
    done = json.loads(tradewind("run", QUICKSTART, "-o", "json", *MARCH)[1])
    directory = Path(done["report"]).parent
    code, _, err = tradewind("run", QUICKSTART, "--resume", directory)

    assert 3 == code
    assert "spec.data" in err


def test_config_validate_and_show(tradewind):
    """A valid manifest says so; every value is shown with where it comes from."""
    code, out, _ = tradewind("config", "validate", QUICKSTART)
    assert (0, True) == (code, "valid" in out)
    code, out, _ = tradewind("config", "show", QUICKSTART, "--set", "spec.risk.stopLoss=0.07")
    rows = {line.split()[0]: line.split()[-1] for line in out.splitlines() if len(line.split()) >= 2}
    assert 0 == code
    assert ("set", "file", "default") == (rows["spec.risk.stopLoss"], rows["spec.timeframe"], rows["spec.profile"])
    code, out, _ = tradewind("config", "show", QUICKSTART, "-o", "json")
    assert "Paper" == json.loads(out)["spec"]["mode"]


def test_config_validate_asks_no_exchange(tradewind):
    """A manifest on the candles of an exchange is checked without a network, and says what was not."""
    exchange = ("--set", "spec.data={source: Exchange}", "--set", "spec.exchanges[0].venue=Paper")
    code, out, _ = tradewind("config", "validate", QUICKSTART, *exchange)
    assert (code, "bitvavo tells its pairs and candles when the bot runs" in out) == (0, True)


def test_services_render_version(tradewind):
    """The listings know every service, as text and as JSON."""
    assert all(spec.name in tradewind("services")[1] for spec in CATALOG)
    assert [spec.name for spec in CATALOG] == [
        row["name"] for row in json.loads(tradewind("services", "-o", "json")[1])
    ]
    plan = tradewind("render", QUICKSTART)[1]
    assert all(spec.name in plan for spec in CATALOG)
    assert "tradewind" in tradewind("version")[1]


def test_render_prints_the_objects_that_the_operator_applies(tradewind):
    """Not something like them: the same, as YAML for people and as one JSON list, with a note about what is missing."""
    code, out, err = tradewind("render", QUICKSTART, "-o", "yaml", "--image", "registry.example/tradewind:7")
    site = Site(
        image="registry.example/tradewind:7",
        operator_namespace="tradewind-system",
        storage_wired=True,
        version=__version__,
    )
    objects = [json.loads(json.dumps(one)) for one in render(load_bot(QUICKSTART), site)]

    assert 0 == code
    assert objects == list(yaml.load_all(out, yaml.CSafeLoader))
    assert all(word in err for word in ("quickstart-keys", "quickstart-storage", "registry.example/tradewind:7"))
    assert 1 == len(err.splitlines())
    out = tradewind("render", QUICKSTART, "-o", "json", "--image", "registry.example/tradewind:7")[1]
    assert {"apiVersion": "v1", "kind": "List", "items": objects} == json.loads(out)
    assert f"tradewind:{__version__}" in tradewind("render", QUICKSTART, "-o", "yaml")[1]


def test_a_rehearsal_of_live_trading_is_rendered_on_request(tradewind):
    """As an installation applies it that allows it; without the word it says who could."""
    live = str(ROOT / "manifests" / "samples" / "live.yaml")
    code, _, err = tradewind("render", live, "-o", "yaml")
    assert code != 0
    assert "allowLive" in err
    code, out, err = tradewind("render", live, "-o", "yaml", "--live")
    assert code == 0
    assert "bots of mode Live may run" in err
    (execution,) = [
        one
        for one in yaml.load_all(out, yaml.CSafeLoader)
        if one["metadata"]["name"] == "live-execution" and one["kind"] == "Deployment"
    ]
    (container,) = execution["spec"]["template"]["spec"]["containers"]
    assert "--live" in container["args"]


def test_what_needs_a_cluster_is_said_where_there_is_none(tradewind, monkeypatch):
    """A field that does nothing here is named in one line, but not in a pod, where it has done its work."""
    # On paper: an exchange over a network may be late on a busy machine, and a warning says so.
    wide = [*MARCH, "--set", "spec.exchanges[0].venue=Paper"]
    wide += ["--set", "spec.services=[{name: gateway}]", "--set", "spec.deletionPolicy=Flatten"]
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    code, _, err = tradewind("run", QUICKSTART, *wide)
    assert (0, 1) == (code, len(err.splitlines()))
    assert "without a cluster nothing comes of spec.deletionPolicy, spec.services" in err
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    assert (0, "") == tradewind("run", QUICKSTART, *wide)[::2]


@pytest.mark.parametrize("command", ["run", "serve"])
def test_a_suspended_bot_does_not_run_here_either(tradewind, command):
    """Somebody has stopped it on purpose: the fix is in the message, and nothing is left behind."""
    code, out, err = tradewind(command, QUICKSTART, "--set", "spec.suspended=true")

    assert (3, "") == (code, out)
    assert "spec.suspended: received true" in err
    assert "--set spec.suspended=false" in err


def test_migrate_makes_a_database_that_serves(tradewind, monkeypatch, tmp_path):
    """Twice is as good as once, and every table of every storing service is there."""
    database, file = tmp_path / "bot.sqlite3", tmp_path / "database-url"
    file.write_text(f"sqlite:///{database}\n")
    monkeypatch.setenv("TRADEWIND_DATABASE_URL_FILE", str(file))
    for _ in range(2):
        code, out, _ = tradewind("migrate")
        assert (0, f"{database}: at the newest revision\n") == (code, out)
    with closing(sqlite3.connect(database)) as connection:
        tables = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
    assert {"outbox", "inbox", "alembic_version"} < tables


def test_migrate_makes_a_database_on_a_server(tradewind, monkeypatch, postgres_url):
    """Twice is as good as once; a server that is not there is told as what may pass."""
    monkeypatch.setenv("TRADEWIND_DATABASE_URL", postgres_url)
    for _ in range(2):
        code, out, _ = tradewind("migrate")
        assert (0, f"127.0.0.1/{postgres_url.rpartition('/')[2]}: at the newest revision\n") == (code, out)
    monkeypatch.setenv("TRADEWIND_DATABASE_URL", "postgresql://me:hidden@127.0.0.1:1/bots")
    code, out, err = tradewind("migrate")
    assert (6, "") == (code, out)
    assert "no connection" in err
    assert "hidden" not in err


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("mysql://me:hidden@db/bots", ("mysql://...", "sqlite:///PATH", "postgresql://")),
        ("", ("no address", "sqlite:///PATH")),
        ("sqlite:///", ("sqlite:///PATH",)),
        ("sqlite:////nowhere/at/all/x.sqlite3", ("a folder that exists",)),
        (None, ("TRADEWIND_DATABASE_URL_FILE", "received nothing")),
        (False, ("TRADEWIND_DATABASE_URL_FILE", "check the path")),
    ],
)
def test_migrate_refuses_what_it_cannot_migrate(tradewind, monkeypatch, tmp_path, address, words):
    """An init container that does nothing for a database must not look as if it had; no password is printed."""
    file = tmp_path / "database-url"
    if address:
        file.write_text(address)
    elif address == "":
        file.touch()
    if address is None:
        monkeypatch.delenv("TRADEWIND_DATABASE_URL_FILE", raising=False)
    else:
        monkeypatch.setenv("TRADEWIND_DATABASE_URL_FILE", str(file))
    code, out, err = tradewind("migrate")

    assert (1, "") == (code, out)
    assert all(word in err for word in words)
    assert "hidden" not in err


def test_serve_refuses_half_a_bot(tradewind):
    """A part needs what it shares with the others: the line says what to set, or how to run all of it."""
    code, _, err = tradewind("serve", QUICKSTART, "--services", "engine")
    assert 1 == code
    assert "TRADEWIND_DATABASE_URL_FILE" in err
    assert "tradewind serve BOT" in err
    code, _, err = tradewind("serve", QUICKSTART, "--services", "engin")
    assert 3 == code
    assert "engine" in err


# ------------------------------------------------------------------------------------------------- as a real process


def free_ports():
    """A distinct free port for every service, as environment variables; nobody else is given it in this test run."""
    return {
        f"TRADEWIND_PORTS__{spec.name.replace('-', '_').upper()}": str(port)
        for spec, port in zip(CATALOG, own_ports(len(CATALOG)), strict=True)
    }


class Process:
    """`tradewind ...` as a child; its standard error is read line by line."""

    def __init__(self, *arguments, state, **environment):
        self.child = subprocess.Popen(
            [sys.executable, "-c", "from tradewind.cli.main import main; main()", *map(str, arguments)],
            env={**os.environ, "TRADEWIND_STATE_DIRECTORY": str(state), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines = []

    def until(self, word, seconds=60):
        """Read lines until one holds `word`."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            line = self.child.stderr.readline()
            if not line:
                break
            self.lines.append(line)
            if word in line:
                return line
        raise AssertionError(f"no {word!r} in:\n{''.join(self.lines)}")

    def end(self, number):
        """Send a signal; returns (exit code, rest of stdout, rest of stderr)."""
        self.child.send_signal(number)
        out, err = self.child.communicate(timeout=60)
        return self.child.returncode, out, err


def test_serve_drains_on_a_signal_and_resumes(tmp_path):
    """It ends with 0 on SIGINT and SIGTERM and goes on where it was; a second instance and a taken port are refused."""
    ports = free_ports()
    arguments = ("serve", QUICKSTART, "--set", "spec.data.speed=360000")
    first = Process(*arguments, state=tmp_path, **ports)
    try:
        first.until("position closed")
        second = Process(*arguments, state=tmp_path, **free_ports())
        out, err = second.child.communicate(timeout=60)
        assert (1, "") == (second.child.returncode, out)
        assert 1 == len(err.splitlines()), err
        assert str(first.child.pid) in err
        third = Process(*arguments, state=tmp_path / "other", **ports)
        _, err = third.child.communicate(timeout=60)
        assert 1 == third.child.returncode
        assert 1 == len(err.splitlines()), err
        assert "port" in err
        assert not list((tmp_path / "other").rglob("*.sqlite3"))
    finally:
        code, _, err = first.end(signal.SIGINT)
    assert 0 == code, err
    again = Process(*arguments, state=tmp_path, **ports)
    line = again.until("state ")
    code, _, err = again.end(signal.SIGTERM)

    assert "resumed" in line
    assert 0 == code, err
    assert "Traceback" not in err


def test_an_interrupted_run_is_130_and_says_how_to_go_on(tmp_path):
    """Ctrl-C stops a run safely; the printed command goes on to the result of an undisturbed run."""
    paced = Process(
        "run", QUICKSTART, "--set", "spec.data.speed=720000", *MARCH, state=tmp_path, TRADEWIND_LOG_LEVEL="info"
    )
    paced.until("position closed")
    code, out, err = paced.end(signal.SIGINT)
    assert (130, "") == (code, out)
    directory = err.strip().splitlines()[-1].split("--resume ")[1]
    resumed = Process("run", QUICKSTART, "-o", "json", "--resume", directory, *MARCH, state=tmp_path)
    out, err = resumed.child.communicate(timeout=60)
    fresh = Process("run", QUICKSTART, "-o", "json", *MARCH, state=tmp_path)
    expected, _ = fresh.child.communicate(timeout=60)

    assert 0 == resumed.child.returncode, err
    assert json.loads(expected)["trades"] == json.loads(out)["trades"]
