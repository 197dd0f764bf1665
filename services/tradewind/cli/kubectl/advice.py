"""What to do next about a bot, by what its conditions say: a sentence each, with the command where there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tradewind.contracts.labels import DISABLED, INSTANCE, NAME, OPERATOR, PRODUCT, RECONCILE

Object = Mapping[str, Any]
Told = Callable[[str, str, str], str]
"""From name, namespace and the message of the condition."""

DEPLOYMENT = f"deployment/{OPERATOR} -n tradewind-system"


def advice(bot: Object) -> list[str]:
    """What a person should do, the most urgent first; empty where nothing needs one."""
    name, namespace = bot["metadata"]["name"], bot["metadata"]["namespace"]
    if bot["metadata"].get("deletionTimestamp"):
        return [_ENDING(name, namespace, "")]
    status = bot.get("status") or {}
    if not status.get("conditions"):
        return [_UNSEEN(name, namespace, "")]
    found = []
    if status.get("observedGeneration", 0) < bot["metadata"].get("generation", 0) and not _disabled(bot):
        found.append(f"wait: the operator has not looked at the last change yet (kubectl logs {DEPLOYMENT})")
    for one in status["conditions"]:
        told = _ADVICE.get((one["type"], one["status"], one["reason"])) or _ADVICE.get((one["type"], one["status"], ""))
        if told is not None:
            found.append(told(name, namespace, one.get("message", "")))
    return list(dict.fromkeys(found))


def _disabled(bot: Object) -> bool:
    annotations = bot["metadata"].get("annotations") or {}
    return annotations.get(RECONCILE) == DISABLED


def _said(sentence: str) -> Told:
    return lambda name, namespace, _message: sentence.format(name=name, namespace=namespace)


_ENDING = _said(
    "wait: it is being deleted, and its orders are dealt with as deletionPolicy says; what happens: kubectl tradewind"
    " status {name} -n {namespace} --watch"
)
_UNSEEN = _said(
    f"the operator has not looked at it: does it run (kubectl get {DEPLOYMENT}), and is {{namespace}} among its"
    " namespaces (TRADEWIND_OPERATOR_NAMESPACES)?"
)

_ADVICE: dict[tuple[str, str, str], Told] = {
    ("Ready", "False", "Suspended"): _said("to run it again: kubectl tradewind resume {name} -n {namespace}"),
    ("Ready", "False", "StorageMissing"): _said(
        "set spec.storage.postgresSecretRef and redisSecretRef, or choose profile Minimal, which needs neither"
    ),
    ("Ready", "False", "WorkloadsNotReady"): _said(
        f"why a pod is not ready: kubectl describe pods -n {{namespace}} -l {NAME}={PRODUCT},{INSTANCE}={{name}},"
        " and kubectl tradewind logs {name} -n {namespace}"
    ),
    ("Ready", "False", "PodsWaiting"): _said(
        "mend what the message names (an image that can be pulled, room on a node, an object that is missing); more:"
        f" kubectl describe pods -n {{namespace}} -l {NAME}={PRODUCT},{INSTANCE}={{name}}"
    ),
    ("Ready", "False", "ServicesNotReady"): _said("what they wait for: kubectl tradewind logs {name} -n {namespace}"),
    ("Reconciled", "False", "InvalidSpec"): _said(
        "mend the field that the message names and apply the bot again; until then its last good state keeps running"
    ),
    ("Reconciled", "False", "ChildConflict"): _said(
        "delete the object that the message names, if it is nobody's, or give the bot another name"
    ),
    ("Reconciled", "False", "ApplyFailed"): _said(
        f"the API server refused a child; the whole answer: kubectl logs {DEPLOYMENT}"
    ),
    ("Reconciled", "False", "RollingOut"): _said("wait: workloads are replaced in the order of their dependencies"),
    ("Reconciled", "False", "Waiting"): _said("wait: former workloads are still ending"),
    ("Trading", "False", "EmergencyStopped"): _said(
        "look at the venue; then set spec.emergencyStop to false, and clear the stop at the bot's gateway: DELETE"
        " /api/v1/trading/emergency-stop; then kubectl tradewind start {name} -n {namespace}"
    ),
    ("Trading", "False", "Stopped"): _said("to trade again: kubectl tradewind start {name} -n {namespace}"),
    ("Degraded", "True", "CrashLoop"): _said(
        "what it said before it crashed: kubectl tradewind logs {name} -n {namespace} --previous"
    ),
    ("Degraded", "True", ""): _said("what is wrong: kubectl tradewind logs {name} -n {namespace}"),
    ("ExchangeConnected", "False", "NotReconciled"): _said(
        "what the venue says: kubectl tradewind logs {name} execution -n {namespace}"
    ),
    ("ExchangeConnected", "False", "CandlesDisturbed"): _said(
        "what the venue sends: kubectl tradewind logs {name} market-data -n {namespace}"
    ),
    ("Paused", "True", "ReconcileDisabled"): _said(
        f"to let the operator work on it: kubectl annotate tb {{name}} -n {{namespace}} {RECONCILE}-"
    ),
    ("Paused", "True", "Paused"): _said("to make entries again: kubectl tradewind start {name} -n {namespace}"),
}
"""By type, status and reason of a condition; an empty reason is any that is not named."""
