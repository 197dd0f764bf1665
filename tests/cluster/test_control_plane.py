"""The control plane of the tests is a real one, can be hurt on purpose, and goes away with the tests."""

from __future__ import annotations

import datetime as dt
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cluster.clients import KubectlError
from tests.cluster.components import API_SERVER, CONTROLLER_MANAGER, ETCD
from tests.cluster.control_plane import ControlPlane, ControlPlaneError
from tests.cluster.processes import is_listening
from tests.cluster.workloads import deployment

ROOT = Path(__file__).parents[2]
BEGIN = """
import json, os, sys
from pathlib import Path
from tests.cluster.control_plane import ControlPlane
plane = ControlPlane(Path(sys.argv[1]))
plane.start()
print(json.dumps(plane.pids), flush=True)
sys.stdin.read()
"""


def settings(control_plane, namespace, name):
    return control_plane.request("GET", f"/api/v1/namespaces/{namespace}/configmaps/{name}")


def gone(pids):
    """Whether each of these processes ends within ten seconds."""
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            if not select.select([handle], [], [], 10)[0]:
                return False
        finally:
            os.close(handle)
    return True


def test_roles_decide_what_a_service_account_may_do(control_plane, namespace):
    """RBAC is on: nothing is allowed until a role says so, and then that alone."""
    control_plane.kubectl("-n", namespace, "create", "serviceaccount", "bot")
    kubeconfig = control_plane.kubeconfig_for(namespace, "bot")

    with pytest.raises(KubectlError, match=f"system:serviceaccount:{namespace}:bot.*cannot list"):
        control_plane.kubectl("get", "pods", kubeconfig=kubeconfig)
    control_plane.kubectl("-n", namespace, "create", "role", "reader", "--verb=list", "--resource=pods")
    binding = ("rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:bot")
    control_plane.kubectl("-n", namespace, "create", *binding)

    assert "" == control_plane.kubectl("get", "pods", "-o", "name", kubeconfig=kubeconfig)
    with pytest.raises(KubectlError, match="cannot list resource"):
        control_plane.kubectl("get", "secrets", kubeconfig=kubeconfig)


def test_pod_security_is_enforced(control_plane):
    """A namespace that asks for `restricted` refuses a pod that is not."""
    name = control_plane.create_namespace(labels={"pod-security.kubernetes.io/enforce": "restricted"})

    with pytest.raises(KubectlError, match='violates PodSecurity "restricted'):
        control_plane.kubectl("-n", name, "run", "careless", "--image=any")


