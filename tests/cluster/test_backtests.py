"""A Backtest on the real control plane: one Job, results in columns, refusals with a sentence, and nothing twice.

The pods are played: each ends when the test says what it leaves behind, as `tradewind backtest-job` leaves it. That
this is what the command says is `tests/integration/test_backtest_job.py`'s matter.
"""

from __future__ import annotations

import copy
import json
import re
import shlex

import pytest
import yaml
from tests.cluster.operators import APPLY, KINDS, MERGE, ROOT, bot, define
from tests.cluster.scenes import cluster_of_a_module, is_write, operator_behind

from tradewind.gateway.routes import ROUTES

PATH = "/apis/tradewind.dev/v1alpha1/namespaces/{}/backtests"
SAMPLE = yaml.safe_load((ROOT / "manifests" / "samples" / "backtest.yaml").read_text())
SEARCH = {"vary": ["spec.strategies[0].parameters.fast=5..20"], "trials": 12, "sampler": "random"}
RESULT = {
    "name": "AsItStands",
    "start": "2022-01-01T00:00:00Z",
    "end": "2022-04-01T00:00:00Z",
    "candles": 4320,
    "trades": 43,
    "profit": "-889.423666498",
    "endBalance": "9110.576333502",
    "profitRatio": "-0.088942",
    "winRate": "0.232558",
    "maxDrawdownRatio": "0.202862",
    "sharpe": "-0.685504",
    "profitFactor": "0.747348",
}
BEST = {**RESULT, "name": "Best", "trades": 44, "loss": "-0.001864", "values": {SEARCH["vary"][0].split("=")[0]: "12"}}


class Resources:
    """Backtests of one namespace, as a person sees them."""

    def __init__(self, cluster):
        self.cluster, self.plane, self.namespace = cluster, cluster.plane, cluster.namespace
        self.path = PATH.format(self.namespace)

    def send(self, name="crossing", dry_run=False, **spec):
        """Apply one; status and answer."""
        document = copy.deepcopy(SAMPLE)
        document["metadata"] = {"name": name, "namespace": self.namespace}
        document["spec"] |= spec
        query = "fieldManager=person&force=true&fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        return self.plane.request("PATCH", f"{self.path}/{name}?{query}", document, APPLY)

    def apply(self, name="crossing", **spec):
        status, answer = self.send(name, **spec)
        assert status in (200, 201), answer
        return answer

    def get(self, name="crossing"):
        status, answer = self.plane.request("GET", f"{self.path}/{name}")
        return answer if status == 200 else None

    def condition(self, kind, name="crossing"):
        conditions = (self.get(name) or {}).get("status", {}).get("conditions", ())
        return next((one for one in conditions if one["type"] == kind), {})

    def wait_for(self, kind, status, reason, name="crossing"):
        def holds():
            one = self.condition(kind, name)
            return (one.get("status"), one.get("reason")) == (status, reason)

        try:
            self.cluster.wait(f"{kind} of {name} is {status} ({reason})", holds, 60)
        except Exception as error:
            error.add_note(json.dumps((self.get(name) or {}).get("status")))
            raise

    def pods(self, name="crossing"):
        labels = f"app.kubernetes.io/name%3Dbacktest,app.kubernetes.io/instance%3D{name}"
        path = f"/api/v1/namespaces/{self.namespace}/pods?labelSelector={labels}"
        return sorted(self.plane.request("GET", path)[1]["items"], key=lambda one: one["metadata"]["name"])

    def wait_for_pods(self, count, name="crossing"):
        self.cluster.wait(f"{name} has {count} pods", lambda: len(self.pods(name)) == count, 60)
        return self.pods(name)

    def end(self, pod, message, code=0):
        """What a pod leaves behind, and how it ends."""
        text = message if isinstance(message, str) else json.dumps(message, separators=(",", ":"))
        notes = {"rig/message": text} | ({"rig/crash": str(code)} if code else {})
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}"
        status, answer = self.plane.request("PATCH", path, {"metadata": {"annotations": notes}}, MERGE)
        assert status == 200, answer

    def children(self, name="crossing"):
        """By kind; every one is called the same."""
        found = {}
        for kind, path in KINDS.items():
            status, answer = self.plane.request("GET", f"{path.format(self.namespace)}/{name}-backtest")
            if status == 200:
                found[kind] = answer
        return found

    def events(self, name="crossing"):
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        items = self.plane.request("GET", path)[1]["items"] or ()
        return [
            (one["type"], one["reason"], one.get("note", ""))
            for one in items
            if one["regarding"].get("kind") == "Backtest" and one["regarding"].get("name") == name
        ]

    def row(self, name="crossing"):
        return self.plane.kubectl("get", "bt", name, "-n", self.namespace, "--no-headers").split()


