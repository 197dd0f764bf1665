"""What is known of bots, what the operator is told by variables, and what it counts."""

from __future__ import annotations

import pytest
from prometheus_client.exposition import generate_latest

from tradewind.domain.errors import ConfigErrors
from tradewind_operator.bots import Bots, read_bot
from tradewind_operator.metrics import OperatorMetrics
from tradewind_operator.settings import load_settings


def resource(version="1", uid="u1", generation=1, **metadata):
    known = {"name": "momentum", "namespace": "default", "uid": uid, "resourceVersion": version}
    return {"metadata": {**known, "generation": generation, **metadata}, "spec": {"mode": "Paper"}}


def test_an_older_version_of_a_bot_is_not_taken_for_news():
    bots = Bots()
    assert bots.put(resource("2"))
    assert not bots.put(resource("2"))
    assert not bots.put(resource("1"))
    assert bots.put(resource("3", uid="u2")), "a successor of the same name takes its place"
    assert not bots.put(resource("2")), "and an event of the predecessor that comes late does not"
    assert bots.remove(resource("9", uid="u1")) is None
    assert bots.remove(resource("9", uid="u2")).uid == "u2"
    assert (len(bots), list(bots), bots.get("default/momentum")) == (0, [], None)


def test_a_bot_is_remembered_without_bookkeeping_and_with_what_people_set():
    found = read_bot(
        resource(
            managedFields=[{"manager": "x"}],
            annotations={"tradewind.dev/reconcile": "disabled", "tradewind.dev/restart": "7"},
            finalizers=["tradewind.dev/release"],
            deletionTimestamp="2026-01-01T00:00:00Z",
        )
    )
    assert "managedFields" not in found.resource["metadata"]
    assert (found.disabled, found.finalizers) == (True, ("tradewind.dev/release",))
    assert found.restart == (("tradewind.dev/restart", "7"),)
    assert found.deleted_at.year == 2026
    assert found.resource["spec"] == {"mode": "Paper"}


def test_what_a_person_changes_is_another_intent_and_a_status_is_none():
    first = read_bot(resource("1"))
    assert read_bot(resource("2")).intent == first.intent
    assert read_bot(resource("2", generation=2)).intent != first.intent
    restarted = read_bot(resource("2", annotations={"tradewind.dev/restart": "1"})).intent
    of_one = read_bot(resource("2", annotations={"tradewind.dev/restart.engine": "1"})).intent
    assert len({first.intent, restarted, of_one}) == 3
    assert read_bot(resource("2", annotations={"example.org/any": "1"})).intent == first.intent


def test_settings_are_variables(monkeypatch):
    for name, value in {"NAMESPACES": " a, b,", "IMAGE_PULL_SECRETS": "x", "ALLOW_LIVE": "true", "PORT": "0"}.items():
        monkeypatch.setenv(f"TRADEWIND_OPERATOR_{name}", value)
    found = load_settings()
    assert (found.namespaces, found.image_pull_secrets, found.allow_live, found.port) == (("a", "b"), ("x",), True, 0)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WORKERS", "none", "integer"),
        ("LEASE_DURATION", "0.1", "greater than or equal to 0.5"),
        ("IMAGE_PULL_POLICY", "Sometimes", "'Always'"),
        ("SERVICE_ADDRESS", "http://{pod}", "may use {bot}, {service}, {namespace} and {port}, not 'pod'"),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_what_is_allowed(monkeypatch, name, value, said):
    monkeypatch.setenv(f"TRADEWIND_OPERATOR_{name}", value)
    with pytest.raises(ConfigErrors) as refusal:
        load_settings()
    assert f"TRADEWIND_OPERATOR_{name}: received {value}; allowed: " in str(refusal.value)
    assert said in str(refusal.value)


def test_a_bot_that_is_gone_leaves_no_metric():
    metrics = OperatorMetrics()
    for key in ("default/momentum", "default/other"):
        metrics.show(key, {"Ready": "False"})
    text = generate_latest(metrics.registry).decode()
    line = 'tradewind_operator_bot_condition{name="momentum",namespace="default",status="False",type="Ready"} 1.0'
    assert line in text
    assert line.replace("False", "True").replace("1.0", "0.0") in text
    metrics.forget("default/momentum")
    text = generate_latest(metrics.registry).decode()
    assert "momentum" not in text
    assert 'name="other"' in text
