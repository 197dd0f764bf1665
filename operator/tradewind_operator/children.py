"""What is known of the objects that belong to bots: a small record of each, never the object itself.

A record holds what reconciling asks: which manifest it was applied from, whether anybody has changed it since, and
the facts of it that the status of the bot is made of. It is made from what the watches bring and from the answers to
our own writes, whichever is newer, so that a bot is never reconciled on something older than what it wrote itself.
"""

from __future__ import annotations

import hashlib
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tradewind.contracts.api.backtest import KIND as BACKTEST_KIND
from tradewind.contracts.api.v1alpha1 import KIND
from tradewind.contracts.labels import APPLIED_HASH, BACKTEST, COMPONENT, INSTANCE, NAME, TEMPLATE_HASH
from tradewind_operator.kinds import DEPLOYMENT, JOB, POD, Resource, backtest_key

Object = Mapping[str, Any]
Name = tuple[str, str]
"""Kind and name."""
Place = tuple[str, str]
"""Namespace and name."""

CONTAINERS = ("initContainers", "containers")
_UNOWNED = frozenset({"managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink"})


@dataclass(frozen=True, slots=True)
class Rollout:
    """Where a Deployment stands: counts of pods."""

    observed: bool
    desired: int
    updated: int
    ready: int
    available: int
    total: int
    containers: tuple[str, ...] = ()
    """The names of all containers of its pods, in order."""

    @property
    def done(self) -> bool:
        """Whether every pod is of the present template and available, and no other is left."""
        return self.observed and self.updated == self.available == self.total == self.desired


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What a pod says of its containers together; `trouble` is empty where none crashes.

    `waits` is why it does not begin, where that does not pass by itself: it has no node, or no image.
    """

    component: str
    ready: bool
    restarts: int
    looping: bool
    trouble: str
    waits: str = ""


@dataclass(frozen=True, slots=True)
class JobFacts:
    """Whether a Job is over, and why it failed; `began` and `ended` are moments as the API server has them."""

    succeeded: bool
    failed: bool
    message: str
    reason: str = ""
    began: str = ""
    ended: str = ""


Facts = Rollout | PodFacts | JobFacts


@dataclass(frozen=True, slots=True)
class Child:
    """One object of a bot. `digest` is of everything that we or others may set, not of its status."""

    kind: str
    name: str
    uid: str
    version: int
    owner: str
    applied_hash: str
    template_hash: str
    digest: bytes
    deleting: bool
    facts: Facts | None = None
    owner_bot: str = ""
    """The name of the TradingBot or Backtest that owns it, where one does; `owner` is a uid."""


class Children:
    """The children of all bots, by the key of the bot; each kind also by its place, `(namespace, name)`."""

    def __init__(self) -> None:
        self._by_bot: dict[str, dict[Name, Child]] = defaultdict(dict)
        self._places: dict[str, dict[Place, str]] = defaultdict(dict)
        """By kind: the bot under which the object of a place is filed. Its labels may have been changed since."""
        self._heard: dict[tuple[str, str | None], int] = {}
        """By kind and namespace: the newest version that a watch has brought, lists and deletions included."""

    def of(self, bot: str) -> Mapping[Name, Child]:
        """Those of one bot, by kind and name."""
        return self._by_bot.get(bot, {})

    def pods(self, bot: str) -> list[Child]:
        """The pods of one bot that are not on their way out."""
        return [child for child in self.of(bot).values() if child.kind == POD.kind and not child.deleting]

    def count(self) -> int:
        """How many there are, pods left out."""
        return sum(len(places) for kind, places in self._places.items() if kind != POD.kind)

    def put(self, resource: Resource, found: Object) -> set[str]:
        """Take over what a watch brings, if it is newer than what is known; the keys of the bots that it concerns."""
        self._hear(resource, found["metadata"]["namespace"], int(found["metadata"]["resourceVersion"]))
        return self._file(resource, found)

    def answered(self, resource: Resource, found: Object) -> bool:
        """Take over the answer to a write of our own; False where a watch has told since that the object is gone.

        The answer may be overtaken by what happened after it: an object that was made and deleted at once would be
        known for ever, because no further event of it comes.
        """
        namespace, name = found["metadata"]["namespace"], found["metadata"]["name"]
        heard = max(self._heard.get((resource.kind, where), 0) for where in (namespace, None))
        if (namespace, name) not in self._places[resource.kind] and int(found["metadata"]["resourceVersion"]) <= heard:
            return False
        self._file(resource, found)
        return True

    def remove(self, resource: Resource, found: Object) -> set[str]:
        """An object is gone; the keys of the bots that it concerns.

        One that is not known concerns its bot all the same: the answer to the write that made it may be under way.
        """
        metadata = found["metadata"]
        version = int(metadata["resourceVersion"])
        self._hear(resource, metadata["namespace"], version)
        key = self._places[resource.kind].get((metadata["namespace"], metadata["name"]))
        if key is None:
            return {labelled} if (labelled := bot_key(found)) else set()
        known = self._by_bot[key][(resource.kind, metadata["name"])]
        if known.uid != metadata["uid"] or known.version > version:
            return set()
        self._drop(resource.kind, (metadata["namespace"], metadata["name"]))
        return {key}

    def keep_only(self, resource: Resource, namespace: str | None, found: Iterable[Object], version: int) -> set[str]:
        """After a list of this version: forget those that are not in it and not newer; the keys of their bots."""
        listed = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in found}
        gone = {
            place: key
            for place, key in self._places[resource.kind].items()
            if namespace in (None, place[0])
            and place not in listed
            and self._by_bot[key][(resource.kind, place[1])].version <= version
        }
        for place in gone:
            self._drop(resource.kind, place)
        self._hear(resource, namespace, version)
        return set(gone.values())

    def _file(self, resource: Resource, found: Object) -> set[str]:
        child, key = read_child(resource, found), bot_key(found)
        place = (found["metadata"]["namespace"], child.name)
        former = self._places[resource.kind].get(place)
        if former is not None:
            if self._by_bot[former][(child.kind, child.name)].version >= child.version:
                return set()
            if former != key:
                self._drop(resource.kind, place)
        if key is not None:
            self._by_bot[key][(child.kind, child.name)] = child
            self._places[resource.kind][place] = key
        return {one for one in (former, key) if one is not None}

    def _hear(self, resource: Resource, namespace: str | None, version: int) -> None:
        self._heard[(resource.kind, namespace)] = max(version, self._heard.get((resource.kind, namespace), 0))

    def _drop(self, kind: str, place: Place) -> None:
        key = self._places[kind].pop(place)
        del self._by_bot[key][(kind, place[1])]
        if not self._by_bot[key]:
            del self._by_bot[key]


def bot_key(found: Object) -> str | None:
    """The bot or Backtest that an object belongs to by its labels, as its key."""
    metadata = found["metadata"]
    labels = metadata.get("labels", {})
    instance = labels.get(INSTANCE)
    if not instance:
        return None
    if labels.get(NAME) == BACKTEST:
        return backtest_key(metadata["namespace"], instance)
    return f"{metadata['namespace']}/{instance}"


def read_child(resource: Resource, found: Object) -> Child:
    """The record of an object."""
    metadata = found["metadata"]
    annotations = metadata.get("annotations", {})
    owner: Object = next((one for one in metadata.get("ownerReferences", ()) if one.get("controller")), {})
    return Child(
        kind=resource.kind,
        name=metadata["name"],
        uid=metadata["uid"],
        version=int(metadata["resourceVersion"]),
        owner=owner.get("uid", ""),
        applied_hash=annotations.get(APPLIED_HASH, ""),
        template_hash=annotations.get(TEMPLATE_HASH, ""),
        digest=b"" if resource is POD else digest(found, versioned=resource.metadata_only),
        deleting="deletionTimestamp" in metadata,
        facts=_FACTS[resource.kind](found) if resource.kind in _FACTS else None,
        owner_bot=owner.get("name", "") if owner.get("kind") in (KIND, BACKTEST_KIND) else "",
    )


def digest(found: Object, *, versioned: bool = False) -> bytes:
    """Sixteen bytes that change with whatever anybody sets; with `versioned` with every write, its status too."""
    metadata = found["metadata"]
    if versioned:
        return str(metadata["resourceVersion"]).encode()
    annotations = {
        name: value
        for name, value in metadata.get("annotations", {}).items()
        # Written by controllers of Kubernetes at each of their steps.
        if not name.startswith(("deployment.kubernetes.io/", "pv.kubernetes.io/", "volume.kubernetes.io/"))
    }
    kept = {name: value for name, value in metadata.items() if name not in _UNOWNED and name != "annotations"}
    rest = {name: value for name, value in found.items() if name not in ("metadata", "status", "kind", "apiVersion")}
    content = orjson.dumps([kept, annotations, rest], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(content, digest_size=16).digest()


def _rollout(found: Object) -> Rollout:
    status, generation = found.get("status", {}), found["metadata"].get("generation", 0)
    return Rollout(
        observed=status.get("observedGeneration", 0) >= generation,
        desired=found.get("spec", {}).get("replicas", 1),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        total=status.get("replicas", 0),
        containers=container_names(found),
    )


def container_names(deployment: Object) -> tuple[str, ...]:
    """The names of all containers of the pods of a Deployment, those of preparation too, in order."""
    pod = deployment.get("spec", {}).get("template", {}).get("spec", {})
    # The same few names in thousands of Deployments.
    return tuple(sorted(sys.intern(one["name"]) for kind in CONTAINERS for one in pod.get(kind) or ()))


def _pod(found: Object) -> PodFacts:
    status = found.get("status", {})
    containers = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    looping = [one for one in containers if one.get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff"]
    ready = next((one["status"] for one in status.get("conditions", ()) if one["type"] == "Ready"), "False")
    return PodFacts(
        component=found["metadata"].get("labels", {}).get(COMPONENT, ""),
        ready=ready == "True",
        restarts=sum(one.get("restartCount", 0) for one in containers),
        looping=bool(looping),
        trouble=_trouble(found["metadata"]["name"], looping[0]) if looping else "",
        waits=_waits(found["metadata"]["name"], status, containers),
    )


def _trouble(pod: str, container: Mapping[str, Any]) -> str:
    """`pod a-execution-0 crashes: exit code 1, last line: ...`."""
    last = container.get("lastState", {}).get("terminated", {})
    lines = str(last.get("message", "")).strip().splitlines()
    code = f"exit code {last['exitCode']}" if "exitCode" in last else "no exit code"
    return f"pod {pod} crashes: {code}" + (f", last line: {lines[-1][:300]}" if lines else "")


def _waits(pod: str, status: Object, containers: Iterable[Mapping[str, Any]]) -> str:
    """`pod a-engine-0 waits: the image r/tradewind:9 cannot be pulled`."""
    for one in status.get("conditions", ()):
        if (one["type"], one["status"]) == ("PodScheduled", "False"):
            return f"pod {pod} waits: no node takes it: {str(one.get('message', ''))[:300]}"
    for container in containers:
        waiting = container.get("state", {}).get("waiting", {})
        reason = waiting.get("reason", "")
        if reason in _NO_IMAGE:
            return f"pod {pod} waits: the image {container.get('image', '')} cannot be pulled"
        if reason and reason not in _PASSING:
            return f"pod {pod} waits: {reason}: {str(waiting.get('message', ''))[:300]}"
    return ""


_NO_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff"})
"""A kubelet says the one and the other in turns."""
_PASSING = frozenset({"ContainerCreating", "PodInitializing", "CrashLoopBackOff"})
"""What passes by itself, and what is told as a crash."""


def _job(found: Object) -> JobFacts:
    conditions = {one["type"]: one for one in found.get("status", {}).get("conditions", ()) if one["status"] == "True"}
    failed, status = conditions.get("Failed", {}), found.get("status", {})
    return JobFacts(
        "Complete" in conditions,
        bool(failed),
        str(failed.get("message", "")),
        reason=str(failed.get("reason", "")),
        began=str(status.get("startTime", "")),
        ended=str(status.get("completionTime") or failed.get("lastTransitionTime", "")),
    )


_FACTS: dict[str, Callable[[Object], Facts]] = {DEPLOYMENT.kind: _rollout, POD.kind: _pod, JOB.kind: _job}
