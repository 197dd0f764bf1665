"""What a bot's `services` say about one workload: amounts summed, and what pods share merged.

Several services may share a pod (profiles Minimal and Standard), and a pod has one environment, one node selector and
one priority. Where two services want different things of the same pod, or one asks for replicas of a pod that must be
alone, that is told as an error of the manifest, because silently taking one of the two would be a guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tradewind.catalog import Resources
from tradewind.contracts.api.cluster import Autoscaling, ServiceOptions
from tradewind.contracts.api.pod_template import PodTemplate
from tradewind.contracts.api.resources import ServiceResources, bytes_of, millicores
from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.domain.errors import ConfigError, ConfigErrors
from tradewind.plan import Workload
from tradewind_operator.manifests.site import Manifest

_ONE_POD = "one value for all services of a pod"


@dataclass(frozen=True, slots=True)
class WorkloadOptions:
    """What the services of one workload ask for, put together."""

    resources: Manifest
    autoscaling: Autoscaling | None
    environment: dict[str, str]
    labels: dict[str, str]
    annotations: dict[str, str]
    node_selector: dict[str, str]
    tolerations: tuple[Manifest, ...]
    priority_class_name: str | None
    topology_spread: dict[str, Manifest]


def options_of(bot: TradingBot, workload: Workload) -> WorkloadOptions:
    """The options of `workload`; raises `ConfigErrors` where services of one pod disagree."""
    given = [
        (f"spec.services[{index}]", one)
        for index, one in enumerate(bot.spec.services)
        if one.name.value in workload.services
    ]
    errors = [*_not_scalable(workload, given), *_partly_limited(workload, given)]
    templates = [(f"{at}.podTemplate", one.pod_template) for at, one in given if one.pod_template is not None]
    merge = _Merge(workload, errors)
    environment = merge.mappings((f"{at}.env", {v.name: v.value for v in one.env}) for at, one in given)
    labels = merge.mappings((f"{at}.metadata.labels", one.metadata.labels) for at, one in templates)
    annotations = merge.mappings((f"{at}.metadata.annotations", one.metadata.annotations) for at, one in templates)
    nodes = merge.mappings((f"{at}.spec.nodeSelector", one.spec.node_selector) for at, one in templates)
    spread = merge.mappings((f"{at}.spec.topologySpreadConstraints", _spread(one)) for at, one in templates)
    priorities = merge.mappings(
        (f"{at}.spec", {"priorityClassName": one.spec.priority_class_name})
        for at, one in templates
        if one.spec.priority_class_name is not None
    )
    if errors:
        raise ConfigErrors(errors)
    scaling = [one.autoscaling for _, one in given if one.autoscaling is not None]
    return WorkloadOptions(
        resources=_summed(workload, {one.name.value: one.resources for _, one in given if one.resources}),
        autoscaling=(scaling or [Autoscaling()])[0] if workload.scalable else None,
        environment=environment,
        labels=labels,
        annotations=annotations,
        node_selector=nodes,
        tolerations=_tolerations(template for _, template in templates),
        priority_class_name=priorities.get("priorityClassName"),
        topology_spread=spread,
    )


def _not_scalable(workload: Workload, given: list[tuple[str, ServiceOptions]]) -> list[ConfigError]:
    if workload.scalable:
        return []
    others = ", ".join(workload.services)
    allowed = f"autoscaling only where the pod holds nothing that must be alone (this pod holds {others})"
    return [
        ConfigError(f"{at}.autoscaling", "a number of replicas", allowed, "remove it, or set spec.profile: Full")
        for at, one in given
        if one.autoscaling is not None
    ]


def _partly_limited(workload: Workload, given: list[tuple[str, ServiceOptions]]) -> list[ConfigError]:
    """A pod has one processor limit: that of some of its services would throttle the others as well."""
    limited = [(at, one) for at, one in given if one.resources is not None and one.resources.limits.cpu is not None]
    without = sorted(set(workload.services) - {one.name.value for _, one in limited})
    if not without:
        return []
    allowed = f"a processor limit for every service of the pod, or for none (without: {', '.join(without)})"
    fix = "remove it, or give each of them one, or set spec.profile: Full"
    return [ConfigError(f"{at}.resources.limits.cpu", str(_cpu_limit(one)), allowed, fix) for at, one in limited]


def _cpu_limit(one: ServiceOptions) -> str | None:
    return one.resources.limits.cpu if one.resources is not None else None


class _Merge:
    """Puts together what several services say of one pod, noting where they disagree."""

    def __init__(self, workload: Workload, errors: list[ConfigError]) -> None:
        self._shared = ", ".join(workload.services)
        self._errors = errors

    def mappings(self, sources: Iterator[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
        """All of them as one mapping, sorted by key."""
        merged: dict[str, Any] = {}
        for field, mapping in sources:
            for key, value in mapping.items():
                if merged.setdefault(key, value) != value:
                    allowed = f"{_ONE_POD}: {self._shared} share one"
                    fix = "write the same value for both, or set spec.profile: Full"
                    self._errors.append(ConfigError(f"{field}[{key}]", _shown(value), allowed, fix))
        return dict(sorted(merged.items()))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(f"{name}: {part}" for name, part in value.items())


def _spread(template: PodTemplate) -> dict[str, Manifest]:
    return {
        one.topology_key: one.model_dump(mode="json", by_alias=True)
        for one in template.spec.topology_spread_constraints
    }


def _tolerations(templates: Iterator[PodTemplate]) -> tuple[Manifest, ...]:
    found: list[Manifest] = []
    for template in templates:
        for toleration in template.spec.tolerations:
            document = toleration.model_dump(mode="json", by_alias=True, exclude_none=True)
            if document not in found:
                found.append(document)
    return tuple(found)


def _summed(workload: Workload, asked: dict[str, ServiceResources]) -> Manifest:
    """Requests and limits of the one container; without a word about a processor limit there is none.

    A request above the default limit raises the limit, a limit below the default request lowers the request.
    """
    requests, limits = {"cpu": 0, "memory": 0}, {"cpu": 0, "memory": 0}
    for name, default in zip(workload.services, workload.resources, strict=True):
        own = asked.get(name) or ServiceResources()
        cpu_limit = millicores(own.limits.cpu) if own.limits.cpu else None
        cpu = millicores(own.requests.cpu or default.cpu_request)
        requests["cpu"] += cpu if cpu_limit is None else min(cpu, cpu_limit)
        limits["cpu"] += cpu_limit or 0
        request, limit = _memory(own, default)
        requests["memory"] += request
        limits["memory"] += limit
    shown = {
        "requests": {"cpu": cpu_text(requests["cpu"]), "memory": memory_text(requests["memory"])},
        "limits": {"memory": memory_text(limits["memory"])},
    }
    if limits["cpu"]:
        shown["limits"]["cpu"] = cpu_text(limits["cpu"])
    return shown


def _memory(own: ServiceResources, default: Resources) -> tuple[int, int]:
    asked = bytes_of(own.requests.memory) if own.requests.memory else None
    allowed = bytes_of(own.limits.memory) if own.limits.memory else None
    request = asked if asked is not None else bytes_of(default.memory_request)
    limit = allowed if allowed is not None else max(bytes_of(default.memory_limit), request)
    return min(request, limit), limit


def cpu_text(amount: int) -> str:
    """Millicores as Kubernetes writes them: 250 is `250m`, 2000 is `2`."""
    return f"{amount}m" if amount % 1000 else str(amount // 1000)


def memory_text(amount: int) -> str:
    """Bytes as Kubernetes writes them, in the largest binary unit that divides them."""
    for unit, size in (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
        if amount % size == 0:
            return f"{amount // size}{unit}"
    return str(amount)
