"""The chart on a control plane: Helm as a person runs it, and the operator with what the installed Deployment tells it.

The pods of the operator are played like all others, so a process of it runs beside them, as the ServiceAccount of the
release, with the variables of its container and with the files that its volume would have.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.control_plane import ControlPlane

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "tradewind"
HOME = "tradewind-system"
RELEASE = "tradewind"
OPERATOR = "tradewind-operator"
WAIT = ("--wait", "--timeout", "180s")
SWITCHED_ON = {"grafana": {"enabled": True}, "jaeger": {"enabled": True}}
"""Values with which the chart makes everything that it can."""
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
_OF_THE_POD = ("TRADEWIND_OPERATOR_STORAGE_DIRECTORY", "TRADEWIND_OPERATOR_LEASE_DURATION")


class HelmError(Exception):
    """Helm ended with an error; the message is what it said."""


class Helm:
    """One version of Helm with the control plane as its cluster; its own files stay in `directory`."""

    def __init__(self, program: Path, plane: ControlPlane, directory: Path) -> None:
        self.program, self._plane = program, plane
        self._environment = {
            "KUBECONFIG": str(plane.kubeconfig),
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            **{f"HELM_{name}_HOME": str(directory / name.lower()) for name in ("CACHE", "CONFIG", "DATA")},
        }

    def __call__(self, *arguments: str, values: Mapping[str, Any] | None = None) -> str:
        """What it prints; raises `HelmError`."""
        command = [str(self.program), *arguments, "--namespace", HOME]
        command += ["--values", "-"] if values is not None else []
        given = None if values is None else yaml.safe_dump(dict(values))
        done = subprocess.run(
            command, input=given, env=self._environment, capture_output=True, text=True, timeout=240, check=False
        )
        if done.returncode:
            raise HelmError(done.stderr.strip())
        return done.stdout


def installed_settings(plane: ControlPlane, folder: Path) -> dict[str, str]:
    """The operator's settings (in lower case, without prefix) of its Deployment, with `folder` as its volume."""
    deployment = json.loads(plane.kubectl("get", "deployment", OPERATOR, "-n", HOME, "-o", "json"))
    spec = deployment["spec"]["template"]["spec"]
    told = {each["name"]: each["value"] for each in spec["containers"][0]["env"] if "value" in each}
    folder.mkdir(exist_ok=True)
    (volume,) = spec["volumes"]
    for source in volume["projected"]["sources"]:
        for item in source["secret"]["items"]:
            (folder / item["path"]).write_bytes(secret(plane, source["secret"]["name"])[item["key"]])
    prefix = "TRADEWIND_OPERATOR_"
    kept = {name: value for name, value in told.items() if name.startswith(prefix) and name not in _OF_THE_POD}
    return {name.removeprefix(prefix).lower(): value for name, value in kept.items()} | {
        "storage_directory": str(folder)
    }


def secret(plane: ControlPlane, name: str) -> dict[str, bytes]:
    """The content of a Secret of the release, by key."""
    data = json.loads(plane.kubectl("get", "secret", name, "-n", HOME, "-o", "json"))["data"]
    return {key: base64.b64decode(value) for key, value in data.items()}


def pods(plane: ControlPlane, namespace: str, selector: str = "") -> dict[str, str]:
    """Name of each pod that is not about to go -> its identity, which another pod of the same name has not."""
    command = ["get", "pods", "-n", namespace, "-o", "json", *(["-l", selector] if selector else [])]
    found = json.loads(plane.kubectl(*command))["items"]
    return {
        each["metadata"]["name"]: each["metadata"]["uid"]
        for each in found
        if "deletionTimestamp" not in each["metadata"]
    }


def make_home(plane: ControlPlane) -> None:
    """The namespace of the release is there, under PodSecurity `restricted`."""
    labels = {"metadata": {"name": HOME, "labels": RESTRICTED}, "apiVersion": "v1", "kind": "Namespace"}
    plane.kubectl("apply", "-f", "-", stdin=json.dumps(labels))


def left_over(plane: ControlPlane) -> list[str]:
    """Bots of a test that failed: nobody is there to end them."""
    status, found = plane.request("GET", "/apis/tradewind.dev/v1alpha1/namespaces/default/tradingbots")
    return [each["metadata"]["name"] for each in found["items"]] if status == 200 else []