@pytest.fixture
def backtests(cluster):
    return Resources(cluster)


@pytest.fixture(scope="module")
def unwatched(control_plane, definition):
    """A namespace in which no operator works."""
    with cluster_of_a_module(control_plane) as found:
        yield Resources(found)


@pytest.fixture
def stored(operators, tmp_path):
    """An operator of an installation with a database."""
    folder = tmp_path / "storage"
    folder.mkdir()
    (folder / "database-url").write_text("postgresql://somebody:word@postgres/tradewind")
    (folder / "bus-url").write_text("redis://redis:6379")
    return operators(variables={"storage_directory": str(folder)}).lead()


def test_a_backtest_becomes_a_job_and_its_result_columns(backtests, operator):
    stored = backtests.apply()
    (pod,) = backtests.wait_for_pods(1)
    backtests.wait_for("Complete", "False", "Running")
    children = backtests.children()
    assert {"ServiceAccount", "ConfigMap", "NetworkPolicy", "Job"} == set(children)
    for child in children.values():
        (owner,) = child["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("Backtest", stored["metadata"]["uid"], True)
    job = children["Job"]["spec"]
    assert (job["completionMode"], job["completions"], job["parallelism"]) == ("Indexed", 1, 1)
    assert children["Job"]["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    assert "egress" not in children["NetworkPolicy"]["spec"]

    backtests.end(pod, {"results": [RESULT]})

    wait = ("wait", "--for=condition=Complete", "bt/crossing", "-n", backtests.namespace, "--timeout=60s")
    backtests.plane.kubectl(*wait)
    status = backtests.get()["status"]
    assert status["results"] == [RESULT]
    assert status["completionTime"] >= status["startTime"]
    assert backtests.row()[:7] == ["crossing", "True", "Finished", "trend", "43", "-0.088942", "0.202862"]
    assert ("Normal", "Complete", "43 trades, profit -889.423666498") in backtests.events()

    # What is over stays so, and is not looked at again.
    version = backtests.get()["metadata"]["resourceVersion"]
    backtests.cluster.delete("Job", "crossing-backtest")
    backtests.cluster.wait("the Job is gone", lambda: "Job" not in backtests.children())
    backtests.apply("other")
    backtests.wait_for_pods(1, "other")
    assert "Job" not in backtests.children()
    assert backtests.get()["metadata"]["resourceVersion"] == version


def test_a_search_is_shared_by_the_pods_of_one_job(backtests, stored):
    backtests.apply(search=SEARCH, parallelism=2)
    first, second = backtests.wait_for_pods(2)
    job, secret = (backtests.children()[kind] for kind in ("Job", "Secret"))
    assert (job["spec"]["completions"], job["spec"]["parallelism"]) == (2, 2)
    assert sorted(secret["data"]) == ["database-url"]
    assert [one["name"] for one in job["spec"]["template"]["spec"]["initContainers"]] == ["migrate"]
    assert len(backtests.children()["NetworkPolicy"]["spec"]["egress"]) == 2

    backtests.end(first, {"trials": 6})
    backtests.end(second, {"trials": 6, "results": [BEST, RESULT]})

    backtests.wait_for("Complete", "True", "Finished")
    status = backtests.get()["status"]
    assert status["trials"] == 12
    assert [one["name"] for one in status["results"]] == ["Best", "AsItStands"]
    assert status["results"][0]["values"] == BEST["values"]
    assert backtests.row()[4] == "44"


def test_a_pod_for_which_there_is_no_node_is_told_of(backtests, operator):
    size = {"memory": "900000Gi"}
    backtests.apply(resources={"requests": size, "limits": size})
    backtests.wait_for("Complete", "False", "PodsWaiting")
    (pod,) = backtests.pods()
    told = backtests.condition("Complete")["message"]
    assert f"pod {pod['metadata']['name']} waits: no node takes it: " in told
    assert "Insufficient memory" in told


def test_pods_that_would_share_nothing_are_not_made(backtests, operator):
    backtests.apply(search=SEARCH, parallelism=2)
    backtests.wait_for("Reconciled", "False", "StorageMissing")
    assert not backtests.children()
    assert "parallelism 1" in backtests.condition("Complete")["message"]


def test_what_a_pod_refuses_is_told_in_its_own_words_and_not_tried_again(backtests, operator):
    sentence = "spec.data.path: received /nowhere; allowed: a folder; fix: correct the path"
    backtests.apply(data={"source": "Replay", "path": "/nowhere"})
    (pod,) = backtests.wait_for_pods(1)
    backtests.end(pod, sentence, 3)
    backtests.wait_for("Failed", "True", "Refused")
    assert backtests.condition("Failed")["message"] == sentence
    assert backtests.condition("Complete")["status"] == "False"
    assert len(backtests.pods()) == 1
    assert ("Warning", "Refused", sentence) in backtests.events()


def test_a_pod_that_was_killed_is_made_again(backtests, operator):
    backtests.apply()
    (pod,) = backtests.wait_for_pods(1)
    backtests.end(pod, "Killed", 137)
    pods = backtests.wait_for_pods(2)
    (again,) = [one for one in pods if one["metadata"]["name"] != pod["metadata"]["name"]]
    backtests.end(again, {"results": [RESULT]})
    backtests.wait_for("Complete", "True", "Finished")
    assert backtests.get()["status"]["results"] == [RESULT]


def test_a_strategy_that_nobody_knows_needs_no_pod_to_be_refused(backtests, operator):
    backtests.apply(strategies=[{"name": "trend", "kind": "Clairvoyance"}])
    backtests.wait_for("Failed", "True", "InvalidSpec")
    message = backtests.condition("Failed")["message"]
    assert "spec.strategies[0].kind: received Clairvoyance; allowed: " in message
    assert not backtests.children()


def test_what_the_api_server_refuses_is_told_and_tried_again(backtests, operator):
    """A quota that lets no Job in, until somebody lifts it; an object of somebody else is left as it is."""
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"count/jobs.batch": "0"}}}
    backtests.plane.create(f"/api/v1/namespaces/{backtests.namespace}/resourcequotas", quota)
    path = f"/api/v1/namespaces/{backtests.namespace}/resourcequotas/none"
    hard = "count/jobs.batch"
    backtests.cluster.wait(
        "the quota is counted",
        lambda: hard in backtests.plane.request("GET", path)[1].get("status", {}).get("hard", {}),
    )
    backtests.apply()
    backtests.wait_for("Reconciled", "False", "ApplyFailed")
    assert "exceeded quota" in backtests.condition("Complete")["message"]
    theirs = {"metadata": {"name": "other-backtest"}, "data": {"theirs": "yes"}}
    backtests.plane.create(f"/api/v1/namespaces/{backtests.namespace}/configmaps", theirs)
    backtests.apply("other")
    backtests.wait_for("Reconciled", "False", "ChildConflict", "other")
    assert backtests.cluster.get("ConfigMap", "other-backtest")["data"] == {"theirs": "yes"}
    backtests.plane.request("DELETE", path)
    # Whoever does not want to wait says so.
    note = {"metadata": {"annotations": {"again": "now"}}}
    backtests.plane.request("PATCH", f"{backtests.path}/crossing", note, MERGE)
    backtests.wait_for_pods(1)
    backtests.wait_for("Reconciled", "True", "Applied")


