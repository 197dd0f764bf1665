"""Operators as users run them: a process of `tradewind operator run` with a ServiceAccount of its own.

What an operator may do is what `manifests/install.yaml` says, bound in the namespaces of the test: a right that
is missing there fails a test here. A line of level error in its log fails the test at its end, unless it was expected.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.control_plane import ControlPlane
from tests.cluster.forked import ForkedProcess
from tests.cluster.processes import Process
from tests.cluster.waiting import tries
from tests.contract.install import rights

ROOT = Path(__file__).parents[2]
DEFINITION = ROOT / "manifests" / "crds" / "tradingbots.yaml"
DEFINITIONS = DEFINITION.parent
ACCOUNT = "tradewind-operator"
RESOURCE = "/apis/tradewind.dev/v1alpha1/namespaces/{}/tradingbots"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"

KINDS = {
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "Service": "/api/v1/namespaces/{}/services",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
}
_ROLES = "/apis/rbac.authorization.k8s.io/v1"
_RIGHTS = {
    "ServiceAccount": KINDS["ServiceAccount"],
    "ClusterRole": f"{_ROLES}/clusterroles",
    "Role": f"{_ROLES}/namespaces/{{}}/roles",
    "RoleBinding": f"{_ROLES}/namespaces/{{}}/rolebindings",
}
_FORCED = "fieldManager=person&force=true"
OURS = "labelSelector=app.kubernetes.io/managed-by%3Dtradewind-operator"


def bot(name: str, namespace: str, profile: str = "Minimal", **spec: Any) -> dict[str, Any]:
    """A synthetic bot; `spec` replaces fields of its spec."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "manifests" / "samples" / "synthetic.yaml").read_text())
    document["metadata"] = {"name": name, "namespace": namespace}
    document["spec"] |= {"profile": profile, **spec}
    return document


def _of(instance: str) -> str:
    """The selector of what belongs to a bot, as a URL has it."""
    return f"app.kubernetes.io/instance%3D{instance}"


def _condition(resource: Mapping[str, Any] | None, kind: str) -> dict[str, Any]:
    conditions = (resource or {}).get("status", {}).get("conditions", ())
    return next((one for one in conditions if one["type"] == kind), {})


