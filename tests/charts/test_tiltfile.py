"""The Tiltfile means what it says, as tilt itself reads it; a cluster is not needed for that.

tilt ends with 5 where the file is wrong. It is one of the programs that are built for the node's tests, and takes four
minutes: where it is not there yet, nothing is built for these tests alone.
"""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
import yaml
from tests.charts.values import ROOT
from tests.cluster import pins
from tests.cluster.toolchain import present_programs
from tests.required import lacking

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: kind-tradewind
contexts: [{name: kind-tradewind, context: {cluster: nowhere, user: nobody}}]
clusters: [{name: nowhere, cluster: {server: "https://127.0.0.1:9"}}]
users: [{name: nobody, user: {}}]
"""


@pytest.fixture
def tilt(programs, tmp_path):
    """Evaluates the Tiltfile with options; exit code, and what it found or said."""
    found = present_programs(pins.DEVELOPMENT_TOOLS, lambda _: None).get("tilt")
    if found is None:
        lacking("TRADEWIND_REQUIRE_NODE", "nobody judges the Tiltfile", pins.ToolchainError("make e2e builds tilt"))
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "helm").symlink_to(programs["helm"])
    environment = {
        "HOME": str(tmp_path),
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "PATH": f"{folder}:{os.environ['PATH']}",
        "TILT_DISABLE_ANALYTICS": "1",
        "DO_NOT_TRACK": "1",
    }

    def evaluate(*options):
        command = [found, "alpha", "tiltfile-result", *(["--", *options] if options else [])]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False
        )
        return done.returncode, json.loads(done.stdout) if done.returncode == 0 else done.stderr

    return evaluate


@pytest.mark.parametrize(
    ("options", "bot"),
    [((), "paper"), (("--profile", "minimal"), "minimal"), (("--profile", "full", "--watch"), "full")],
)
def test_it_deploys_the_chart_and_the_bot_of_the_profile(tilt, options, bot):
    """The image is put where the operator is told of it, and nowhere else; unit tests wait to be asked for."""
    code, result = tilt(*options)
    assert code == 0, result
    found = {one["Name"]: one for one in result["Manifests"]}
    expected = {"tradewind-operator", "tradewind-redis", "tradewind-postgresql", "tradewind-prometheus", "unit"}
    expected |= {"gateway", "uncategorized", bot}
    expected |= {"tradewind-grafana", "tradewind-jaeger"} if "--watch" in options else set()
    assert found.keys() == expected
    with_image = [name for name, one in found.items() if (one.get("DeployTarget") or {}).get("imageMaps")]
    assert with_image == ["tradewind-operator"]
    assert found[bot]["ResourceDependencies"] == ["tradewind-operator"]
    applied = list(yaml.safe_load_all(found["tradewind-operator"]["DeployTarget"]["yaml"]))
    (deployment,) = [one for one in applied if one["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["sh", "-c"]
    assert {"name": "live", "mountPath": "/live"} in container["volumeMounts"]


def test_a_profile_that_there_is_not_is_refused_in_words(tilt):
    """Tilt's own code for a Tiltfile that failed."""
    code, said = tilt("--profile", "huge")

    assert code == 5
    assert "--profile huge: one of minimal, standard and full" in said


def test_the_cluster_of_kind_is_the_one_that_tilt_and_make_mean():
    """Kind itself cannot run where these tests do: what can be held is that all three speak of one cluster."""
    cluster = yaml.safe_load((ROOT / "kind.yaml").read_text())
    context = f"kind-{cluster['name']}"

    assert (cluster["kind"], cluster["apiVersion"]) == ("Cluster", "kind.x-k8s.io/v1alpha4")
    assert [node["role"] for node in cluster["nodes"]] == ["control-plane"]
    assert f"'{context}'" in (ROOT / "Tiltfile").read_text()
    assert re.search(rf"^CONTEXT \?= {context}$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
