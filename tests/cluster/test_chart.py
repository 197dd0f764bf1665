"""The chart with Helm 3 and with Helm 4 on a real control plane: install, upgrade, uninstall, install again.

What must never happen is that one of these restarts the pods of a bot, changes a password that a volume was made with,
or takes bots and their data along. Every pod of the chart is admitted under PodSecurity `restricted`.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import urllib.request

import pytest
import yaml
from tests.cluster.charts import CHART, HOME, OPERATOR, RELEASE, SWITCHED_ON, WAIT, HelmError, pods, secret
from tests.cluster.operators import Cluster
from tests.cluster.processes import Process, reserved_ports

pytestmark = pytest.mark.timeout(900)

BOT = "app.kubernetes.io/instance=standard"
OPERATORS = f"app.kubernetes.io/name={OPERATOR}"
DOOR = "app.kubernetes.io/component=door"


def bumped(tmp_path):
    """The chart as its next release."""
    copy = tmp_path / "tradewind"
    shutil.copytree(CHART, copy)
    file = copy / "Chart.yaml"
    file.write_text(re.sub(r"^version: .*$", "version: 0.2.0", file.read_text(), flags=re.MULTILINE))
    return copy


def discovered(plane, program, tmp_path):
    """The pods that the bundled Prometheus finds with the rights of its account, each of them once."""
    data = json.loads(plane.kubectl("get", "configmap", "tradewind-prometheus", "-n", HOME, "-o", "json"))["data"]
    kubeconfig = plane.kubeconfig_for(HOME, "tradewind-prometheus")
    for name, text in data.items():
        (tmp_path / name).write_text(text.replace("/etc/prometheus", str(tmp_path)))
    document = yaml.safe_load((tmp_path / "prometheus.yml").read_text())
    for job in document["scrape_configs"]:
        for discovery in job["kubernetes_sd_configs"]:
            discovery["kubeconfig_file"] = str(kubeconfig)
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(document))
    with reserved_ports(1) as (port,):
        command = [program, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
        process = Process(
            "prometheus", [*command, f"--web.listen-address=127.0.0.1:{port}"], tmp_path / "prometheus.log"
        )
        process.start()
        try:
            found = []

            def complete():
                found[:] = targets(port)
                return {each["labels"]["job"] for each in found} == {"tradewind-bots", "tradewind-operator"}

            plane.wait_until("Prometheus knows both jobs", complete)
        finally:
            process.stop()
    names = [each["labels"]["pod"] for each in found]
    assert len(set(names)) == len(names)
    return set(names)


def targets(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/targets?state=active", timeout=5) as answer:
            return json.load(answer)["data"]["activeTargets"]
    except OSError:
        return []


def test_a_life_of_a_release_leaves_bots_and_their_data_alone(
    each_helm, chart_plane, chart_tools, operator_of, tmp_path
):
    """Install, a bot, upgrade with other values and another version, uninstall, install again: the same pods."""
    start, stop = operator_of
    said = each_helm("install", RELEASE, str(CHART), *WAIT, values=SWITCHED_ON)
    assert "kubectl -n default apply --server-side -f manifests/samples/paper.yaml" in said
    assert len(pods(chart_plane, HOME)) == 7
    cluster = Cluster(chart_plane, "default")
    start()
    chart_plane.kubectl("apply", "--server-side", "-f", "manifests/samples/standard.yaml")
    cluster.wait_for("standard", "Ready", "True")
    # Its autoscaler wants two.
    cluster.wait("two pods of the gateway", lambda: len(pods(chart_plane, "default", f"{BOT},{DOOR}")) == 2)
    found = discovered(chart_plane, chart_tools["prometheus"], tmp_path)
    assert found == pods(chart_plane, "default", BOT).keys() | pods(chart_plane, HOME, OPERATORS).keys()
    stored = secret(chart_plane, "tradewind-storage")
    copied = cluster.get("Secret", "standard-storage")["data"]
    assert copied.keys() == {"database-url", "bus-url"}
    stores = pods(chart_plane, HOME, "app.kubernetes.io/name in (tradewind-redis, tradewind-postgresql)")
    before, operators = pods(chart_plane, "default", BOT), pods(chart_plane, HOME, OPERATORS)
    assert len(before) >= 6

    with pytest.raises(HelmError, match="would shut all bots out"):
        each_helm("upgrade", RELEASE, str(CHART), values=SWITCHED_ON | {"postgresql": {"password": "another"}})
    changed = SWITCHED_ON | {"operator": {"logLevel": "debug"}, "prometheus": {"retention": "7d"}}
    each_helm("upgrade", RELEASE, str(bumped(tmp_path)), *WAIT, values=changed)
    assert secret(chart_plane, "tradewind-storage") == stored
    start()
    cluster.wait_for("standard", "Reconciled", "True")
    assert pods(chart_plane, "default", BOT) == before
    assert pods(chart_plane, HOME, "app.kubernetes.io/name in (tradewind-redis, tradewind-postgresql)") == stores
    assert not pods(chart_plane, HOME, OPERATORS).keys() & operators.keys()

    stop()
    each_helm("uninstall", RELEASE, *WAIT)
    assert not pods(chart_plane, HOME)
    assert pods(chart_plane, "default", BOT) == before
    assert secret(chart_plane, "tradewind-storage") == stored
    claims = chart_plane.kubectl("get", "pvc", "-n", HOME, "-o", "name").split()
    assert claims == [
        "persistentvolumeclaim/data-tradewind-postgresql-0",
        "persistentvolumeclaim/data-tradewind-redis-0",
    ]

    each_helm("install", RELEASE, str(CHART), *WAIT, values=SWITCHED_ON)
    assert secret(chart_plane, "tradewind-storage") == stored
    start()
    cluster.wait_for("standard", "Ready", "True")
    assert pods(chart_plane, "default", BOT) == before
    chart_plane.kubectl("delete", "tb", "standard", "-n", "default", "--timeout=60s")


def test_bots_get_the_addresses_of_stores_of_the_house(helm, chart_plane, operator_of):
    """Two Secrets with keys of their own names; the chart installs no store, and bots rest on what was named."""
    database, bus = "postgresql://me:p@db.example:6432/bots", "rediss://:p@bus.example:6380/0"
    chart_plane.kubectl("create", "secret", "generic", "house-db", "-n", HOME, f"--from-literal=address={database}")
    chart_plane.kubectl("create", "secret", "generic", "house-bus", "-n", HOME, f"--from-literal=bus-url={bus}")
    values = {
        "redis": {"enabled": False},
        "postgresql": {"enabled": False},
        "externalPostgresql": {"existingSecret": "house-db", "secretKey": "address", "port": 6432},
        "externalRedis": {"existingSecret": "house-bus", "port": 6380},
    }
    helm("install", RELEASE, str(CHART), *WAIT, values=values)
    start, _ = operator_of
    start()
    cluster = Cluster(chart_plane, "default")
    chart_plane.kubectl("apply", "--server-side", "-f", "manifests/samples/paper.yaml")
    cluster.wait_for("paper", "Ready", "True")
    given = cluster.get("Secret", "paper-storage")["data"]
    assert {key: base64.b64decode(value).decode() for key, value in given.items()} == {
        "database-url": database,
        "bus-url": bus,
    }
    policy = cluster.get("NetworkPolicy", "paper-trading")
    opened = {port["port"] for rule in policy["spec"]["egress"] if "to" not in rule for port in rule["ports"]}
    assert opened >= {6432, 6380}
    assert not opened & {5432, 6379}
    chart_plane.kubectl("delete", "tb", "paper", "-n", "default", "--timeout=60s")


def test_what_kubectl_installed_helm_takes_over(each_helm, chart_plane):
    """The way from `manifests/install.yaml` to the chart that the page names; without the word Helm refuses."""
    chart_plane.kubectl("apply", "--server-side", "-f", "manifests/install.yaml")
    try:
        with pytest.raises(HelmError, match=r"cannot be imported|invalid ownership|conflict"):
            each_helm("install", RELEASE, str(CHART), *WAIT)
        arguments = ["upgrade", "--install", RELEASE, str(CHART), *WAIT, "--take-ownership"]
        if each_helm.program.name == "helm4":
            arguments.append("--force-conflicts")
        each_helm(*arguments)
        assert each_helm("list", "--short").split() == [RELEASE]
    finally:
        chart_plane.kubectl(
            "delete", "--ignore-not-found", "-f", "manifests/install.yaml", "--selector", "keep!=me", "--wait=false"
        )
        chart_plane.kubectl("wait", "--for=delete", "namespace", HOME, "--timeout=60s")
