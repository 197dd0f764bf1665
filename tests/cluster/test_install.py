"""`kubectl apply -f manifests/install.yaml`, then every sample, with the rights that the installation gives.

The pods of the operator are played here like all others, so a process of it runs beside them, as the ServiceAccount of
the installation and on its Lease. What that account may do is held against a list, and against what it was seen to use.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.cluster.clients import KubectlError
from tests.cluster.operators import ACCOUNT, KINDS, ROOT, Cluster, Operator, bot, volumes
from tests.contract import install as granting
from tests.contract.install import IMAGE
from tests.contract.renders import BOTS

from tradewind.contracts.api.document import load_bot

HOME = "tradewind-system"
USER = f"system:serviceaccount:{HOME}:{ACCOUNT}"
GOLDEN = Path(__file__).parent / "golden" / "rights.json"
SAMPLES = [ROOT / "manifests" / "samples" / f"{name}.yaml" for name in BOTS]
STORAGE = {"database-url": "postgresql://site", "bus-url": "redis://site"}


@pytest.fixture(scope="package")
def installed(control_plane):
    """The installation; it ends with the control plane."""
    for _ in range(2):  # what is applied twice is as what is applied once
        control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "manifests/install.yaml")
    served = "/apis/tradewind.dev/v1alpha1/tradingbots"
    control_plane.wait_until("bots are served", lambda: control_plane.request("GET", served)[0] == 200)
    return control_plane


@pytest.fixture
def at_work(installed, tmp_path):
    """The operator of the installation, with storage wired, and what it works on."""
    folder = tmp_path / "storage"
    folder.mkdir()
    for name, content in STORAGE.items():
        (folder / name).write_text(content)
    one = Operator(
        installed,
        namespaces=("default",),
        home=HOME,
        directory=tmp_path,
        # Live too, because one of the samples is a rehearsal of it.
        variables={"image": IMAGE, "storage_directory": str(folder), "release_timeout": "10", "allow_live": "true"},
    ).lead()
    yield Cluster(installed, "default")
    for found in bots(installed):
        installed.kubectl("delete", "tb", found, "-n", "default", "--timeout=60s")
    one.stop()
    assert not one.errors()


def bots(plane):
    return plane.kubectl("get", "tb", "-n", "default", "-o", "jsonpath={.items[*].metadata.name}").split()


def test_both_operators_become_ready(installed):
    """PodSecurity `restricted` is enforced where they are, and lets them in."""
    installed.kubectl(
        "wait", "-n", HOME, "--for=jsonpath={.status.readyReplicas}=2", "deployment/tradewind-operator", "--timeout=60s"
    )
    _, answer = installed.request("GET", f"/apis/policy/v1/namespaces/{HOME}/poddisruptionbudgets/{ACCOUNT}")
    assert answer["spec"]["maxUnavailable"] == 1


def rights(plane, namespace):
    """What `kubectl auth can-i --list` says, but for what everybody who is known may do."""
    text = plane.kubectl("auth", "can-i", "--list", f"--as={USER}", "-n", namespace)
    found = {}
    for line in text.splitlines()[1:]:
        match = re.match(r"(\S*)\s+\[(.*?)\]\s+\[(.*?)\]\s+\[(.*?)\]$", line.strip())
        if match is not None and match[1] and not match[1].startswith("self") and "[/" not in line:
            found[" ".join(filter(None, (match[1], match[3])))] = sorted(match[4].split())
    return found


def test_its_rights_are_those_of_the_list(installed):
    """In a namespace that it watches, in its own, and in one that it has nothing to do with."""
    elsewhere = installed.create_namespace("elsewhere")
    found = {
        "watched": rights(installed, "default"),
        "own": rights(installed, HOME),
        "elsewhere": rights(installed, elsewhere),
    }
    assert found == json.loads(GOLDEN.read_text()), f"if that is meant: {json.dumps(found, indent=1, sort_keys=True)}"


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_runs_as_it_was_rendered(installed, at_work, sample):
    """Each child is, in all that we say of it, what `tradewind render` prints."""
    cluster = at_work
    volumes(installed, 1)
    installed.kubectl("apply", "--server-side", "-n", "default", "-f", str(sample))
    name = yaml.safe_load(sample.read_text())["metadata"]["name"]
    cluster.wait_for(name, "Reconciled", "True", "Applied")
    found = cluster.children(name)
    secrets = {name for kind, name in found if kind == "Secret"}
    assert secrets <= {f"{name}-keys", f"{name}-storage"}
    rendered = printed(sample)
    assert {(one["kind"], one["metadata"]["name"]) for one in rendered} == {key for key in found if key[0] != "Secret"}
    for wanted in rendered:
        child = found[(wanted["kind"], wanted["metadata"]["name"])]
        # A list of the API server does not say of each item what it is.
        said = {name: value for name, value in wanted.items() if name not in ("apiVersion", "kind")}
        assert [] == list(differences(said, child)), wanted["metadata"]["name"]
        owned = next(one for one in child["metadata"]["managedFields"] if one["manager"] == ACCOUNT)
        added = leaves(owned["fieldsV1"]) - leaves(fields_of(installed, wanted))
        assert all("ownerReferences" in path or "tradewind.dev/" in path for path in map(str, added)), added


def printed(sample):
    """What `tradewind render FILE -o yaml --image ... --live` prints."""
    program = Path(sys.executable).with_name("tradewind")
    command = [program, "render", str(sample), "-o", "yaml", "--image", IMAGE, "--live"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return list(yaml.load_all(done.stdout, yaml.CSafeLoader))


def differences(wanted, found, path=""):
    """Where `found` is not what `wanted` says; what only `found` has is the API server's default, or a controller's."""
    if isinstance(wanted, dict):
        for name, value in wanted.items():
            if not isinstance(found, dict) or name not in found:
                # What is empty or false is left out by the API server where it means nothing.
                if value not in ({}, [], None, False):
                    yield f"{path}.{name}", value, None
            else:
                yield from differences(value, found[name], f"{path}.{name}")
    elif isinstance(wanted, list):
        if len(wanted) != len(found):
            yield path, wanted, found
        else:
            for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
                yield from differences(one, other, f"{path}[{number}]")
    elif wanted != found:
        yield path, wanted, found


def leaves(node, path=()):
    """The paths of all fields in a `fieldsV1`."""
    below = {name: value for name, value in node.items() if name != "."}
    if not below:
        return {path}
    return set().union(*(leaves(value, (*path, name)) for name, value in below.items()))


def fields_of(plane, wanted):
    """The fields that an apply of `wanted` alone would own."""
    path = f"{KINDS[wanted['kind']].format('default')}/{wanted['metadata']['name']}"
    query = "?fieldManager=rendered&force=true&fieldValidation=Strict&dryRun=All"
    status, answer = plane.request("PATCH", path + query, wanted, "application/apply-patch+yaml")
    assert status == 200, answer
    return next(one for one in answer["metadata"]["managedFields"] if one["manager"] == "rendered")["fieldsV1"]


CONTENT = {
    "ConfigMap": {"data": {}},
    "ServiceAccount": {},
    "Service": {"spec": {"ports": [{"port": 1}]}},
    "NetworkPolicy": {"spec": {"podSelector": {}}},
    "PodDisruptionBudget": {"spec": {"maxUnavailable": 1}},
    "HorizontalPodAutoscaler": {
        "spec": {"maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "any", "apiVersion": "apps/v1"}}
    },
}


def test_each_right_is_needed_and_seen_in_use(installed, at_work, proxy, tmp_path):
    """A life of a bot in which everything happens that the operator may do; what it never used, it must not have.

    `create` is used by an apply of what was not there; `update` of finalizers is asked for by the API server itself
    when an owner is set, and nothing could be made without it.
    """
    cluster = at_work
    volumes(installed, 1)
    exchanges = [{"name": "paper", "venue": "Simulated"}]
    stored = cluster.apply(bot("busy", "default", exchanges=exchanges))
    cluster.wait_for("busy", "Reconciled", "True", "Applied")
    put_what_an_older_version_made(cluster, stored)
    cluster.wait("what an older version made is gone", lambda: not any("old" in name for _, name in cluster.children()))
    cluster.patch("Secret", "busy-keys", {"data": {"api-key": None}})
    cluster.wait("the key is back", lambda: "api-key" in cluster.get("Secret", "busy-keys")["data"])
    cluster.delete("TradingBot", "busy")
    cluster.wait("a Job has ended it", lambda: cluster.get("TradingBot", "busy") is None)
    installed.kubectl("apply", "--server-side", "-n", "default", "-f", "manifests/samples/full.yaml")
    cluster.wait_for("full", "Ready", "True")
    cluster.patch("TradingBot", "full", {"spec": {"profile": "Standard"}})
    cluster.wait_for("full", "Ready", "True")
    # A change that no watch tells of is read as soon as a list shows that there is one.
    second = Operator(
        installed,
        namespaces=("default",),
        home=HOME,
        directory=tmp_path,
        kubeconfig=installed.kubeconfig_for(HOME, ACCOUNT, server=proxy.url),
        variables={"resync_interval": "1"},
    ).start()
    proxy.hold_events()
    cluster.patch("TradingBot", "full", {"metadata": {"annotations": {"untold": "true"}}})
    got = ("tradingbots.tradewind.dev", "get")
    cluster.wait("the bot is read", lambda: got in {(one.resource, one.verb) for one in installed.requests_of(USER)})
    second.stop()
    installed.kubectl("apply", "--server-side", "-n", "default", "-f", "manifests/samples/backtest.yaml")
    installed.kubectl("wait", "-n", "default", "--for=condition=Reconciled", "bt/crossing", "--timeout=60s")
    installed.kubectl("delete", "-n", "default", "bt", "crossing")
    granted = {
        (f"{resource.partition('/')[0]}.{group}".rstrip(".") + "".join(resource.partition("/")[1:]), verb)
        for document in granting.rights()
        for rule in document.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    # Asked of the account by the API server where an owner reference is written, and never done.
    guarded = {
        ("tradingbots.tradewind.dev/finalizers", "update"),
        ("backtests.tradewind.dev/finalizers", "update"),
        ("persistentvolumeclaims", "delete"),
        ("secrets", "delete"),
    }

    def unused():
        """A watch is told of when it has ended, which may be a moment after who watched."""
        return granted - {used for request in installed.requests_of(USER) for used in uses(request)}

    cluster.wait("what was used is told", lambda: unused() <= guarded, 30)
    assert unused() == guarded


def uses(request):
    """The rights that a request is proof of."""
    applied = request.verb == "patch" and request.code == 201
    return [(request.resource, verb) for verb in (request.verb, *(["create"] if applied else []))]


def put_what_an_older_version_made(cluster, stored):
    """A child of each kind that the present version does not know, and a Deployment."""
    owner = {
        "apiVersion": stored["apiVersion"],
        "kind": stored["kind"],
        "name": "busy",
        "uid": stored["metadata"]["uid"],
        "controller": True,
    }
    labels = {"app.kubernetes.io/instance": "busy", "app.kubernetes.io/managed-by": ACCOUNT}
    template = {
        "metadata": {"labels": {"app": "old"}},
        "spec": {"containers": [{"name": "old", "image": "old"}]},
    }
    content = CONTENT | {
        "Deployment": {"spec": {"selector": {"matchLabels": {"app": "old"}}, "template": template, "replicas": 0}}
    }
    for kind, body in content.items():
        metadata = {"name": "busy-old", "labels": labels, "ownerReferences": [owner]}
        cluster.plane.create(KINDS[kind].format("default"), {"kind": kind, "metadata": metadata, **body})


def test_without_the_right_to_hold_a_bot_up_nothing_can_be_made(installed, tmp_path):
    """Where owners are guarded an owner reference needs `update` of finalizers: this control plane guards them."""
    owner = {
        "apiVersion": "tradewind.dev/v1alpha1",
        "kind": "TradingBot",
        "name": "any",
        "uid": "0",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    child = {"metadata": {"name": "any", "ownerReferences": [owner]}}
    role = yaml.safe_load(installed.kubectl("get", "clusterrole", "tradewind-operator", "-o", "yaml"))
    name = "without-finalizers"
    rules = [rule for rule in role["rules"] if "tradingbots/finalizers" not in rule["resources"]]
    installed.kubectl("create", "serviceaccount", name)
    less = {"apiVersion": role["apiVersion"], "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
    installed.kubectl("apply", "-f", "-", stdin=json.dumps(less))
    installed.kubectl("create", "rolebinding", name, f"--clusterrole={name}", f"--serviceaccount=default:{name}")
    refused = installed.kubeconfig_for("default", name)
    allowed = installed.kubeconfig_for(HOME, ACCOUNT)
    document = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", **child})
    with pytest.raises(KubectlError, match="cannot set blockOwnerDeletion"):
        installed.kubectl("create", "--dry-run=server", "-f", "-", stdin=document, kubeconfig=refused)
    installed.kubectl("create", "-n", "default", "--dry-run=server", "-f", "-", stdin=document, kubeconfig=allowed)


def test_samples_need_no_setting_that_the_installation_lacks():
    """All of them are for the namespace that the installation watches."""
    assert {load_bot(sample).metadata.namespace for sample in SAMPLES} == {"default"}


def test_the_page_knows_every_reason_that_the_operator_gives():
    """A reason that a person meets in `kubectl get tb -o wide` can be looked up."""
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    code = "".join(
        (ROOT / "operator" / "tradewind_operator" / f"{name}.py").read_text() for name in ("status", "reconciler")
    )
    kinds = r'"(?:Ready|Reconciled|Trading|Degraded|Paused)",\s*"(?:True|False|Unknown)",\s*"(\w+)"'
    reasons = set(re.findall(kinds, code)) | set(re.findall(r'_refused\("(\w+)"', code))
    assert len(reasons) > 10
    assert [] == sorted(reason for reason in reasons if reason not in page)
