"""A Backtest on a real node: kubelet, pods without a token, PostgreSQL of the chart, and a gateway that answers."""

from __future__ import annotations

import json
import subprocess
import sys

import yaml
from tests.node.bots import NAMESPACE, PATIENCE
from tests.node.images import CHECKOUT

from tradewind.contracts.api.backtest import FIELDS_OF_A_BOT

SAMPLE = CHECKOUT / "manifests" / "samples" / "backtest.yaml"
VARIED = "spec.strategies[0].parameters.fast=5..12"


class Resource:
    """A Backtest in namespace `default`; `changes` replace parts of the sample's spec. Deleted at the end."""

    def __init__(self, node, name, **changes):
        self.node, self.name = node, name
        self.document = yaml.safe_load(SAMPLE.read_text())
        self.document["metadata"]["name"] = name
        self.document["spec"] |= changes

    def __enter__(self):
        self.node.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(self.document))
        return self

    def __exit__(self, *_):
        self.node.kubectl("delete", "bt", self.name, "--timeout=120s")
        self.node.wait_until(f"the pods of {self.name} are gone", lambda: not self.pods(), PATIENCE)

    def status(self):
        path = f"/apis/tradewind.dev/v1alpha1/namespaces/{NAMESPACE}/backtests/{self.name}"
        return self.node.request("GET", path)[1].get("status", {})

    def condition(self, kind):
        return next((one for one in self.status().get("conditions", ()) if one["type"] == kind), {})

    def wait_until_over(self):
        """Until it is complete or failed; which of the two."""

        def over():
            return [kind for kind in ("Complete", "Failed") if self.condition(kind).get("status") == "True"]

        try:
            self.node.wait_until(f"{self.name} is over", lambda: bool(over()), PATIENCE)
        except Exception as error:
            error.add_note(json.dumps(self.status()))
            error.add_note(self.node.kubectl("get", "pods,jobs,bt", "-A", "-o", "wide"))
            raise
        return over()[0]

    def pods(self):
        labels = f"app.kubernetes.io/name%3Dbacktest,app.kubernetes.io/instance%3D{self.name}"
        return self.node.request("GET", f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector={labels}")[1]["items"]


def by_command(tmp_path, document, *words):
    """What `tradewind backtest` says on this machine of the same fields."""
    file = tmp_path / "bot.yaml"
    file.write_text(yaml.safe_dump({**document, "kind": "TradingBot"}))
    program = "from tradewind.cli.main import main; main()"
    command = [sys.executable, "-c", program, "backtest", str(file), "-o", "json", *words]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_a_backtest_ends_with_the_numbers_of_the_command_and_its_trades_at_the_gateway(node, churning, tmp_path):
    """In the columns, and whole from a bot of the namespace that rests on the same database."""
    with Resource(node, "crossing") as backtest:
        assert backtest.wait_until_over() == "Complete", backtest.condition("Failed")
        wanted = by_command(tmp_path, backtest.document)
        (found,) = backtest.status()["results"]
        assert (found["trades"], found["profit"]) == (len(wanted["trades"]), wanted["metrics"]["profit"])
        assert float(found["sharpe"]) == round(wanted["metrics"]["wallet"]["sharpe"], 6)
        row = node.kubectl("get", "bt", "crossing", "--no-headers").split()
        assert row[:5] == ["crossing", "True", "Finished", "trend", str(len(wanted["trades"]))]
        (pod,) = backtest.pods()
        assert pod["spec"]["automountServiceAccountToken"] is False
        whole = churning.ask_gateway("/api/v1/backtests/crossing").content
        assert whole["trades"] == wanted["trades"]
    listed = churning.ask_gateway("/api/v1/backtests").content["backtests"]
    assert "crossing" in [one["name"] for one in listed]
    assert churning.ask_gateway("/api/v1/backtests/crossing", "DELETE").status == 200


def test_what_a_pod_refuses_is_told_in_its_own_words(node):
    """By the kubelet's word of the container's last message, and tried once."""
    with Resource(node, "nowhere", data={"source": "Replay", "path": "/nowhere"}) as backtest:
        assert backtest.wait_until_over() == "Failed"
        failed = backtest.condition("Failed")
        assert failed["reason"] == "Refused"
        assert failed["message"].startswith("spec.data.path: received no file or folder: /nowhere; allowed: ")
        assert len(backtest.pods()) == 1


def test_two_pods_share_a_search(node, churning, tmp_path):
    """They find the best of all trials, which is worth what the command says."""
    search = {"vary": [VARIED], "trials": 8, "sampler": "random", "prune": False}
    with Resource(node, "searching", search=search, parallelism=2) as backtest:
        assert backtest.wait_until_over() == "Complete", backtest.condition("Failed")
        best, stands = backtest.status()["results"]
        assert backtest.status()["trials"] == 8
        assert (best["name"], stands["name"]) == ("Best", "AsItStands")
        words = [word for name, value in best["values"].items() for word in ("--set", f"{name}={value}")]
        bot = {
            **backtest.document,
            "spec": {k: v for k, v in backtest.document["spec"].items() if k in FIELDS_OF_A_BOT},
        }
        assert best["profit"] == by_command(tmp_path, bot, *words)["metrics"]["profit"]
        told = churning.ask_gateway("/api/v1/backtests/searching").content
        assert told["search"]["results"][0]["values"] == best["values"]
