"""What `kubectl tradewind` says, without a cluster: advice, rows, labels, refusals, and what waiting waits for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from tradewind.cli.kubectl.advice import _ADVICE, advice
from tradewind.cli.kubectl.cluster import Cluster, lines_of, moment_of
from tradewind.cli.kubectl.failures import refused
from tradewind.cli.kubectl.report import COLUMNS, age, detail, row, summary
from tradewind.cli.kubectl.restart import restart
from tradewind.cli.kubectl.voices import Voice, voices, workload_of
from tradewind.cli.kubectl.waiting import unready, unreplaced, wait_until
from tradewind.cli.main import exit_code
from tradewind.contracts.api.backtest import parse_backtest
from tradewind.contracts.api.reading import read_document
from tradewind.contracts.labels import COMPONENT, RESTART
from tradewind.domain.errors import ConfigError, DeniedError, NotFoundError, PermanentError, TemporaryError
from tradewind_operator.manifests import Site
from tradewind_operator.manifests.backtests import render_backtest
from tradewind_operator.manifests.names import pod_labels

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PROBLEM = {"type": "urn:tradewind:problem:any"}


def resource(*conditions, generation=1, **status):
    found = [{"observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z", **one} for one in conditions]
    return {
        "apiVersion": "tradewind.dev/v1alpha1",
        "kind": "TradingBot",
        "metadata": {
            "name": "momentum",
            "namespace": "bots",
            "generation": generation,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "profile": "Standard",
            "mode": "Paper",
            "exchanges": [{"name": "a"}, {"name": "b"}],
            "strategies": [{"name": "trend"}],
        },
        "status": {"observedGeneration": 1, "conditions": found, **status} if found else {},
    }


def said(kind, truth, reason):
    return {"type": kind, "status": truth, "reason": reason, "message": "m"}


def test_a_bot_that_is_well_needs_nothing():
    assert advice(resource(said("Ready", "True", "AllWorkloadsReady"), said("Degraded", "False", "Healthy"))) == []


@pytest.mark.parametrize(("kind", "truth", "reason"), list(_ADVICE))
def test_every_advice_names_the_bot_or_what_to_do(kind, truth, reason):
    (line,) = advice(resource(said(kind, truth, reason or "AnythingElse")))
    assert "{" not in line
    assert "kubectl" not in line or "-n bots" in line or "-n tradewind-system" in line


def test_advice_where_the_operator_was_not_there_yet():
    assert "is bots among its namespaces" in advice(resource())[0]
    behind = resource(said("Ready", "True", "AllWorkloadsReady"), generation=2)
    assert advice(behind)[0].startswith("wait: the operator has not looked at the last change yet")
    behind["metadata"]["annotations"] = {"tradewind.dev/reconcile": "disabled"}
    assert advice(behind) == []
    behind["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert advice(behind)[0].startswith("wait: it is being deleted")


def test_a_row_has_a_cell_for_each_column():
    bot = resource(said("Ready", "False", "Suspended"))
    cells = dict(zip(COLUMNS, row(bot, NOW, everywhere=False), strict=True))
    assert cells == {
        "bot": "momentum", "ready": "False", "mode": "Paper", "profile": "Standard", "exchange": "a,b",
        "strategies": "trend", "age": "24h", "reason": "Suspended",
    }  # fmt: skip
    assert row(bot, NOW, everywhere=True)[0] == "bots/momentum"
    assert summary(resource())["reason"] == "NotLookedAt"


@pytest.mark.parametrize(
    ("since", "shown"),
    [
        ("2026-01-01T23:59:15Z", "45s"),
        ("2026-01-01T23:58:30Z", "90s"),
        ("2026-01-01T23:48:00Z", "12m"),
        ("2026-01-01T19:00:00Z", "5h"),
        ("2025-12-30T00:00:00Z", "3d"),
        ("2026-01-02T00:00:09Z", "0s"),
    ],
)
def test_ages_are_said_as_kubectl_says_them(since, shown):
    assert age(since, NOW) == shown


def test_events_of_both_interfaces_are_told_by_when_they_happened_last():
    stamp = {"metadata": {"creationTimestamp": "1"}}
    assert moment_of(stamp) == "1"
    assert moment_of(stamp | {"lastTimestamp": "2"}) == "2"
    assert moment_of(stamp | {"eventTime": "3", "lastTimestamp": None}) == "3"
    assert moment_of(stamp | {"eventTime": "3", "series": {"lastObservedTime": "4"}}) == "4"
    events = [stamp | {"eventTime": str(number), "reason": f"R{number}"} for number in range(30)]
    assert [one["reason"] for one in detail(resource(), events)["events"]][-1] == "R29"
    assert len(detail(resource(), events)["events"]) == 10


# ----------------------------------------------------------------------------------------------------------------- logs


def pod(name, component, *, restarts=0, state="running", prepared=True):
    def status(of, code):
        return {"name": of, "restartCount": 0, "state": {"terminated": {"exitCode": code}}}

    return {
        "metadata": {"name": name, "uid": name, "labels": {"app.kubernetes.io/component": component}},
        "status": {
            "initContainerStatuses": [status("migrate", 0 if prepared else 1)],
            "containerStatuses": [{"name": component, "restartCount": restarts, "state": {state: {}}}],
        },
    }


def test_lines_are_labelled_by_who_speaks():
    voice = Voice("p", "trading", "r", "trading")
    assert voice.labelled('{"service": "engine", "message": "a"}').startswith("[engine] {")
    for unsigned in ("Traceback", "{broken", '{"message": "a"}', '{"service": 7}', "[]"):
        assert voice.labelled(unsigned) == f"[trading] {unsigned}"
    only = Voice("p", "trading", "r", "trading", service="portfolio")
    assert only.labelled('{"service": "engine"}') is None
    assert only.labelled('{"service": "portfolio"}') is not None
    assert only.labelled("Traceback") is not None


def test_the_pods_of_a_backtest_are_none_of_the_bot_of_its_name(monkeypatch):
    """Those that are over stay for an hour: whoever suspends the bot would wait for them."""
    asked = []

    def read(_cluster, path, parameters=None):
        asked.append(parameters["labelSelector"])
        return {"items": []}

    monkeypatch.setattr(Cluster, "_read", read)
    Cluster(None, "trading").pods("crossing")
    wanted = {tuple(one.split("=")) for one in asked[0].split(",")}
    bot = SimpleNamespace(metadata=SimpleNamespace(name="crossing"))
    assert wanted <= pod_labels(bot, "engine").items()
    sample = Path(__file__).parents[3] / "manifests" / "samples" / "backtest.yaml"
    site = Site(image="any", operator_namespace="any", storage_wired=False, version="1")
    *_, job = render_backtest(parse_backtest(read_document(sample), "the test"), site, "uid")
    assert not wanted <= job["spec"]["template"]["metadata"]["labels"].items()


def test_pods_of_one_workload_are_told_apart_and_those_that_are_silent_left_out():
    pods = [pod("m-strategy-x-aaaaa", "strategy"), pod("m-strategy-x-bbbbb", "strategy", state="waiting"),
            pod("m-engine-x-ccccc", "engine", restarts=2)]  # fmt: skip
    found = voices(pods, workload=None, service=None, previous=False)
    assert [(one.container, one.mark) for one in found] == [("strategy", "/aaaaa"), ("engine", "")]
    assert found[0].labelled("x") == "[strategy/aaaaa] x"
    before = voices(pods, workload=None, service=None, previous=True)
    assert [one.container for one in before] == ["engine"]
    assert [one.workload for one in voices(pods, workload="engine", service="engine", previous=False)] == ["engine"]


def test_a_preparation_that_failed_is_heard_and_one_that_succeeded_is_not():
    failed = voices([pod("a", "engine", prepared=False)], workload=None, service=None, previous=False)
    assert [one.container for one in failed] == ["migrate", "engine"]


def test_a_restarted_container_is_another_voice():
    first, second = (
        voices([pod("a", "engine", restarts=count)], workload=None, service=None, previous=False)[0] for count in (0, 1)
    )
    assert first.run != second.run


def test_services_are_found_in_the_workload_that_runs_them():
    bot = resource(said("Ready", "True", "R"), services=[{"name": "engine"}, {"name": "door"}])
    # This spec cannot be planned (it has no pairs): what runs is known by the status.
    assert workload_of(bot, "engine") == "engine"
    with pytest.raises(NotFoundError, match="momentum has no service x; fix: give one of door, engine"):
        workload_of(bot, "x")


class Answer:
    def __init__(self, *chunks):
        self._chunks = chunks

    def stream(self, **_):
        return iter(self._chunks)


def test_lines_are_whole_however_they_arrive():
    whole = "eins\nzwei €\n\ndrei"
    raw = whole.encode()
    for size in (1, 2, 3, 100):
        chunks = [raw[at : at + size] for at in range(0, len(raw), size)]
        assert list(lines_of(Answer(*chunks))) == whole.split("\n")


# ------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "words"),
    [
        (401, {"message": "Unauthorized"}, DeniedError, 5, "log in again"),
        (403, {"message": "cannot patch"}, DeniedError, 5, "not allowed: cannot patch"),
        (404, {"details": {"name": "a", "kind": "tradingbots"}}, NotFoundError, 4, "no TradingBot a in namespace n;"),
        (404, "404 page not found", PermanentError, 1, "kubectl apply --server-side -f manifests/install.yaml"),
        (409, {"message": "somebody was quicker"}, PermanentError, 1, "somebody was quicker"),
        (422, {"message": "spec.mode"}, PermanentError, 1, "the cluster refuses: spec.mode"),
        (429, {"message": "slow down"}, TemporaryError, 6, "slow down; fix: try again"),
        (503, "no endpoints", TemporaryError, 6, "no endpoints; fix: try again"),
        (401, {**PROBLEM, "detail": "not known"}, DeniedError, 5, "the bot refuses: not known"),
        (404, {**PROBLEM, "detail": "no pair A"}, NotFoundError, 4, "the bot does not know that: no pair A"),
        (409, {**PROBLEM, "detail": "clear it first"}, PermanentError, 1, "the bot refuses: clear it first"),
        (503, {**PROBLEM, "title": "busy"}, TemporaryError, 6, "the bot does not answer at the moment: busy"),
    ],
)
def test_what_the_api_server_refuses_is_said_with_the_fix(status, body, kind, code, words):
    text = body if isinstance(body, str) else json.dumps(body)
    error = refused("/apis/tradewind.dev/v1alpha1/namespaces/n/tradingbots/a", status, text)
    assert type(error) is kind
    assert exit_code(error) == code
    assert words in str(error)


def test_exit_codes_are_those_of_the_design():
    config = ConfigError("f", "r", "a", "x")
    assert [exit_code(one) for one in (config, KeyboardInterrupt(), RuntimeError())] == [3, 130, 1]


# -------------------------------------------------------------------------------------------------------------- waiting


def deployment(annotation="1", generation=1, **status):
    replaced = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1, "replicas": 1, **status}
    return {
        "metadata": {"name": "d", "generation": generation},
        "spec": {"replicas": 1, "template": {"metadata": {"annotations": {"restart": annotation}}}},
        "status": replaced,
    }


@pytest.mark.parametrize(
    "late",
    [deployment("0"), deployment(generation=2), deployment(updatedReplicas=0), deployment(replicas=2),
     deployment(availableReplicas=0)],
    ids=["not asked yet", "not seen yet", "old pod", "old pod is left", "not available"],
)  # fmt: skip
def test_a_restart_is_over_only_when_every_pod_is_new_and_available(late):
    assert unreplaced([deployment()], "restart", "1") == ""
    assert unreplaced([deployment(), late], "restart", "1") == "not replaced yet: d"
    assert unreplaced([], "restart", "1")


class OneBot:
    """A cluster with a bot of profile Standard, whose operator replaces what it is told to at once."""

    def __init__(self, **spec):
        self.found, self.patches = resource(said("Ready", "True", "R")), []
        self.found["spec"] |= {
            "exchanges": [{"name": "paper"}],
            "strategies": [{"name": "trend", "kind": "EmaCross"}],
            "pairs": {"include": ["AAA/EUR"]},
            "timeframe": "1h",
            "capital": {"currency": "EUR", "startingBalance": "10000"},
            "data": {"source": "Synthetic"},
            **spec,
        }

    def bot(self, _name):
        return self.found

    def patch(self, _name, patch):
        self.patches.append(patch["metadata"]["annotations"])

    def deployments(self, _name):
        found = []
        for workload in ("trading", "door"):
            one = deployment()
            one["metadata"] |= {"name": f"momentum-{workload}", "labels": {COMPONENT: workload}}
            asked = {name: value for patch in self.patches for name, value in patch.items()}
            mine = {name: value for name, value in asked.items() if name in (RESTART, f"{RESTART}.{workload}")}
            one["spec"]["template"]["metadata"]["annotations"] = mine
            found.append(one)
        return found


@pytest.fixture
def restarting(monkeypatch):
    """`kubectl tradewind restart momentum ...` on a cluster with one bot."""

    def run(cluster, **options):
        monkeypatch.setattr("tradewind.cli.kubectl.cluster.connect", lambda *_: cluster)
        restart("momentum", wait=True, timeout=1, **options)
        return cluster.patches

    return run


def test_all_pods_are_asked_for_by_one_annotation(restarting, capsys):
    ((name, moment),) = restarting(OneBot())[0].items()
    assert (name, datetime.fromisoformat(moment).tzinfo) == ("tradewind.dev/restart", UTC)
    assert capsys.readouterr().out == "tradingbot.tradewind.dev/momentum restarted\n"


@pytest.mark.parametrize("service", ["engine", "portfolio", "trading"])
def test_the_pods_of_one_service_are_asked_for_by_their_workload(restarting, capsys, service):
    """And waited for alone: the others never become what nobody asked for."""
    assert list(restarting(OneBot(), service=service)[0]) == ["tradewind.dev/restart.trading"]
    assert capsys.readouterr().out == "tradingbot.tradewind.dev/momentum restarted: trading\n"


def test_nothing_is_asked_for_where_it_cannot_be(restarting):
    """A service that the bot does not have, or a bot without pods."""
    bot = OneBot()
    with pytest.raises(NotFoundError, match=r"momentum has no service x; fix: give one of .*engine"):
        restarting(bot, service="x")
    suspended = OneBot(suspended=True)
    with pytest.raises(PermanentError, match="kubectl tradewind resume momentum"):
        restarting(suspended, service="engine")
    assert bot.patches == suspended.patches == []


def test_a_bot_is_ready_only_as_its_present_spec_says():
    assert unready(resource(said("Ready", "True", "R"))) == ""
    assert "has not looked" in unready(resource(said("Ready", "True", "R"), generation=2))
    assert "has not looked" in unready(resource())
    assert unready(resource(said("Ready", "False", "Suspended"))) == "Suspended: m"


def test_waiting_that_takes_too_long_says_what_is_missing():
    with pytest.raises(TemporaryError, match=r"took more than 0 s until it is so: something; it goes on without us"):
        wait_until("it is so", lambda: "something", 0)
