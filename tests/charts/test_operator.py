"""The operator as the chart installs it: rights, settings, image, what it may reach, and how tilt changes its code."""

from __future__ import annotations

import os
import subprocess
from urllib.parse import urlsplit

import yaml
from tests.charts.rendering import EVERYTHING, OWN, one, pods, render, settings

from tradewind import __version__, catalog
from tradewind_operator.manifests.network import ASKED_BY_OPERATOR
from tradewind_operator.settings import PREFIX, OperatorSettings

WITH_TOKEN = {"tradewind-operator", "tradewind-prometheus"}


def test_images_are_named_by_the_table_and_follow_one_registry(helm):
    """A site without access to the internet says one value; a digest counts instead of a tag."""
    images = {name: pod["spec"]["containers"][0]["image"] for name, pod in pods(render(helm, *EVERYTHING)).items()}
    assert images["tradewind-operator"] == images["tradewind-test"] == f"tradewind:{__version__}"
    assert images["tradewind-redis"] == "docker.io/library/redis:7"
    assert images["tradewind-postgresql"] == "docker.io/library/postgres:15"
    assert images["tradewind-prometheus"].startswith("quay.io/prometheus/prometheus:v")
    assert images["tradewind-jaeger"].startswith("docker.io/jaegertracing/jaeger:")
    assert images["tradewind-grafana"].startswith("docker.io/grafana/grafana:")
    digest = "sha256:" + "a" * 64
    moved = render(
        helm, *EVERYTHING, "global.imageRegistry=mirror.example", f"image.digest={digest}",
        "global.imagePullSecrets={one,two}",
    )  # fmt: skip
    for pod in pods(moved).values():
        assert pod["spec"]["containers"][0]["image"].startswith("mirror.example/")
        assert pod["spec"]["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]
    assert settings(moved)[f"{PREFIX}IMAGE"] == f"mirror.example/tradewind@{digest}"
    assert settings(moved)[f"{PREFIX}IMAGE_PULL_SECRETS"] == "one,two"


def test_the_operator_has_rights_where_it_watches_and_nowhere_else(helm):
    """One RoleBinding for each namespace, and the same names in its settings."""
    objects = render(helm, "operator.namespaces={bots,more}", "prometheus.enabled=false")
    bound = {
        (each["metadata"]["namespace"], each["roleRef"]["name"]) for each in objects if each["kind"] == "RoleBinding"
    }
    assert bound == {
        ("bots", "tradewind-operator"),
        ("more", "tradewind-operator"),
        ("tradewind-system", "tradewind-operator-lease"),
    }
    assert not [each for each in objects if each["kind"] == "ClusterRoleBinding"]
    assert settings(objects)[f"{PREFIX}NAMESPACES"] == "bots,more"


def test_the_whole_cluster_is_watched_only_when_asked(helm):
    """Then by one binding, and the setting that means all."""
    objects = render(helm, "operator.watchAllNamespaces=true")
    assert {each["metadata"]["name"] for each in objects if each["kind"] == "ClusterRoleBinding"} == WITH_TOKEN
    assert settings(objects)[f"{PREFIX}NAMESPACES"] == ""
    configuration = one(objects, "ConfigMap", "tradewind-prometheus")["data"]["prometheus.yml"]
    discovery = yaml.safe_load(configuration)["scrape_configs"][0]["kubernetes_sd_configs"]
    assert discovery == [{"role": "pod"}]


def test_what_the_operator_is_told_it_understands(helm, monkeypatch):
    """Every variable is one of its settings, and its settings take every value."""
    objects = render(
        helm, "operator.allowLive=true", "operator.storageClass=fast", "jaeger.enabled=true", *OWN,
        "operator.releaseTimeout=90", "global.imagePullSecrets={one}", "image.pullPolicy=Always",
    )  # fmt: skip
    told = {name: value for name, value in settings(objects).items() if name.startswith(PREFIX)}
    assert set(told) <= {PREFIX + name.upper() for name in OperatorSettings.model_fields}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    understood = OperatorSettings()
    assert understood.allow_live is True
    assert understood.storage_class == "fast"
    assert (understood.postgres_port, understood.redis_port) == (6432, 6380)
    assert understood.release_timeout == 90
    assert understood.image_pull_policy == "Always"
    assert understood.otlp_endpoint == "http://tradewind-jaeger.tradewind-system:4318"


def test_live_money_is_not_allowed_unless_said(helm):
    """The default leaves the operator's own default alone, which is no."""
    assert f"{PREFIX}ALLOW_LIVE" not in settings(render(helm))


def test_the_operator_may_reach_what_it_asks(helm):
    """The ports are those of the catalog."""
    rules = one(render(helm), "NetworkPolicy", "tradewind-operator")["spec"]["egress"]
    (bots,) = [rule for rule in rules if "to" in rule]
    assert {each["port"] for each in bots["ports"]} == {catalog.service(name).port for name in ASKED_BY_OPERATOR}


def test_traces_go_to_jaeger_or_where_the_values_say(helm):
    """Bots and operator alike; without either nobody traces, and nobody pays for it."""
    assert not [name for name in settings(render(helm)) if "OTLP" in name]
    objects = render(helm, "jaeger.enabled=true")
    address = urlsplit(settings(objects)[f"{PREFIX}OTLP_ENDPOINT"])
    name, _ = address.hostname.split(".")
    assert address.port in [port["port"] for port in one(objects, "Service", name)["spec"]["ports"]]
    assert settings(objects)["OTEL_EXPORTER_OTLP_ENDPOINT"] == address.geturl()
    own = render(helm, "jaeger.enabled=true", "telemetry.otlpEndpoint=https://collector.example")
    assert settings(own)[f"{PREFIX}OTLP_ENDPOINT"] == "https://collector.example"
    for found, port in ((objects, 4318), (own, 443)):
        policy = one(found, "NetworkPolicy", "tradewind-operator")
        assert {"protocol": "TCP", "port": port} in policy["spec"]["egress"][0]["ports"]


def test_changed_code_runs_in_the_same_container(helm3, tmp_path):
    """The program that tilt talks to: it runs a copy of the image's code, again after each kill, and ends when told."""
    (container,) = pods(render(helm3, "development.liveUpdate=true"))["tradewind-operator"]["spec"]["containers"]
    image, programs, live = tmp_path / "image", tmp_path / "programs", tmp_path / "live"
    for package in ("tradewind", "tradewind_operator"):
        (image / package / "__pycache__").mkdir(parents=True)
    programs.mkdir()
    live.mkdir()
    os.mkfifo(tmp_path / "told")
    (programs / "python3").write_text(f"#!/bin/sh\necho {image}\n")
    (programs / "tradewind").write_text(f'#!/bin/sh\necho "$PYTHONPATH $*" > {tmp_path}/told\nexec sleep 100\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    script = container["args"][0].replace("/live", str(live))
    command = [*container["command"], script]
    with subprocess.Popen(command, env={"PATH": f"{programs}:/usr/bin:/bin"}) as running:
        try:
            assert (tmp_path / "told").read_text() == f"{live}/code operator run\n"
            assert not list(live.rglob("__pycache__"))
            first = (live / "process").read_text()
            subprocess.run(["sh", "-c", f'kill "$(cat {live}/process)"'], check=True)
            assert (tmp_path / "told").read_text() == f"{live}/code operator run\n"
            assert (live / "process").read_text() != first
            running.terminate()
            assert running.wait(20) == 0
        finally:
            running.kill()


def test_the_operator_of_an_installation_takes_no_code(helm):
    """Only who asks for it gets a pod that runs what is written to a volume."""
    (container,) = pods(render(helm))["tradewind-operator"]["spec"]["containers"]
    assert (container["command"], container["args"]) == (["tradewind"], ["operator", "run"])
    assert "live" not in {mount["name"] for mount in container["volumeMounts"]}
