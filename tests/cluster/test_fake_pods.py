"""Pods that nobody runs behave as their annotations ask, so that a sick bot can be had on demand."""

from __future__ import annotations

import json

import pytest
from tests.cluster.workloads import deployment, job


@pytest.fixture
def kubectl(control_plane, namespace):
    """Kubectl in the namespace of the test."""

    def run(*arguments, stdin=None):
        return control_plane.kubectl("-n", namespace, *arguments, stdin=stdin)

    return run


def wait(kubectl, what, name, patience="30s"):
    kubectl("wait", f"--for={what}", name, f"--timeout={patience}")


def pod(kubectl, name):
    return json.loads(kubectl("get", "pods", "-l", f"app={name}", "-o", "json"))["items"][0]


RESTARTS = "jsonpath={.status.containerStatuses[0].restartCount}"


def test_a_deployment_becomes_ready(kubectl):
    """Without annotations everything is well at once."""
    kubectl("apply", "-f", "-", stdin=deployment("web", replicas=3))

    wait(kubectl, "jsonpath={.status.readyReplicas}=3", "deployment/web")


def test_a_crashing_pod_is_restarted_in_vain_and_can_recover(kubectl):
    """Restarts are counted and the exit code is told; when the annotation goes, the pod is Ready and remembers."""
    kubectl("apply", "-f", "-", stdin=deployment("sick", annotations={"rig/crash": "137"}))
    wait(kubectl, "jsonpath={.status.unavailableReplicas}=1", "deployment/sick")
    name = pod(kubectl, "sick")["metadata"]["name"]

    wait(kubectl, f"{RESTARTS}=5", f"pod/{name}")
    container = pod(kubectl, "sick")["status"]["containerStatuses"][0]
    assert 137 == container["lastState"]["terminated"]["exitCode"]
    assert "CrashLoopBackOff" == container["state"]["waiting"]["reason"]

    kubectl("annotate", "pod", name, "rig/crash-")
    wait(kubectl, "condition=Ready", f"pod/{name}")
    assert 5 == pod(kubectl, "sick")["status"]["containerStatuses"][0]["restartCount"]


def test_a_pod_is_ready_as_long_as_it_is_asked_to_be(kubectl):
    """A running pod can be made unready and ready again, as a failing probe does."""
    kubectl("apply", "-f", "-", stdin=deployment("web"))
    wait(kubectl, "jsonpath={.status.readyReplicas}=1", "deployment/web")
    name = pod(kubectl, "web")["metadata"]["name"]

    kubectl("annotate", "pod", name, "rig/ready=false")
    wait(kubectl, "jsonpath={.status.unavailableReplicas}=1", "deployment/web")
    kubectl("annotate", "pod", name, "rig/ready-")
    wait(kubectl, "jsonpath={.status.readyReplicas}=1", "deployment/web")


def test_a_slow_pod_takes_the_time_that_was_asked_for(kubectl):
    """It is Pending until then."""
    kubectl("apply", "-f", "-", stdin=deployment("slow", annotations={"rig/delay": "2s"}))
    wait(kubectl, "condition=Available", "deployment/slow")

    slow = pod(kubectl, "slow")
    conditions = {each["type"]: each["lastTransitionTime"] for each in slow["status"]["conditions"]}
    assert slow["metadata"]["creationTimestamp"] < conditions["Ready"]


def test_jobs_end_as_they_are_asked_to(kubectl):
    """A Job succeeds, or fails by a crash, or does not end."""
    for name, asked in (("good", {}), ("bad", {"rig/crash": "3"}), ("endless", {"rig/ready": "false"})):
        kubectl("apply", "-f", "-", stdin=job(name, asked))

    wait(kubectl, "condition=Complete", "job/good")
    wait(kubectl, "condition=Failed", "job/bad")
    wait(kubectl, "jsonpath={.status.active}=1", "job/endless")


def test_an_autoscaler_acts_on_the_usage_that_pods_claim(kubectl, control_plane):
    """A CPU autoscaler of the real controller manager adds replicas: about half a minute, of which most is metrics."""
    control_plane.start_metrics_server()
    kubectl("apply", "-f", "-", stdin=deployment("busy", replicas=2, annotations={"rig/cpu": "90m"}))
    kubectl("autoscale", "deployment", "busy", "--min=2", "--max=4", "--cpu=50%")

    wait(kubectl, "jsonpath={.status.readyReplicas}=4", "deployment/busy", "150s")
