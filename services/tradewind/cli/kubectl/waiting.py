"""Waiting for a bot to be as it was asked to be. Each question answers with what is still missing, in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tradewind.domain.errors import TemporaryError

INTERVAL = 0.5

Object = Mapping[str, Any]


def wait_until(what: str, missing: Callable[[], str], timeout: float) -> None:
    """Ask until nothing is missing; raises `TemporaryError` after `timeout` seconds."""
    end = time.monotonic() + timeout
    while lacks := missing():
        if time.monotonic() > end:
            raise TemporaryError(f"it took more than {timeout:g} s until {what}: {lacks}; it goes on without us")
        time.sleep(INTERVAL)


def unready(bot: Object) -> str:
    """Why a bot is not ready as its present spec says; empty when it is."""
    found = (one for one in (bot.get("status") or {}).get("conditions", ()) if one["type"] == "Ready")
    ready = next(found, None)
    if ready is None or ready.get("observedGeneration", 0) < bot["metadata"].get("generation", 0):
        return "the operator has not looked at it yet"
    return "" if ready["status"] == "True" else f"{ready['reason']}: {ready['message']}"


def unreplaced(deployments: Iterable[Object], annotation: str, value: str) -> str:
    """Which Deployments have pods that are older than the annotation `value`; empty when none has.

    `Ready` alone would not do: it is still true of the former pods when the restart is asked for.
    """
    found = list(deployments)
    if not found:
        return "there are no Deployments"
    late = [one["metadata"]["name"] for one in found if not _is_replaced(one, annotation, value)]
    return f"not replaced yet: {', '.join(sorted(late))}" if late else ""


def _is_replaced(deployment: Object, annotation: str, value: str) -> bool:
    status, spec = deployment.get("status", {}), deployment["spec"]
    annotations = spec["template"]["metadata"].get("annotations") or {}
    return (
        annotations.get(annotation) == value
        and status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
        and status.get("updatedReplicas", 0)
        == status.get("availableReplicas", 0)
        == status.get("replicas", 0)
        == spec["replicas"]
    )
