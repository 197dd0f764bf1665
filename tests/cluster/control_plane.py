"""A real Kubernetes control plane as plain processes: no cluster, no containers, no root.

etcd, kube-apiserver, kube-controller-manager and kube-scheduler are the real ones, so whatever is applied meets the
real validation, CEL, defaulting, RBAC, admission, garbage collection and autoscaling. kwok plays the kubelets: it moves
pods through their lives as annotations on them ask (`kwok.yaml` lists them), without running anything.

    with ControlPlane(directory) as plane:
        plane.kubectl("apply", "-f", "manifests/crds")

It is up in about four seconds and takes 600 MB. It can be hurt on purpose: components are restarted, killed and paused
by name. Tests take it from the fixtures of `conftest.py`; the benches make their own.
"""

from __future__ import annotations

import contextlib
import http.client
import shutil
import signal
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from tests.cluster import components
from tests.cluster.audit import Write, read_requests, read_writes
from tests.cluster.clients import AdministratorClient, run_kubectl
from tests.cluster.processes import Process, is_listening, reserved_ports
from tests.cluster.toolchain import find_programs
from tests.cluster.waiting import tries

NODE_CAPACITY = {"cpu": "64", "memory": "256Gi", "pods": "20000"}
_SELDOM_COLLECTED = ("/usr/bin/env", "GOGC=400")
"""Go's garbage, at the price of memory: a tenth of the processor time of all."""
_ALWAYS = (components.ETCD, components.API_SERVER)


class ControlPlaneError(Exception):
    """The control plane did not come up, or lost a component; the message ends with the component's log."""


