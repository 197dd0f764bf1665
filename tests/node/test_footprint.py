"""How much a bot takes, as the kubelet measures it on this node; written to `docs/footprint.md`.

Memory is the working set, which is what a limit counts. Each bot has sent twenty orders when it is measured. The page
is written where `make e2e` runs (TRADEWIND_WRITE_FOOTPRINT=1), with machine and date: the numbers are that machine's.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cluster.pins import KUBE
from tests.node.bots import NAMESPACE, Bot
from tests.node.image_building import layer_sizes
from tests.node.images import CHECKOUT, TRADEWIND
from tests.node.installing import HOME

PAGE = CHECKOUT / "docs" / "footprint.md"
SAMPLE = CHECKOUT / "tests" / "node" / "churning.yaml"
MOST_MEMORY = {"Standard": 1200, "Full": 1600}
"""MiB over all pods of a bot."""

MOST_IMAGE = 320
"""MB of the layers above the base image, as they lie on a node."""

TRADED = 20
"""Orders after which a bot is measured."""


@dataclass(frozen=True)
class Use:
    """Pod -> MiB of working set, of one bot or namespace."""

    title: str
    pods: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.pods.values())

    def table(self):
        rows = [f"| {name} | {amount:.0f} |" for name, amount in sorted(self.pods.items())]
        return "\n".join(
            [f"### {self.title}", "", "| pod | MiB |", "|---|---|", *rows, f"| together | {self.total:.0f} |"]
        )


@pytest.fixture(scope="module")
def uses(node):
    """The measurements; the page is written from all of them."""
    found = {}
    yield found
    if os.environ.get("TRADEWIND_WRITE_FOOTPRINT") == "1" and set(MOST_MEMORY) <= found.keys():
        found["Installation"] = Use("The installation, by the chart with its default values", installed(node))
        PAGE.write_text(page(found))


def measured(node, namespace, named, since=""):
    """Pod -> MiB of working set, under the name that `named` makes of a pod's; those looked at after `since`."""
    pods = [one for one in node.usage()["pods"] if one["podRef"]["namespace"] == namespace]
    pods = [one for one in pods if one["memory"]["time"] > since]
    return {named(one["podRef"]["name"]): one["memory"]["workingSetBytes"] / 2**20 for one in pods}


def installed(node):
    """Component of the chart -> MiB of working set; the operator that leads is not told from the other."""
    _, answer = node.request("GET", f"/api/v1/namespaces/{HOME}/pods")
    components = {
        one["metadata"]["name"]: one["metadata"]["labels"]["app.kubernetes.io/name"] for one in answer["items"]
    }
    found = {}
    for pod, amount in measured(node, HOME, lambda pod: pod).items():
        component = components[pod]
        found[f"{component} (second)" if component in found else component] = amount
    return found


@pytest.mark.parametrize("profile", sorted(MOST_MEMORY))
def test_a_bot_takes_no_more_memory_than_it_should(node, uses, profile):
    with Bot(node, SAMPLE, f"measured-{profile.lower()}", {"profile": profile}) as bot:
        bot.wait_until_ready()
        bot.wait_until("trading", lambda: len(bot.books().orders) >= TRADED)
        traded = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

        def mine():
            everything = measured(node, NAMESPACE, lambda pod: pod, traded)
            own = {
                pod["metadata"]["name"]: pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in bot.pods()
            }
            return {component: everything.get(name, 0.0) for name, component in own.items()}

        # The kubelet looks every ten seconds; what it saw of a pod that had just begun is not what that takes.
        bot.wait_until("measured", lambda: all(mine().values()))
        uses[profile] = Use(f"A bot of profile {profile}", mine())
    assert uses[profile].total < MOST_MEMORY[profile], uses[profile]


def test_the_image_is_no_larger_than_it_should_be():
    own = layer_sizes(TRADEWIND)[1:]
    assert sum(own) / 1e6 < MOST_IMAGE, own


def page(uses):
    base, *own = layer_sizes(TRADEWIND)
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    parts = [
        "# What it takes",
        "",
        "Written by `make e2e`: memory as the kubelet of a real node measures it (working set, in MiB; that is what a",
        f"limit counts), while bots of three pairs trade. {dt.datetime.now(dt.UTC).date()}, {os.cpu_count()} cores of",
        f"{processor}, Linux {platform.release()}, Kubernetes {KUBE.version}. No promise for other machines.",
        "",
        "## Image",
        "",
        f"{sum(own) / 1e6:.0f} MB on the node, besides the base image ({base / 1e6:.0f} MB here: Debian and Python, in",
        "the place of `python:3.12-slim`).",
        "",
        "## Memory",
        "",
        *(f"{uses[name].table()}\n" for name in ("Standard", "Full", "Installation")),
    ]
    return "\n".join(parts)
