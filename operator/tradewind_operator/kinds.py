"""The kinds of object that the operator makes or looks at, each with its place in the API."""

from __future__ import annotations

from dataclasses import dataclass

from tradewind.contracts.api.backtest import KIND as BACKTEST_KIND
from tradewind.contracts.api.backtest_crd import PLURAL as BACKTESTS
from tradewind.contracts.api.crd import GROUP, PLURAL, VERSION
from tradewind.contracts.api.v1alpha1 import API_VERSION, KIND
from tradewind.contracts.labels import BACKTEST as BACKTEST_LABEL
from tradewind.contracts.labels import MANAGED_BY, OPERATOR

SELECTOR = f"{MANAGED_BY}={OPERATOR}"
"""What is watched: the API server sends nothing else."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind. `metadata_only` kinds are watched without their content."""

    kind: str
    api_version: str
    plural: str
    metadata_only: bool = False

    def collection(self, namespace: str | None) -> str:
        """The path of all of them, in one namespace or everywhere."""
        root = f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"
        return f"{root}/{self.plural}" if namespace is None else f"{root}/namespaces/{namespace}/{self.plural}"

    def path(self, namespace: str, name: str) -> str:
        """The path of one."""
        return f"{self.collection(namespace)}/{name}"


TRADING_BOT = Resource(KIND, API_VERSION, PLURAL)
BACKTEST = Resource(BACKTEST_KIND, API_VERSION, BACKTESTS)
LEASE = Resource("Lease", "coordination.k8s.io/v1", "leases")
EVENT = Resource("Event", "events.k8s.io/v1", "events")
POD = Resource("Pod", "v1", "pods")
JOB = Resource("Job", "batch/v1", "jobs")
SECRET = Resource("Secret", "v1", "secrets", metadata_only=True)
DEPLOYMENT = Resource("Deployment", "apps/v1", "deployments")
CLAIM = Resource("PersistentVolumeClaim", "v1", "persistentvolumeclaims")

CHILDREN: tuple[Resource, ...] = (
    Resource("ServiceAccount", "v1", "serviceaccounts"),
    Resource("ConfigMap", "v1", "configmaps"),
    SECRET,
    CLAIM,
    Resource("Service", "v1", "services"),
    Resource("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies"),
    Resource("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets"),
    DEPLOYMENT,
    Resource("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers"),
    JOB,
)
"""What a bot consists of."""

WATCHED: tuple[Resource, ...] = (*CHILDREN, POD)

BY_KIND = {resource.kind: resource for resource in (*WATCHED, TRADING_BOT, BACKTEST, LEASE, EVENT)}


def backtest_key(namespace: str, name: str) -> str:
    """The key of a Backtest, which no bot can have."""
    return f"{namespace}/{BACKTEST_LABEL}/{name}"


def is_backtest(key: str) -> bool:
    """Whether a key is of a Backtest."""
    return key.count("/") > 1


GROUP_VERSION_PLURAL = (GROUP, VERSION, PLURAL)
