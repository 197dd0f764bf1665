"""The cluster as the plugin sees it: bots, their pods, Deployments and Events, by the official client.

Objects are plain dictionaries as the API server sends them. Every way in which a cluster can say no leaves here as an
error of ours that names the fix (`failures`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tradewind import catalog
from tradewind.cli.kubectl.failures import connected, refused, translated
from tradewind.contracts.api.crd import GROUP, PLURAL, VERSION
from tradewind.contracts.labels import INSTANCE, NAME, PART_OF, PRODUCT
from tradewind.domain.errors import NotFoundError, PermanentError

FIELD_MANAGER = "kubectl-tradewind"
REQUEST_TIMEOUT = (5, 20)
"""Seconds to connect, and for an answer."""
ANSWER_TIMEOUT = (5, 35)
"""For an answer of a bot, whose gateway itself waits for up to 30 s."""
WATCH_SECONDS = 240
_PATCH = "application/merge-patch+json"

Object = dict[str, Any]


class Cluster:
    """One cluster, as one user. `namespace` is where bots are looked for; empty means everywhere."""

    def __init__(self, client: Any, namespace: str) -> None:
        self.client, self.namespace = client, namespace

    def bot(self, name: str) -> Object:
        """The TradingBot of this name; raises `NotFoundError`."""
        return self._read(f"{self._bots()}/{name}")

    def bots(self) -> tuple[list[Object], str]:
        """Every TradingBot by namespace and name, and the version from which a watch goes on."""
        found = self._read(self._bots())
        items = sorted(found["items"], key=lambda one: (one["metadata"]["namespace"], one["metadata"]["name"]))
        return items, found["metadata"]["resourceVersion"]

    def changes(self, version: str) -> Iterator[Object]:
        """The events of a watch of the bots from `version` on; ends now and then, to be begun again from a list."""
        parameters = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(WATCH_SECONDS)}
        timeout = (REQUEST_TIMEOUT[0], WATCH_SECONDS + 30)
        with translated(), self._open("GET", self._bots(), parameters, timeout=timeout) as response:
            for line in lines_of(response):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return  # what was to be gone on with is forgotten; the next list has it all
                yield event

    def patch(self, name: str, patch: Object) -> Object:
        """A merge patch of a TradingBot; the bot as it then is."""
        path, parameters = f"{self._bots()}/{name}", {"fieldManager": FIELD_MANAGER}
        headers = {"Content-Type": _PATCH}
        with translated(), self._open("PATCH", path, parameters, body=patch, headers=headers) as response:
            found: Object = json.loads(response.data)
        return found

    def pods(self, name: str) -> list[Object]:
        """The pods of a bot, by name."""
        found = self._read(f"/api/v1/namespaces/{self.namespace}/pods", _of(name))["items"]
        return sorted(found, key=lambda one: str(one["metadata"]["name"]))

    def deployments(self, name: str) -> list[Object]:
        """The Deployments of a bot."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments"
        return list(self._read(path, _of(name))["items"])

    def events(self, uid: str) -> list[Object]:
        """The Events about the bot of this uid, the latest last."""
        path = f"/api/v1/namespaces/{self.namespace}/events"
        found = self._read(path, {"fieldSelector": f"involvedObject.uid={uid}"})["items"]
        return sorted(found, key=moment_of)

    @contextmanager
    def log(self, pod: str, container: str, parameters: dict[str, str]) -> Iterator[Iterator[str]]:
        """The lines of a container; with `follow` until it ends."""
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/log"
        timeout = (REQUEST_TIMEOUT[0], None) if "follow" in parameters else REQUEST_TIMEOUT
        with translated(), self._open("GET", path, {"container": container, **parameters}, timeout=timeout) as response:
            yield lines_of(response)

    def ask(
        self, name: str, method: str, path: str, parameters: dict[str, str] | None = None, body: Object | None = None
    ) -> Object:
        """What the gateway of a bot that runs answers to somebody with the bot's first key.

        Raises `PermanentError` where the bot is suspended or refuses, `NotFoundError`, `TemporaryError`.
        """
        if self.bot(name)["spec"].get("suspended"):
            raise PermanentError(f"{name} is suspended, so nobody answers; fix: kubectl tradewind resume {name}")
        here = f"/api/v1/namespaces/{self.namespace}"
        keys = self._read(f"{here}/secrets/{name}-keys").get("data") or {}
        if "api-key" not in keys:
            raise NotFoundError(f"Secret {name}-keys has no api-key; fix: wait until the operator has written it")
        key = base64.b64decode(keys["api-key"]).decode()
        gateway = f"{here}/services/{name}-gateway:{catalog.service('gateway').port}/proxy"
        # The API server takes Authorization for itself, and passes this on.
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        with (
            translated(),
            self._open(
                method, gateway + path, parameters or {}, body=body, headers=headers, timeout=ANSWER_TIMEOUT
            ) as response,
        ):
            found: Object = json.loads(response.data)
        return found

    def _bots(self) -> str:
        root = f"/apis/{GROUP}/{VERSION}"
        return f"{root}/namespaces/{self.namespace}/{PLURAL}" if self.namespace else f"{root}/{PLURAL}"

    def _read(self, path: str, parameters: dict[str, str] | None = None) -> Object:
        with translated(), self._open("GET", path, parameters or {}) as response:
            found: Object = json.loads(response.data)
        return found

    @contextmanager
    def _open(
        self,
        method: str,
        path: str,
        parameters: dict[str, str],
        *,
        body: Object | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: tuple[float, float | None] = REQUEST_TIMEOUT,
    ) -> Iterator[Any]:
        """The answer to a request, of which nothing is read yet; raises what a refusal means."""
        request = self.client.param_serialize(
            method,
            path,
            query_params=list(parameters.items()),
            header_params={"Accept": "application/json, */*", **(headers or {})},
            body=body,
            auth_settings=["BearerToken"],
        )
        response = self.client.call_api(*request, _request_timeout=timeout).response
        try:
            if response.status >= HTTPStatus.BAD_REQUEST:
                raise refused(path, response.status, response.data.decode(errors="replace"))
            yield response
        finally:
            response.close()


def connect(
    kubeconfig: Path | None, context: str | None, namespace: str | None, *, everywhere: bool = False
) -> Cluster:
    """The cluster that kubectl would talk to; raises `ConfigError`, `TemporaryError` where none is configured."""
    client, default = connected(kubeconfig, context)
    return Cluster(client, "" if everywhere else namespace or default)


def moment_of(event: Mapping[str, Any]) -> str:
    """When an Event happened last, RFC 3339."""
    series = event.get("series") or {}
    found = series.get("lastObservedTime") or event.get("eventTime") or event.get("lastTimestamp")
    return str(found or event["metadata"]["creationTimestamp"])


def lines_of(response: Any) -> Iterator[str]:
    """The lines of an answer, each as soon as it is whole."""
    rest = b""
    for chunk in response.stream(amt=None, decode_content=True):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")


def _of(name: str) -> dict[str, str]:
    # A Backtest may have the name of a bot; by the label NAME its pods are none of the bot's.
    return {"labelSelector": f"{NAME}={PRODUCT},{PART_OF}={PRODUCT},{INSTANCE}={name}"}
