"""The life of a release on the node: upgraded, uninstalled and installed again, and a bot keeps what it has."""

from __future__ import annotations

import re
import shutil

import pytest
from tests.cluster.charts import CHART, HOME, OPERATOR
from tests.node.audit import orders_agree
from tests.node.bots import NAMESPACE
from tests.node.installing import POSTGRES, REDIS, storage, wait_until_installed

ON = f"--namespace {HOME} --wait --timeout 3m"
CLAIMS = {f"data-{POSTGRES}-0", f"data-{REDIS}-0"}


def pods(node, namespace, selector=""):
    """Name of each pod that is not about to go -> its identity, and how often its containers were started again."""
    _, answer = node.request("GET", f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}")
    return {
        one["metadata"]["name"]: (
            one["metadata"]["uid"],
            sum(each["restartCount"] for each in one["status"].get("containerStatuses", ())),
        )
        for one in answer["items"]
        if "deletionTimestamp" not in one["metadata"]
    }


@pytest.fixture
def next_chart(tmp_path):
    """The chart as its next release."""
    copy = tmp_path / "tradewind"
    shutil.copytree(CHART, copy)
    file = copy / "Chart.yaml"
    text, count = re.subn(r"^version: .*$", "version: 0.2.0", file.read_text(), flags=re.MULTILINE)
    assert count == 1
    file.write_text(text)
    return copy


def test_an_upgrade_leaves_the_pods_of_bots_alone(node, terminal, churning, next_chart):
    """Other values and another version of the chart: other operators, and the same pods of bot and stores."""
    churning.wait_until_ready()
    bot, operators = pods(node, NAMESPACE), pods(node, HOME, f"app.kubernetes.io/name%3D{OPERATOR}")
    stores = {name: one for name, one in pods(node, HOME).items() if name in (f"{POSTGRES}-0", f"{REDIS}-0")}
    assert len(operators) == len(stores) == 2
    sent = orders_agree(churning)

    terminal(f"helm upgrade tradewind {next_chart} {ON} --set operator.logLevel=debug --set prometheus.retention=7d")

    wait_until_installed(node)
    assert "tradewind-0.2.0" in terminal(f"helm list --namespace {HOME}")
    after = pods(node, HOME)
    assert not operators.keys() & after.keys()
    assert stores.items() <= after.items()
    churning.wait_until_ready()
    assert orders_agree(churning, more_than=sent) > sent
    # Its autoscaler may have added one meanwhile.
    assert bot.items() <= pods(node, NAMESPACE).items()


@pytest.mark.parametrize("helms", [("helm", "helm3"), ("helm3", "helm")], ids=["3 after 4", "4 after 3"])
def test_uninstalling_keeps_bots_and_what_they_know(node, terminal, churning, next_chart, helms):
    """The definition, the bot and its pods, volumes and passwords: installed again, it goes on with its orders.

    By Helm 3 what Helm 4 has left, and the other way round; each tests and upgrades what it has installed.
    """
    leaving, coming = helms
    churning.wait_until_ready()
    sent, kept, bot = orders_agree(churning), storage(node), pods(node, NAMESPACE)

    terminal(f"{leaving} uninstall tradewind {ON}")

    node.wait_until("the pods of the release are gone", lambda: not pods(node, HOME))
    assert churning.resource()["metadata"]["name"] == churning.name
    assert bot.items() <= pods(node, NAMESPACE).items()
    assert storage(node) == kept
    assert set(re.findall(r"data-\S+", node.kubectl("get", "pvc", "-n", HOME))) == CLAIMS

    terminal(f"{coming} install tradewind {CHART} {ON}")

    wait_until_installed(node)
    assert storage(node) == kept
    churning.wait_until_ready()
    sent = orders_agree(churning, more_than=sent)
    assert "Succeeded" in terminal(f"{coming} test tradewind --namespace {HOME}")

    terminal(f"{coming} upgrade tradewind {next_chart} {ON} --set operator.logLevel=debug")

    wait_until_installed(node)
    assert "tradewind-0.2.0" in terminal(f"{coming} list --namespace {HOME}")
    churning.wait_until_ready()
    assert bot.items() <= pods(node, NAMESPACE).items()
    assert orders_agree(churning, more_than=sent) > sent
