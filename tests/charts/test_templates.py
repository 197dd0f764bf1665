"""What holds for every object of the chart, whatever is switched on; with Helm 3 and with Helm 4."""

from __future__ import annotations

import re
import shutil

import yaml
from tests.charts import rendering
from tests.charts.rendering import EVERYTHING, one, pods, render
from tests.charts.values import CHART, ROOT

WITH_TOKEN = {"tradewind-operator", "tradewind-prometheus"}
COMPONENTS = {"operator", "redis", "postgresql", "prometheus", "grafana", "jaeger", "test"}


def test_every_pod_is_restricted_and_writes_to_volumes_only(helm):
    """Whatever is switched on: no root, no capability, no token but where the API server is asked."""
    found = pods(render(helm, *EVERYTHING))
    assert {name.removeprefix("tradewind-") for name in found} == COMPONENTS
    for name, pod in found.items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is (name in WITH_TOKEN), name
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]
            if name != "tradewind-test":
                assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys(), name


def test_the_definition_is_the_one_of_the_code(helm):
    """To the letter, but for the word that keeps it."""
    objects = render(helm, "crds.keep=false")
    for file in sorted((ROOT / "manifests" / "crds").glob("*.yaml")):
        definition = one(objects, "CustomResourceDefinition", f"{file.stem}.tradewind.dev")
        assert definition == yaml.load(file.read_text(), yaml.CSafeLoader)


def test_another_version_of_the_chart_changes_no_pod(helm, tmp_path, monkeypatch):
    """`helm upgrade` to it restarts nothing: neither stores nor operator, and so no bot."""
    copy = tmp_path / "tradewind"
    shutil.copytree(CHART, copy)
    file = copy / "Chart.yaml"
    file.write_text(re.sub(r"^version: .*$", "version: 9.9.9", file.read_text(), flags=re.MULTILINE))
    before = pods(render(helm, *EVERYTHING))
    monkeypatch.setattr(rendering, "CHART", copy)
    assert before == pods(render(helm, *EVERYTHING))


def test_policies_can_be_left_out(helm):
    """Where another tool writes them."""
    assert not [
        each for each in render(helm, "networkPolicy.enabled=false", *EVERYTHING) if each["kind"] == "NetworkPolicy"
    ]


def test_a_route_leads_to_the_service_of_a_bot_in_its_namespace(helm):
    """With the certificate of a Secret there."""
    route = {"host": "bots.example.com", "service": "paper-gateway", "port": 8000, "namespace": "bots"}
    values = {
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "annotations": {"cert-manager.io/cluster-issuer": "letsencrypt"},
            "routes": [{**route, "tlsSecret": "bots-tls"}, {"host": "g.example.com", "service": "g", "port": 3000}],
        }
    }
    first, second = [each for each in render(helm, values=values) if each["kind"] == "Ingress"]
    assert first["metadata"]["namespace"] == "bots"
    assert first["metadata"]["annotations"] == {"cert-manager.io/cluster-issuer": "letsencrypt"}
    assert first["spec"]["ingressClassName"] == "nginx"
    assert first["spec"]["tls"] == [{"hosts": ["bots.example.com"], "secretName": "bots-tls"}]
    (path,) = first["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"] == {"service": {"name": "paper-gateway", "port": {"number": 8000}}}
    assert second["metadata"]["namespace"] == "tradewind-system"
    assert "tls" not in second["spec"]


def test_two_releases_do_not_meet(helm):
    """Every object has the name of its release, and selects only its own pods."""
    first = render(helm, *EVERYTHING, release="tradewind", namespace="a")
    second = render(helm, *EVERYTHING, release="other", namespace="a")

    def names(objects):
        return {
            (each["kind"], each["metadata"]["name"]) for each in objects if each["kind"] != "CustomResourceDefinition"
        }

    assert not names(first) & names(second)
    for name, pod in pods(second).items():
        if name != "other-tradewind-test":
            twin = pods(first)[name.removeprefix("other-")]
            assert pod["metadata"]["labels"] != twin["metadata"]["labels"]


def test_placement_and_resources_reach_the_pods(helm):
    """Of the operator and of each store."""
    toleration = {"key": "trading", "operator": "Exists", "effect": "NoSchedule"}
    placed = {
        "nodeSelector": {"disk": "fast"},
        "tolerations": [toleration],
        "resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
    }
    names = ("operator", "redis", "postgresql", "prometheus", "grafana", "jaeger")
    objects = render(helm, values={name: {**placed} for name in names} | {"grafana": {**placed, "enabled": True}})
    for name, pod in pods(objects).items():
        if name != "tradewind-test":
            assert pod["spec"]["nodeSelector"] == {"disk": "fast"}
            assert pod["spec"]["tolerations"] == [toleration]
            assert pod["spec"]["containers"][0]["resources"]["limits"] == {"memory": "2Gi"}