@dataclass
class Cluster:
    """The control plane, as somebody sees it who has bots in `namespace`."""

    plane: ControlPlane
    namespace: str
    _looked: dict[str | None, tuple[str, dict[tuple[str, str], dict[str, Any]]]] = field(
        default_factory=dict, init=False
    )
    """By bot: at which revision its children were looked up, and what they were."""

    def apply(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        """Server-side apply of a bot; what is stored."""
        path = f"{RESOURCE.format(resource['metadata']['namespace'])}/{resource['metadata']['name']}"
        status, answer = self.plane.request("PATCH", f"{path}?{_FORCED}&fieldValidation=Strict", resource, APPLY)
        assert status in (200, 201), answer
        return dict(answer)

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """An object of the namespace, or None."""
        path = RESOURCE if kind == "TradingBot" else KINDS[kind]
        status, answer = self.plane.request("GET", f"{path.format(self.namespace)}/{name}")
        assert status in (200, 404), answer
        return dict(answer) if status == 200 else None

    def patch(self, kind: str, name: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """A merge patch, as `kubectl patch --type=merge` or `kubectl edit` sends."""
        path = RESOURCE if kind == "TradingBot" else KINDS[kind]
        status, answer = self.plane.request(
            "PATCH", f"{path.format(self.namespace)}/{name}?fieldManager=person", patch, MERGE
        )
        assert status == 200, answer
        return dict(answer)

    def delete(self, kind: str, name: str) -> None:
        """Delete an object in the background."""
        path = RESOURCE if kind == "TradingBot" else KINDS[kind]
        status, answer = self.plane.request("DELETE", f"{path.format(self.namespace)}/{name}")
        assert status in (200, 202, 404), answer

    def children(self, instance: str | None = None) -> dict[tuple[str, str], dict[str, Any]]:
        """Everything in the namespace that is labelled as the operator's, by kind and name; of one bot, or of all.

        A dozen lists, and whoever waits asks for them again and again: only where something was written since.
        """
        revision = self.revision()
        if self._looked.get(instance, ("",))[0] != revision:
            self._looked[instance] = revision, self._children(instance)
        return dict(self._looked[instance][1])

    def _children(self, instance: str | None) -> dict[tuple[str, str], dict[str, Any]]:
        found = {}
        selector = OURS if instance is None else f"{OURS},{_of(instance)}"
        for kind, path in KINDS.items():
            _, answer = self.plane.request("GET", f"{path.format(self.namespace)}?{selector}")
            found |= {(kind, item["metadata"]["name"]): item for item in answer["items"] or ()}
        return found

    def revision(self) -> str:
        """That of everything that is stored: a list without a version in its request is as new as that."""
        _, answer = self.plane.request("GET", "/api/v1/namespaces?fieldSelector=metadata.name%3Dnone")
        return str(answer["metadata"]["resourceVersion"])

    def pods(self, instance: str) -> list[dict[str, Any]]:
        """The pods of a bot."""
        path = f"/api/v1/namespaces/{self.namespace}/pods?labelSelector={_of(instance)}"
        _, answer = self.plane.request("GET", path)
        return list(answer["items"] or ())

    def condition(self, name: str, kind: str) -> dict[str, Any]:
        """A condition of a bot; empty where it has none of that type."""
        return _condition(self.get("TradingBot", name), kind)

    def events(self, name: str) -> list[tuple[str, str, str]]:
        """Type, reason and note of every Event about a bot."""
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        _, answer = self.plane.request("GET", path)
        return [
            (one["type"], one["reason"], one.get("note", ""))
            for one in answer["items"] or ()
            if one["regarding"].get("name") == name and one["regarding"].get("kind") == "TradingBot"
        ]

    def wait_for_event(self, name: str, reason: str) -> None:
        """Until there is one about a bot: it is told beside the status, and may come after it."""
        self.wait(f"{name} has the Event {reason}", lambda: any(reason == one for _, one, _ in self.events(name)), 20)

    def wait(self, what: str, holds: Callable[[], bool], patience: float = 90.0) -> None:
        """Until it holds."""
        self.plane.wait_until(what, holds, patience)

    def wait_for(self, name: str, kind: str, status: str, reason: str | None = None) -> None:
        """Until a condition of a bot, about its present spec, has a status and a reason."""

        def holds() -> bool:
            resource = self.get("TradingBot", name)
            one = _condition(resource, kind)
            return (
                resource is not None
                and one.get("status") == status
                and (reason is None or one["reason"] == reason)
                and one["observedGeneration"] == resource["metadata"]["generation"]
            )

        self.wait(f"{kind} of {name} is {status} ({reason or 'for any reason'})", holds)


@dataclass
class Operator:
    """One operator process. `variables` are settings without their prefix, in lower case."""

    plane: ControlPlane
    namespaces: tuple[str, ...]
    directory: Path
    identity: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    home: str = ""
    """The namespace of its Lease; the first of `namespaces` unless given."""
    kubeconfig: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    forked: bool = False
    """Whether it is a fork of a process that has imported it already, and no program of its own."""
    expected_errors: list[str] = field(default_factory=list)
    """Regular expressions of lines of level error that are right."""

    def __post_init__(self) -> None:
        home = self.home or self.namespaces[0]
        environment = {
            "KUBECONFIG": str(self.kubeconfig or self.plane.kubeconfig_for(home, ACCOUNT)),
            "TRADEWIND_OPERATOR_NAMESPACES": ",".join(self.namespaces),
            "TRADEWIND_OPERATOR_NAMESPACE": home,
            "TRADEWIND_OPERATOR_IDENTITY": self.identity,
            "TRADEWIND_OPERATOR_HOST": "127.0.0.1",
            "TRADEWIND_OPERATOR_PORT": "0",
            "TRADEWIND_OPERATOR_LOG_STYLE": "json",
            "TRADEWIND_OPERATOR_LEASE_DURATION": "3",
            "TRADEWIND_OPERATOR_CONDITIONS_INTERVAL": "1",
            "TRADEWIND_OPERATOR_SERVICE_ADDRESS": "http://127.0.0.1:9",
            "TRADEWIND_OPERATOR_RELEASE_TIMEOUT": "15",
            **{f"TRADEWIND_OPERATOR_{name.upper()}": value for name, value in self.variables.items()},
        }
        log = self.directory / f"operator-{self.identity}.log"
        self._lines: list[dict[str, Any]] = []
        self._position = 0
        self.process = self._process(environment, log)

    def _process(self, environment: dict[str, str], log: Path) -> Process:
        if self.forked:
            return ForkedProcess("operator", ["operator", "run"], environment, log)
        tradewind = Path(sys.executable).with_name("tradewind")
        settings = [f"{name}={value}" for name, value in environment.items()]
        return Process("operator", ["/usr/bin/env", *settings, str(tradewind), "operator", "run"], log)

    def start(self) -> Operator:
        """Start it and wait until it knows everything that is there."""
        self.process.start()
        self.wait(lambda: self.lines("operator knows what is there"))
        return self

    def lead(self) -> Operator:
        """Start it and wait until it leads."""
        self.start()
        self.wait(lambda: self.lines("leads"))
        return self

    def kill(self) -> None:
        """SIGKILL."""
        self.process.stop(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, as the kubelet ends a pod."""
        self.process.stop(signal.SIGTERM)

    def lines(self, message: str | None = None, level: str | None = None) -> list[dict[str, Any]]:
        """The lines of its log, of one message or level."""
        self._read()
        return [one for one in self._lines if message in (None, one["message"]) and level in (None, one["level"])]

    def _read(self) -> None:
        """Take in what the log has more of by now; its last line may be half written."""
        if not self.process.log.exists():
            return
        with self.process.log.open("rb") as log:
            log.seek(self._position)
            text = log.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._position += len(whole)
        for line in whole.splitlines():
            with suppress(json.JSONDecodeError):
                self._lines.append(json.loads(line))

    def errors(self) -> list[str]:
        """What it logged as an error, or wrote without being asked (a traceback), and nobody expected."""
        text = self.process.log.read_text() if self.process.log.exists() else ""
        found = [json.dumps(one) for one in self.lines(level="error")] + [
            line for line in text.splitlines() if line.startswith(("Traceback", "ERROR"))
        ]
        return [line for line in found if not any(re.search(one, line) for one in self.expected_errors)]

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of a metric that have these labels."""
        total = 0.0
        for line in self.fetch("/metrics").splitlines():
            if line.startswith((f"{name}{{", f"{name} ")) and all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(line.rpartition(" ")[2])
        return total

    def fetch(self, path: str) -> str:
        """What it answers at a path of its own port; also where that is a refusal."""
        port = self.lines("operator starts")[-1]["port"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def wait(self, holds: Callable[[], Any], patience: float = 90.0) -> None:
        """Until something holds of this process."""
        for _ in tries(patience):
            if holds():
                return
            assert self.process.pid is not None, f"the operator has ended:\n{self.process.tail(30)}"
        raise AssertionError(f"the operator takes too long:\n{self.process.tail(30)}")


def define(plane: ControlPlane) -> None:
    """Make the resources known, as they stand in the repository; returns when they are served."""
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(DEFINITIONS))
    # Not by `kubectl wait`: where a definition has no conditions yet it gives up.
    for plural in ("tradingbots", "backtests"):
        path = f"/apis/tradewind.dev/v1alpha1/{plural}"
        plane.wait_until(f"{plural} are served", lambda path=path: plane.request("GET", path)[0] == 200)


def grant(plane: ControlPlane, namespace: str, home: str | None = None) -> None:
    """What `install.yaml` grants, for the account of `home` in `namespace` (where the Lease lies, if it is home)."""
    home = home or namespace
    for document in rights():
        metadata = document["metadata"]
        for subject in document.get("subjects", ()):
            subject["namespace"] = home
        path = _RIGHTS[document["kind"]]
        if "namespace" in metadata:
            metadata["namespace"] = home if metadata["namespace"] == "tradewind-system" else namespace
            path = path.format(metadata["namespace"])
        status, answer = plane.request("PATCH", f"{path}/{metadata['name']}?{_FORCED}", document, APPLY)
        assert status in (200, 201), answer


def volumes(plane: ControlPlane, count: int) -> None:
    """Volumes for the claims of Minimal bots: there is no provisioner here."""
    for _ in range(count):
        name = f"volume-{uuid.uuid4().hex[:8]}"
        spec = {
            "capacity": {"storage": "100Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": f"/tmp/{name}"},
            "persistentVolumeReclaimPolicy": "Delete",
        }
        plane.create("/api/v1/persistentvolumes", {"metadata": {"name": name}, "spec": spec})


def environment_of(pid: int) -> dict[str, str]:
    """The environment of a process."""
    entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return dict(one.decode().split("=", 1) for one in entries if b"=" in one)


def resident_mebibytes(pid: int) -> float:
    """The resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20
