"""The autoscaler of a bot's gateway, by what the kubelet measures: more pods under load, and fewer after it."""

from __future__ import annotations

import threading

import pytest
from tests.node.bots import NAMESPACE, Bot, is_ready

from tradewind import catalog

AUTOSCALER = f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers/{{}}-door"
CALLERS = 4
QUICK = {"stabilizationWindowSeconds": 15, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 15}]}


class Load:
    """Questions to the gateway, one after the other, from inside the node's network, until `stop`."""

    def __init__(self, bot: Bot) -> None:
        self._bot, self._stopped = bot, threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._thread.join()

    def _ask(self):
        key = self._bot.secret()["api-key"]
        _, service = self._bot.node.request("GET", f"/api/v1/namespaces/{NAMESPACE}/services/{self._bot.name}-gateway")
        address = f"{service['spec']['clusterIP']}:{catalog.service('gateway').port}"
        asking = f"""
import urllib.request
request = urllib.request.Request("http://{address}/api/v1/config/all", headers={{"Authorization": "Bearer {key}"}})
while True:
    try:
        urllib.request.urlopen(request, timeout=10).read()
    except OSError:
        pass
"""
        self._bot.node.run_inside_until(self._stopped, asking, CALLERS)


def replicas(node, name):
    """(wanted, measured load in percent or None)."""
    _, scaler = node.request("GET", AUTOSCALER.format(name))
    metrics = scaler.get("status", {}).get("currentMetrics") or [{}]
    used = metrics[0].get("resource", {}).get("current", {}).get("averageUtilization")
    return scaler.get("status", {}).get("desiredReplicas", 0), used


@pytest.mark.timeout(900)
def test_load_adds_gateways_and_rest_takes_them_away(node, churning):
    """Real CPU, real metrics-server. Only the patience before pods are taken away again is shortened."""
    node.wait_until("the load is measured", lambda: replicas(node, "churning")[1] is not None, 180)
    with Load(churning):
        node.wait_until("more gateways are wanted", lambda: replicas(node, "churning")[0] > 1, 240)
        churning.wait_until("more gateways", lambda: _ready_gateways(churning) > 1)

    # The operator would put the window right again.
    node.kubectl("annotate", "tb", "churning", "-n", NAMESPACE, "tradewind.dev/reconcile=disabled")
    quick = {"spec": {"behavior": {"scaleDown": QUICK}}}
    node.request("PATCH", AUTOSCALER.format("churning"), quick, "application/merge-patch+json")
    node.wait_until("one gateway is wanted", lambda: replicas(node, "churning")[0] == 1, 400)
    node.kubectl("annotate", "tb", "churning", "-n", NAMESPACE, "tradewind.dev/reconcile-")


def _ready_gateways(bot):
    pods = [one for one in bot.pods() if one["metadata"]["labels"]["app.kubernetes.io/component"] == "door"]
    return sum(is_ready(one) for one in pods)
