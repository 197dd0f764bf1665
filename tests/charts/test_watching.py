"""Prometheus, monitors, dashboards and Grafana: everything is read once, by whichever of them there is."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

import pytest
import yaml
from tests.charts.rendering import EVERYTHING, RefusedError, one, pods, render
from tests.charts.values import CHART, ROOT

from tradewind import catalog
from tradewind.contracts.api.document import load_bot
from tradewind.contracts.api.v1alpha1 import Profile
from tradewind_operator.manifests import Site
from tradewind_operator.manifests import render as children_of


def scraped(configuration, pod, namespace="default"):
    """The ports of a bot's pod that the bundled Prometheus reads, by its relabelling."""
    job = yaml.safe_load(configuration)["scrape_configs"][0]
    labels = {
        f"__meta_kubernetes_pod_label_{re.sub(r'[^a-zA-Z0-9]', '_', name)}": value
        for name, value in pod["metadata"]["labels"].items()
    }
    found = []
    for container in pod["spec"]["containers"]:
        for port in container["ports"]:
            target = {**labels, "__meta_kubernetes_pod_container_port_name": port["name"]}
            target |= {"__meta_kubernetes_pod_phase": "Running", "__meta_kubernetes_namespace": namespace}
            if _kept(target, job["relabel_configs"]):
                found.append(port["name"])
    return found


def _kept(target, rules):
    for rule in rules:
        value = ";".join(target.get(name, "") for name in rule["source_labels"])
        matches = re.fullmatch(rule.get("regex", ".*"), value) is not None
        if (rule.get("action") == "keep" and not matches) or (rule.get("action") == "drop" and matches):
            return False
    return True


@pytest.mark.parametrize("profile", list(Profile))
def test_prometheus_reads_each_process_of_a_bot_once(helm, profile):
    """Every port answers with the metrics of its whole process: read twice, each trade would count twice."""
    objects = render(helm, api_versions=("monitoring.coreos.com/v1",))
    configuration = one(objects, "ConfigMap", "tradewind-prometheus")["data"]["prometheus.yml"]
    endpoints = one(objects, "PodMonitor", "tradewind-bots")["spec"]["podMetricsEndpoints"]
    bot = load_bot(ROOT / "manifests" / "samples" / "standard.yaml")
    bot = bot.model_copy(update={"spec": bot.spec.model_copy(update={"profile": profile, "services": ()})})
    site = Site(image="any", operator_namespace="any", storage_wired=True, version="1")
    deployments = [each for each in children_of(bot, site) if each["kind"] == "Deployment"]
    services = set()
    for deployment in deployments:
        pod = deployment["spec"]["template"]
        (port,) = scraped(configuration, pod)
        component = pod["metadata"]["labels"]["app.kubernetes.io/component"]
        monitored = [
            each["port"]
            for each in endpoints
            if any(each["port"] == one["name"] for one in pod["spec"]["containers"][0]["ports"])
            and re.fullmatch(each["relabelings"][0]["regex"], component)
        ]
        assert monitored == [port]
        services |= {one["name"] for one in pod["spec"]["containers"][0]["ports"]}
    assert services == {spec.name for spec in catalog.CATALOG}


def test_monitors_are_made_where_the_cluster_knows_them(helm):
    """A cluster without the Prometheus operator would refuse the whole release."""
    kinds = {"PodMonitor", "ServiceMonitor", "PrometheusRule"}
    assert not kinds & {each["kind"] for each in render(helm)}
    objects = render(helm, "monitors.labels.release=stack", api_versions=("monitoring.coreos.com/v1",))
    found = [each for each in objects if each["kind"] in kinds]
    assert {each["kind"] for each in found} == kinds
    assert {each["metadata"]["labels"]["release"] for each in found} == {"stack"}
    service = one(objects, "Service", "tradewind-operator")
    selected = one(objects, "ServiceMonitor", "tradewind-operator")["spec"]["selector"]["matchLabels"]
    assert selected.items() <= service["metadata"]["labels"].items()
    off = render(helm, "monitors.enabled=false", api_versions=("monitoring.coreos.com/v1",))
    assert not kinds & {each["kind"] for each in off}


def test_both_ways_judge_by_the_same_rules(helm):
    """PrometheusRule and the bundled server have them from one file."""
    objects = render(helm, api_versions=("monitoring.coreos.com/v1",))
    shipped = [
        group
        for name, text in sorted(one(objects, "ConfigMap", "tradewind-prometheus")["data"].items())
        if name != "prometheus.yml"
        for group in yaml.safe_load(text)["groups"]
    ]
    assert one(objects, "PrometheusRule", "tradewind")["spec"]["groups"] == shipped
    assert len(shipped) >= 2


def test_alerts_link_to_where_runbooks_can_be_read(helm):
    """Whoever has the repository on a page of their own names it once, for both ways."""
    options = ("alerts.runbooks=https://docs.example/runbooks",)
    objects = render(helm, *options, api_versions=("monitoring.coreos.com/v1",))
    data = one(objects, "ConfigMap", "tradewind-prometheus")["data"]
    shipped = [yaml.safe_load(text)["groups"] for name, text in data.items() if name != "prometheus.yml"]
    groups = [group for file in shipped for group in file] + one(objects, "PrometheusRule", "tradewind")["spec"][
        "groups"
    ]
    found = {
        rule["annotations"]["runbook_url"] == f"https://docs.example/runbooks/{rule['alert']}.md"
        for group in groups
        for rule in group["rules"]
        if "alert" in rule
    }
    assert found == {True}
    with pytest.raises(RefusedError, match="runbooks"):
        render(helm, "alerts.runbooks=https://docs.example/runbooks/")


def test_dashboards_reach_a_grafana_of_the_house_and_that_of_the_chart(helm):
    """The sidecar finds ConfigMaps by their label; the bundled Grafana mounts every one of them."""
    boards = {path.stem for path in (CHART / "dashboards").glob("*.json")}
    objects = render(helm, *EVERYTHING)
    labelled = {
        each["metadata"]["name"]: each
        for each in objects
        if each["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
    }
    assert set(labelled) == {f"tradewind-dashboard-{board}" for board in boards}
    for board in boards:
        (text,) = labelled[f"tradewind-dashboard-{board}"]["data"].values()
        assert json.loads(text) == json.loads((CHART / "dashboards" / f"{board}.json").read_text())
    volumes = {each["name"]: each for each in pods(objects)["tradewind-grafana"]["spec"]["volumes"]}
    mounted = {each["configMap"]["name"] for each in volumes["dashboards"]["projected"]["sources"]}
    assert mounted == set(labelled)
    sources = yaml.safe_load(one(objects, "ConfigMap", "tradewind-grafana")["data"]["sources.yaml"])["datasources"]
    for source in sources:
        address = urlsplit(source["url"])
        service = one(objects, "Service", address.hostname.split(".")[0])
        assert address.port in [port["port"] for port in service["spec"]["ports"]]
    assert [source["type"] for source in sources] == ["prometheus", "jaeger"]


def test_who_reads_metrics_is_let_in(helm):
    """Prometheus and the test pod have the label that policies of bots and operator open to."""
    found = pods(render(helm, *EVERYTHING))
    readers = {name for name, pod in found.items() if "tradewind.dev/reads-metrics" in pod["metadata"]["labels"]}
    assert readers == {"tradewind-prometheus", "tradewind-test"}
