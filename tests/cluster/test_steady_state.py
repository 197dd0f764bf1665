"""What is as it should be stays untouched; what somebody has changed is put right at once, and nothing else is written.

All tests of this file share six bots, two of each profile, and one operator.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.cluster.operators import ACCOUNT, KINDS, MERGE, Operator, bot, volumes
from tests.cluster.scenes import cluster_of_a_module, keys_of, rolled_out, until, versions

PROFILES = ("Minimal", "Standard", "Full")
QUIET_SECONDS = 20
LABEL = "app.kubernetes.io/component"
HASH = "tradewind.dev/applied-hash"
HEAVY = ("numpy", "pandas", "ccxt", "sqlalchemy", "kubernetes", "fastapi", "uvicorn")

EDITS = {
    ("ServiceAccount", "minimal-0-bot"): {"automountServiceAccountToken": True},
    ("ConfigMap", "minimal-0-manifest"): {"data": {"bot.yaml": "spec: {}"}},
    ("PersistentVolumeClaim", "minimal-0-state"): {"metadata": {"labels": {"app.kubernetes.io/part-of": "else"}}},
    ("Service", "full-0-engine"): {"spec": {"publishNotReadyAddresses": False}},
    ("NetworkPolicy", "full-0-gateway"): {"spec": {"policyTypes": ["Ingress"]}},
    ("PodDisruptionBudget", "full-0-gateway"): {"spec": {"maxUnavailable": 2}},
    ("HorizontalPodAutoscaler", "full-0-gateway"): {"spec": {"maxReplicas": 9}},
    ("Deployment", "full-0-engine"): {"spec": {"replicas": 3, "revisionHistoryLimit": 7}},
    ("Secret", "full-0-keys"): {"metadata": {"labels": {"app.kubernetes.io/part-of": "else"}}},
}
"""A scalar of each kind, as a person would change it. What keys a Secret holds is nobody's but the bot's."""
FIELDS = {
    ("ServiceAccount", "minimal-0-bot"): {"automountServiceAccountToken": None},
    ("ConfigMap", "minimal-0-manifest"): {"data": None},
    ("PersistentVolumeClaim", "minimal-0-state"): {"metadata": {"ownerReferences": None}},
    ("Service", "full-0-engine"): {"spec": {"selector": None}},
    ("NetworkPolicy", "full-0-gateway"): {"spec": {"ingress": None}},
    ("PodDisruptionBudget", "full-0-gateway"): {"spec": {"selector": None}},
    ("HorizontalPodAutoscaler", "full-0-gateway"): {"spec": {"behavior": None}},
    ("Deployment", "full-0-engine"): {"spec": {"template": {"spec": {"securityContext": None}}}},
    ("Secret", "full-0-keys"): {"data": None},
}
CONTENT = ("spec", "data", "automountServiceAccountToken")


@pytest.fixture(scope="module")
def cluster(control_plane, definition):
    """A namespace for the tests of this file."""
    with cluster_of_a_module(control_plane) as found:
        yield found


@pytest.fixture(scope="module")
def operator(cluster, tmp_path_factory):
    """Two bots of each profile are settled; every import of the operator is in its log."""
    directory = tmp_path_factory.mktemp("operator")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPROFILEIMPORTTIME", "1")
        # One that is kept from its Lease by a busy machine would begin anew, and write.
        lease = {"lease_duration": "30"}
        running = Operator(cluster.plane, namespaces=(cluster.namespace,), directory=directory, variables=lease)
        running.lead()
    volumes(cluster.plane, 2)
    for profile in PROFILES:
        for number in range(2):
            cluster.apply(bot(f"{profile.lower()}-{number}", cluster.namespace, profile))
    for profile in PROFILES:
        for number in range(2):
            cluster.wait_for(f"{profile.lower()}-{number}", "Reconciled", "True", "Applied")
    settle(cluster)
    yield running
    running.stop()
    assert not running.errors()


def settle(cluster):
    """All pods are up, and nothing has changed for two seconds."""
    until("all pods are up", lambda: rolled_out(cluster), explain=lambda: cluster.plane.kubectl("get", "pods", "-A"))
    found, since = versions(cluster), time.monotonic()

    def quiet():
        nonlocal found, since
        if (now := versions(cluster)) != found:
            found, since = now, time.monotonic()
        return time.monotonic() - since > 2

    until("nothing changes", quiet)


def writes(cluster, since):
    """What the operator of this namespace wrote, its Lease apart."""
    return [
        one
        for one in cluster.plane.writes(since)
        if one.user.endswith(f":{cluster.namespace}:{ACCOUNT}") and not one.resource.startswith("leases")
    ]


def look_at(cluster, name):
    """Waits until the operator has looked at a bot, and at all that came before: its spec is changed."""
    resource = cluster.get("TradingBot", name)
    stop = "0.06" if resource["spec"]["risk"]["stopLoss"] == "0.05" else "0.05"
    cluster.patch("TradingBot", name, {"spec": {"risk": {"stopLoss": stop}}})
    cluster.wait_for(name, "Reconciled", "True", "Applied")


def test_a_settled_operator_writes_nothing_but_its_lease(cluster, operator):
    """Not while it is left alone, and not because the monitoring of bots is silent."""
    settle(cluster)
    before, since = versions(cluster), datetime.now(UTC)
    threading.Event().wait(QUIET_SECONDS)
    after = versions(cluster)
    assert before.keys() == after.keys()
    assert [] == [name for name in before if before[name] != after[name]]
    ours = [one for one in cluster.plane.writes(since) if one.user.endswith(f":{cluster.namespace}:{ACCOUNT}")]
    assert {"leases.coordination.k8s.io"} == {one.resource for one in ours}


def test_what_somebody_edits_is_put_right_and_nothing_else_is_written(cluster, operator):
    """Of each kind: a scalar, a label, the hash and a whole field; then the object itself is deleted."""
    edits = list(EDITS.items())
    edits += [(name, {"metadata": {"labels": {LABEL: None}}}) for name in EDITS]
    edits += [(name, {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}) for name in EDITS]
    edits += [(name, {"metadata": {"labels": {"app.kubernetes.io/instance": "another"}}}) for name in EDITS]
    edits += [(name, {"metadata": {"annotations": {HASH: None}, "ownerReferences": None}}) for name in EDITS]
    edits += list(FIELDS.items())
    keys, since = keys_of(cluster, "full-0"), datetime.now(UTC)
    for (kind, name), patch in edits:
        right = essence(cluster.get(kind, name))
        assert essence(cluster.patch(kind, name, patch)) != right, (kind, patch)
        until(
            f"{kind} {name} is right after {patch}",
            lambda kind=kind, name=name, right=right: essence(cluster.get(kind, name)) == right,
            patience=60,
            explain=lambda kind=kind, name=name, right=right: f"{essence(cluster.get(kind, name))} is not {right}",
        )
    for kind, name in EDITS:
        if kind == "PersistentVolumeClaim":
            continue  # pods hold it
        right, uid = essence(cluster.get(kind, name)), cluster.get(kind, name)["metadata"]["uid"]
        cluster.delete(kind, name)
        until(
            f"{kind} {name} is there again",
            lambda kind=kind, name=name, uid=uid, right=right: is_new(cluster.get(kind, name), uid, right),
            patience=60,
        )
    assert keys.keys() == keys_of(cluster, "full-0").keys()
    touched = {
        (one.resource, one.name)
        for one in writes(cluster, since)
        if one.resource not in ("tradingbots.tradewind.dev/status", "events.events.k8s.io")
    }
    plurals = {path.rpartition("/")[2]: kind for kind, path in KINDS.items()}
    assert {(plurals[resource.partition(".")[0]], name) for resource, name in touched} <= set(EDITS) | {("Secret", "")}


def test_a_port_that_somebody_has_moved_is_moved_back(cluster, operator):
    """Ports are told apart by their numbers: another number is another port beside ours, of the same name."""
    ports = cluster.get("Service", "full-1-gateway")["spec"]["ports"]
    moved = [{**one, "port": 9999} for one in ports]
    cluster.patch("Service", "full-1-gateway", {"spec": {"ports": moved}})
    until(
        "it is moved back",
        lambda: cluster.get("Service", "full-1-gateway")["spec"]["ports"] == ports,
        patience=60,
        explain=lambda: (cluster.get("Service", "full-1-gateway")["spec"]["ports"], operator.process.tail(3)),
    )
    cluster.wait_for("full-1", "Reconciled", "True", "Applied")


def test_a_container_that_somebody_renames_never_runs_beside_ours(cluster, operator):
    """Containers are told apart by their names, and two would trade in one account. Later changes still go through."""
    name, setting = "full-1-engine", {"name": "SETTING", "value": "some"}
    cluster.patch("TradingBot", "full-1", {"spec": {"services": [{"name": "engine", "env": [setting]}]}})
    until("it has the setting", lambda: setting in container_of(cluster, name)["env"])
    settle(cluster)
    right = essence(cluster.get("Deployment", name))
    renamed = {**container_of(cluster, name), "name": "other"}
    cluster.patch("Deployment", name, {"spec": {"template": {"spec": {"containers": [renamed]}}}})
    until("it is put right", lambda: essence(cluster.get("Deployment", name)) == right, patience=60)
    settle(cluster)
    path = f"/apis/apps/v1/namespaces/{cluster.namespace}/replicasets"
    sets = cluster.plane.request("GET", path)[1]["items"]
    containers = [[one["name"] for one in found["spec"]["template"]["spec"]["containers"]] for found in sets]
    assert {1} == {len(names) for names in containers}, containers
    cluster.patch("TradingBot", "full-1", {"spec": {"services": None}})
    until("the setting is gone", lambda: setting not in container_of(cluster, name)["env"])
    settle(cluster)


def container_of(cluster, name):
    (found,) = cluster.get("Deployment", name)["spec"]["template"]["spec"]["containers"]
    return found


def essence(found):
    """What the operator answers for in an object: all that is said of it but times, versions and keys."""
    metadata = found["metadata"]
    content = {field: found.get(field) for field in CONTENT}
    if found.get("type") == "Opaque":
        content["data"] = sorted(found.get("data") or ())
    if isinstance(content["spec"], dict):
        content["spec"] = {key: value for key, value in content["spec"].items() if not key.startswith("clusterIP")}
    annotations = {key: value for key, value in metadata.get("annotations", {}).items() if "tradewind" in key}
    return content, metadata.get("labels"), annotations, metadata.get("ownerReferences")


def is_new(found, uid, right):
    return found is not None and found["metadata"]["uid"] != uid and essence(found) == right


def test_a_restart_by_a_person_is_left_to_go_through(cluster, operator):
    """`kubectl rollout restart` replaces the pods once; its mark stays, and nobody fights about it."""
    settle(cluster)
    since = datetime.now(UTC)
    before = {pod["metadata"]["uid"] for pod in cluster.pods("standard-0")}
    cluster.plane.kubectl("-n", cluster.namespace, "rollout", "restart", "deployment", "standard-0-trading")
    settle(cluster)
    after = {pod["metadata"]["uid"] for pod in cluster.pods("standard-0")}
    assert len(before - after) == 1
    template = cluster.get("Deployment", "standard-0-trading")["spec"]["template"]
    assert "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]
    ours = [one for one in writes(cluster, since) if one.resource == "deployments.apps"]
    assert len(ours) <= 2


def test_what_an_autoscaler_does_is_not_undone(cluster, operator):
    """The number of replicas is the autoscaler's, also when the rest of the Deployment has to be put right."""
    path = f"{KINDS['Deployment'].format(cluster.namespace)}/full-1-gateway"
    status, _ = cluster.plane.request("PATCH", f"{path}/scale", {"spec": {"replicas": 3}}, MERGE)
    assert status == 200
    cluster.patch("Deployment", "full-1-gateway", {"metadata": {"labels": {LABEL: None}}})
    until("the label is back", lambda: LABEL in cluster.get("Deployment", "full-1-gateway")["metadata"]["labels"])
    until("there are three", lambda: cluster.get("Deployment", "full-1-gateway")["status"].get("readyReplicas") == 3)
    look_at(cluster, "full-1")
    assert cluster.get("Deployment", "full-1-gateway")["spec"]["replicas"] == 3


