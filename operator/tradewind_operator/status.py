"""The status of a bot: from what was seen to what is written, without I/O.

Nothing that changes by the minute stands in it, because every write is seen by everybody who watches the resource: a
condition is written again when its status or reason changes, or when the spec does, and not for another number in its
message. `lastTransitionTime` moves when the status flips and at no other time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from tradewind.contracts.labels import DISABLED, RECONCILE
from tradewind_operator.children import Child, PodFacts, Rollout

Truth = Literal["True", "False", "Unknown"]

TYPES = ("Ready", "Reconciled", "Trading", "ExchangeConnected", "Degraded", "Paused")
LONGEST_MESSAGE = 1024


@dataclass(frozen=True, slots=True)
class Condition:
    """`reason` is one word in CamelCase, `message` a sentence."""

    type: str
    status: Truth
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Workload:
    """One Deployment of the bot as it stands."""

    name: str
    ready: int
    desired: int
    restarts: int
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that a status is made of.

    `reconciled` says what came of applying the spec. `told` is what the bot's own monitoring said last, None when it
    was silent or was not asked.
    """

    generation: int
    reconciled: Condition
    workloads: tuple[Workload, ...] = ()
    crashes: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    """Of each pod that cannot begin, why."""
    told: tuple[Condition, ...] | None = None
    suspended: bool = False
    reconcile_disabled: bool = False
    storage_missing: bool = False
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The services of each workload: a row of the status is about a service, with the numbers of its workload."""
    strategies: str = ""


def workloads(deployments: Mapping[str, str], children: Iterable[Child], pods: Iterable[Child]) -> tuple[Workload, ...]:
    """Where each Deployment stands; `deployments` are component names by the names of the Deployments."""
    restarts: dict[str, int] = {}
    for pod in pods:
        if isinstance(pod.facts, PodFacts):
            restarts[pod.facts.component] = restarts.get(pod.facts.component, 0) + pod.facts.restarts
    standing = {child.name: child.facts for child in children if isinstance(child.facts, Rollout)}
    found = []
    for name, component in deployments.items():
        facts = standing.get(name)
        found.append(
            Workload(
                name=component,
                ready=facts.ready if facts else 0,
                desired=facts.desired if facts else 0,
                restarts=restarts.get(component, 0),
                done=facts is not None and facts.done,
            )
        )
    return tuple(found)


def crashes(pods: Iterable[Child]) -> tuple[str, ...]:
    """A sentence for each pod that crashes again and again, in the order of their names."""
    return _sentences(pods, lambda facts: facts.trouble)


def waits(pods: Iterable[Child]) -> tuple[str, ...]:
    """A sentence for each pod that cannot begin, in the order of their names."""
    return _sentences(pods, lambda facts: facts.waits)


def _sentences(pods: Iterable[Child], of: Callable[[PodFacts], str]) -> tuple[str, ...]:
    ordered = sorted(pods, key=lambda one: one.name)
    found = (of(pod.facts) for pod in ordered if isinstance(pod.facts, PodFacts))
    return tuple(one for one in found if one)


def conditions(seen: Seen) -> tuple[Condition, ...]:
    """Every condition of a bot."""
    told = {one.type: one for one in seen.told or ()}
    return (
        _ready(seen, told.get("Ready")),
        seen.reconciled,
        _of_the_bot(seen, "Trading", told.get("Trading")),
        _of_the_bot(seen, "ExchangeConnected", told.get("ExchangeConnected")),
        _degraded(seen, told.get("Degraded")),
        _paused(seen, told.get("Paused")),
    )


def _ready(seen: Seen, told: Condition | None) -> Condition:
    waiting = [one for one in seen.workloads if not (one.done and one.desired > 0)]
    if seen.suspended:
        return Condition("Ready", "False", "Suspended", "spec.suspended is true: no pods run, the data is kept")
    if not seen.workloads:
        return Condition("Ready", "False", seen.reconciled.reason, seen.reconciled.message)
    if seen.storage_missing:
        return Condition(
            "Ready",
            "False",
            "StorageMissing",
            "no Redis and Postgres are wired: install the chart with them, or set spec.storage, or use profile Minimal",
        )
    if waiting:
        return _not_ready(waiting, seen.waits)
    if told is not None and told.status != "True":
        return told
    return Condition("Ready", "True", "AllWorkloadsReady", f"all {len(seen.workloads)} workloads are ready")


def _not_ready(workloads: Iterable[Workload], waits: tuple[str, ...]) -> Condition:
    states = ", ".join(f"{one.name} ({one.ready} of {one.desired})" for one in workloads)
    if waits:
        return Condition("Ready", "False", "PodsWaiting", f"{'; '.join(waits)}; not ready: {states}")
    return Condition("Ready", "False", "WorkloadsNotReady", f"not ready: {states}")


def _of_the_bot(seen: Seen, kind: str, told: Condition | None) -> Condition:
    if seen.suspended:
        return Condition(kind, "False", "Suspended", "spec.suspended is true")
    if told is None:
        return Condition(kind, "Unknown", "MonitoringSilent", "the bot's monitoring does not answer")
    return told


def _degraded(seen: Seen, told: Condition | None) -> Condition:
    if seen.suspended:
        return Condition("Degraded", "False", "Suspended", "spec.suspended is true")
    if seen.crashes:
        return Condition("Degraded", "True", "CrashLoop", "; ".join(seen.crashes))
    return _of_the_bot(seen, "Degraded", told)


def _paused(seen: Seen, told: Condition | None) -> Condition:
    if seen.reconcile_disabled:
        message = f"annotation {RECONCILE} is {DISABLED}: changes wait until it is removed"
        return Condition("Paused", "True", "ReconcileDisabled", message)
    return _of_the_bot(seen, "Paused", told)


def status(seen: Seen, before: Mapping[str, Any], now: datetime | None = None) -> dict[str, Any]:
    """The status to be written, equal to `before` where there is nothing new. `before` is what stands now."""
    standing = {one["type"]: one for one in before.get("conditions", ()) if one.get("type") in TYPES}
    moment = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    document: dict[str, Any] = {
        "observedGeneration": seen.generation,
        "conditions": [written(one, standing.get(one.type), seen.generation, moment) for one in conditions(seen)],
        "services": [
            {"name": service, "ready": one.ready, "desired": one.desired, "restarts": one.restarts}
            for one in seen.workloads
            for service in seen.services.get(one.name, ())
        ],
    }
    if seen.strategies:
        document["strategies"] = seen.strategies
    return document


def written(
    condition: Condition, standing: Mapping[str, Any] | None, generation: int, moment: str, *, exact: bool = False
) -> dict[str, Any]:
    """A condition as it is written at `moment`; `exact` where its message always has to be the present one."""
    found = {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message[:LONGEST_MESSAGE],
        "lastTransitionTime": moment,
        "observedGeneration": generation,
    }
    if standing is None:
        return found
    if standing["status"] == condition.status:
        found["lastTransitionTime"] = standing["lastTransitionTime"]
        same = standing["reason"] == condition.reason and standing.get("observedGeneration") == generation
        if same and not exact and condition.type not in _EXACT:
            found["message"] = standing["message"]
    return found


_EXACT = frozenset({"Reconciled"})
"""Conditions whose message is the operator's own and says what to mend, so that it must be the present one."""