def test_a_spec_never_changes(unwatched):
    unwatched.apply()
    status, answer = unwatched.send(timeframe="4h")
    assert status == 422
    assert "spec cannot be changed in a Backtest that exists" in answer["message"]
    assert unwatched.send()[0] == 200


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"data": {"source": "Exchange"}}, "data.source must be Replay or Synthetic"),
        ({"parallelism": 2}, "parallelism must be 1 without a search"),
        ({"parallelism": 33, "search": SEARCH}, "spec.parallelism"),
        ({"search": {**SEARCH, "vary": []}}, "spec.search.vary"),
        ({"search": {**SEARCH, "vary": ["spec.data.path=a,b"]}}, "spec.search.vary[0]"),
        ({"search": {**SEARCH, "loss": "luck"}}, 'Unsupported value: "luck": supported values: "profit"'),
        ({"search": {**SEARCH, "sampler": "dice"}}, 'supported values: "tpe", "random", "grid"'),
        ({"search": {**SEARCH, "trials": 0}}, "spec.search.trials"),
        ({"profile": "Full"}, ".spec.profile: field not declared in schema"),
        ({"risk": {"stopLoss": "1.5"}}, "spec.risk.stopLoss"),
        ({"exchanges": [{"name": "bitvavo", "venue": "Exchange"}]}, "venue must be Paper or Simulated"),
    ],
)
def test_what_cannot_be_is_refused_with_the_field(unwatched, spec, told):
    status, answer = unwatched.send("refused", dry_run=True, **spec)
    assert status in (400, 422, 500), answer
    assert told in answer["message"]