class ControlPlane:
    """One control plane, with its own ports, certificates and data.

    Args:
        directory: takes everything it writes; made if needed, must be empty. The logs stay there.
        nodes: how many nodes kwok plays.
        programs: program -> file, as `find_programs()` gives it; building what is missing takes minutes.
    """

    def __init__(self, directory: Path, nodes: int = 2, programs: Mapping[str, Path] | None = None) -> None:
        self.directory = directory
        self._nodes = nodes
        self._programs = find_programs() if programs is None else programs
        self._held = contextlib.ExitStack()
        self._processes: dict[str, Process] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ------------------------------------------------------------------------------------------------- life and death

    def start(self) -> None:
        """Returns when the nodes are Ready and pods can be created.

        Raises:
            ControlPlaneError: a component ended or was not ready in time; nothing is left running.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends every component at once: what they hold is thrown away, so none is asked to finish anything."""
        for process in reversed(self._processes.values()):
            process.stop()
        self._held.close()
        shutil.rmtree(self.directory / "etcd", ignore_errors=True)

    def restart(self, component: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Ends a component by the signal `how`, starts it again, and returns when it serves.

        kube-apiserver takes half a minute to end by SIGTERM, because it waits for its watches, and two seconds to come
        back after SIGKILL. The longer it was away, the longer controllers, scheduler and kwok wait between their tries.
        """
        self.end(component, how)
        self.begin(component)

    def end(self, component: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Ends one component, for `begin` to start it again."""
        self._processes[component].stop(how, patience=60)

    def begin(self, component: str) -> None:
        """Starts a component that was ended; returns when the API server is ready and the component listens."""
        self._processes[component].start()
        self.wait_until(f"{component} listens", lambda: is_listening(self._layout.ports[component]))
        self.wait_until("the API server is ready", self._serves("/readyz"))

    def pause(self, component: str) -> None:
        """Stops a component in its tracks (SIGSTOP): its connections stay open and nobody answers on them."""
        self._processes[component].pause()

    def resume(self, component: str) -> None:
        """Lets a paused component go on."""
        self._processes[component].resume()

    def start_metrics_server(self) -> None:
        """Adds metrics-server, unless it runs: autoscalers then act on the usage that annotations of pods claim."""
        if components.METRICS_SERVER in self.pids:
            return
        self._processes[components.METRICS_SERVER].start()
        port = self._layout.ports[components.METRICS_SERVER]
        service = {"name": "metrics-server", "namespace": "kube-system", "port": port}
        self.create("/api/v1/namespaces/kube-system/services", {
            "metadata": {"name": "metrics-server"},
            # An address of loopback is allowed as a name only.
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
        })  # fmt: skip
        self.create("/apis/apiregistration.k8s.io/v1/apiservices", {
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100,
                     "versionPriority": 100, "insecureSkipTLSVerify": True, "service": service},
        })  # fmt: skip
        self.wait_until("metrics-server is ready", self._serves("/apis/metrics.k8s.io/v1beta1"))

    @property
    def pids(self) -> dict[str, int]:
        """Component -> process id, of those that run."""
        return {name: process.pid for name, process in self._processes.items() if process.pid is not None}

    def log(self, component: str) -> str:
        """Everything a component has said."""
        return self._processes[component].log.read_text(errors="replace")

    # -------------------------------------------------------------------------------------------------- talking to it

    @property
    def url(self) -> str:
        """The address of the API server."""
        return self._layout.url

    @property
    def certificates(self) -> Path:
        """Their directory; by `authority.crt` (PEM) the API server is recognised."""
        return self._layout.certificates

    @property
    def kubeconfig(self) -> Path:
        """For somebody who may do everything."""
        return self._layout.kubeconfig("admin")

    def speak(self, container: str, *lines: str, previous: bool = False) -> None:
        """Let every container of this name say `lines`, now or before it was restarted last."""
        with self._layout.container_log(container, previous=previous).open("a") as file:
            for line in lines:
                moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
                file.write(f"{moment} stderr F {line}\n")

    def silence(self) -> None:
        """Forget what all containers have said."""
        for container in components.CONTAINERS:
            for previous in (False, True):
                self._layout.container_log(container, previous=previous).write_text("")

    def token_for(self, namespace: str, service_account: str) -> str:
        """A token for a service account, as a pod would get it (TokenRequest); it holds for an hour."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        return str(self.create(path, {"spec": {"expirationSeconds": 3600}})["status"]["token"])

    def kubeconfig_for(self, namespace: str, service_account: str, server: str | None = None) -> Path:
        """A kubeconfig with a token of a service account; `server` is the address of a proxy (`proxy.py`)."""
        file = self.directory / f"{namespace}.{service_account}.{uuid.uuid4().hex[:8]}.kubeconfig"
        user = {"token": self.token_for(namespace, service_account)}
        components.write_kubeconfig(self._layout, file, user, namespace, server)
        return file

    def kubectl(self, *arguments: str, stdin: str | None = None, kubeconfig: Path | None = None) -> str:
        """What `kubectl` printed, called with `arguments` as administrator or by another kubeconfig.

        Raises:
            KubectlError: it ended with an error.
        """
        return run_kubectl(self._programs["kubectl"], kubeconfig or self.kubeconfig, arguments, stdin)

    def request(self, method: str, path: str, body: object = None, kind: str = "application/json") -> tuple[int, Any]:
        """Status and content of one request as administrator (`AdministratorClient.request`)."""
        return self._client.request(method, path, body, kind)

    def create(self, path: str, body: Mapping[str, object]) -> Any:
        """Creates an object at `path` as administrator; returns it as it was stored (`AdministratorClient.create`)."""
        return self._client.create(path, body)

    def create_namespace(self, prefix: str = "test", labels: Mapping[str, str] | None = None) -> str:
        """A namespace of a name not used before, in which pods can be created."""
        name = f"{prefix}-{uuid.uuid4().hex[:8]}"
        self.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": dict(labels or {})}})
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        self.wait_until(f"namespace {name} has its service account", self._serves(account))
        return name

    def delete_namespace(self, name: str) -> None:
        """Has a namespace deleted, with all that is in it; that goes on after this returns."""
        self.request("DELETE", f"/api/v1/namespaces/{name}")

    def writes(self, since: datetime | None = None) -> list[Write]:
        """What clients other than the control plane itself wanted to change, from `since` on (`audit.py`)."""
        return read_writes(self._layout.audit_log, since)

    def requests_of(self, user: str) -> list[Write]:
        """Everything that `user` asked for: reads too where `audit-policy.yaml` writes them down for that user."""
        return [one for one in read_requests(self._layout.audit_log) if one.user == user]

    def wait_until(self, what: str, holds: Callable[[], bool], patience: float = 90.0) -> None:
        """Asks until `holds()`; an API server that cannot be reached is asked again.

        Raises:
            ControlPlaneError: it took more than `patience` seconds, or a component ended meanwhile.
        """
        started = {name for name, process in self._processes.items() if process.pid is not None}
        for _ in tries(patience):
            with contextlib.suppress(OSError, http.client.HTTPException):
                if holds():
                    return
            for name in started:
                if self._processes[name].pid is None:
                    raise ControlPlaneError(f"{name} has ended. Its log:\n{self._processes[name].tail()}")
        tails = "\n".join(f"--- {name}\n{self._processes[name].tail(5)}" for name in started)
        raise ControlPlaneError(f"it took more than {patience:.0f} s until {what}. The logs:\n{tails}")

    # ----------------------------------------------------------------------------------------------------------- inside

    def _start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        ports = self._held.enter_context(reserved_ports(len(components.PORTS)))
        self._layout = self.arrange(dict(zip(components.PORTS, ports, strict=True)))
        self._client = AdministratorClient(self._layout)
        self._held.callback(self._client.close)
        for name, command in self.commands().items():
            self._processes[name] = Process(
                name, [*_SELDOM_COLLECTED, *command], self.directory / "logs" / f"{name}.log"
            )
        for name in _ALWAYS:
            self._processes[name].start()
        self.before_the_api_server()
        self.wait_until("the API server is ready", self._serves("/readyz"))
        self.join_nodes()
        self.wait_until("the nodes are Ready", self._nodes_are_ready)
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self.wait_until("the default service account is there", self._serves(account))

    def arrange(self, ports: Mapping[str, int]) -> components.Layout:
        """Decides where everything is, and writes what the components read."""
        layout = components.Layout(self.directory, self._programs, ports)
        components.prepare(layout)
        return layout

    def commands(self) -> dict[str, list[str]]:
        """Component -> command line; etcd and the API server are started first."""
        return components.commands(self._layout)

    def before_the_api_server(self) -> None:
        """What can be done while the API server comes up."""

    def join_nodes(self) -> None:
        """Starts the other components and adds the nodes."""
        for name in (components.CONTROLLER_MANAGER, components.SCHEDULER, components.KWOK):
            self._processes[name].start()
        for number in range(1, self._nodes + 1):
            self.create("/api/v1/nodes", _node(f"node-{number}"))

    def _serves(self, path: str) -> Callable[[], bool]:
        return lambda: bool(self.request("GET", path)[0] == 200)

    def _nodes_are_ready(self) -> bool:
        nodes = self.request("GET", "/api/v1/nodes")[1]["items"]
        conditions = [condition for node in nodes for condition in node["status"].get("conditions", [])]
        ready = [each for each in conditions if each["type"] == "Ready" and each["status"] == "True"]
        return len(ready) == self._nodes


def _node(name: str) -> dict[str, object]:
    return {
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
            # Where kwok serves what a kubelet would: the usage of the node's pods.
            "annotations": {"metrics.k8s.io/resource-metrics-path": f"/metrics/nodes/{name}/metrics/resource"},
        },
        "status": {"capacity": NODE_CAPACITY, "allocatable": NODE_CAPACITY},
    }
