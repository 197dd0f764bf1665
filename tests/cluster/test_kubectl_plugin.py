"""`kubectl tradewind` as people use it: through kubectl, which finds it on PATH, and on a real API server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from tests.cluster.components import write_kubeconfig
from tests.cluster.control_plane import ControlPlane
from tests.cluster.operators import ROOT, bot, volumes
from tests.cluster.scenes import rolled_out

BIN = Path(sys.executable).parent
CRASHES = {"metadata": {"annotations": {"rig/crash": "137"}}}


def environment(home, kubeconfig=None):
    found = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(home), "NO_COLOR": "1"}
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return found | coverage | ({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {})


@pytest.fixture
def plugin(cluster, programs, tmp_path):
    """`kubectl tradewind ...` in the namespace of the test; exit code, stdout, stderr."""

    def run(*arguments, kubeconfig=None, expect=0, namespace=True):
        done = subprocess.run(
            [
                programs["kubectl"],
                "tradewind",
                *arguments,
                *(["-n", cluster.namespace] if namespace else []),
            ],
            env=environment(tmp_path, kubeconfig or cluster.plane.kubeconfig),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == expect, (done.returncode, done.stdout, done.stderr)
        return done.stdout if expect == 0 else done.stderr

    return run


@pytest.fixture
def watching(cluster, tmp_path):
    """Starts the plugin and reads its lines as they come."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [BIN / "kubectl-tradewind", *arguments, "-n", cluster.namespace],
            env=environment(tmp_path, cluster.plane.kubeconfig),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def lines_until(process, word):
    """Everything that is printed up to the line with this word."""
    found = []
    for line in process.stdout:
        found.append(line.rstrip())
        if word in line:
            return found
    raise AssertionError(f"it ended without {word}: {found}")


@pytest.fixture
def ready(cluster, operator):
    """A Minimal bot that runs."""
    volumes(cluster.plane, 1)
    cluster.apply(bot("momentum", cluster.namespace))
    cluster.wait_for("momentum", "Ready", "True")


def account(cluster, *rules):
    """A kubeconfig for somebody who may do only that in the namespace."""
    namespace = cluster.namespace
    cluster.plane.kubectl("-n", namespace, "create", "serviceaccount", "somebody")
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "some"}, "rules": rules}
    cluster.plane.kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(role))
    cluster.plane.kubectl(
        "-n", namespace, "create", "rolebinding", "some", "--role=some", f"--serviceaccount={namespace}:somebody"
    )
    return cluster.plane.kubeconfig_for(namespace, "somebody")


# --------------------------------------------------------------------------------------------------------------- status


def test_all_bots_are_shown_in_a_row_each(cluster, plugin, ready):
    cluster.apply(bot("reversal", cluster.namespace, suspended=True))
    cluster.wait_for("reversal", "Ready", "False", "Suspended")

    header, _, *rows = plugin("status").strip().splitlines()
    assert header.split() == ["bot", "ready", "mode", "profile", "exchange", "strategies", "age", "reason"]
    assert [row.split()[:4] + row.split()[-1:] for row in rows] == [
        ["momentum", "True", "Paper", "Minimal", "AllWorkloadsReady"],
        ["reversal", "False", "Paper", "Minimal", "Suspended"],
    ]


def test_listings_are_documents_for_programs_too(cluster, plugin, ready):
    (short,) = json.loads(plugin("status", "-o", "json"))
    assert (short["name"], short["namespace"], short["ready"]) == ("momentum", cluster.namespace, "True")
    assert [short] == yaml.safe_load(plugin("status", "-o", "yaml"))
    everywhere = json.loads(plugin("status", "-A", "-o", "json", namespace=False))
    assert short in everywhere


def test_one_bot_is_told_of_with_conditions_services_events_and_what_to_do(cluster, plugin, ready):
    found = json.loads(plugin("status", "momentum", "-o", "json"))
    stored = cluster.get("TradingBot", "momentum")["status"]
    assert [(one["type"], one["status"], one["message"]) for one in found["conditions"]] == [
        (one["type"], one["status"], one["message"]) for one in stored["conditions"]
    ]
    assert found["services"] == stored["services"]
    assert ("Ready", "all 1 workloads are ready") in [(one["reason"], one["message"]) for one in found["events"]]

    text = plugin("status", "momentum")
    for said in (f"{cluster.namespace}/momentum · Paper · Minimal", "Reconciled", "AllWorkloadsReady", "market-data"):
        assert said in text


def test_a_sick_bot_is_told_with_the_command_that_helps(cluster, plugin, operator):
    volumes(cluster.plane, 1)
    pods = {"podTemplate": CRASHES}
    cluster.apply(bot("momentum", cluster.namespace, services=[{"name": "engine", **pods}]))
    cluster.wait_for("momentum", "Degraded", "True", "CrashLoop")
    text = plugin("status", "momentum")
    assert "exit code 137" in " ".join(text.split())
    assert (
        f"next: what it said before it crashed: kubectl tradewind logs momentum -n {cluster.namespace} --previous"
        in text
    )


