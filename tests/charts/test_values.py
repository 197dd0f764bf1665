"""Values: what is refused, in which words, and that each of them is documented and does something."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from tests.charts.generated import INSTALL, chart_files, install
from tests.charts.rendering import EVERYTHING, OWN, RefusedError, render, template
from tests.charts.values import CHART, values

SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def test_what_is_made_of_the_chart_is_fresh():
    """Schema, page of values, and what the chart has of the code are made of what there is now."""
    stale = [str(path) for path, text in chart_files().items() if not path.exists() or path.read_text() != text]

    assert [] == stale, "run: make generate"


def test_the_installation_is_fresh(helm3):
    """`manifests/install.yaml` is what the chart renders now."""
    assert install(helm3) == INSTALL.read_text(), "run: make generate"


@pytest.mark.parametrize("options", [EVERYTHING, OWN], ids=["everything", "own stores"])
def test_both_versions_of_helm_render_the_same(programs, options):
    """Whoever has Helm 4 gets what Helm 3 gives."""
    first, second = (render(programs[name], *options) for name in ("helm", "helm4"))

    assert len(first) > 20
    assert first == second


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"operator": {"replica": 3}}, r"operator.*replica"),
        ({"operator": {"replicas": 0}}, r"operator[./]replicas.*(minimum|>= 1|greater)"),
        ({"operator": {"replicas": "2"}}, r"operator[./]replicas.*(string|integer)"),
        ({"operator": {"namespaces": []}}, r"operator[./]namespaces.*(minItems|at least 1)"),
        ({"operator": {"namespaces": ["Team_A"]}}, r"operator[./]namespaces.*(pattern|match)"),
        ({"operator": {"logLevel": "loud"}}, r"logLevel.*'debug', 'info', 'warning', 'error'"),
        ({"operator": {"resources": {"limit": {}}}}, r"operator[./]resources.*limit"),
        ({"image": {"digest": "sha256:abc"}}, r"image[./]digest.*(pattern|match)"),
        ({"redis": {"enabled": "yes"}}, r"redis[./]enabled.*(string|boolean)"),
        ({"redis": {"password": "with space"}}, r"redis[./]password.*(pattern|match)"),
        ({"redis": {"persistence": {"size": "big"}}}, r"redis[./]persistence[./]size.*(pattern|match)"),
        ({"postgresql": {"maxConnections": 5}}, r"postgresql[./]maxConnections.*minimum"),
        ({"prometheus": {"retention": "a month"}}, r"prometheus[./]retention.*(pattern|match)"),
        ({"prometheus": {"alertmanagers": ["http://a:9093"]}}, r"alertmanagers.*(pattern|match)"),
        ({"telemetry": {"otlpEndpoint": "jaeger:4318"}}, r"telemetry[./]otlpEndpoint.*(pattern|match)"),
        ({"externalRedis": {"port": 70000}}, r"externalRedis[./]port.*maximum"),
        ({"ingress": {"routes": [{"host": "a"}]}}, r"ingress[./]routes.*(service|missing)"),
        ({"surprise": True}, r"surprise"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_a_wrong_value_is_refused_by_name(each_helm, given, words):
    """Before anything is applied, and the message names the value and what is allowed."""
    with pytest.raises(RefusedError) as refused:
        template(each_helm, values=given)
    assert re.search(words, str(refused.value)), str(refused.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["externalRedis.existingSecret=mine"], "redis.enabled and externalRedis.existingSecret (mine) exclude each"),
        (["externalPostgresql.existingSecret=mine"], "set postgresql.enabled=false to use your own PostgreSQL"),
        (["redis.enabled=false"], "there is only PostgreSQL: name the other one"),
        (["postgresql.enabled=false"], "there is only Redis: name the other one"),
        (["grafana.enabled=true", "prometheus.enabled=false"], "grafana.enabled needs a Prometheus to ask"),
        (["ingress.enabled=true"], "ingress.enabled opens nothing"),
    ],
)
def test_values_that_exclude_each_other_are_refused_in_a_sentence(each_helm, options, words):
    """It says which two, and what to do."""
    with pytest.raises(RefusedError) as refused:
        template(each_helm, *options)
    assert words in str(refused.value)


def closed(node, path=""):
    """Objects of the schema that take anything."""
    if node.get("type") == "object" and "properties" in node:
        if node["additionalProperties"] is not False:
            yield path
        for name, child in node["properties"].items():
            yield from closed(child, f"{path}.{name}".lstrip("."))


def test_only_what_helm_itself_shares_is_open():
    """A misspelt value is refused everywhere; `global` alone may hold values of other charts."""
    assert ["global"] == list(closed(SCHEMA))


def test_every_value_is_described_and_used():
    """No value is in the file that no template reads."""
    templates = "".join(path.read_text() for path in (CHART / "templates").rglob("*") if path.is_file())
    for value in values():
        *above, name = value.path.split(".")
        assert value.text.endswith("."), value.path
        whole = ".".join(value.path.split("."))
        # A group that is handed to a shared template is read there by the names below it.
        handed = above and re.search(rf"\.Values\.{re.escape('.'.join(above))}\b(?!\.)", templates)
        assert f".Values.{whole}" in templates or (handed and f".{name}" in templates), value.path


def test_the_defaults_are_what_the_schema_allows(helm):
    """And they need nothing but a cluster: no Secret, no other chart, no kind that it may lack."""
    kinds = {each["kind"] for each in render(helm)}

    assert kinds <= {
        "ClusterRole",
        "ConfigMap",
        "CustomResourceDefinition",
        "Deployment",
        "NetworkPolicy",
        "Pod",
        "PodDisruptionBudget",
        "Role",
        "RoleBinding",
        "Secret",
        "Service",
        "ServiceAccount",
        "StatefulSet",
    }


def test_helm_finds_nothing_to_complain_of(each_helm):
    """`helm lint --strict`."""
    done = subprocess.run(
        [each_helm, "lint", "--strict", CHART, "--kube-version", "1.35.0"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
