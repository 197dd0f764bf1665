"""What the tests of a whole operator share: a namespace for a module, a proxy in between, and states to compare.

`states` is everything of a bot that a user could tell apart, without what is another one at each run: versions, uids,
times, addresses and keys. Two runs that end in the same state were as good as each other.
"""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.cluster.control_plane import ControlPlane
from tests.cluster.operators import ACCOUNT, KINDS, RESOURCE, Cluster, Operator, grant
from tests.cluster.proxy import Proxy
from tests.cluster.waiting import tries

_OF_ONE_RUN = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "namespace")
INSTANCE = "app.kubernetes.io/instance"
_APPLIED = "tradewind.dev/applied-hash"
"""It covers the uid of the owner."""


@contextlib.contextmanager
def cluster_of_a_module(plane: ControlPlane) -> Iterator[Cluster]:
    """A namespace in which an operator may work, for several tests."""
    namespace = plane.create_namespace()
    grant(plane, namespace)
    yield Cluster(plane, namespace)
    plane.delete_namespace(namespace)


@contextlib.contextmanager
def operator_behind(proxy: Proxy, cluster: Cluster, directory: Path, **options: Any) -> Iterator[Operator]:
    """An operator that reaches the API server through `proxy`; it must not have logged an error in the end."""
    kubeconfig = cluster.plane.kubeconfig_for(cluster.namespace, ACCOUNT, server=proxy.url)
    operator = Operator(
        cluster.plane,
        namespaces=(cluster.namespace,),
        directory=directory,
        kubeconfig=kubeconfig,
        forked=True,
        **options,
    )
    try:
        yield operator
    finally:
        operator.stop()
    errors = operator.errors()
    assert not errors, "\n".join(errors)


def is_write(method: str, path: str) -> bool:
    """Whether a request is one by which bots or their children are changed."""
    return method in ("POST", "PUT", "PATCH", "DELETE") and "/leases" not in path


def states(cluster: Cluster, bot: str | None = None) -> dict[str, dict[str, Any]]:
    """What there is of one bot, or of each: its children, its pods by component, its status."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for (kind, name), child in cluster.children(bot).items():
        found[child["metadata"]["labels"][INSTANCE]][f"{kind}/{name}"] = _child(child)
    for pod in _items(cluster, "/api/v1/namespaces/{}/pods") if bot is None else cluster.pods(bot):
        if "deletionTimestamp" not in pod["metadata"]:
            labels = pod["metadata"]["labels"]
            pods = f"pods of {labels['app.kubernetes.io/component']}"
            found[labels[INSTANCE]][pods] = found[labels[INSTANCE]].get(pods, 0) + 1
    for resource in _items(cluster, RESOURCE):
        if bot in (None, resource["metadata"]["name"]):
            found[resource["metadata"]["name"]] |= {
                "status": _status(resource),
                "finalizers": resource["metadata"].get("finalizers"),
            }
    return dict(found)


def _items(cluster: Cluster, path: str) -> list[dict[str, Any]]:
    return list(cluster.plane.request("GET", path.format(cluster.namespace))[1]["items"] or ())


def _child(found: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in found["metadata"].items() if key not in _OF_ONE_RUN}
    annotations = metadata.get("annotations", {})
    metadata["annotations"] = {
        key: value
        for key, value in annotations.items()
        if key != _APPLIED and not key.startswith("deployment.kubernetes.io/")
    }
    metadata["ownerReferences"] = [{**one, "uid": ""} for one in metadata["ownerReferences"]]
    rest = {key: value for key, value in found.items() if key not in ("metadata", "status", "spec", "data")}
    data = found.get("data") or {}
    spec = {key: value for key, value in (found.get("spec") or {}).items() if key not in ("clusterIP", "clusterIPs")}
    content = sorted(data) if found.get("type") else data  # a Secret has a type; its keys are drawn at random
    return {**rest, "metadata": metadata, "spec": spec, "data": content}


def _status(resource: Mapping[str, Any]) -> dict[str, Any]:
    status = resource.get("status", {})
    conditions = {one["type"]: (one["status"], one["reason"]) for one in status.get("conditions", ())}
    conditions |= {
        "Reconciled": tuple(_condition(status, "Reconciled")[key] for key in ("status", "reason", "message"))
    }
    generation = resource["metadata"]["generation"]
    seen = [one.get("observedGeneration") == generation for one in (status, *status.get("conditions", ()))]
    return {"conditions": conditions, "services": status.get("services"), "of the present spec": all(seen)}


def _condition(status: Mapping[str, Any], kind: str) -> dict[str, Any]:
    empty = {"status": "", "reason": "", "message": ""}
    return next((one for one in status.get("conditions", ()) if one["type"] == kind), empty)


def difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What is missing, too much or different, in words; empty where nothing is."""
    words = [f"{name} is missing" for name in wanted.keys() - found.keys()]
    words += [f"{name} is too much" for name in found.keys() - wanted.keys()]
    both = wanted.keys() & found.keys()
    words += [
        f"{name} is {_text(found[name])}, not {_text(wanted[name])}" for name in both if found[name] != wanted[name]
    ]
    return sorted(words)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def keys_of(cluster: Cluster, name: str) -> dict[str, str] | None:
    """The generated keys of a bot; None where it has none."""
    secret = cluster.get("Secret", f"{name}-keys")
    return dict(secret["data"]) if secret is not None and "deletionTimestamp" not in secret["metadata"] else None


def until(
    what: str,
    holds: Callable[[], bool],
    patience: float = 60.0,
    explain: Callable[[], object] = str,
) -> float:
    """Waits until something holds; the seconds that took."""
    for waited in tries(patience):
        if holds():
            return waited
    raise AssertionError(f"after {patience:g} s it is not so that {what}: {explain()}")


def rolled_out(cluster: Cluster) -> bool:
    """Whether every Deployment of the namespace has the pods that it asks for, and no others."""
    counts = ("replicas", "updatedReplicas", "readyReplicas")
    return all(
        one["status"].get("observedGeneration") == one["metadata"]["generation"]
        and {one["status"].get(count, 0) for count in counts} == {one["spec"]["replicas"]}
        for one in _items(cluster, KINDS["Deployment"])
    )


def versions(cluster: Cluster) -> dict[tuple[str, str], str]:
    """The resourceVersion of every child and bot of the namespace.

    Of an autoscaler it is the generation: its controller looks every quarter of a minute and writes what it saw.
    """
    bots = _items(cluster, RESOURCE)
    found = {("TradingBot", one["metadata"]["name"]): one["metadata"]["resourceVersion"] for one in bots}
    for name, one in cluster.children().items():
        metadata, autoscaler = one["metadata"], name[0] == "HorizontalPodAutoscaler"
        found[name] = str(metadata.get("generation", 1)) if autoscaler else metadata["resourceVersion"]
    return found
