"""What a person changes of a bot that runs: suspended, restarted, another profile, another version of the spec."""

from __future__ import annotations

import base64

import pytest
from tests.cluster.operators import bot

STORAGE = {"database-url": "postgresql://site", "bus-url": "redis://site"}


@pytest.fixture
def wired(operators, tmp_path):
    """An operator of an installation with Redis and Postgres."""
    folder = tmp_path / "storage"
    folder.mkdir()
    for name, content in STORAGE.items():
        (folder / name).write_text(content)
    return operators(variables={"storage_directory": str(folder)}).lead()


def replicas(cluster, name):
    return {
        child["metadata"]["name"].removeprefix(f"{name}-"): child["spec"]["replicas"]
        for (kind, _), child in cluster.children(name).items()
        if kind == "Deployment"
    }


def pod_uids(cluster, name):
    return {pod["metadata"]["uid"] for pod in cluster.pods(name)}


def test_a_suspended_bot_has_no_pods_and_keeps_its_data_and_comes_back(cluster, wired):
    cluster.apply(bot("momentum", cluster.namespace, "Full"))
    cluster.wait_for("momentum", "Ready", "True")
    kept = {name for name in cluster.children("momentum") if name[0] in ("Secret", "ConfigMap", "Service")}
    cluster.patch("TradingBot", "momentum", {"spec": {"suspended": True}})
    cluster.wait_for("momentum", "Ready", "False", "Suspended")
    cluster.wait("no pod is left", lambda: not cluster.pods("momentum"))
    assert set(replicas(cluster, "momentum").values()) == {0}
    assert kept <= set(cluster.children("momentum"))
    assert not any(kind == "HorizontalPodAutoscaler" for kind, _ in cluster.children("momentum"))
    cluster.patch("TradingBot", "momentum", {"spec": {"suspended": False}})
    cluster.wait_for("momentum", "Ready", "True")
    assert set(replicas(cluster, "momentum").values()) == {1}
    autoscaled = {name for kind, name in cluster.children("momentum") if kind == "HorizontalPodAutoscaler"}
    assert autoscaled == {"momentum-gateway", "momentum-strategy"}


def test_a_restart_replaces_every_pod_and_in_the_order_of_dependencies(cluster, wired):
    cluster.apply(bot("momentum", cluster.namespace, "Full"))
    cluster.wait_for("momentum", "Ready", "True")
    before = pod_uids(cluster, "momentum")
    cluster.patch("TradingBot", "momentum", {"metadata": {"annotations": {"tradewind.dev/restart": "1"}}})
    cluster.wait("every pod is another one", lambda: not before & pod_uids(cluster, "momentum"))
    cluster.wait_for("momentum", "Ready", "True")
    writes = [
        write.name.removeprefix("momentum-")
        for write in cluster.plane.writes()
        if write.resource == "deployments.apps" and write.namespace == cluster.namespace and write.verb == "patch"
    ]
    # Seven to begin with, which come at once, and seven for the restart, one after the other.
    order = writes[7:14]
    assert order.index("market-data") < order.index("strategy") < order.index("engine") < order.index("gateway")


def test_what_does_not_concern_the_pods_restarts_none(cluster, wired):
    cluster.apply(bot("momentum", cluster.namespace, "Full"))
    cluster.wait_for("momentum", "Ready", "True")
    before = pod_uids(cluster, "momentum")
    cluster.patch("TradingBot", "momentum", {"spec": {"deletionPolicy": "Leave"}})
    cluster.wait_for("momentum", "Reconciled", "True")
    cluster.wait_for("momentum", "Ready", "True")
    assert pod_uids(cluster, "momentum") == before


