"""The CustomResourceDefinition in `manifests/crds`, as a Kubernetes API server takes it."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from tests.cluster.clients import KubectlError
from tests.cluster.operators import DEFINITION

MANIFESTS = Path(__file__).parents[2] / "manifests"
SAMPLES = sorted((MANIFESTS / "samples").glob("*.yaml"))
NAMES = ("crd/tradingbots.tradewind.dev", "crd/backtests.tradewind.dev")


def test_the_api_server_finds_nothing_wrong_with_the_schema(control_plane, definition):
    """It is structural, its names are accepted and no rule is beyond what CEL may cost."""
    problems = "jsonpath={.status.conditions[?(@.type=='NonStructuralSchema')].message}"

    for name in NAMES:
        assert "" == control_plane.kubectl("get", name, "-o", problems)
        assert name.partition("/")[2] in control_plane.kubectl("get", "crd", "-o", "name")


def test_a_rule_that_costs_too_much_is_refused(control_plane, definition):
    """The estimate of what rules cost is the API server's own, so passing it means something."""
    costly = copy.deepcopy(yaml.load(DEFINITION.read_text(), yaml.CSafeLoader))
    spec = costly["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["labels"] = {"type": "array", "items": {"type": "string"}}
    rule = "!has(self.labels) || self.labels.all(a, self.labels.all(b, self.labels.all(c, a + b != c)))"
    spec.setdefault("x-kubernetes-validations", []).append({"rule": rule})

    with pytest.raises(KubectlError, match=r"(?i)estimated rule cost.*exceeds budget"):
        control_plane.kubectl("replace", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(costly))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_is_accepted(control_plane, namespace, definition, sample):
    """What the documentation shows can be applied as it stands."""
    arguments = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", str(sample), "-o", "name")

    name = yaml.safe_load(sample.read_text())["metadata"]["name"]
    kind = "backtest" if sample.stem == "backtest" else "tradingbot"
    assert f"{kind}.tradewind.dev/{name}" == control_plane.kubectl("-n", namespace, *arguments).strip()


def test_an_unknown_field_is_refused(control_plane, namespace, definition):
    """A misspelt field never silently means nothing."""
    bot = yaml.safe_load((MANIFESTS / "samples" / "full.yaml").read_text())
    bot["spec"]["strategys"] = []

    with pytest.raises(KubectlError, match="strategys"):
        control_plane.kubectl("-n", namespace, "apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(bot))
    with pytest.raises(KubectlError, match="strategys"):
        control_plane.kubectl("-n", namespace, "create", "-f", "-", stdin=yaml.safe_dump(bot))
