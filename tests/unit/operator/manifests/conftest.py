"""Bots and sites for the rendering, and ways to look at what was rendered."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from tradewind.contracts.api.document import parse_bot
from tradewind_operator.manifests import Site, render

SITE = Site(image="tradewind:1", operator_namespace="tradewind-system", storage_wired=True, version="1.0.0")
DOCUMENT = {
    "apiVersion": "tradewind.dev/v1alpha1",
    "kind": "TradingBot",
    "metadata": {"name": "momentum", "namespace": "trading"},
    "spec": {
        "exchanges": [{"name": "bitvavo", "venue": "Simulated"}],
        "pairs": {"include": ["BTC/EUR"]},
        "timeframe": "1h",
        "strategies": [{"name": "trend", "kind": "EmaCross"}],
        "capital": {"currency": "EUR", "startingBalance": "10000"},
        "data": {"source": "Replay", "path": "sample:bitvavo-2022"},
    },
}


@pytest.fixture
def site():
    """An installation with storage."""
    return SITE


@pytest.fixture
def make_bot():
    """Make a bot: `make_bot(profile="Standard", suspended=True)`; `metadata` is merged into its own."""

    def make(metadata=None, **spec):
        document = copy.deepcopy(DOCUMENT)
        document["metadata"] |= metadata or {}
        document["spec"] |= spec
        return parse_bot(document, "a test")

    return make


@pytest.fixture
def rendered(make_bot):
    """What a bot is rendered into, by kind and name: `rendered(profile="Full")["Deployment", "momentum-engine"]`."""

    def make(site=None, metadata=None, **spec):
        children = render(make_bot(metadata, **spec), replace(SITE, **(site or {})))
        return {(one["kind"], one["metadata"]["name"]): one for one in children}

    return make


@pytest.fixture
def pods(rendered):
    """The pod specs of a bot by workload."""

    def make(site=None, **spec):
        return {
            name.removeprefix("momentum-"): one["spec"]["template"]["spec"]
            for (kind, name), one in rendered(site, **spec).items()
            if kind == "Deployment"
        }

    return make