def test_another_profile_leaves_nothing_of_the_old_one_trading(cluster, wired):
    cluster.apply(bot("momentum", cluster.namespace, "Full"))
    cluster.wait_for("momentum", "Ready", "True")
    seen, former = [], {"engine", "portfolio", "strategy", "gateway", "monitoring"}
    cluster.patch("TradingBot", "momentum", {"spec": {"profile": "Standard"}})

    def switched():
        components = {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in cluster.pods("momentum")}
        seen.append(components)
        return "trading" in components and not components & former

    cluster.wait("only pods of the new profile are left", switched)
    # Two that trade in one account at the same time would double orders.
    assert not any("trading" in components and components & former for components in seen)
    cluster.wait_for("momentum", "Ready", "True")
    assert set(replicas(cluster, "momentum")) == {"door", "trading", "market-data", "execution", "operations"}


def test_keys_are_made_once_and_missing_ones_come_back(cluster, operators):
    first = operators().lead()
    cluster.apply(bot("momentum", cluster.namespace))
    cluster.wait_for("momentum", "Reconciled", "True")
    before = cluster.get("Secret", "momentum-keys")["data"]
    first.stop()
    operators().lead()
    cluster.apply(bot("momentum", cluster.namespace, deletionPolicy="Leave"))
    cluster.wait_for("momentum", "Reconciled", "True")
    assert cluster.get("Secret", "momentum-keys")["data"] == before
    cluster.patch("Secret", "momentum-keys", {"data": {"api-key": None}})
    cluster.wait("the key is back", lambda: "api-key" in cluster.get("Secret", "momentum-keys")["data"])
    after = cluster.get("Secret", "momentum-keys")["data"]
    assert {name: after[name] for name in after if name != "api-key"} == {
        name: before[name] for name in before if name != "api-key"
    }


def test_the_storage_of_the_installation_is_copied_and_put_right(cluster, wired):
    cluster.apply(bot("momentum", cluster.namespace, "Full"))
    cluster.wait_for("momentum", "Ready", "True")

    def stored():
        data = cluster.get("Secret", "momentum-storage")["data"]
        return {name: base64.b64decode(value).decode() for name, value in data.items()}

    assert stored() == STORAGE
    cluster.patch("Secret", "momentum-storage", {"data": {"bus-url": base64.b64encode(b"redis://evil").decode()}})
    cluster.wait("the address is as it was", lambda: stored() == STORAGE)


def test_credentials_reach_execution_and_market_data_alone_and_the_operator_reads_none(cluster, wired):
    """`venue: Exchange` is not there yet everywhere, so the reference is tried on what may carry one."""
    exchanges = [{"name": "binance", "credentialsSecretRef": {"name": "binance-keys"}}]
    cluster.apply(bot("momentum", cluster.namespace, "Full", exchanges=exchanges))
    cluster.wait_for("momentum", "Reconciled", "True")
    mounted = {
        name.removeprefix("momentum-")
        for (kind, name), child in cluster.children("momentum").items()
        if kind == "Deployment"
        for volume in child["spec"]["template"]["spec"]["volumes"]
        if volume.get("secret", {}).get("secretName") == "binance-keys"
    }
    assert mounted == {"execution", "market-data"}
    # It is not there, and nobody misses it but the pods: what the operator reads it would have had to find.
    assert cluster.get("Secret", "binance-keys") is None


def test_an_object_of_somebody_else_is_left_alone_and_named(cluster, operator):
    mine = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "momentum-manifest", "namespace": cluster.namespace},
        "data": {"bot.yaml": "somebody's"},
    }
    cluster.plane.create(f"/api/v1/namespaces/{cluster.namespace}/configmaps", mine)
    cluster.apply(bot("momentum", cluster.namespace))
    cluster.wait_for("momentum", "Reconciled", "False", "ChildConflict")
    assert "ConfigMap momentum-manifest" in cluster.condition("momentum", "Reconciled")["message"]
    found = cluster.plane.request("GET", f"/api/v1/namespaces/{cluster.namespace}/configmaps/momentum-manifest")[1]
    assert found["data"] == mine["data"]
    assert "ownerReferences" not in found["metadata"]
    cluster.delete("ConfigMap", "momentum-manifest")
    cluster.wait_for("momentum", "Reconciled", "True", "Applied")
