"""Samples, and what they are rendered into, meet the real API server under PodSecurity `restricted`."""

from __future__ import annotations

import json

import pytest
from tests.contract.renders import BACKTEST, BOTS, SAMPLES, children

APPLY = "application/apply-patch+yaml"
PLURALS = {
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "Service": "/api/v1/namespaces/{}/services",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
}
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}


@pytest.fixture
def restricted(control_plane):
    """A namespace that takes only pods that meet PodSecurity `restricted`."""
    name = control_plane.create_namespace("restricted", RESTRICTED)
    yield name
    control_plane.delete_namespace(name)


def apply(plane, child, namespace):
    """Server-side apply with strict validation; returns what is stored."""
    child = json.loads(json.dumps(child))
    child["metadata"]["namespace"] = namespace
    path = f"{PLURALS[child['kind']].format(namespace)}/{child['metadata']['name']}"
    query = "?fieldManager=tradewind-operator&force=true&fieldValidation=Strict"
    status, answer = plane.request("PATCH", path + query, child, APPLY)
    assert status in (200, 201), answer
    return answer


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_is_rendered_is_taken_and_taken_again_without_a_change(control_plane, restricted, sample):
    """Every object as rendered; a second apply of the same changes nothing of any."""
    rendered = children(sample)
    first = [apply(control_plane, one, restricted) for one in rendered]
    second = [apply(control_plane, one, restricted) for one in rendered]

    def asked(found):
        # An autoscaler may set the number of replicas in between, which is a new generation.
        specs = [{name: value for name, value in one.get("spec", {}).items() if name != "replicas"} for one in found]
        return [(one["kind"], one["metadata"]["name"], spec) for one, spec in zip(found, specs, strict=True)]

    assert asked(first) == asked(second)
    for before, after, wanted in zip(first, second, rendered, strict=True):
        if wanted["kind"] in ("ConfigMap", "NetworkPolicy", "ServiceAccount"):
            assert before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]


@pytest.mark.parametrize("sample", [*SAMPLES, BACKTEST])
def test_pods_are_admitted_where_restricted_is_enforced(control_plane, restricted, sample):
    """Not the Deployment is checked by PodSecurity but the pod, long after the bot was accepted."""
    rendered = children(sample)
    apply(control_plane, next(one for one in rendered if one["kind"] == "ServiceAccount"), restricted)
    templates = [one["spec"]["template"] for one in rendered if one["kind"] in ("Deployment", "Job")]
    for number, template in enumerate(templates):
        pod = {**template, "metadata": {**template["metadata"], "name": f"pod-{number}"}}
        path = f"/api/v1/namespaces/{restricted}/pods?dryRun=All&fieldValidation=Strict"
        status, answer = control_plane.request("POST", path, pod)
        assert status == 201, answer
    assert len(templates) >= (1 if sample == BACKTEST else 2)


def test_the_namespace_would_refuse_a_pod_that_is_not_restricted(control_plane, restricted):
    """The test above can fail: a pod without a security context is refused there."""
    pod = {"metadata": {"name": "plain"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    status, answer = control_plane.request("POST", f"/api/v1/namespaces/{restricted}/pods?dryRun=All", pod)

    assert status == 403
    assert "violates PodSecurity" in answer["message"]


@pytest.mark.parametrize("sample", ["full", "standard"])
def test_pods_come_up(control_plane, restricted, sample):
    """Deployments, autoscalers and budgets agree: every workload becomes available."""
    for one in children(sample):
        if one["kind"] != "Job":
            apply(control_plane, one, restricted)
    control_plane.kubectl("wait", "-n", restricted, "--for=condition=Available", "deployment", "--all", "--timeout=60s")


@pytest.mark.parametrize("sample", BOTS)
def test_every_sample_is_taken_by_kubectl(control_plane, namespace, sample):
    """`kubectl apply -f manifests/samples/...` works as the comment in the file says."""
    control_plane.kubectl("apply", "--server-side", "-f", "manifests/crds")
    # Not `kubectl wait`: it fails on a definition that has no conditions yet.
    served = "/apis/tradewind.dev/v1alpha1/tradingbots"
    control_plane.wait_until("bots are served", lambda: control_plane.request("GET", served)[0] == 200)
    file = f"manifests/samples/{sample}.yaml"
    control_plane.kubectl("apply", "--server-side", "--validate=strict", "-n", namespace, "-f", file)
    shown = control_plane.kubectl("get", "tb", "-n", namespace)

    assert sample in shown
    assert shown.split()[:7] == ["NAME", "READY", "MODE", "PROFILE", "EXCHANGE", "STRATEGIES", "AGE"]
