"""The status of a Backtest as a pure function of what its Job and its pods say.

A pod leaves what came of it as the message of its container (`tradewind backtest-job`): a result as JSON, or an error
in a sentence. What is not as it should be is dropped here, so that nothing a pod says can make the status refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from tradewind.contracts.api.backtest_status import AS_IT_STANDS, BEST, FIGURES
from tradewind.contracts.labels import BACKTEST
from tradewind_operator.children import JobFacts
from tradewind_operator.manifests.backtests import REFUSED
from tradewind_operator.status import Condition, written

Object = Mapping[str, Any]

RECONCILED = Condition("Reconciled", "True", "Applied", "its Job is made")
_COUNTS = ("candles", "trades")
_TEXTS = {"name": 64, "loss": 32, **dict.fromkeys(FIGURES, 64)}
"""As many characters as the schema has room for."""
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Told:
    """What the pods of a Job have left: results, finished trials, and why one failed."""

    results: tuple[dict[str, Any], ...] = ()
    trials: int | None = None
    trouble: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a Backtest stands. `reason` and `message` are of its condition `Complete`."""

    reason: str
    message: str
    complete: bool = False
    failed: bool = False
    reconciled: Condition = RECONCILED
    job: JobFacts | None = None
    told: Told = field(default_factory=Told)


def is_over(resource: Object) -> bool:
    """Whether the status of a Backtest says that there is nothing more to come."""
    conditions = (resource.get("status") or {}).get("conditions", ())
    return any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in conditions)


def told_by(pods: Iterable[Object]) -> Told:
    """What all pods of one Job have left. Of two that have a result both say the same."""
    results: tuple[dict[str, Any], ...] = ()
    trials: dict[str, int] = {}
    troubles: list[tuple[bool, str]] = []
    for pod in pods:
        index = pod["metadata"].get("annotations", {}).get("batch.kubernetes.io/job-completion-index", "0")
        for container, ended in _ended(pod):
            message = str(ended.get("message", "")).strip()
            if ended.get("exitCode") == 0 and container == BACKTEST:
                found = _parsed(message)
                results = results or _results(found.get("results"))
                if isinstance(found.get("trials"), int):
                    trials[index] = found["trials"]
            elif ended.get("exitCode") != 0:
                troubles.append(_trouble(container, ended, message))
    refused, trouble = max(troubles, key=lambda one: one[0], default=(False, ""))
    return Told(results, sum(trials.values()) if trials else None, trouble, refused)


def running(job: JobFacts | None, waiting: Iterable[str] = ()) -> Standing:
    """Its Job runs; `waiting` says of each pod that cannot begin why."""
    if told := "; ".join(waiting):
        return Standing("PodsWaiting", told, job=job)
    return Standing("Running", "its pods are at work", job=job)


def finished(job: JobFacts, told: Told) -> Standing:
    """Its Job is over."""
    if job.failed:
        reason = "Refused" if told.refused else job.reason or "JobFailed"
        return Standing(reason, told.trouble or job.message or "its Job failed", failed=True, job=job, told=told)
    if not told.results:
        message = "its pods are gone, and what they left with them; a database has the whole result"
        return Standing("ResultLost", message, complete=True, job=job, told=told)
    best = told.results[0]
    message = f"{best.get('trades', 0)} trades, profit {best.get('profit', '?')}"
    return Standing("Finished", message, complete=True, job=job, told=told)


def refused(reason: str, message: str, *, failed: bool = False) -> Standing:
    """No Job is made; `failed` where none ever will be."""
    reconciled = Condition("Reconciled", "False", reason, message)
    return Standing(reason, message, failed=failed, reconciled=reconciled)


def status_of(standing: Standing, resource: Object, now: datetime | None = None) -> dict[str, Any]:
    """The status to be written, equal to the present one where there is nothing new."""
    before = resource.get("status") or {}
    former = {one["type"]: one for one in before.get("conditions", ())}
    moment = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    generation = int(resource["metadata"].get("generation", 0))
    conditions = (
        Condition("Complete", "True" if standing.complete else "False", standing.reason, standing.message),
        Condition("Failed", "True" if standing.failed else "False", standing.reason, standing.message),
        standing.reconciled,
    )
    strategies = ",".join(str(one.get("name", "")) for one in resource["spec"].get("strategies", ()))
    document: dict[str, Any] = {
        "observedGeneration": generation,
        "strategies": strategies[:1024],
        "conditions": [written(one, former.get(one.type), generation, moment, exact=True) for one in conditions],
    }
    job, told = standing.job, standing.told
    if job is not None and job.began:
        document["startTime"] = job.began
    if job is not None and job.began and job.ended:
        document["completionTime"] = job.ended
        length = datetime.fromisoformat(job.ended) - datetime.fromisoformat(job.began)
        document["seconds"] = max(round(length.total_seconds()), 0)
    if told.trials is not None:
        document["trials"] = told.trials
    if told.results:
        document["results"] = list(told.results)
    return document


def _ended(pod: Object) -> Iterable[tuple[str, Object]]:
    """The containers of a pod that have ended, with how."""
    status = pod.get("status", {})
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        ended = container.get("state", {}).get("terminated")
        if ended:
            yield container["name"], ended


def _trouble(container: str, ended: Object, message: str) -> tuple[bool, str]:
    """Whether the command has refused its work, and why it ended, in a sentence."""
    code = ended.get("exitCode")
    if container == BACKTEST and code in REFUSED and message:
        return True, message
    last = message.splitlines()[-1][:1000] if message else str(ended.get("reason", "no word"))
    return False, f"container {container} ended with exit code {code}: {last}"


def _parsed(message: str) -> dict[str, Any]:
    try:
        found = orjson.loads(message)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _results(found: Any) -> tuple[dict[str, Any], ...]:
    """Those of them that the schema knows, as far as it knows them."""
    results = {}
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict) and one.get("name") in (BEST, AS_IT_STANDS):
            results[one["name"]] = _result(one)
    return tuple(results.values())


def _result(found: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: found[name][: _TEXTS[name]] for name in _TEXTS if isinstance(found.get(name), str)}
    kept |= {name: found[name] for name in _COUNTS if isinstance(found.get(name), int)}
    values = found.get("values")
    if isinstance(values, dict):
        kept["values"] = {str(name): str(value)[:_LONGEST] for name, value in values.items()}
    return kept
