"""`kubectl apply` makes the children that the plan asks for, and they stay so."""

from __future__ import annotations

import pytest
import yaml
from tests.cluster.operators import KINDS, MERGE, bot, volumes
from tests.cluster.scenes import operator_behind

from tradewind.contracts.api.document import read_resource
from tradewind.contracts.labels import OPERATOR
from tradewind_operator.manifests import Site, render


def names(model, wired=False):
    """What should be there, by the pure rendering, and the keys."""
    site = Site(image="any", operator_namespace="any", storage_wired=wired, version="1")
    found = {(one["kind"], one["metadata"]["name"]) for one in render(model, site)}
    return found | {("Secret", f"{model.metadata.name}-keys")}


@pytest.mark.parametrize("profile", ["Minimal", "Standard", "Full"])
def test_an_applied_bot_has_exactly_the_children_of_its_plan(cluster, operator, profile):
    stored = cluster.apply(bot("momentum", cluster.namespace, profile))
    cluster.wait_for("momentum", "Reconciled", "True", "Applied")
    found = cluster.children("momentum")
    assert set(found) == names(read_resource(stored))
    for child in found.values():
        (owner,) = child["metadata"]["ownerReferences"]
        assert owner["uid"] == stored["metadata"]["uid"]
        assert owner["controller"]


def test_a_bot_with_its_volume_becomes_ready(cluster, operator):
    volumes(cluster.plane, 1)
    cluster.apply(bot("momentum", cluster.namespace))
    cluster.plane.kubectl("wait", "--for=condition=Ready", "tb/momentum", "-n", cluster.namespace, "--timeout=60s")
    row = cluster.plane.kubectl("get", "tb", "momentum", "-n", cluster.namespace, "--no-headers").split()
    assert row[:6] == ["momentum", "True", "Paper", "Minimal", "paper", "reversion"]
    services = cluster.get("TradingBot", "momentum")["status"]["services"]
    assert {one["name"]: (one["ready"], one["desired"]) for one in services} == dict.fromkeys(
        ("gateway", "engine", "market-data", "portfolio", "strategy", "execution", "monitoring"), (1, 1)
    )
    cluster.wait_for_event("momentum", "Ready")
    assert ("Normal", "Ready", "all 1 workloads are ready") in cluster.events("momentum")


def test_without_storage_a_full_bot_says_what_is_missing(cluster, operator):
    cluster.apply(bot("momentum", cluster.namespace, "Full"))
    cluster.wait_for("momentum", "Ready", "False", "StorageMissing")
    assert cluster.condition("momentum", "Reconciled")["status"] == "True"


def test_a_deleted_bot_takes_its_children_with_it(cluster, operator):
    cluster.apply(bot("momentum", cluster.namespace))
    cluster.wait_for("momentum", "Reconciled", "True")
    cluster.delete("TradingBot", "momentum")
    cluster.wait("everything is gone", lambda: not cluster.children("momentum"), 90)


def test_a_spec_that_only_the_plan_can_refuse_keeps_the_last_good_state(cluster, operator):
    good = bot("momentum", cluster.namespace)
    cluster.apply(good)
    cluster.wait_for("momentum", "Reconciled", "True")
    before = cluster.get("Deployment", "momentum-bot")["metadata"]["generation"]
    bad = bot("momentum", cluster.namespace)
    bad["spec"]["strategies"][0]["kind"] = "Clairvoyance"
    cluster.apply(bad)
    cluster.wait_for("momentum", "Reconciled", "False", "InvalidSpec")
    message = cluster.condition("momentum", "Reconciled")["message"]
    assert "spec.strategies[0].kind" in message
    assert "Clairvoyance" in message
    cluster.wait_for_event("momentum", "InvalidSpec")
    assert cluster.get("Deployment", "momentum-bot")["metadata"]["generation"] == before
    cluster.apply(good)
    cluster.wait_for("momentum", "Reconciled", "True", "Applied")


def test_what_an_operator_merged_before_it_was_killed_can_be_taken_away(cluster, operators):
    """Its merge made fields its own a second time, and it had no time left to say that once is enough."""
    namespace, setting = cluster.namespace, {"name": "SETTING", "value": "some"}
    path = f"{KINDS['Deployment'].format(namespace)}/momentum-bot"

    def containers():
        return cluster.get("Deployment", "momentum-bot")["spec"]["template"]["spec"]["containers"]

    def written_by(manager, found):
        patch = {"spec": {"template": {"spec": {"containers": found}}}}
        status, _ = cluster.plane.request("PATCH", f"{path}?fieldManager={manager}", patch, MERGE)
        assert status == 200

    operator = operators().lead()
    cluster.apply(bot("momentum", namespace, services=[{"name": "engine", "env": [setting]}]))
    cluster.wait_for("momentum", "Reconciled", "True", "Applied")
    right = containers()
    assert setting in right[0]["env"]
    operator.kill()
    written_by("person", [{**right[0], "name": "other"}])
    written_by(OPERATOR, right)
    cluster.patch("TradingBot", "momentum", {"spec": {"services": None}})
    operator.start()
    cluster.wait("the setting is gone", lambda: setting not in containers()[0]["env"])
    cluster.wait_for("momentum", "Reconciled", "True", "Applied")
    managed = cluster.get("Deployment", "momentum-bot")["metadata"]["managedFields"]
    assert [one["operation"] for one in managed if one["manager"] == OPERATOR] == ["Apply"]


def test_a_change_that_the_answer_to_a_write_shows_first_is_done(cluster, proxy, tmp_path):
    """The watch tells of it later, as of something old: risk would be lowered, or a bot stopped, minutes too late."""
    with operator_behind(proxy, cluster, tmp_path) as operator:
        operator.lead()
        cluster.apply(bot("momentum", cluster.namespace))
        cluster.wait_for("momentum", "Ready", "False", "PodsWaiting")
        (pod,) = cluster.pods("momentum")
        proxy.hold_events(lambda _, path: path.endswith("/tradingbots"))
        cluster.patch("TradingBot", "momentum", {"spec": {"risk": {"maxOpenPositions": 7}}})
        # One event of a child, and none after it: to write its status is all that there is to do.
        container = {"name": "bot", "image": "any", "imageID": "", "ready": False, "restartCount": 3}
        path = f"/api/v1/namespaces/{cluster.namespace}/pods/{pod['metadata']['name']}/status"
        patch = {"status": {"containerStatuses": [container]}}
        assert cluster.plane.request("PATCH", path, patch, "application/strategic-merge-patch+json")[0] == 200
        cluster.wait_for("momentum", "Reconciled", "True", "Applied")
        manifest = yaml.safe_load(cluster.get("ConfigMap", "momentum-manifest")["data"]["bot.yaml"])
        assert manifest["spec"]["risk"]["maxOpenPositions"] == 7
        proxy.heal()
