"""A real node with its control plane: pods run, are probed, restarted and scaled as on any cluster.

    with Node(directory, images) as node:
        node.kubectl("apply", "-f", "manifests/install.yaml")

The control plane is that of `tests/cluster`, run in the node's own network; kubelet, containerd, kube-proxy and CoreDNS
take the place of kwok. The API server answers at the same address on the machine and inside. It takes 0.8 GB and is up
in ten seconds plus the time to load images. Root only: `machine.py` says what else it needs.

Not there: a way out of the network, the enforcement of NetworkPolicies, load balancers, ingress and the making of
volumes (there are twelve, made beforehand).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import components as control
from tests.cluster.control_plane import ControlPlane
from tests.cluster.pins import NODE_TOOLS, TOOLS
from tests.cluster.toolchain import find_programs
from tests.node import components
from tests.node.sandbox import ADDRESS, Sandbox

KEPT = ("logs", "machine")
"""What stays of a node's directory when it has ended."""


@dataclass(frozen=True)
class Answer:
    """What somebody in the node's network said."""

    status: int
    text: str

    @property
    def content(self) -> Any:
        """The text as JSON."""
        return json.loads(self.text)


class Node(ControlPlane):
    """One node, with its own network, processes, mounts and data.

    Args:
        directory: takes everything it writes; a short path on a disk (sockets have short names, containers need a file
            system that can be laid over). Only logs stay there.
        images: archives to load before anything runs.
        programs: program -> file, as `find_programs()` gives it.
    """

    def __init__(
        self, directory: Path, images: Iterable[Path] = (), programs: Mapping[str, Path] | None = None
    ) -> None:
        super().__init__(directory, nodes=1, programs=programs or find_programs((*TOOLS, *NODE_TOOLS)))
        self._images = tuple(images)
        self._sandbox = Sandbox(directory / "machine", components.NAME_SERVER)

    # ------------------------------------------------------------------------------------------------- life and death

    def stop(self) -> None:
        """Ends everything of the node; only its logs stay."""
        super().stop()
        self._sandbox.close()
        for path in self.directory.iterdir() if self.directory.is_dir() else ():
            if path.is_dir() and path.name not in KEPT:
                shutil.rmtree(path)

    def arrange(self, ports: Mapping[str, int]) -> control.Layout:
        """The namespaces, then the files of the control plane and of the node."""
        self._sandbox.__enter__()
        layout = control.Layout(self.directory, self._programs, ports, node=ADDRESS)
        control.prepare(layout, components.USERS)
        components.prepare(layout, self._sandbox)
        return layout

    def commands(self) -> dict[str, list[str]]:
        """Everything that runs, each in the namespace where it belongs."""
        plane = control.commands(self._layout)
        return {
            **components.commands(self._layout, self._sandbox),
            **{name: self._sandbox.within(*command) for name, command in plane.items()},
        }

    def before_the_api_server(self) -> None:
        """The ways to the API server, and the images, which take the longest."""
        for name in (components.FORWARDER_INSIDE, components.FORWARDER, components.CONTAINERD):
            self._processes[name].start()
        self.wait_until("containerd answers", lambda: self._ctr("version") is not None)
        for archive in self._images:
            self.load(archive)

    def join_nodes(self) -> None:
        """Starts the rest of the control plane and of the node, and adds what a cluster has."""
        for name in (control.CONTROLLER_MANAGER, control.SCHEDULER, components.KUBE_PROXY, components.KUBELET):
            self._processes[name].start()
        for name in (components.COREDNS, control.METRICS_SERVER):
            self._processes[name].start()
        for path, content in components.objects(self._layout):
            self.create(path, content)
        self.wait_until("the name server is ready", lambda: self.ask(f"http://{ADDRESS}:8181/ready").status == 200)

    # ------------------------------------------------------------------------------------------------------ containers

    def load(self, archive: Path) -> None:
        """Makes the image of an archive known to the node."""
        command = self._ctr_command("images", "import", str(archive))
        subprocess.run(command, check=True, capture_output=True, text=True)

    def kill_container(self, identity: str) -> None:
        """Ends the first process of a container by SIGKILL; `identity` is `containerID` of its status."""
        container = identity.removeprefix("containerd://")
        command = self._ctr_command("tasks", "kill", "--signal", "SIGKILL", container)
        subprocess.run(command, check=True, capture_output=True, text=True)

    # -------------------------------------------------------------------------------------------------- talking to it

    def ask(
        self, url: str, method: str = "GET", body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """An answer of a pod or Service by its address. Raises `OSError` when nobody answers within 10 s."""
        return self._sandbox.on_network(lambda: _asked(url, method, body, headers or {}))

    def on_network(self, call: Callable[[], Any]) -> Any:
        """The result of `call`, whose sockets are of the node's network."""
        return self._sandbox.on_network(call)

    def run_inside_until(self, stopped: threading.Event, program: str, copies: int) -> None:
        """Runs copies of a Python program in the node's network, as processes, until `stopped` is set."""
        command = self._sandbox.within(sys.executable, "-c", program)
        running = [subprocess.Popen(command) for _ in range(copies)]
        try:
            stopped.wait()
        finally:
            for one in running:
                one.kill()
                one.wait()

    def usage(self) -> dict[str, Any]:
        """What the kubelet says that each pod uses (`/stats/summary`)."""
        status, answer = self.request("GET", f"/api/v1/nodes/{components.NODE}/proxy/stats/summary")
        assert status == 200, answer
        return dict(answer)

    def _ctr_command(self, *arguments: str) -> list[str]:
        return ["ctr", "-a", str(components.socket_of_containerd(self._layout)), "-n", "k8s.io", *arguments]

    def _ctr(self, *arguments: str) -> str | None:
        done = subprocess.run(self._ctr_command(*arguments), check=False, capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else None


def _asked(url: str, method: str, body: object, headers: Mapping[str, str]) -> Answer:
    parts = urllib.parse.urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=10)
    with contextlib.closing(connection):
        content = None if body is None else json.dumps(body)
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request(method, path, content, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode())