@pytest.mark.parametrize(
    ("kind", "name", "content"),
    [
        ("ConfigMap", "late-manifest", {"data": {"theirs": "1"}}),
        ("ServiceAccount", "late-bot", {}),
        ("Secret", "late-keys", {"data": {"theirs": "MQ=="}}),
    ],
)
def test_an_object_of_somebody_else_is_named_and_left_as_it_is(cluster, operator, kind, name, content):
    """Also where none of its fields is in the way; as soon as it is gone the bot is made."""
    path = KINDS[kind].format(cluster.namespace)
    theirs = cluster.plane.create(path, {"metadata": {"name": name}, **content})
    cluster.apply(bot("late", cluster.namespace, "Standard"))
    cluster.wait_for("late", "Reconciled", "False", "ChildConflict")
    assert f"{kind} {name}" in cluster.condition("late", "Reconciled")["message"]
    look_at(cluster, "standard-1")
    assert cluster.get(kind, name)["metadata"]["resourceVersion"] == theirs["metadata"]["resourceVersion"]
    cluster.delete(kind, name)
    cluster.wait_for("late", "Reconciled", "True", "Applied")
    cluster.delete("TradingBot", "late")
    cluster.wait("the bot is gone with its children", lambda: not cluster.children("late"), 90)


def test_a_bot_that_is_made_again_at_once_takes_no_conflict_for_it(cluster, operator):
    """The children of its predecessor are still there, and on their way out: it waits for them and says so."""
    cluster.apply(bot("again", cluster.namespace, "Standard"))
    cluster.wait_for("again", "Reconciled", "True", "Applied")
    keys = keys_of(cluster, "again")
    cluster.delete("TradingBot", "again")
    uid = cluster.apply(bot("again", cluster.namespace, "Standard"))["metadata"]["uid"]
    cluster.wait_for("again", "Reconciled", "True", "Applied")
    owners = {one["metadata"]["ownerReferences"][0]["uid"] for one in cluster.children("again").values()}
    assert owners == {uid}
    assert keys_of(cluster, "again") != keys
    assert "ChildConflict" not in {reason for _, reason, _ in cluster.events("again")}
    cluster.delete("TradingBot", "again")
    cluster.wait("the bot is gone with its children", lambda: not cluster.children("again"), 90)


