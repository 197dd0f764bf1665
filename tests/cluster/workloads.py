"""Workloads by which the tests of the rig try it: small, and with the annotations that `kwok.yaml` acts on."""

from __future__ import annotations

import json


def deployment(name: str, replicas: int = 1, annotations: dict[str, str] | None = None) -> str:
    """A Deployment of pods that ask for 100m of CPU, as JSON for `kubectl apply -f -`."""
    template = {
        "metadata": {"labels": {"app": name}, "annotations": annotations or {}},
        "spec": {"containers": [{"name": "main", "image": "any", "resources": {"requests": {"cpu": "100m"}}}]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec})


def job(name: str, annotations: dict[str, str] | None = None) -> str:
    """A Job of one pod that is tried once, as JSON."""
    template = {
        "metadata": {"annotations": annotations or {}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "any"}]},
    }
    spec = {"backoffLimit": 0, "template": template}
    return json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec})
