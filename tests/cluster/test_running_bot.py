"""The operator and a bot that really runs: what it says of itself, what it is told, and how it ends."""

from __future__ import annotations

import pytest
from tests.cluster.operators import bot, volumes
from tests.cluster.running_bots import Names, RunningBot

CRASHES = {"metadata": {"annotations": {"rig/crash": "3"}}}


@pytest.fixture
def names():
    with Names() as found:
        yield found


@pytest.fixture
def operator(operators, names):
    return operators(variables={"service_address": names.address}).lead()


@pytest.fixture
def run(cluster, names, tmp_path):
    """Applies a bot and runs it as its pod would be run."""
    made = []

    def start(**spec):
        volumes(cluster.plane, 1)
        spec.setdefault("exchanges", [{"name": "paper", "venue": "Simulated"}])
        cluster.apply(bot("momentum", cluster.namespace, **spec))
        made.append(RunningBot(cluster, "momentum", tmp_path, names).start())
        return made[-1]

    yield start
    for one in made:
        one.kill()


def asked(names, path):
    return [one for one in names.asked if one[2] == path]


def test_the_conditions_are_those_that_the_bot_tells(cluster, operator, run):
    one = run()
    cluster.wait_for("momentum", "Trading", "True", "Running")
    cluster.wait_for("momentum", "ExchangeConnected", "True", "Reconciled")
    cluster.wait_for("momentum", "Paused", "False", "NotPaused")
    cluster.wait_for("momentum", "Ready", "True")
    one.kill()
    cluster.wait_for("momentum", "Trading", "Unknown", "MonitoringSilent")


def test_the_emergency_stop_of_the_spec_reaches_the_running_bot_and_restarts_no_pod(cluster, operator, run):
    run()
    cluster.wait_for("momentum", "Trading", "True", "Running")
    pods = {pod["metadata"]["uid"] for pod in cluster.pods("momentum")}
    cluster.patch("TradingBot", "momentum", {"spec": {"emergencyStop": True}})
    cluster.wait_for("momentum", "Trading", "False", "EmergencyStopped")
    cluster.wait_for_event("momentum", "EmergencyStopped")
    assert {pod["metadata"]["uid"] for pod in cluster.pods("momentum")} == pods
    cluster.patch("TradingBot", "momentum", {"spec": {"emergencyStop": False}})
    cluster.wait_for("momentum", "Reconciled", "True")
    # It is a person who clears it: the field alone does not start trading again.
    assert cluster.condition("momentum", "Trading")["reason"] == "EmergencyStopped"


@pytest.mark.parametrize("policy", ["CancelOrders", "Flatten"])
def test_a_deleted_bot_cancels_its_orders_before_its_pods_go(cluster, operator, run, names, policy):
    run(deletionPolicy=policy)
    cluster.wait_for("momentum", "ExchangeConnected", "True")
    cluster.delete("TradingBot", "momentum")
    cluster.wait("the bot is gone", lambda: cluster.get("TradingBot", "momentum") is None)
    assert asked(names, "/api/v1/trading/emergency-stop")
    cluster.wait_for_event("momentum", "Released")
    assert [reason for _, reason, _ in cluster.events("momentum") if "elease" in reason] == ["Released"]
    assert cluster.get("Job", "momentum-release") is None


def test_a_bot_that_leaves_its_orders_is_not_asked(cluster, operator, run, names):
    run(deletionPolicy="Leave")
    cluster.wait_for("momentum", "Trading", "True", "Running")
    cluster.delete("TradingBot", "momentum")
    cluster.wait("the bot is gone", lambda: cluster.get("TradingBot", "momentum") is None)
    assert not asked(names, "/api/v1/trading/emergency-stop")


def test_execution_alone_is_enough_to_cancel(cluster, operator, run, names):
    run()
    cluster.wait_for("momentum", "ExchangeConnected", "True")
    names.remove("momentum-engine")
    cluster.delete("TradingBot", "momentum")
    cluster.wait("the bot is gone", lambda: cluster.get("TradingBot", "momentum") is None)
    assert ("momentum-execution", "DELETE", "/api/v1/orders") in names.asked
    cluster.wait_for_event("momentum", "Released")


