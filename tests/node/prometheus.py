"""The Prometheus of the chart, asked by its API."""

from __future__ import annotations

import urllib.parse
from typing import Any

from tests.node.installing import PROMETHEUS, address
from tests.node.node import Node

PORT = 9090


class Prometheus:
    """What it reads, what it knows, and which alerts it has."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def targets(self) -> dict[str, str]:
        """Pod -> what became of the last reading, of all that it reads now (`up`, `down`, `unknown`)."""
        active = self._asked("targets?state=active")["activeTargets"]
        found = {target["labels"]["pod"]: target["health"] for target in active}
        assert len(found) == len(active), f"a pod is read twice: {active}"
        return found

    def query(self, query: str) -> list[dict[str, Any]]:
        """The series that a query gives now, those left out that are not a number."""
        series = self._asked(f"query?{urllib.parse.urlencode({'query': query})}")["result"]
        return [one for one in series if one["value"][1] != "NaN"]

    def firing(self) -> list[dict[str, Any]]:
        """The alerts that fire."""
        return [alert for alert in self._asked("alerts")["alerts"] if alert["state"] == "firing"]

    def _asked(self, call: str) -> Any:
        # Its Service has another address where the release is installed anew.
        answer = self._node.ask(f"{address(self._node, PROMETHEUS, PORT)}/api/v1/{call}")
        assert answer.status == 200, answer.text
        return answer.content["data"]
