"""Tradewind as it is installed on the node: the operator, and the Redis and PostgreSQL that bots share.

`install` is the one place that knows how; everything else here only asks what it made.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.node.images import CHECKOUT, POSTGRES, REDIS, TRADEWIND
from tests.node.node import Node

HOME = "tradewind-system"
OPERATOR = "tradewind-operator"
STORAGE = "tradewind-storage"
REDIS_POD = "redis-0"
POSTGRES_POD = "postgres-0"
_SERVER_USER = 999
_RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}


def install(node: Node, images: Mapping[str, Path]) -> None:
    """Returns when the operator is ready, with storage wired, and bots can be applied in namespace `default`.

    `images` are archives by name; those that are installed are loaded.
    """
    for name in (TRADEWIND, REDIS, POSTGRES):
        node.load(images[name])
    # What is not allowed under `restricted` is refused, wherever bots are.
    node.kubectl("label", "namespace", "default", *(f"{name}={value}" for name, value in _RESTRICTED.items()))
    node.kubectl("create", "namespace", HOME)
    _install_storage(node)
    node.kubectl("apply", "--server-side", "-f", str(CHECKOUT / "manifests" / "install.yaml"))
    node.kubectl("wait", "--for=condition=Established", "crd/tradingbots.tradewind.dev", "--timeout=30s")
    for kind, name in (("statefulset", "redis"), ("statefulset", "postgres"), ("deployment", OPERATOR)):
        node.kubectl("rollout", "status", "-n", HOME, f"{kind}/{name}", "--timeout=180s")


def storage(node: Node) -> dict[str, str]:
    """The addresses that the operator was given, by file name: `database-url` and `bus-url`."""
    _, secret = node.request("GET", f"/api/v1/namespaces/{HOME}/secrets/{STORAGE}")
    return {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}


def _install_storage(node: Node) -> None:
    password = secrets.token_hex(16)
    urls = {
        "database-url": f"postgresql://tradewind:{password}@postgres.{HOME}.svc:5432/tradewind",
        "bus-url": f"redis://:{password}@redis.{HOME}.svc:6379/0",
    }
    secret = {"kind": "Secret", "metadata": {"name": STORAGE}, "stringData": {**urls, "password": password}}
    _apply(node, secret, "v1")
    redis = ["sh", "-c", 'exec redis-server --appendonly yes --appendfsync always --requirepass "$PASSWORD"']
    asked = ["sh", "-c", 'REDISCLI_AUTH="$PASSWORD" redis-cli ping | grep -q PONG']
    variables = [_from_secret("PASSWORD")]
    _server(node, "redis", 6379, {"image": REDIS, "args": redis, "env": variables}, "/data", asked)
    settings = {"POSTGRES_USER": "tradewind", "POSTGRES_DB": "tradewind", "PGDATA": "/var/lib/postgresql/data/pgdata"}
    variables = [_from_secret("POSTGRES_PASSWORD"), *({"name": n, "value": v} for n, v in settings.items())]
    postgres = {"image": POSTGRES, "args": ["postgres", "-c", "max_connections=200"], "env": variables}
    asked = ["pg_isready", "-h", "127.0.0.1", "-U", "tradewind"]
    _server(node, "postgres", 5432, postgres, "/var/lib/postgresql/data", asked)


def _from_secret(variable: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": STORAGE, "key": "password"}}}


def _server(  # noqa: PLR0917  (two calls, side by side above)
    node: Node, name: str, port: int, container: Mapping[str, Any], data: str, asked: list[str]
) -> None:
    labels = {"app.kubernetes.io/name": name}
    written = {"data": data, "temporary": "/tmp", "run": "/var/run/postgresql"}
    container = {
        "name": name,
        **container,
        "ports": [{"name": name, "containerPort": port}],
        "startupProbe": {"exec": {"command": asked}, "periodSeconds": 2, "timeoutSeconds": 5, "failureThreshold": 60},
        "readinessProbe": {"exec": {"command": asked}, "periodSeconds": 5, "timeoutSeconds": 5},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": volume, "mountPath": path} for volume, path in written.items()],
    }
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _SERVER_USER,
            "runAsGroup": _SERVER_USER,
            "fsGroup": _SERVER_USER,
            # PostgreSQL refuses a directory that its group may write, which every other mount would make of it.
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": volume, "emptyDir": {}} for volume in written if volume != "data"],
    }
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    spec = {
        "serviceName": name,
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
        "volumeClaimTemplates": [claim],
    }
    _apply(node, {"kind": "StatefulSet", "metadata": {"name": name}, "spec": spec}, "apps/v1")
    ports = [{"name": name, "port": port, "targetPort": name}]
    _apply(node, {"kind": "Service", "metadata": {"name": name}, "spec": {"selector": labels, "ports": ports}}, "v1")


def _apply(node: Node, content: dict[str, Any], version: str) -> None:
    text = json.dumps({"apiVersion": version, **content})
    node.kubectl("apply", "--server-side", "-n", HOME, "-f", "-", stdin=text)
