"""Who speaks in the logs of a bot: its containers, and in each line the service; without I/O.

A container runs the services of one workload, up to all of them. The services' own lines are JSON and name the service;
what is not (a traceback, a word of the runtime) could be of any of them, and is shown under the workload's name.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tradewind.contracts.labels import COMPONENT
from tradewind.domain.errors import ConfigErrors, NotFoundError

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Voice:
    """A container. `run` tells its runs apart; `mark` tells its pod from others of the workload, where there are any.

    With `service` only the lines of that service are wanted.
    """

    pod: str
    container: str
    run: str
    workload: str
    mark: str = ""
    service: str | None = None

    def labelled(self, line: str) -> str | None:
        """`[service] line`; None for a line of another service than the one that is wanted."""
        speaker = _speaker(line)
        if self.service is not None and speaker is not None and speaker != self.service:
            return None
        return f"[{speaker or self.workload}{self.mark}] {line}"


def voices(pods: Iterable[Object], *, workload: str | None, service: str | None, previous: bool) -> list[Voice]:
    """The containers of pods that have said something, of one workload or of all.

    With `previous` those that have been restarted. A container of preparation is heard until it has succeeded.
    """
    chosen = [pod for pod in pods if workload in (None, _workload(pod))]
    many = Counter(_workload(pod) for pod in chosen)
    found = []
    for pod in chosen:
        name, status = pod["metadata"]["name"], pod.get("status", {})
        mark = f"/{name.rpartition('-')[2]}" if many[_workload(pod)] > 1 else ""
        preparing = [one for one in status.get("initContainerStatuses", ()) if not _succeeded(one)]
        for one in (*preparing, *status.get("containerStatuses", ())):
            if one["restartCount"] > 0 if previous else _spoke(one):
                run = f"{pod['metadata']['uid']}/{one['name']}/{one['restartCount']}"
                only = service if service != _workload(pod) else None
                found.append(Voice(name, one["name"], run, _workload(pod), mark, only))
    return found


def workload_of(bot: Object, service: str) -> str:
    """The workload that runs a service (or that is called so); raises `NotFoundError` that names what there is."""
    workloads = _workloads(bot)
    if service in workloads:
        return service
    for name, services in workloads.items():
        if service in services:
            return name
    known = sorted({one for services in workloads.values() for one in services})
    name = bot["metadata"]["name"]
    raise NotFoundError(f"{name} has no service {service}; fix: give one of {', '.join(known)}")


def _workloads(bot: Object) -> dict[str, Sequence[str]]:
    from tradewind.contracts.api.document import read_resource  # noqa: PLC0415
    from tradewind.plan import plan  # noqa: PLC0415

    try:
        return {one.name: one.services for one in plan(read_resource(dict(bot)))}
    except ConfigErrors:
        # A spec that only the plan can refuse: what runs is of an older one, and is known by its status.
        return {one["name"]: [one["name"]] for one in (bot.get("status") or {}).get("services", ())}


def _workload(pod: Object) -> str:
    return str(pod["metadata"].get("labels", {}).get(COMPONENT, pod["metadata"]["name"]))


def _succeeded(container: Object) -> bool:
    ended = container.get("state", {}).get("terminated") or {}
    return ended.get("exitCode") == 0


def _spoke(container: Object) -> bool:
    """Whether it runs, or ran."""
    state = container.get("state") or {}
    return "running" in state or "terminated" in state or container["restartCount"] > 0


def _speaker(line: str) -> str | None:
    if not line.startswith("{"):
        return None
    try:
        service = json.loads(line).get("service")
    except json.JSONDecodeError:
        return None
    return service if isinstance(service, str) and service else None
