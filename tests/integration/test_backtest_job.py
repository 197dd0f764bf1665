"""The pods of a Backtest, run as processes: what they leave is what `tradewind backtest` and `tradewind optimize` say.

What the operator renders is laid out below a temporary folder, as for the pods of a bot. Two pods share a search by
the trials in one PostgreSQL, and the whole result lies there for the gateway.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.servers.databases import Postgres
from typer.testing import CliRunner

from tradewind.cli.main import app
from tradewind.contracts.api.backtest import parse_backtest
from tradewind.kernel.store.migration import migrate_postgres
from tradewind.portfolio.backtests import document_of, record_backtest, recorded
from tradewind_operator.backtest_status import told_by
from tradewind_operator.manifests import Site
from tradewind_operator.manifests.backtests import REFUSED, render_backtest

SAMPLE = yaml.safe_load((Path(__file__).parents[2] / "manifests" / "samples" / "backtest.yaml").read_text())
UID = "8a1f0c9e"
VARIED = "spec.strategies[0].parameters.fast=5..12"
SPAN = {"start": "2022-01-01", "end": "2022-02-01"}
PROGRAM = "from tradewind.cli.main import main; main()"


def backtest(**spec):
    data = {**SAMPLE["spec"]["data"], "span": SPAN}
    return parse_backtest({**SAMPLE, "spec": {**SAMPLE["spec"], "data": data, **spec}}, "the test")


class Job:
    """The Job of a Backtest with its volumes below `folder`; `address` is that of the installation's database."""

    def __init__(self, one, folder, address=None):
        site = Site(image="any", operator_namespace="any", storage_wired=address is not None, version="1")
        _, file, _, job = render_backtest(one, site, UID)
        self.folder, self.spec = folder, job["spec"]
        self.pod = self.spec["template"]["spec"]
        (self.container,) = self.pod["containers"]
        self.mounts = {each["name"]: each["mountPath"] for each in self.container["volumeMounts"]}
        for volume in self.pod["volumes"]:
            target = self.inside(self.mounts[volume["name"]])
            target.mkdir(parents=True)
            if "configMap" in volume:
                for name, text in file["data"].items():
                    (target / name).write_text(text)
            for item in volume.get("secret", {}).get("items", ()):
                (target / item["path"]).write_text(address)

    def inside(self, path):
        return self.folder / path.lstrip("/")

    def moved(self, text):
        """`text` with the path of a mount in it led to where that mount is here."""
        above = [path for path in self.mounts.values() if text.startswith(path)]
        return str(self.inside(text)) if above else text

    def message(self, index):
        return self.folder / f"message-{index}"

    def start(self, container, index):
        variables = {one["name"]: self.moved(one["value"]) for one in container["env"]}
        variables |= {"JOB_COMPLETION_INDEX": str(index), "PATH": os.environ["PATH"]}
        places = {self.container["terminationMessagePath"]: str(self.message(index))}
        assert container["command"] == ["tradewind"]
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *(places.get(one) or self.moved(one) for one in container["args"])],
            env=variables,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self):
        """All of its pods at once; what of their statuses the operator reads."""
        for container in self.pod.get("initContainers", ()):
            first = self.start(container, 0)
            said, _ = first.communicate(timeout=60)
            assert first.returncode == 0, said
        pods = [self.start(self.container, index) for index in range(self.spec["completions"])]
        statuses = []
        for index, pod in enumerate(pods):
            said, _ = pod.communicate(timeout=90)
            left = self.message(index)
            ended = {"exitCode": pod.returncode, "message": left.read_text() if left.exists() else said}
            container = {"name": "backtest", "state": {"terminated": ended}}
            note = {"batch.kubernetes.io/job-completion-index": str(index)}
            statuses.append({"metadata": {"annotations": note}, "status": {"containerStatuses": [container]}})
        return statuses


