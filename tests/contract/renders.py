"""The rendered samples that are kept, and how they are made again: `make generate`.

The hashes of pod templates are kept apart and are not written by `make generate`: another hash means that upgrading
the operator restarts every user's pods. Whoever means that runs `python -m tests.contract.renders --restart-pods`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml

from tradewind.contracts.api.backtest import parse_backtest
from tradewind.contracts.api.document import load_bot
from tradewind.contracts.api.reading import ManifestDumper, read_document
from tradewind_operator.manifests import Site, release_job, render, template_hash
from tradewind_operator.manifests.backtests import render_backtest

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "manifests"
HASHES = FOLDER / "pod-templates.json"
BOTS = [path.stem for path in sorted((ROOT / "manifests" / "samples").glob("*.yaml")) if path.stem != "backtest"]
"""The samples of bots, by name."""
SAMPLES = ("full", "standard", "minimal")
BACKTEST = "backtest"
UID = "00000000-0000-0000-0000-000000000000"
SITE = Site(
    image="registry.example/tradewind:1",
    image_pull_secrets=("registry",),
    operator_namespace="tradewind-system",
    storage_wired=True,
    storage_class="fast",
    version="1.0.0",
)


def children(sample):
    """What the operator applies for a sample, and the Job that it may have to run at the end."""
    file = ROOT / "manifests" / "samples" / f"{sample}.yaml"
    if sample == BACKTEST:
        return [*render_backtest(parse_backtest(read_document(file), sample), SITE, UID)]
    bot = load_bot(file)
    return [*render(bot, SITE), release_job(bot, SITE)]


def as_yaml(manifests):
    """The text of a golden file."""
    return yaml.dump_all(manifests, Dumper=ManifestDumper, sort_keys=False, width=120, explicit_start=True)


def template_hashes():
    """The hash of every pod template, by name of its Deployment."""
    return {
        one["metadata"]["name"]: template_hash(one)
        for sample in SAMPLES
        for one in children(sample)
        if one["kind"] == "Deployment"
    }


if __name__ == "__main__":
    for name in (*SAMPLES, BACKTEST):
        (FOLDER / f"{name}.yaml").write_text(as_yaml(children(name)))
    if "--restart-pods" in sys.argv:
        HASHES.write_text(json.dumps(template_hashes(), indent=2, sort_keys=True) + "\n")