def test_a_job_releases_a_bot_that_does_not_answer(cluster, operator):
    volumes(cluster.plane, 1)
    cluster.apply(bot("momentum", cluster.namespace, exchanges=[{"name": "paper", "venue": "Simulated"}]))
    cluster.wait_for("momentum", "Ready", "True")
    cluster.delete("TradingBot", "momentum")
    cluster.wait("the Job is there", lambda: cluster.get("Job", "momentum-release") is not None)
    cluster.wait("the bot is gone", lambda: cluster.get("TradingBot", "momentum") is None)
    cluster.wait_for_event("momentum", "Released")


def test_what_could_not_be_released_is_told_and_the_bot_goes_all_the_same(cluster, operator):
    services = [{"name": "execution", "podTemplate": CRASHES}]
    exchanges = [{"name": "paper", "venue": "Simulated"}]
    cluster.apply(bot("momentum", cluster.namespace, exchanges=exchanges, services=services))
    cluster.wait_for("momentum", "Reconciled", "True")
    cluster.delete("TradingBot", "momentum")
    cluster.wait("the bot is gone", lambda: cluster.get("TradingBot", "momentum") is None)
    cluster.wait_for_event("momentum", "ReleaseIncomplete")
    notes = [note for _, reason, note in cluster.events("momentum") if reason == "ReleaseIncomplete"]
    assert len(notes) == 1
    assert "no pod answers" in notes[0] or "nobody answered" in notes[0]


def test_a_paper_bot_has_nothing_to_release(cluster, operator):
    cluster.apply(bot("momentum", cluster.namespace))
    cluster.wait_for("momentum", "Reconciled", "True")
    assert not cluster.get("TradingBot", "momentum")["metadata"].get("finalizers")
    cluster.delete("TradingBot", "momentum")
    cluster.wait("the bot is gone", lambda: cluster.get("TradingBot", "momentum") is None)


def test_a_crash_loop_is_named_and_halts_entries(cluster, operator, run):
    run(profile="Full", services=[{"name": "execution", "podTemplate": CRASHES}])
    cluster.wait_for("momentum", "Degraded", "True", "CrashLoop")
    message = cluster.condition("momentum", "Degraded")["message"]
    assert "pod momentum-execution-" in message
    assert "exit code 3" in message
    cluster.wait_for("momentum", "Trading", "False", "Paused")
    cluster.wait_for_event("momentum", "EntriesHalted")
    cluster.wait_for_event("momentum", "CrashLoop")
    rows = cluster.get("TradingBot", "momentum")["status"]["services"]
    assert next(row for row in rows if row["name"] == "execution")["restarts"] > 0


def test_an_emergency_stop_does_not_wait_for_monitoring_and_cancels_without_the_engine(cluster, operator, run, names):
    run()
    cluster.wait_for("momentum", "ExchangeConnected", "True")
    engine = names.remove("momentum-engine")
    names.remove("momentum-monitoring")
    cluster.patch("TradingBot", "momentum", {"spec": {"emergencyStop": True}})
    cluster.wait("orders are canceled", lambda: ("momentum-execution", "DELETE", "/api/v1/orders") in names.asked)
    names.add("momentum-engine", engine)

    def stopped():
        return any(reason == "EmergencyStopped" for _, reason, _ in cluster.events("momentum"))

    cluster.wait("the engine has it as soon as it answers", stopped)
    assert ("momentum-engine", "POST", "/api/v1/trading/emergency-stop") in names.asked


def test_a_bot_whose_spec_cannot_be_read_any_more_still_cancels_its_orders(cluster, operator, run, names):
    run()
    cluster.wait_for("momentum", "ExchangeConnected", "True")
    cluster.patch("TradingBot", "momentum", {"spec": {"strategies": [{"name": "reversion", "kind": "Clairvoyance"}]}})
    cluster.wait_for("momentum", "Reconciled", "False", "InvalidSpec")
    cluster.delete("TradingBot", "momentum")
    cluster.wait("the bot is gone", lambda: cluster.get("TradingBot", "momentum") is None)
    assert asked(names, "/api/v1/trading/emergency-stop")
    cluster.wait_for_event("momentum", "Released")
