"""The model of a Backtest: the fields of a bot in the bot's own words, and what is its own."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from tradewind.contracts.api.backtest import FIELDS_OF_A_BOT, parse_backtest, pod_document, read_resource
from tradewind.contracts.api.backtest_crd import crd, render_crd
from tradewind.contracts.api.crd import crd as bot_crd
from tradewind.contracts.api.document import load_bot
from tradewind.contracts.searching import LossName, Sampler
from tradewind.contracts.strategies import FREQTRADE
from tradewind.domain.errors import ConfigErrors

ROOT = Path(__file__).parents[4]
SAMPLE = yaml.safe_load((ROOT / "manifests" / "samples" / "backtest.yaml").read_text())
SEARCH = {"vary": ["spec.strategies[0].parameters.fast=5..20"]}


def changed(**spec):
    return {**copy.deepcopy(SAMPLE), "spec": {**copy.deepcopy(SAMPLE["spec"]), **spec}}


def spec_of(definition):
    return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def test_the_committed_definition_is_fresh():
    """`kubectl apply -f manifests/crds` installs what this version of the model says."""
    assert render_crd() == (ROOT / "manifests" / "crds" / "backtests.yaml").read_text(), "run: make generate"


@pytest.mark.parametrize("name", FIELDS_OF_A_BOT)
def test_no_field_of_a_bot_is_said_a_second_time(name):
    """Descriptions, defaults, limits and rules are the bot's, but for the rules that guard its changes."""
    own, bot = spec_of(crd())["properties"][name], copy.deepcopy(spec_of(bot_crd())["properties"][name])
    rules = [rule for rule in bot.pop("x-kubernetes-validations", []) if "oldSelf" not in rule["rule"]]
    assert own == {**bot, **({"x-kubernetes-validations": rules} if rules else {})}


def test_a_bot_of_the_same_fields_is_what_is_traded(tmp_path):
    """So whatever the parser of bots refuses, defaults or explains is so here too."""
    (tmp_path / "bot.yaml").write_text(yaml.safe_dump({**SAMPLE, "kind": "TradingBot"}))
    found = parse_backtest(SAMPLE, "the sample")
    assert found.bot == load_bot(tmp_path / "bot.yaml")
    assert (found.options.search, found.pods, found.shares) == (None, 1, False)


def test_what_pods_read_is_what_was_asked_for():
    """Without what is the operator's matter, and the same once more when it is read."""
    search = {**SEARCH, "loss": "sharpe", "trials": 7, "sampler": "grid", "prune": False, "seed": 4, "minTrades": 2}
    own = {"resources": {"limits": {"memory": "2Gi"}}, "storage": {"postgresSecretRef": {"name": "mine"}}}
    one = parse_backtest(changed(search=search, parallelism=3, **own), "the test")
    again = parse_backtest(pod_document(one), "the pod")
    assert (again.bot, again.options.search, again.pods) == (one.bot, one.options.search, 3)
    assert again.options.search.loss is LossName.SHARPE
    assert again.options.search.sampler is Sampler.GRID
    assert again.options.resources is None


def test_what_the_server_keeps_in_metadata_is_set_aside():
    """And what the operator has written into the status."""
    resource = {**SAMPLE, "metadata": {**SAMPLE["metadata"], "namespace": "ns", "uid": "1", "managedFields": []}}
    assert read_resource({**resource, "status": {"trials": 1}}).key == "ns/crossing"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"data": {"source": "Exchange"}}, "spec.data.source: received Exchange; allowed: Replay or Synthetic"),
        ({"parallelism": 4}, "spec.parallelism: received 4; allowed: 1 without a search"),
        ({"parallelism": 33, "search": SEARCH}, "spec.parallelism: received 33; allowed: a whole number from 1 to 32"),
        ({"serach": SEARCH}, "did you mean spec.search?"),
        ({"profile": "Full"}, "spec.profile: received Full; allowed: only the fields exchanges, pairs"),
        ({"search": {}}, "spec.search.vary: received nothing; allowed: a list of 1 to 16 items"),
        ({"search": {"vary": ["fast=1..2"]}}, "spec.search.vary[0]: received fast=1..2; allowed: KEY=LOW..HIGH"),
        ({"search": {**SEARCH, "loss": "sharp"}}, "fix: write sharpe"),
        ({"search": {**SEARCH, "trials": "5"}}, "fix: write 5 without quotes"),
        ({"strategies": []}, "spec.strategies: received []; allowed: a list of 1 to 16 items"),
        ({"strategies": [{"name": "mine", "kind": FREQTRADE}]}, f"spec.strategies[0].kind: received {FREQTRADE}"),
        ({"timeframe": "7m"}, "spec.timeframe"),
        ({"pairs": {"include": ["BTC/USDT"]}}, "pairs quoted in spec.capital.currency (EUR)"),
        ({"capital": None}, "spec.capital: received nothing (null)"),
    ],
)
def test_what_is_wrong_is_told_with_the_field_and_the_fix(spec, told):
    with pytest.raises(ConfigErrors) as refused:
        parse_backtest(changed(**spec), "the test")
    assert told in str(refused.value)
    assert "; fix: " in str(refused.value)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({}, "the test: received {}"),
        ([], "the test: received []"),
        ({**SAMPLE, "kind": "TradingBot"}, "kind: received TradingBot; allowed: Backtest"),
        ({**SAMPLE, "spec": "all"}, "spec: received all; allowed: a mapping"),
    ],
)
def test_what_is_no_backtest_is_told_so(document, told):
    with pytest.raises(ConfigErrors) as refused:
        parse_backtest(document, "the test")
    assert told in str(refused.value)
