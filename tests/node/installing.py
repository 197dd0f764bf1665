"""Tradewind as it is installed on the node: by the first command of the README, with the chart's default values.

`install` is the one place that knows how; everything else here only asks what it made.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

from tests.cluster.charts import HOME, OPERATOR, RESTRICTED, make_home
from tests.node.node import Node
from tests.node.terminal import Terminal, quick_start

STORAGE = "tradewind-storage"
REDIS = "tradewind-redis"
POSTGRES = "tradewind-postgresql"
PROMETHEUS = "tradewind-prometheus"
"""Names of the release's objects: of the Secret, and of Services and what runs behind them."""

_WORKLOADS = (f"statefulset/{REDIS}", f"statefulset/{POSTGRES}", f"deployment/{OPERATOR}", f"deployment/{PROMETHEUS}")


def install(node: Node, terminal: Terminal, images: Iterable[Path]) -> None:
    """Returns when everything that the chart installs is ready, and bots can be applied in namespace `default`.

    `images` are the archives that the node gets.
    """
    for archive in images:
        node.load(archive)
    # What is not allowed under `restricted` is refused, wherever bots are; the release's namespace is as they are.
    node.kubectl("label", "namespace", "default", *(f"{name}={value}" for name, value in RESTRICTED.items()))
    make_home(node)
    terminal(quick_start()[0])
    wait_until_installed(node)


def wait_until_installed(node: Node) -> None:
    """Returns when all pods of the release are ready; tells of them when they are not."""
    try:
        for workload in _WORKLOADS:
            node.kubectl("rollout", "status", "-n", HOME, workload, "--timeout=110s")
    except Exception as error:
        error.add_note(node.kubectl("get", "pods,events", "-n", HOME))
        raise


def storage(node: Node) -> dict[str, str]:
    """What the Secret of the release has: passwords, and the addresses that the operator is given as files."""
    _, secret = node.request("GET", f"/api/v1/namespaces/{HOME}/secrets/{STORAGE}")
    return {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}


def address(node: Node, service: str, port: int) -> str:
    """Where a Service of the release is reached from the node's network, as the beginning of a URL."""
    _, answer = node.request("GET", f"/api/v1/namespaces/{HOME}/services/{service}")
    return f"http://{answer['spec']['clusterIP']}:{port}"
