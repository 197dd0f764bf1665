"""A bad day between the operator and the API server: it recovers by itself, and what was changed meanwhile is done.

Each fault meets the same five changes: a bot gets another spec, a child is edited, a child is deleted, a bot is made
and a bot is deleted. Afterwards all of it has to be so, by the same process, without a loop that asks again and again
and without an error in its log that is none.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time

import pytest
from tests.cluster.components import API_SERVER, ETCD
from tests.cluster.control_plane import ControlPlane
from tests.cluster.operators import ACCOUNT, Cluster, bot, define, grant, resident_mebibytes
from tests.cluster.proxy import Proxy
from tests.cluster.scenes import cluster_of_a_module, operator_behind, rolled_out, states, until

MOST_QUIET = 3.0
"""Requests a second of an operator that has nothing to do but to renew its Lease of nine seconds."""
MOST_IN_FAULT = 30.0
"""Requests a second while things fail: five bots and eleven watches that try again, each with its pauses."""
MOST_MEBIBYTES = 160

_TOLD = "the proxy was told to fail"
_REFUSED = "its token is refused"


def requests_a_second(proxy, seconds):
    """How many the operator makes, for as long as that."""
    before, began = proxy.requests, time.monotonic()
    threading.Event().wait(seconds)
    return (proxy.requests - before) / (time.monotonic() - began)


class Scene:
    """Four bots, an operator behind a proxy, and five changes to make."""

    def __init__(self, cluster, proxy, operator):
        self.cluster, self.proxy, self.operator = cluster, proxy, operator
        self.pid = operator.process.pid
        self._number = itertools.count(1)
        self.asked = 0

    def change(self):
        """Make all changes at once, past the proxy; returns at once."""
        self.asked = next(self._number)
        cluster, namespace = self.cluster, self.cluster.namespace
        cluster.patch("TradingBot", "anna", {"spec": {"risk": {"stopLoss": self._stop}}})
        cluster.patch("ConfigMap", "bert-manifest", {"data": {"bot.yaml": "spec: {}"}})
        cluster.delete("Service", "cleo-engine")
        cluster.apply(bot(f"new-{self.asked}", namespace, "Standard"))
        if self.asked > 1:
            cluster.delete("TradingBot", f"new-{self.asked - 1}")

    @property
    def _stop(self):
        return f"0.{100 + self.asked}1"

    def missing(self):
        """What of the last changes is not done yet."""
        found = states(self.cluster)
        manifests = {name: found[name].get(f"ConfigMap/{name}-manifest", {}) for name in ("anna", "bert")}
        text = {name: manifest.get("data", {}).get("bot.yaml", "") for name, manifest in manifests.items()}
        new = found.get(f"new-{self.asked}", {}).get("status", {}).get("conditions", {})
        done = {
            "the new spec": self._stop in text["anna"],
            "the edited ConfigMap": "strategies" in text["bert"],
            "the deleted Service": "Service/cleo-engine" in found["cleo"],
            "the new bot": new.get("Reconciled", ("",))[0] == "True",
            "the end of the bot before": f"new-{self.asked - 1}" not in found,
            "the status of all": all(one["status"]["of the present spec"] for one in found.values() if "status" in one),
        }
        return [what for what, holds in done.items() if not holds]

    def recovers(self, patience=60.0):
        """Wait until everything is done, by the same process; the seconds that took."""
        took = until("it has recovered", lambda: not self.missing(), patience, self.missing)
        assert self.operator.process.pid == self.pid
        assert resident_mebibytes(self.pid) < MOST_MEBIBYTES
        return took

    def goes_on_quietly(self):
        """Once all is done it asks for nothing any more."""
        until("all pods are up", lambda: rolled_out(self.cluster))
        until("it is quiet", lambda: requests_a_second(self.proxy, 2) < MOST_QUIET, explain=lambda: self.proxy.answers)


@pytest.fixture(scope="module")
def scene(control_plane, definition, tmp_path_factory):
    """One operator lives through everything that this file does to it."""
    with (
        cluster_of_a_module(control_plane) as cluster,
        Proxy(control_plane.url, control_plane.certificates, seed=5) as proxy,
        operator_behind(
            proxy, cluster, tmp_path_factory.mktemp("operator"), variables={"lease_duration": "9"}
        ) as operator,
    ):
        for name, profile in (("anna", "Standard"), ("bert", "Standard"), ("cleo", "Standard"), ("dora", "Full")):
            cluster.apply(bot(name, cluster.namespace, profile))
        operator.lead()
        for name in ("anna", "bert", "cleo", "dora"):
            cluster.wait_for(name, "Reconciled", "True", "Applied")
        found = Scene(cluster, proxy, operator)
        found.change()
        found.recovers()
        yield found
        proxy.heal()


def say(capsys, text):
    with capsys.disabled():
        sys.stdout.write(f" [{text}]")


def faults():
    """Name -> what makes it."""
    return {
        "429 for everybody": lambda proxy: proxy.fail(429, retry_after=2),
        "half of all requests fail": lambda proxy: proxy.fail(500, share=0.5),
        "nothing is answered but 503": lambda proxy: proxy.fail(503),
        _REFUSED: lambda proxy: proxy.fail(401),
        "answers are lost": lambda proxy: proxy.lose_answers(0.4, lambda method, _: method != "GET"),
        "the watch of one kind is refused": lambda proxy: (proxy.fail(403, matching=_is_watched), proxy.drop_watches()),
        "watches begin too late": lambda proxy: proxy.expire_watches(40),
        "events are held back": lambda proxy: proxy.hold_events(),
    }


def _is_watched(method, path):
    return method == "GET" and path.endswith("/configmaps")


@pytest.mark.parametrize("fault", list(faults()))
def test_it_recovers_from_what_the_api_server_answers(scene, capsys, fault):
    """For some seconds; nothing that was changed in them is lost, and it does not ask in a loop."""
    scene.operator.expected_errors.append(_TOLD if fault == _REFUSED else f"configmaps: {_TOLD}")
    faults()[fault](scene.proxy)
    scene.change()
    rate = requests_a_second(scene.proxy, 6)
    scene.proxy.heal()
    took = scene.recovers()
    say(capsys, f"{fault}: {rate:.0f} requests a second, recovered within {took:.1f} s")
    assert rate < MOST_IN_FAULT
    scene.goes_on_quietly()


@pytest.mark.parametrize("how", ["drop_watches", "cut_connections"])
def test_it_goes_on_where_watches_break_off(scene, how):
    """Again and again, while things are changed."""
    for _ in range(3):
        getattr(scene.proxy, how)()
        scene.change()
        assert getattr(scene.proxy, how)() >= 0
        scene.recovers()
    scene.goes_on_quietly()


def test_bots_that_end_while_nobody_watches_are_found_out(scene):
    """The watch is expired while a bot is deleted: no event ever tells of it, and its children are not made again."""
    cluster, proxy = scene.cluster, scene.proxy
    cluster.apply(bot("ghost", cluster.namespace, "Standard"))
    cluster.wait_for("ghost", "Reconciled", "True", "Applied")
    proxy.fail(503, matching=lambda method, path: method == "GET" and path.endswith("/tradingbots"))
    proxy.drop_watches()
    cluster.delete("TradingBot", "ghost")
    until("its children are gone", lambda: "ghost" not in states(cluster), explain=lambda: states(cluster).get("ghost"))
    proxy.expire_watches(40)
    proxy.heal()
    scene.change()
    scene.recovers()
    assert "ghost" not in states(cluster)
    until("it is forgotten", lambda: 'name="ghost"' not in scene.operator.fetch("/metrics"))
    scene.goes_on_quietly()


def test_it_survives_the_death_of_the_api_server(scene):
    """SIGKILL, and another one on the same port; some changes come just before."""
    scene.change()
    scene.cluster.plane.restart(API_SERVER)
    until("it answers", lambda: _is_answered(scene.cluster.plane))
    scene.change()
    scene.recovers(90)
    scene.goes_on_quietly()


def _is_answered(plane):
    try:
        return plane.request("GET", "/readyz")[0] == 200
    except OSError:
        return False


def test_it_survives_a_pause_of_the_database(scene, capsys):
    """For ten seconds etcd does not answer: no write is done, and none is lost."""
    scene.change()
    plane = scene.cluster.plane
    plane.pause(ETCD)
    try:
        rate = requests_a_second(scene.proxy, 10)
    finally:
        plane.resume(ETCD)
    until("it answers", lambda: _is_answered(plane))
    took = scene.recovers(90)
    say(capsys, f"etcd paused: {rate:.0f} requests a second, recovered within {took:.1f} s")
    assert rate < MOST_IN_FAULT
    scene.goes_on_quietly()


def test_it_survives_the_loss_of_a_right(scene, capsys):
    """Nothing can be said about ConfigMaps any more: the bots say so, and all is done once the right is back."""
    plane, namespace = scene.cluster.plane, scene.cluster.namespace
    scene.operator.expected_errors.append("configmaps is forbidden")
    role = json.loads(plane.kubectl("get", "clusterrole", ACCOUNT, "-o", "json"))
    reduced = json.loads(json.dumps(role))
    for rule in reduced["rules"]:
        rule["resources"] = [one for one in rule["resources"] if one != "configmaps"] or ["none"]
    name = f"reduced-{namespace}"
    plane.create(
        "/apis/rbac.authorization.k8s.io/v1/clusterroles", {"metadata": {"name": name}, "rules": reduced["rules"]}
    )
    binding = json.loads(plane.kubectl("-n", namespace, "get", "rolebinding", ACCOUNT, "-o", "json"))
    plane.kubectl("-n", namespace, "create", "rolebinding", name, f"--clusterrole={name}",
                  f"--serviceaccount={namespace}:{ACCOUNT}")  # fmt: skip
    plane.kubectl("-n", namespace, "delete", "rolebinding", ACCOUNT)
    scene.proxy.drop_watches()
    scene.change()
    until("the bot says so", lambda: scene.cluster.condition("anna", "Reconciled").get("reason") == "ApplyFailed")
    assert "configmaps" in scene.cluster.condition("anna", "Reconciled")["message"]
    rate = requests_a_second(scene.proxy, 6)
    for field in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
        binding["metadata"].pop(field, None)
    plane.create(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings", binding)
    took = scene.recovers(90)
    say(capsys, f"a right is missing: {rate:.0f} requests a second, recovered within {took:.1f} s")
    assert rate < MOST_IN_FAULT
    plane.kubectl("-n", namespace, "delete", "rolebinding", name)
    plane.kubectl("delete", "clusterrole", name)
    scene.goes_on_quietly()


def test_a_namespace_that_is_being_deleted_ends_with_its_bots(cluster, proxy, tmp_path):
    """Nothing can be made in it any more: that is no error, and nobody tries for ever."""
    with operator_behind(proxy, cluster, tmp_path, home="") as operator:
        operator.lead()
        for number in range(3):
            cluster.apply(bot(f"last-{number}", cluster.namespace, "Standard"))
            cluster.wait_for(f"last-{number}", "Reconciled", "True", "Applied")
        # Its rights and its Lease are in there as well: what it is refused from now on is right.
        operator.expected_errors += ["forbidden", "not found"]
        cluster.plane.delete_namespace(cluster.namespace)
        until("it is gone", lambda: _is_gone(cluster), 90, lambda: cluster.plane.kubectl("get", "namespaces"))
        before = proxy.requests
        threading.Event().wait(10)
        assert (proxy.requests - before) / 10 < MOST_IN_FAULT
        assert operator.process.pid is not None
    # The fixture deletes it again.
    cluster.plane.create("/api/v1/namespaces", {"metadata": {"name": cluster.namespace}})


def _is_gone(cluster):
    return cluster.plane.request("GET", f"/api/v1/namespaces/{cluster.namespace}")[0] == 404


def test_it_waits_for_the_definition_of_its_resource(programs, tmp_path):
    """Installed in the wrong order nothing is lost: it comes when the definition comes."""
    with ControlPlane(tmp_path / "plane", nodes=1, programs=programs) as plane:
        cluster = Cluster(plane, plane.create_namespace())
        grant(plane, cluster.namespace)
        with (
            Proxy(plane.url, plane.certificates) as proxy,
            operator_behind(proxy, cluster, tmp_path) as operator,
        ):
            operator.process.start()
            operator.wait(lambda: operator.lines("bots are listed again"))
            assert "tradingbots are not listed yet" in operator.fetch("/readyz")
            # By now it may be about to begin all its other watches, which are no repetitions.
            until("it is quiet", lambda: requests_a_second(proxy, 5) < MOST_QUIET, explain=lambda: proxy.answers)
            define(plane)
            cluster.apply(bot("momentum", cluster.namespace, "Standard"))
            cluster.wait_for("momentum", "Reconciled", "True", "Applied")
            # The first one was listed; this one has to be seen by the watch.
            cluster.apply(bot("reversion", cluster.namespace, "Standard"))
            cluster.wait_for("reversion", "Reconciled", "True", "Applied")
