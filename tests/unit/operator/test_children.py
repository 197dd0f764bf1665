"""What is remembered of children: whether anybody changed one is seen; that a controller reported something is not."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind_operator.children import Children, digest, read_child
from tradewind_operator.kinds import BY_KIND, DEPLOYMENT, JOB, POD, SECRET

LABELS = {"app.kubernetes.io/instance": "momentum", "app.kubernetes.io/component": "engine"}


def thing(version="5", uid="u1", name="momentum-engine", namespace="default", **parts):
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": uid,
        "resourceVersion": version,
        "generation": 1,
        "labels": dict(LABELS),
        "annotations": {"tradewind.dev/applied-hash": "h", "tradewind.dev/template-hash": "t"},
        "ownerReferences": [{"uid": "bot", "controller": True}],
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": 2}, **parts}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
THEIRS = st.sampled_from(["managedFields", "resourceVersion", "generation", "creationTimestamp", "selfLink"])


@given(JSON, THEIRS, JSON)
def test_what_the_cluster_reports_never_looks_like_a_change(status, field, value):
    before = thing(status={"replicas": 1})
    after = copy.deepcopy(before) | {"status": status}
    after["metadata"][field] = value
    after["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = str(value)
    assert digest(before) == digest(after)


PLACES = st.sampled_from(
    [("spec", "replicas"), ("spec", "added"), ("data", "key"), ("metadata", "labels"), ("metadata", "annotations"),
     ("metadata", "ownerReferences"), ("metadata", "finalizers"), ("metadata", "deletionTimestamp")]
)  # fmt: skip


@given(PLACES, st.text(min_size=1, max_size=6))
def test_whatever_anybody_sets_looks_like_a_change(place, value):
    before, (part, field) = thing(), place
    after = copy.deepcopy(before)
    known = after.setdefault(part, {}).get(field)
    changed = {**known, value: value} if isinstance(known, dict) else [value] if field.endswith("s") else value
    after[part][field] = changed
    assert digest(before) != digest(after)


@given(st.dictionaries(st.text(max_size=3), st.integers(-9, 9), max_size=5))
def test_the_order_of_keys_is_no_change(content):
    backwards = dict(reversed(content.items()))
    assert digest(thing(data=content)) == digest(thing(data=backwards))


def test_of_a_kind_whose_content_is_not_seen_every_write_is_a_change():
    secret = {"metadata": thing()["metadata"]}
    later = copy.deepcopy(secret)
    later["metadata"]["resourceVersion"] = "6"
    assert read_child(SECRET, secret).digest != read_child(SECRET, later).digest


# ------------------------------------------------------------------------------------------------------------ knowledge


def test_what_is_older_than_our_own_write_changes_nothing():
    children = Children()
    assert children.put(DEPLOYMENT, thing("5")) == {"default/momentum"}
    assert children.put(DEPLOYMENT, thing("4")) == set()
    assert children.put(DEPLOYMENT, thing("5")) == set()
    assert children.of("default/momentum")[("Deployment", "momentum-engine")].version == 5
    assert children.put(DEPLOYMENT, thing("6")) == {"default/momentum"}


def test_the_end_of_a_predecessor_is_not_the_end_of_what_has_its_name_now():
    children = Children()
    children.put(DEPLOYMENT, thing("6", uid="u2"))
    assert children.remove(DEPLOYMENT, thing("7", uid="u1")) == set()
    assert children.count() == 1
    assert children.remove(DEPLOYMENT, thing("8", uid="u2")) == {"default/momentum"}
    assert children.count() == 0


def test_a_list_ends_what_is_not_in_it_of_its_kind_and_namespace_only():
    children = Children()
    for namespace in ("default", "other"):
        for name in ("a", "b"):
            children.put(DEPLOYMENT, thing(name=name, namespace=namespace))
    children.put(JOB, thing(name="job"))
    assert children.keep_only(DEPLOYMENT, "default", [thing(name="a")], 9) == {"default/momentum"}
    assert set(children.of("default/momentum")) == {("Deployment", "a"), ("Job", "job")}
    assert len(children.of("other/momentum")) == 2
    assert children.keep_only(DEPLOYMENT, None, [], 9) == {"default/momentum", "other/momentum"}
    assert children.of("other/momentum") == {}


def test_what_has_no_bot_is_nobodys_child():
    stranger = thing()
    stranger["metadata"]["labels"] = {}
    assert Children().put(DEPLOYMENT, stranger) == set()
    assert Children().remove(DEPLOYMENT, stranger) == set()


# ---------------------------------------------------------------------------------------------------------------- facts


@pytest.mark.parametrize(
    ("status", "done"),
    [
        ({}, False),
        ({"observedGeneration": 1, "updatedReplicas": 2, "availableReplicas": 2, "replicas": 2}, True),
        ({"observedGeneration": 0, "updatedReplicas": 2, "availableReplicas": 2, "replicas": 2}, False),
        ({"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 2, "replicas": 2}, False),
        ({"observedGeneration": 1, "updatedReplicas": 2, "availableReplicas": 2, "replicas": 3}, False),
    ],
    ids=["new", "done", "not yet seen", "half way", "an old pod is left"],
)
def test_a_rollout_is_over_when_only_new_pods_are_left_and_serve(status, done):
    assert read_child(DEPLOYMENT, thing(status=status)).facts.done is done


def test_a_crashing_pod_says_its_code_and_its_last_line():
    waiting = {
        "restartCount": 4,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 3, "message": "first\nno money left\n"}},
    }
    pod = thing(name="p", status={"containerStatuses": [waiting], "initContainerStatuses": [{"restartCount": 1}]})
    facts = read_child(POD, pod).facts
    assert (facts.restarts, facts.looping, facts.ready, facts.component) == (5, True, False, "engine")
    assert facts.trouble == "pod p crashes: exit code 3, last line: no money left"
    assert facts.waits == ""
    waiting["lastState"] = {}
    assert read_child(POD, pod).facts.trouble == "pod p crashes: no exit code"


def _waiting(reason, message="", **more):
    return {"containerStatuses": [{"state": {"waiting": {"reason": reason, "message": message}}, **more}]}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({}, ""),
        ({"conditions": [{"type": "PodScheduled", "status": "True"}]}, ""),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient memory"}]},
            "pod p waits: no node takes it: 0/1 nodes: Insufficient memory",
        ),
        (_waiting("ContainerCreating"), ""),
        (_waiting("PodInitializing"), ""),
        (_waiting("ErrImagePull", "a", image="r/a:9"), "pod p waits: the image r/a:9 cannot be pulled"),
        (_waiting("ImagePullBackOff", "b", image="r/a:9"), "pod p waits: the image r/a:9 cannot be pulled"),
        (
            _waiting("CreateContainerConfigError", 'secret "keys" not found'),
            'pod p waits: CreateContainerConfigError: secret "keys" not found',
        ),
        ({"initContainerStatuses": [{"state": {"waiting": {"reason": "InvalidImageName"}}}]}, "InvalidImageName"),
    ],
)
def test_a_pod_that_cannot_begin_says_why(status, told):
    """In the same words for as long as it cannot: every other word would be a write."""
    waits = read_child(POD, thing(name="p", status=status)).facts.waits
    assert told in waits
    assert bool(told) is bool(waits)


def test_a_job_is_over_when_a_condition_says_so():
    def job(kind, status):
        return read_child(JOB, thing(status={"conditions": [{"type": kind, "status": status, "message": "m"}]})).facts

    assert job("Complete", "True").succeeded
    assert (job("Failed", "True").failed, job("Failed", "True").message) == (True, "m")
    assert not job("Failed", "False").failed


def test_every_kind_has_a_place_in_the_api():
    assert BY_KIND["Deployment"].path("n", "a") == "/apis/apps/v1/namespaces/n/deployments/a"
    assert BY_KIND["Secret"].collection(None) == "/api/v1/secrets"
