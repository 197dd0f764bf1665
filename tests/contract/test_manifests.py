"""What is applied for the samples, to the letter: a change is seen in review, and one that restarts pods twice."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.contract.install import IMAGE, installation
from tests.contract.renders import (
    BACKTEST,
    BOTS,
    FOLDER,
    HASHES,
    ROOT,
    SAMPLES,
    SITE,
    as_yaml,
    children,
    template_hashes,
)

from tradewind import catalog
from tradewind.contracts.api.document import load_bot
from tradewind_operator.manifests import render, template_hash
from tradewind_operator.manifests.network import ASKED_BY_OPERATOR
from tradewind_operator.settings import PREFIX, OperatorSettings


@pytest.mark.parametrize("sample", [*SAMPLES, BACKTEST])
def test_the_rendered_samples_are_fresh(sample):
    """The files under tests/contract/manifests are what this version renders."""
    assert as_yaml(children(sample)) == (FOLDER / f"{sample}.yaml").read_text(), "run: make generate"


def test_an_upgrade_of_the_operator_restarts_no_pod():
    """If this fails, everybody who upgrades has every pod of every bot restarted in the middle of trading.

    Where that cannot be avoided (a security fix of the template), say so in the change log, and keep the new hashes:
    python -m tests.contract.renders --restart-pods
    """
    assert json.loads(HASHES.read_text()) == template_hashes()


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_version_of_the_operator_is_in_no_pod(sample):
    """Two versions of the operator render the same pods, and select them by the same labels."""
    bot = load_bot(ROOT / "manifests" / "samples" / f"{sample}.yaml")
    before, after = render(bot, SITE), render(bot, replace(SITE, version="2.0.0+next"))

    assert before != after
    for old, new in zip(before, after, strict=True):
        assert old["metadata"]["labels"].pop("app.kubernetes.io/version") == "1.0.0"
        assert new["metadata"]["labels"].pop("app.kubernetes.io/version") == "2.0.0_next"
        assert old == new
        if old["kind"] == "Deployment":
            assert template_hash(old) == template_hash(new)


@pytest.mark.parametrize("sample", BOTS)
def test_every_sample_renders(sample):
    """What is offered to be copied can be applied."""
    assert len(render(load_bot(ROOT / "manifests" / "samples" / f"{sample}.yaml"), replace(SITE, allow_live=True))) > 8


def test_the_installation_names_the_image_that_bots_are_rendered_with():
    """Operator and bots run what `tradewind render` shows."""
    (deployment,) = [one for one in installation() if one["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE
    assert {"name": f"{PREFIX}IMAGE", "value": IMAGE} in container["env"]


def test_what_is_installed_names_only_settings_that_there_are():
    """A variable of the operator that is misspelt would be ignored, and nobody would learn of it."""
    (deployment,) = [one for one in installation() if one["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    names = {one["name"] for one in container["env"]}
    assert names <= {PREFIX + name.upper() for name in OperatorSettings.model_fields}
    assert f"{PREFIX}NAMESPACES" in names


def test_the_installed_operator_reaches_the_services_that_it_asks():
    """The ports in its NetworkPolicy are those of the catalog."""
    (policy,) = [one for one in installation() if one["kind"] == "NetworkPolicy"]
    (bots,) = [rule for rule in policy["spec"]["egress"] if "to" in rule]
    assert {one["port"] for one in bots["ports"]} == {catalog.service(name).port for name in ASKED_BY_OPERATOR}