def test_bots_elsewhere_are_left_alone(cluster, operator):
    """A namespace that is not watched is nobody's business."""
    elsewhere = cluster.plane.create_namespace("elsewhere")
    resource = cluster.apply(bot("stray", elsewhere))
    look_at(cluster, "standard-1")
    path = f"/apis/tradewind.dev/v1alpha1/namespaces/{elsewhere}/tradingbots/stray"
    assert cluster.plane.request("GET", path)[1] == resource
    cluster.plane.delete_namespace(elsewhere)


def test_a_bot_that_is_taken_out_of_reconciliation_is_not_touched(cluster, operator):
    """Neither for drift nor for a new spec, until the annotation goes; deletion works all the same."""
    cluster.patch("TradingBot", "standard-0", {"metadata": {"annotations": {"tradewind.dev/reconcile": "disabled"}}})
    cluster.wait_for("standard-0", "Paused", "True", "ReconcileDisabled")
    since = datetime.now(UTC)
    cluster.patch("ConfigMap", "standard-0-manifest", {"data": {"bot.yaml": "spec: {}"}})
    cluster.delete("Service", "standard-0-engine")
    cluster.patch("TradingBot", "standard-0", {"spec": {"risk": {"stopLoss": "0.07"}}})
    cluster.wait_for("standard-0", "Paused", "True", "ReconcileDisabled")
    look_at(cluster, "standard-1")
    assert cluster.get("ConfigMap", "standard-0-manifest")["data"] == {"bot.yaml": "spec: {}"}
    assert cluster.get("Service", "standard-0-engine") is None
    touched = {one.name for one in writes(cluster, since) if one.resource != "events.events.k8s.io"}
    assert {name for name in touched if name.startswith("standard-0-")} == set()

    cluster.patch("TradingBot", "standard-0", {"metadata": {"annotations": {"tradewind.dev/reconcile": None}}})
    until("the Service is back", lambda: cluster.get("Service", "standard-0-engine") is not None)
    cluster.wait_for("standard-0", "Reconciled", "True", "Applied")
    assert "0.07" in cluster.get("ConfigMap", "standard-0-manifest")["data"]["bot.yaml"]

    cluster.patch("TradingBot", "standard-0", {"metadata": {"annotations": {"tradewind.dev/reconcile": "disabled"}}})
    cluster.delete("TradingBot", "standard-0")
    cluster.wait("the bot is gone with its children", lambda: not cluster.children("standard-0"), 90)


def test_nothing_heavy_is_in_the_process_of_the_operator(cluster, operator):
    """What it imported from its start until now, by the interpreter's own account, and what is mapped into it."""
    imported = {
        line.rpartition("|")[2].strip()
        for line in operator.process.log.read_text().splitlines()
        if line.startswith("import time:")
    }
    assert {"tradewind_operator.main", "kopf", "pydantic"} <= imported
    # The client of Kubernetes is looked for by kopf, and is not found by it: of the package itself nothing is loaded.
    assert imported.isdisjoint(HEAVY)
    maps = Path(f"/proc/{operator.process.pid}/maps").read_text()
    assert "pydantic_core" in maps
    assert [name for name in HEAVY if f"/{name}/" in maps] == []


def test_the_operator_can_be_imported_without_anything_heavy():
    """In a fresh interpreter, also where all of that is installed."""
    program = f"import sys, tradewind_operator.main; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