def test_a_bot_and_a_backtest_of_one_name_do_not_know_each_other(backtests, operator):
    """No selector of the one finds what is of the other, and neither takes the other's children for its own."""
    backtests.apply("momentum")
    backtests.cluster.apply(bot("momentum", backtests.namespace))
    backtests.cluster.wait_for("momentum", "Reconciled", "True", "Applied")
    (pod,) = backtests.wait_for_pods(1, "momentum")
    policy = backtests.cluster.get("NetworkPolicy", "momentum-default")["spec"]["podSelector"]["matchLabels"]
    assert not policy.items() <= pod["metadata"]["labels"].items()
    assert backtests.cluster.get("Deployment", "momentum-bot") is not None
    backtests.end(pod, {"results": [RESULT]})
    backtests.wait_for("Complete", "True", "Finished", "momentum")


def test_the_page_does_what_it_says(backtests, operator):
    """Every command of `docs/cluster-backtests.md`, in order; the pod is played. It knows routes and reasons."""
    page = (ROOT / "docs" / "cluster-backtests.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    apply, look, delete = ([shlex.split(line)[1:] for line in block.splitlines()] for block in blocks)

    def run(commands):
        return [backtests.plane.kubectl("-n", backtests.namespace, *words) for words in commands]

    run(apply)
    backtests.end(backtests.wait_for_pods(1)[0], {"results": [RESULT]})
    _, table, profit = run(look)
    assert table.split()[:7] == ["NAME", "COMPLETE", "REASON", "STRATEGIES", "TRADES", "PROFIT", "DRAWDOWN"]
    assert profit == RESULT["profit"]
    run(delete)
    assert backtests.get() is None
    known = {route.path.replace("{name}", "crossing") for route in ROUTES}
    assert set(re.findall(r"8000(/[\w/]+)", page)) <= known
    code = "".join(
        (ROOT / "operator" / "tradewind_operator" / f"backtest{name}.py").read_text() for name in ("s", "_status")
    )
    reasons = set(re.findall(r'(?:Standing|refused)\("(\w+)"', code)) | {"Refused", "Applied"}
    assert len(reasons) > 6
    assert [] == sorted(reason for reason in reasons if f"`{reason}`" not in page)


def test_a_deleted_backtest_takes_everything_with_it(backtests, operator):
    backtests.apply()
    backtests.wait_for_pods(1)
    status, answer = backtests.plane.request("DELETE", f"{backtests.path}/crossing")
    assert status in (200, 202), answer
    backtests.cluster.wait("everything is gone", lambda: not (backtests.children() or backtests.pods()), 90)
    # And its name is free again.
    backtests.apply()
    (pod,) = backtests.wait_for_pods(1)
    backtests.end(pod, {"results": [RESULT]})
    backtests.wait_for("Complete", "True", "Finished")


def test_where_the_definition_is_missing_bots_are_served_all_the_same(backtests, operators):
    """An operator that was upgraded alone; Backtests begin when somebody brings their definition."""
    plane = backtests.plane
    plane.kubectl("delete", "crd", "backtests.tradewind.dev", "--timeout=60s")
    try:
        operators().lead()
        backtests.cluster.apply(bot("momentum", backtests.namespace))
        backtests.cluster.wait_for("momentum", "Reconciled", "True", "Applied")
    finally:
        define(plane)
    backtests.apply()
    # Who guards owner references learns of a kind within half a minute, and refuses it until then.
    backtests.cluster.wait("there is a pod", lambda: bool(backtests.pods()), 120)
    backtests.end(backtests.pods()[0], {"results": [RESULT]})
    backtests.wait_for("Complete", "True", "Finished")


@pytest.mark.parametrize(("writes", "answered"), [(1, False), (4, False), (4, True)])
def test_an_operator_that_is_killed_anywhere_makes_no_second_job(backtests, proxy, tmp_path, writes, answered):
    """After each number of writes, the last of which is answered or not; the next operator ends what was begun."""
    jobs = set()
    with operator_behind(proxy, backtests.cluster, tmp_path) as operator:
        operator.lead()
        proxy.stop_after(writes, is_write, answer_last=answered)
        backtests.apply()
        backtests.cluster.wait("the point is reached", lambda: proxy.stopped.wait(1.0))
        operator.kill()
        jobs |= {job["metadata"]["uid"] for job in [backtests.children().get("Job")] if job}
        proxy.heal()
        operator.start()
        backtests.end(backtests.wait_for_pods(1)[0], {"results": [RESULT]})
        backtests.wait_for("Complete", "True", "Finished")
        jobs.add(backtests.children()["Job"]["metadata"]["uid"])
    assert len(jobs) == 1
    assert len(backtests.pods()) == 1