def test_a_policy_in_cel_is_enforced(control_plane, namespace):
    """ValidatingAdmissionPolicy is on: its expression refuses what it is bound to, with its own words."""
    name = f"no-{namespace}"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    policy = {
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": selector},
        "validations": [{"expression": "object.metadata.name != 'forbidden'", "message": "not by that name"}],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    path = "/apis/admissionregistration.k8s.io/v1"
    control_plane.create(f"{path}/validatingadmissionpolicies", {"metadata": {"name": name}, "spec": policy})
    control_plane.create(f"{path}/validatingadmissionpolicybindings", {"metadata": {"name": name}, "spec": binding})

    def refusal():
        try:
            control_plane.kubectl("-n", namespace, "create", "configmap", "forbidden", "--dry-run=server")
        except KubectlError as error:
            return error.complaint
        return ""

    control_plane.wait_until("the policy is in force", lambda: "not by that name" in refusal())


def test_writes_are_known_by_who_made_them(control_plane, namespace):
    """A write shows its user, its client and its object; reads and the controllers' own work do not show."""
    control_plane.kubectl("-n", namespace, "create", "serviceaccount", "bot")
    role = ("rolebinding", "bot", "--clusterrole=edit", f"--serviceaccount={namespace}:bot")
    control_plane.kubectl("-n", namespace, "create", *role)
    kubeconfig = control_plane.kubeconfig_for(namespace, "bot")
    since = dt.datetime.now(dt.UTC)

    control_plane.kubectl("apply", "--server-side", "-f", "-", stdin=deployment("web", 2), kubeconfig=kubeconfig)
    ready = "--for=jsonpath={.status.readyReplicas}=2"
    control_plane.kubectl("wait", ready, "deployment/web", "--timeout=30s", kubeconfig=kubeconfig)
    with pytest.raises(KubectlError):
        control_plane.kubectl("delete", "node", "node-1", kubeconfig=kubeconfig)

    control_plane.wait_until("both are written down", lambda: len(control_plane.writes(since)) >= 2)
    applied, refused = control_plane.writes(since)
    assert ("patch", "deployments.apps", namespace, "web") == (
        applied.verb, applied.resource, applied.namespace, applied.name
    )  # fmt: skip
    assert f"system:serviceaccount:{namespace}:bot" == applied.user
    assert applied.user_agent.startswith("kubectl/")
    assert (201, False) == (applied.code, applied.dry_run)
    assert ("delete", "nodes", 403) == (refused.verb, refused.resource, refused.code)


def test_what_is_stored_survives_a_restart_of_the_api_server(control_plane, namespace):
    """Killed, it comes back at the same address with the same objects."""
    control_plane.kubectl("-n", namespace, "create", "configmap", "kept", "--from-literal=a=b")
    before = control_plane.pids[API_SERVER]

    control_plane.restart(API_SERVER)

    assert before != control_plane.pids[API_SERVER]
    assert {"a": "b"} == settings(control_plane, namespace, "kept")[1]["data"]


def test_nothing_is_written_while_etcd_is_paused(control_plane, namespace):
    """A write waits for etcd and fails by its own deadline; afterwards all goes on."""
    control_plane.pause(ETCD)
    try:
        with pytest.raises(KubectlError, match=r"(?i)timeout|deadline"):
            control_plane.kubectl("-n", namespace, "create", "configmap", "lost", "--request-timeout=1s")
    finally:
        control_plane.resume(ETCD)

    control_plane.kubectl("-n", namespace, "create", "configmap", "kept")
    assert 200 == settings(control_plane, namespace, "kept")[0]


def test_a_component_can_be_away_for_a_while(control_plane, namespace):
    """Without the controller manager a Deployment stays a wish; with it the pods come."""
    control_plane.end(CONTROLLER_MANAGER)
    assert CONTROLLER_MANAGER not in control_plane.pids
    control_plane.kubectl("-n", namespace, "apply", "-f", "-", stdin=deployment("web"))
    assert "" == control_plane.kubectl("-n", namespace, "get", "replicasets", "-o", "name")

    control_plane.begin(CONTROLLER_MANAGER)
    ready = "--for=jsonpath={.status.readyReplicas}=1"
    control_plane.kubectl("-n", namespace, "wait", ready, "deployment/web", "--timeout=60s")


def test_nothing_is_left_when_it_is_stopped(programs, tmp_path):
    """No process, no listening port, no database; the logs stay for whoever wants to know."""
    with ControlPlane(tmp_path / "plane", nodes=1, programs=programs) as plane:
        pids, port = plane.pids, int(plane.url.rpartition(":")[2])
        assert {ETCD, API_SERVER} <= pids.keys()
        assert is_listening(port)

    assert gone(pids.values())
    assert not is_listening(port)
    assert not (tmp_path / "plane" / "etcd").exists()
    assert "etcd" in plane.log(ETCD)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills the children of a killed process")
def test_nothing_is_left_when_the_tests_are_killed(programs, tmp_path):
    """SIGKILL leaves no time for a fixture to clean up; the processes end all the same."""
    assets = tmp_path / "assets"
    assets.mkdir()
    for name, path in programs.items():
        (assets / name).symlink_to(path)
    environment = {**os.environ, "KUBEBUILDER_ASSETS": str(assets)}
    command = [sys.executable, "-c", BEGIN, str(tmp_path / "plane")]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as tests:
        pids = json.loads(tests.stdout.readline())
        assert all(Path(f"/proc/{pid}").exists() for pid in pids.values())
        tests.kill()

    assert {ETCD, API_SERVER, CONTROLLER_MANAGER} <= pids.keys()
    left = [pid for pid in pids.values() if not gone([pid])]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert [] == left


def test_a_component_that_does_not_start_is_named_with_its_log(programs, tmp_path):
    """Whoever sees the failure reads why, and nothing runs on."""
    broken = tmp_path / "broken-etcd"
    broken.write_text("#!/bin/sh\necho 'panic: no space left on device'\nexit 1\n")
    broken.chmod(0o755)
    plane = ControlPlane(tmp_path / "plane", programs={**programs, "etcd": broken})

    with pytest.raises(ControlPlaneError, match=r"(?s)etcd has ended.*no space left on device"):
        plane.start()
    assert {} == plane.pids
