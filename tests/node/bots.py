"""A bot on the node, and what can be asked of it: its pods, its gateway, its exchange, its tables."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlencode, urlsplit

import yaml
from sqlalchemy import Connection
from tests.faults.venue import Books, VenueProcess
from tests.node.installing import HOME, POSTGRES, storage
from tests.node.node import Answer, Node

from tradewind import catalog
from tradewind.kernel.store.postgres import PostgresStore

Result = TypeVar("Result")

NAMESPACE = "default"
PATIENCE = 180.0
PAGE = 500
"""Orders or trades that the exchange tells at once."""


class Bot:
    """A TradingBot in namespace `default` from a file; `changes` replace parts of its spec. Deleted at the end."""

    def __init__(
        self, node: Node, file: Path, name: str | None = None, changes: Mapping[str, Any] | None = None
    ) -> None:
        self.node = node
        self.document: dict[str, Any] = yaml.safe_load(file.read_text())
        self.document["metadata"]["name"] = self.name = name or self.document["metadata"]["name"]
        self.document["spec"] |= changes or {}

    def __enter__(self) -> Self:
        self.node.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(self.document))
        return self

    def __exit__(self, *_: object) -> None:
        self.node.kubectl("delete", "tb", self.name, "--timeout=120s")
        self.node.wait_until(f"the pods of {self.name} are gone", lambda: not self.pods(), PATIENCE)

    # ------------------------------------------------------------------------------------------------------- what it is

    def resource(self) -> dict[str, Any]:
        """The TradingBot as it is stored."""
        path = f"/apis/tradewind.dev/v1alpha1/namespaces/{NAMESPACE}/tradingbots/{self.name}"
        return dict(self.node.request("GET", path)[1])

    def condition(self, kind: str) -> dict[str, Any]:
        """A condition; empty where it has none of that type."""
        conditions = self.resource().get("status", {}).get("conditions", ())
        return next((one for one in conditions if one["type"] == kind), {})

    def is_ready(self) -> bool:
        """What `kubectl wait --for=condition=Ready` waits for."""
        return self.condition("Ready").get("status") == "True"

    def wait_until_ready(self, patience: float = PATIENCE) -> float:
        """Seconds until it was."""
        return self.wait_until("ready", self.is_ready, patience)

    def wait_until(self, what: str, holds: Callable[[], bool], patience: float = PATIENCE) -> float:
        """Seconds until `holds()`."""
        began = time.monotonic()
        try:
            self.node.wait_until(f"{self.name} is {what}", holds, patience)
        except Exception as error:
            error.add_note(self.node.kubectl("get", "pods,tb", "-A", "-o", "wide"))
            error.add_note(str(self.condition("Ready")))
            raise
        return time.monotonic() - began

    def pods(self) -> list[dict[str, Any]]:
        """Its pods, also those that are ending."""
        selector = f"app.kubernetes.io/instance%3D{self.name}"
        _, answer = self.node.request("GET", f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector={selector}")
        return list(answer["items"] or ())

    def pod(self, component: str) -> dict[str, Any]:
        """The youngest pod of a workload that is not ending."""
        found = [
            pod
            for pod in self.pods()
            if pod["metadata"]["labels"]["app.kubernetes.io/component"] == component
            and "deletionTimestamp" not in pod["metadata"]
        ]
        return max(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def components(self) -> list[str]:
        """The workloads that it has pods of."""
        return sorted({pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in self.pods()})

    def restarts(self) -> dict[str, int]:
        """Pod -> how often its container was started again."""
        return {pod["metadata"]["name"]: _container(pod).get("restartCount", 0) for pod in self.pods()}

    # ------------------------------------------------------------------------------------------------------- hurting it

    def kill(self, component: str) -> None:
        """Ends the container of a workload by SIGKILL; returns when the kubelet has started it again."""
        pod = self.pod(component)
        name, before = pod["metadata"]["name"], _container(pod)["restartCount"]
        self.node.kill_container(_container(pod)["containerID"])
        self.wait_until(f"restarted ({component})", lambda: self.restarts().get(name, 0) > before)

    # ------------------------------------------------------------------------------------------------------ asking it

    def secret(self, ending: str = "keys") -> dict[str, str]:
        """File -> content of a Secret of the bot."""
        _, answer = self.node.request("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/{self.name}-{ending}")
        return {name: base64.b64decode(value).decode() for name, value in answer["data"].items()}

    def ask_gateway(self, path: str, method: str = "GET", body: object = None) -> Answer:
        """An answer of the gateway, through its Service, to somebody with its key."""
        _, service = self.node.request("GET", f"/api/v1/namespaces/{NAMESPACE}/services/{self.name}-gateway")
        url = f"http://{service['spec']['clusterIP']}:{catalog.service('gateway').port}{path}"
        return self.node.ask(url, method, body, {"Authorization": f"Bearer {self.secret()['api-key']}"})

    def books(self) -> Books:
        """What its simulated exchange has of its account."""
        symbols = [pair.replace("/", "") for pair in self.document["spec"]["pairs"]["include"]]
        # In this order: the order of each trade is then among the orders.
        trades = [VenueProcess._trade(one) for symbol in symbols for one in self._pages("myTrades", "fromId", symbol)]
        orders = [VenueProcess._order(one) for symbol in symbols for one in self._pages("allOrders", "orderId", symbol)]
        return Books(orders, trades, [])

    def read(self, query: Callable[[Connection], Result]) -> Result:
        """The answer of the database to a query, of one snapshot."""
        _, service = self.node.request("GET", f"/api/v1/namespaces/{HOME}/services/{POSTGRES}")
        parts = urlsplit(storage(self.node)["database-url"])
        address = parts._replace(
            netloc=f"{parts.username}:{parts.password}@{service['spec']['clusterIP']}:{parts.port}"
        )

        async def reading() -> Result:
            store = PostgresStore(address.geturl())
            try:
                return await store.read(query)
            finally:
                await store.close()

        return self.node.on_network(lambda: asyncio.run(reading()))  # type: ignore[no-any-return]

    def _pages(self, call: str, since: str, symbol: str) -> Iterator[dict[str, Any]]:
        """Everything that the exchange tells of a symbol, from the first on."""
        following = 0
        while True:
            page = self._signed(f"/api/v3/{call}", {"symbol": symbol, since: following, "limit": PAGE})
            yield from page
            if len(page) < PAGE:
                return
            following = page[-1]["orderId" if since == "orderId" else "id"] + 1

    def _signed(self, path: str, parameters: dict[str, Any]) -> Any:
        key, secret = self.secret()["simulated-venue.key"].split()
        component = next(one for one in self.components() if one in ("sim-exchange", "bot"))
        address = f"http://{self.pod(component)['status']['podIP']}:{catalog.service('sim-exchange').port}"
        query = urlencode({**parameters, "timestamp": int(time.time() * 1000), "recvWindow": 5000})
        signature = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        answer = self.node.ask(f"{address}{path}?{query}&signature={signature}", headers={"X-MBX-APIKEY": key})
        if answer.status != 200:
            raise OSError(f"the exchange: {answer.status} {answer.text}")
        return answer.content


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether the kubelet says so."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))


def _container(pod: Mapping[str, Any]) -> dict[str, Any]:
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    return dict(statuses[0])
