"""The chart as Helm renders it, without a cluster, parsed."""

from __future__ import annotations

import base64
import functools
import subprocess
from pathlib import Path
from typing import Any

import yaml
from tests.charts.values import CHART
from tests.cluster.pins import CHART_TOOLS
from tests.cluster.toolchain import find_programs

EVERYTHING = (
    "grafana.enabled=true",
    "jaeger.enabled=true",
    "prometheus.persistence.enabled=true",
    "redis.password=redisword",
    "postgresql.password=databaseword",
    "grafana.password=boardword",
)
OWN = (
    "redis.enabled=false",
    "postgresql.enabled=false",
    "externalRedis.existingSecret=my-redis",
    "externalRedis.secretKey=url",
    "externalRedis.port=6380",
    "externalPostgresql.existingSecret=my-database",
    "externalPostgresql.port=6432",
)

NAMESPACE = "tradewind-system"
RELEASE = "tradewind"


class RefusedError(Exception):
    """Helm refused to render; the message is what it said."""


def chart_programs() -> dict[str, Path]:
    """`helm`, `helm4`, `kubeconform`, `promtool` and `prometheus`, built if need be."""
    return find_programs(CHART_TOOLS)


def template(
    helm: Path,
    *options: str,
    release: str = RELEASE,
    namespace: str = NAMESPACE,
    values: dict[str, Any] | None = None,
    api_versions: tuple[str, ...] = (),
    hooks: bool = True,
) -> str:
    """What `helm template` prints, with `--set OPTION` for each option; raises `RefusedError`."""
    command = [str(helm), "template", release, str(CHART), "--namespace", namespace, "--kube-version", "1.35.0"]
    command += [word for option in options for word in ("--set", option)]
    command += [word for version in api_versions for word in ("--api-versions", version)]
    command += ["--values", "-"] if values is not None else []
    command += [] if hooks else ["--no-hooks"]
    return _told(tuple(command), None if values is None else yaml.safe_dump(values))


@functools.cache
def _told(command: tuple[str, ...], given: str | None) -> str:
    """Many tests look at the same objects, and Helm gives the same ones for the same words."""
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RefusedError(done.stderr.strip())
    return done.stdout


def render(helm: Path, *options: str, **more: Any) -> list[dict[str, Any]]:
    """The objects that `template` gives."""
    return [one for one in yaml.load_all(template(helm, *options, **more), yaml.CSafeLoader) if one]


def one(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    """The object of that kind and name."""
    (found,) = [each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def pods(objects):
    """Name of a workload -> what its pods are."""
    found = {}
    for each in objects:
        if each["kind"] in ("Deployment", "StatefulSet"):
            found[each["metadata"]["name"]] = each["spec"]["template"]
        elif each["kind"] == "Pod":
            found[each["metadata"]["name"]] = each
    return found


def settings(objects):
    """The plain variables of the operator."""
    (container,) = pods(objects)["tradewind-operator"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def secret(objects, name="tradewind-storage"):
    """The content of a Secret, by key."""
    return {key: base64.b64decode(value).decode() for key, value in one(objects, "Secret", name)["data"].items()}