def test_a_watch_prints_it_again_when_something_changes(cluster, watching, ready):
    process = watching("status", "momentum", "--watch", "-o", "json")
    assert json.loads(lines_until(process, "momentum")[-1])["ready"] == "True"
    cluster.patch("TradingBot", "momentum", {"spec": {"suspended": True}})
    shown = json.loads(lines_until(process, '"Suspended"')[-1])
    assert (shown["ready"], shown["reason"]) == ("False", "Suspended") or shown["suspended"]


# --------------------------------------------------------------------------------------------- suspend, resume, restart


def test_a_bot_is_suspended_and_resumed(cluster, plugin, ready):
    assert plugin("suspend", "momentum", "--wait") == "tradingbot.tradewind.dev/momentum suspended\n"
    assert cluster.pods("momentum") == []
    assert cluster.get("TradingBot", "momentum")["spec"]["suspended"] is True
    assert plugin("resume", "momentum", "--wait") == "tradingbot.tradewind.dev/momentum resumed\n"
    assert cluster.condition("momentum", "Ready")["status"] == "True"
    assert len(cluster.pods("momentum")) == 1


def test_a_restart_is_over_when_every_pod_is_another_one_and_ready(cluster, plugin, ready):
    before = {pod["metadata"]["uid"] for pod in cluster.pods("momentum")}
    assert plugin("restart", "momentum", "--wait") == "tradingbot.tradewind.dev/momentum restarted\n"
    after = {pod["metadata"]["uid"] for pod in cluster.pods("momentum") if "deletionTimestamp" not in pod["metadata"]}
    assert after
    assert not before & after
    assert cluster.condition("momentum", "Ready")["status"] == "True"


def test_a_restart_of_one_service_replaces_its_pods_alone(cluster, plugin, operator):
    """Its workload is found in the profile of the bot; a name that nobody has is told with those that there are."""
    cluster.apply(bot("momentum", cluster.namespace, "Full"))
    until_rolled_out = "every workload is rolled out"
    cluster.wait(until_rolled_out, lambda: len(cluster.pods("momentum")) >= 7 and rolled_out(cluster))
    before = {pod["metadata"]["uid"]: component_of(pod) for pod in cluster.pods("momentum")}
    said = plugin("restart", "momentum", "--service", "engine")
    assert said == "tradingbot.tradewind.dev/momentum restarted: engine\n"
    cluster.wait("the engine is another pod", lambda: engines(cluster) and not engines(cluster) & before.keys())
    cluster.wait(until_rolled_out, lambda: rolled_out(cluster))
    after = {pod["metadata"]["uid"]: component_of(pod) for pod in cluster.pods("momentum")}
    assert {before[uid] for uid in before.keys() - after.keys()} == {"engine"}
    assert "momentum has no service venue; fix: give one of" in plugin(
        "restart", "momentum", "--service", "venue", expect=4
    )


def component_of(pod):
    return pod["metadata"]["labels"]["app.kubernetes.io/component"]


def engines(cluster):
    return {pod["metadata"]["uid"] for pod in cluster.pods("momentum") if component_of(pod) == "engine"}


def test_waiting_ends_with_what_is_missing(cluster, plugin, ready):
    cluster.patch("TradingBot", "momentum", {"metadata": {"annotations": {"tradewind.dev/reconcile": "disabled"}}})
    said = plugin("restart", "momentum", "--wait", "--timeout", "1", expect=6)
    assert "not replaced yet: momentum-bot" in said


def test_a_suspended_bot_is_not_restarted_but_its_command_named(cluster, plugin, operator):
    cluster.apply(bot("momentum", cluster.namespace, suspended=True))
    assert "fix: kubectl tradewind resume momentum" in plugin("restart", "momentum", expect=1)


# ----------------------------------------------------------------------------------------------------------------- logs


@pytest.fixture
def speak(cluster):
    yield cluster.plane.speak
    cluster.plane.silence()


def said(service, message):
    return json.dumps({"service": service, "message": message})


def test_the_services_of_a_bot_are_heard_together_in_the_order_of_time(cluster, plugin, operators, speak, tmp_path):
    (tmp_path / "storage").mkdir()
    for name in ("database-url", "bus-url"):
        (tmp_path / "storage" / name).write_text("any")
    operators(variables={"storage_directory": str(tmp_path / "storage")}).lead()
    cluster.apply(bot("momentum", cluster.namespace, "Standard"))
    cluster.wait_for("momentum", "Ready", "True")
    speak("trading", said("engine", "first"))
    speak("execution", said("execution", "second"))
    speak("trading", "Traceback third", said("portfolio", "fourth"))

    assert plugin("logs", "momentum").splitlines() == [
        f"[engine] {said('engine', 'first')}",
        f"[execution] {said('execution', 'second')}",
        "[trading] Traceback third",
        f"[portfolio] {said('portfolio', 'fourth')}",
    ]
    # A service shares its container with others: theirs are left out, and what nobody signed is not.
    assert plugin("logs", "momentum", "engine").splitlines() == [
        f"[engine] {said('engine', 'first')}",
        "[trading] Traceback third",
    ]
    assert plugin("logs", "momentum", "trading", "--tail", "1").splitlines() == [
        f"[portfolio] {said('portfolio', 'fourth')}"
    ]
    assert "has no service clairvoyance" in plugin("logs", "momentum", "clairvoyance", expect=4)


