"""`kubectl apply` on an empty node: the bot becomes ready, trades, and is what it says that it is."""

from __future__ import annotations

import json

import pytest
from tests.cluster.clients import KubectlError
from tests.node.audit import orders_agree
from tests.node.bots import NAMESPACE, Bot
from tests.node.images import CHECKOUT
from tests.node.installing import HOME, storage

SOON = 120.0
"""Seconds from the apply to Ready, with the images on the node."""

SAMPLES = CHECKOUT / "manifests" / "samples"
SEEN = """
import json, os
status = dict(line.split(":", 1) for line in open("/proc/1/status"))
try:
    open("/written", "w")
    writable = True
except OSError:
    writable = False
uid, capabilities, seccomp = (status[name].split()[0] for name in ("Uid", "CapEff", "Seccomp"))
environment = open("/proc/1/environ").read()
print(json.dumps({"uid": uid, "capabilities": capabilities, "seccomp": seccomp, "writable": writable,
                  "environment": environment, "token": os.path.exists("/var/run/secrets/kubernetes.io")}))
"""


def test_a_minimal_bot_is_ready_and_trades_at_its_own_exchange(node):
    """One pod, a volume, no server besides: what a person tries first."""
    exchange = [{"name": "sim", "venue": "Simulated"}]
    crossing = [{"name": "crossing", "kind": "EmaCross", "parameters": {"fast": 2, "slow": 4}}]
    changes = {"exchanges": exchange, "strategies": crossing, "decision": {"minConfidence": "0.01"}}
    with Bot(node, SAMPLES / "minimal.yaml", "first", changes) as bot:
        assert bot.wait_until_ready(SOON) < SOON
        bot.wait_until("trading", lambda: bool(bot.books().trades), SOON)
        assert bot.components() == ["bot"]
        assert set(bot.restarts().values()) == {0}


def test_a_bot_in_several_pods_is_ready_and_its_orders_are_the_exchange_s(churning):
    """Standard: its services find each other by name, share Redis and PostgreSQL, and trade over the network."""
    assert {"door", "trading", "market-data", "execution", "operations", "sim-exchange"} == set(churning.components())
    assert orders_agree(churning, more_than=3) > 3
    assert churning.ask_gateway("/api/v1/trading/status").content["state"] == "Running"


def test_pods_are_restricted(node, churning):
    """Not only admitted under `restricted`: who runs in there is nobody, can do nothing more, and writes nowhere."""
    for component in churning.components():
        name = churning.pod(component)["metadata"]["name"]
        seen = _seen(node, name)
        assert (seen["uid"], int(seen["capabilities"], 16), seen["seccomp"]) == ("10001", 0, "2"), name
        assert not seen["writable"], name
        assert not seen["token"], name
    rude = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "rude"}, "spec": {"containers": [%s]}}'
    with pytest.raises(KubectlError, match="violates PodSecurity"):
        node.kubectl("create", "-n", NAMESPACE, "-f", "-", stdin=rude % '{"name": "rude", "image": "redis:7"}')


def _seen(node, pod):
    return json.loads(node.kubectl("exec", "-n", NAMESPACE, pod, "--", "python", "-c", SEEN).splitlines()[-1])


def test_no_secret_is_where_it_could_be_read(node, churning):
    """Not in a log, a ConfigMap, a pod's description or an environment."""
    secrets = (churning.secret(), churning.secret("storage"), storage(node))
    words = [word for secret in secrets for value in secret.values() for word in value.split() if len(word) >= 16]
    assert len(words) >= 6
    shown = [node.kubectl("get", "configmaps,pods,deployments,tb,events", "-A", "-o", "json")]
    for namespace in (NAMESPACE, HOME):
        _, pods = node.request("GET", f"/api/v1/namespaces/{namespace}/pods")
        for pod in pods["items"]:
            name = pod["metadata"]["name"]
            shown.append(node.kubectl("logs", "-n", namespace, name, "--all-containers"))
    shown += [
        _seen(node, churning.pod(component)["metadata"]["name"])["environment"] for component in churning.components()
    ]
    assert len(shown[1]) > 100
    assert not [word[:6] for word in words for text in shown if word in text]


def test_kubectl_tradewind_speaks_of_real_pods(terminal, churning):
    """Status, the logs of all services together, and a restart that is waited for and loses no order."""
    assert "churning" in terminal("kubectl tradewind status")
    assert "execution" in terminal("kubectl tradewind status churning")
    said = terminal("kubectl tradewind logs churning --tail 3")
    assert all(service in said for service in ("door", "engine", "execution")), said
    before = churning.pod("execution")["metadata"]["uid"]
    sent = orders_agree(churning)

    terminal("kubectl tradewind restart churning --service execution --wait")

    assert churning.pod("execution")["metadata"]["uid"] != before
    churning.wait_until_ready()
    assert orders_agree(churning, more_than=sent) > sent


def test_a_bot_whose_every_pod_is_replaced_goes_on(terminal, churning):
    """Other pods have other addresses: whoever asked the former ones finds them, the exchange too."""
    before = {pod["metadata"]["uid"] for pod in churning.pods()}
    sent = orders_agree(churning)

    terminal("kubectl tradewind restart churning --wait")

    assert not before & {
        pod["metadata"]["uid"] for pod in churning.pods() if "deletionTimestamp" not in pod["metadata"]
    }
    churning.wait_until_ready()
    assert orders_agree(churning, more_than=sent) > sent


def test_kubectl_tradewind_tells_and_asks_the_running_bot(terminal, churning):
    """Through the API server and its gateway: what it says is what the bot's own API says; no pod is replaced."""
    pods, state = {pod["metadata"]["uid"] for pod in churning.pods()}, "/api/v1/trading/status"
    for verb, reached in (("pause", "Paused"), ("stop", "Stopped"), ("start", "Running")):
        said = terminal(f"kubectl tradewind {verb} churning --reason 'a drill'")
        assert said == f"tradingbot.tradewind.dev/churning {reached}: a drill\n"
        assert churning.ask_gateway(state).content["state"] == reached
    decided = json.loads(terminal("kubectl tradewind decisions churning --limit 5 -o json"))
    assert len(decided) == 5
    assert {one["pair"] for one in decided} <= set(churning.document["spec"]["pairs"]["include"])
    with pytest.raises(AssertionError, match="the bot does not know that: "):
        terminal("kubectl tradewind decisions churning --pair NO/NE")
    assert {pod["metadata"]["uid"] for pod in churning.pods()} >= pods


def test_the_sample_of_profile_standard_becomes_ready(node):
    """As it stands in the repository, with two gateways and a strategy over a recorded year."""
    with Bot(node, SAMPLES / "standard.yaml") as bot:
        assert bot.wait_until_ready(SOON) < SOON
