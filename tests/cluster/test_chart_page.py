"""The chart is what the API server knows, and what the page about it says: with Helm 3 and with Helm 4."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
import yaml
from tests.charts.values import values as described
from tests.cluster.charts import CHART, HOME, OPERATOR, RELEASE, ROOT, SWITCHED_ON, WAIT
from tests.cluster.clients import KubectlError
from tests.cluster.operators import Cluster, volumes
from tests.cluster.schemas import kubeconform, write_schemas

pytestmark = pytest.mark.timeout(900)


def test_every_object_is_what_the_api_server_knows(helm, chart_plane, chart_tools, tmp_path):
    """Kubeconform holds what is rendered, and the samples, against the schemas that this API server gives out."""
    helm("install", RELEASE, str(CHART), *WAIT)
    served = "/apis/tradewind.dev/v1alpha1/tradingbots"
    chart_plane.wait_until("bots are served", lambda: chart_plane.request("GET", served)[0] == 200)
    chart_plane.wait_until("its schema is published", lambda: _published(chart_plane))
    _, document = chart_plane.request("GET", "/openapi/v2")
    write_schemas(document, tmp_path / "schemas")
    judge = chart_tools["kubeconform"]
    values = SWITCHED_ON | {
        "prometheus": {"persistence": {"enabled": True}},
        "ingress": {"enabled": True, "routes": [{"host": "a.example", "service": "a", "port": 1}]},
    }
    rendered = helm("template", RELEASE, str(CHART), "--kube-version", "1.35.0", values=values)
    samples = "\n---\n".join(path.read_text() for path in sorted((ROOT / "manifests" / "samples").glob("*.yaml")))
    for text in (rendered, samples, (ROOT / "manifests" / "install.yaml").read_text()):
        assert kubeconform(judge, text, tmp_path / "schemas") == []
    wrong = rendered.replace("enableServiceLinks:", "enableServiceLink:", 1)
    (complaint,) = kubeconform(judge, wrong, tmp_path / "schemas")
    assert "enableServiceLink" in complaint
    (complaint,) = kubeconform(judge, samples.replace("timeframe:", "timeframes:", 1), tmp_path / "schemas")
    assert "timeframe" in complaint


def _published(plane):
    return "dev.tradewind.v1alpha1.TradingBot" in plane.request("GET", "/openapi/v2")[1]["definitions"]


def test_the_api_server_takes_every_object_strictly(helm, chart_plane, tmp_path):
    """Server-side apply of all that the chart can render, with strict validation: no field is unknown to it."""
    values = SWITCHED_ON | {"prometheus": {"persistence": {"enabled": True}}}
    rendered = helm("template", RELEASE, str(CHART), "--kube-version", "1.35.0", "--no-hooks", values=values)
    apply = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
    assert chart_plane.kubectl(*apply, stdin=rendered).count("serverside-applied") > 30
    with pytest.raises(KubectlError, match=r"enableServiceLink\b.*not declared in schema"):
        chart_plane.kubectl(*apply, stdin=rendered.replace("enableServiceLinks:", "enableServiceLink:"))


def page():
    """The commands of `docs/kubernetes.md` that a reader runs in order: those that install, and all after them."""
    text = (ROOT / "docs" / "kubernetes.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    start = next(number for number, block in enumerate(blocks) if block.startswith("export PATH"))
    return blocks[:start], blocks[start:]


def test_the_page_does_what_it_says(helm, chart_plane, programs, operator_of, tmp_path):
    """Every command of `docs/kubernetes.md`, in order; pods are played, all else is real."""
    installing, using = page()
    assert (len(installing), len(using)) >= (2, 7)
    chart_plane.kubectl("delete", "namespace", HOME)
    volumes(chart_plane, 1)
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "kubectl").symlink_to(programs["kubectl"])
    (folder / "helm").symlink_to(helm.program)
    environment = {
        "KUBECONFIG": str(chart_plane.kubeconfig),
        "PATH": f"{folder}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "NO_COLOR": "1",
    }

    def run(blocks):
        script = "set -eux\n" + "\n".join(blocks)
        done = subprocess.run(
            ["bash", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=250, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    run(installing)
    start, _ = operator_of
    start()
    said = run(using)
    assert "tradingbot.tradewind.dev/minimal restarted" in said
    assert "next: " in said
    assert Cluster(chart_plane, "default").get("TradingBot", "minimal") is None


def test_make_up_ends_with_a_bot_that_is_ready(helm, chart_plane, programs, operator_of):
    """What `make dev-kind` does once kind has made a cluster: the chart, the first bot, and the wait for it."""
    chart_plane.kubectl("delete", "namespace", HOME)
    start, _ = operator_of
    variables = {"HELM": helm.program, "KUBECTL": programs["kubectl"], "CONTEXT": "rig"}
    context = chart_plane.kubectl("config", "current-context").strip()
    chart_plane.kubectl("config", "rename-context", context, "rig")
    command = ["make", "--no-print-directory", "up", *(f"{name}={value}" for name, value in variables.items())]
    environment = {**os.environ, "KUBECONFIG": str(chart_plane.kubeconfig)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as making:
        try:
            chart_plane.wait_until("the operator is installed", lambda: _available(chart_plane))
            start()
            said, _ = making.communicate(timeout=200)
        finally:
            making.kill()
            chart_plane.kubectl("config", "rename-context", "rig", context)
    assert making.returncode == 0
    assert "tradingbot.tradewind.dev/paper condition met" in said
    chart_plane.kubectl("delete", "tb", "paper", "-n", "default", "--timeout=60s")


def _available(plane):
    path = f"/apis/apps/v1/namespaces/{HOME}/deployments/{OPERATOR}"
    status, found = plane.request("GET", path)
    return status == 200 and found["status"].get("readyReplicas", 0) == 2


def test_what_the_page_names_of_the_chart_exists():
    """Values in its table are values of the chart, and its other commands of Helm are ones that tests here run."""
    text = (ROOT / "docs" / "kubernetes.md").read_text()
    named = set(re.findall(r"`([a-z][A-Za-z]+(?:\.[a-zA-Z]+)+)(?:=[^`]*)?`", text))
    values = {value.path for value in described()}
    parts = {path.split(".")[0] for path in values}
    assert {name for name in named if name.split(".")[0] in parts} <= values
    assert {"redis.enabled", "jaeger.enabled", "global.imageRegistry", "operator.namespaces"} <= named


def test_helm_test_passes_when_the_operator_is_ready_and_fails_when_it_is_gone(helm, chart_plane, operator_of):
    """The very program of the test pod, asked of a real operator; here no pod runs it."""
    start, stop = operator_of
    helm("install", RELEASE, str(CHART), *WAIT)
    (hook,) = [one for one in yaml.safe_load_all(helm("get", "hooks", RELEASE)) if one]
    container = hook["spec"]["containers"][0]
    assert container["command"] == ["python3", "-c"]
    address = f"http://{OPERATOR}.{HOME}:8080/readyz"
    assert address in container["args"][0]
    running = start()
    port = running.lines("operator starts")[0]["port"]
    program = container["args"][0].replace(address, f"http://127.0.0.1:{port}/readyz")

    def ask():
        return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    ready = ask()
    assert (ready.returncode, json.loads(ready.stdout)["status"]) == (0, "ok")
    stop()
    gone = ask()
    assert gone.returncode == 1
    assert "the operator does not answer at" in gone.stderr