def by_command(command, tmp_path, *words):
    """What the command says of the same fields in a bot's manifest."""
    file = tmp_path / "bot.yaml"
    spec = {**SAMPLE["spec"], "data": {**SAMPLE["spec"]["data"], "span": SPAN}}
    file.write_text(yaml.safe_dump({**SAMPLE, "kind": "TradingBot", "spec": spec}))
    done = CliRunner().invoke(app, [command, str(file), *words, "-o", "json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def holds(found, document):
    """A result of a status against the document of a command: money exact, ratios to six decimals."""
    metrics, wallet = document["metrics"], document["metrics"]["wallet"]
    exact = {"start": document["start"], "end": document["end"], "candles": document["candles"]}
    exact |= {"trades": len(document["trades"]), "profit": metrics["profit"], "endBalance": document["endBalance"]}
    ratios = {
        "profitRatio": float(metrics["profit"]) / float(document["startBalance"]),
        "winRate": metrics["winRate"],
        "maxDrawdownRatio": wallet["maxDrawdownRatio"],
        "sharpe": wallet["sharpe"],
        "profitFactor": metrics["profitFactor"],
    }
    assert {name: found[name] for name in exact} == exact
    assert {name: float(found[name]) for name in ratios} == {name: round(value, 6) for name, value in ratios.items()}


def test_the_status_says_what_the_command_says(tmp_path):
    """Without a database: the message of the pod is all that there is, and enough."""
    told = told_by(Job(backtest(), tmp_path / "pod").run())
    assert told.trouble == ""
    (found,) = told.results
    assert found["name"] == "AsItStands"
    document = by_command("backtest", tmp_path)
    assert document["trades"]
    holds(found, document)


def test_what_is_refused_is_one_clear_sentence(tmp_path):
    """And ends with a code upon which the Job does not try again."""
    future = {**SAMPLE["spec"]["data"], "span": {"start": "2031-01-01", "end": "2032-01-01"}}
    for number, (spec, told) in enumerate(
        [
            (
                {"data": {"source": "Replay", "path": "/nowhere"}},
                "spec.data.path: received no file or folder",
            ),
            ({"data": future}, "spec.data.span"),
        ]
    ):
        statuses = Job(backtest(**spec), tmp_path / f"pod-{number}").run()
        (container,) = statuses[0]["status"]["containerStatuses"]
        assert container["state"]["terminated"]["exitCode"] in REFUSED
        found = told_by(statuses)
        assert found.refused
        assert told in found.trouble
        assert "allowed: " in found.trouble
        assert "\n" not in found.trouble


def test_two_pods_find_together_what_one_command_finds(tmp_path, postgres_url):
    """By the numbers of trials, whoever of them is quicker; and what is kept whole is the result of the best."""
    pytest.importorskip("optuna", reason="the extra optimize is not installed")
    search = {"vary": [VARIED], "trials": 6, "sampler": "random", "prune": False, "seed": 3}
    one = backtest(search=search, parallelism=2)
    told = told_by(Job(one, tmp_path / "pods", postgres_url).run())
    words = ("--vary", VARIED, "--trials", "6", "--sampler", "random", "--no-prune", "--seed", "3")
    alone = by_command("optimize", tmp_path, *words)
    assert told.trials == alone["trials"]["finished"] == 6
    best, stands = told.results
    assert [f"{name}={value}" for name, value in best["values"].items()] == alone["best"]["set"]
    assert float(best["loss"]) == round(alone["best"]["loss"], 6)
    holds(best, by_command("backtest", tmp_path, *(word for each in alone["best"]["set"] for word in ("--set", each))))
    assert stands["name"] == "AsItStands"

    async def stored():
        store = Postgres(postgres_url).store()
        try:
            listed = await store.read(lambda connection: recorded(connection, "default"))
            return listed, json.loads(await store.read(lambda connection: document_of(connection, one.key)))
        finally:
            await store.close()

    (headline,), document = asyncio.run(stored())
    assert (headline.name, headline.uid, headline.headline["trades"]) == ("crossing", UID, best["trades"])
    assert len(document["trades"]) == best["trades"]
    assert document["search"]["results"] == list(told.results)


async def test_pods_that_end_at_once_leave_one_row(postgres_url):
    """Each of the last ones may find that the search is complete; none of them fails for that."""
    await migrate_postgres(postgres_url)
    metrics = {"profit": "1", "wallet": {"maxDrawdownRatio": 0.1, "sharpe": 1.0}}
    names = ("start", "end", "timeframe", "currency", "candles", "startBalance", "endBalance")
    document = {**dict.fromkeys(names, "1"), "trades": [], "metrics": metrics}
    stores = [Postgres(postgres_url).store() for _ in range(4)]
    try:
        for _ in range(3):
            await asyncio.gather(*(record_backtest(one, "default/crossing", UID, 1, document) for one in stores))
        found = await stores[0].read(lambda connection: recorded(connection, "default"))
    finally:
        for one in stores:
            await one.close()
    assert [one.name for one in found] == ["crossing"]