def test_logs_are_followed_into_the_pods_of_a_restart(cluster, plugin, watching, speak, ready):
    speak("bot", said("engine", "before"))
    process = watching("logs", "momentum", "--follow")
    assert lines_until(process, "before") == [f"[engine] {said('engine', 'before')}"]
    speak("bot", said("strategy", "meanwhile"))
    assert lines_until(process, "meanwhile") == [f"[strategy] {said('strategy', 'meanwhile')}"]
    plugin("restart", "momentum", "--wait")
    # Here every container of the name says the same, so the new pod begins with what was said before.
    assert lines_until(process, "before")[-1].endswith(said("engine", "before"))
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130


def test_what_a_container_said_before_it_was_restarted(cluster, plugin, operator, speak):
    volumes(cluster.plane, 1)
    cluster.apply(bot("momentum", cluster.namespace))
    cluster.wait_for("momentum", "Ready", "True")
    assert plugin("logs", "momentum", "--previous") == ""
    (pod,) = cluster.pods("momentum")
    cluster.plane.kubectl("-n", cluster.namespace, "annotate", "pod", pod["metadata"]["name"], "rig/crash=1")
    cluster.wait_for("momentum", "Degraded", "True", "CrashLoop")
    speak("bot", said("engine", "the last word"), previous=True)
    assert plugin("logs", "momentum", "--previous") == f"[engine] {said('engine', 'the last word')}\n"


# ------------------------------------------------------------------------------------------------------------- failures


def test_a_bot_that_is_not_there(cluster, plugin):
    said_so = plugin("status", "nobody", expect=4)
    assert f"there is no TradingBot nobody in namespace {cluster.namespace}; fix: " in said_so
    assert "there is no TradingBot nobody" in plugin("suspend", "nobody", expect=4)


def test_a_cluster_that_nobody_answers_at(cluster, plugin, tmp_path):
    file = tmp_path / "nowhere.kubeconfig"
    write_kubeconfig(cluster.plane._layout, file, {"token": "any"}, server="https://127.0.0.1:9")
    began = time.monotonic()
    assert "the cluster cannot be reached" in plugin("status", kubeconfig=file, expect=6)
    assert time.monotonic() - began < 15


def test_who_may_not_is_told_so(cluster, plugin, operator):
    cluster.apply(bot("momentum", cluster.namespace))
    reader = account(cluster, {"apiGroups": ["tradewind.dev"], "resources": ["tradingbots"], "verbs": ["list", "get"]})
    assert "momentum" in plugin("status", kubeconfig=reader)
    told = plugin("suspend", "momentum", kubeconfig=reader, expect=5)
    assert 'cannot patch resource "tradingbots"' in told
    assert cluster.get("TradingBot", "momentum")["spec"]["suspended"] is False


def test_a_token_that_is_not_known(cluster, plugin, tmp_path):
    file = tmp_path / "stranger.kubeconfig"
    write_kubeconfig(cluster.plane._layout, file, {"token": "invented"})
    assert "the cluster does not know you" in plugin("status", kubeconfig=file, expect=5)


def test_without_the_definition_the_command_that_installs_it_is_named(programs, tmp_path):
    """On a cluster that has never heard of bots."""
    with ControlPlane(tmp_path / "bare", programs=programs, nodes=1) as bare:
        done = subprocess.run(
            [BIN / "kubectl-tradewind", "status", "--kubeconfig", bare.kubeconfig],
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "fix: install the operator: kubectl apply --server-side -f manifests/install.yaml" in done.stderr
    assert (ROOT / "manifests" / "install.yaml").is_file()


def test_contexts_and_credential_plugins_are_those_of_kubectl(cluster, plugin, ready, tmp_path):
    """Two contexts in two files, the second with a program that says who one is, and a namespace of its own."""
    token = cluster.plane.token_for(cluster.namespace, "tradewind-operator")
    program = tmp_path / "who"
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}}
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(credential)}\nEND\n")
    program.chmod(0o700)
    user = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), "interactiveMode": "Never"}
    }
    second = tmp_path / "second"
    write_kubeconfig(cluster.plane._layout, second, user, cluster.namespace)
    document = json.loads(second.read_text())
    for kind in ("clusters", "users", "contexts"):
        document[kind][0]["name"] = "other"
    document["contexts"][0]["context"] |= {"cluster": "other", "user": "other"}
    del document["current-context"]
    second.write_text(json.dumps(document))
    both = f"{cluster.plane.kubeconfig}:{second}"

    shown = json.loads(plugin("status", "--context", "other", "-o", "json", kubeconfig=both, namespace=False))
    assert [one["name"] for one in shown] == ["momentum"]
    assert plugin("status", "-o", "json", kubeconfig=both, namespace=False).strip() == "[]"
    told = plugin("status", "--context", "third", kubeconfig=both, expect=3)
    assert "--context: received third; allowed: one of other, tests" in told
    assert "--kubeconfig: received" in plugin("status", "--kubeconfig", "/nowhere", expect=3)
