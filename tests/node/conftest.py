"""One real node for all tests of this folder, with Tradewind installed.

They take minutes and root, so they run where that was asked for (`make e2e` sets TRADEWIND_NODE=1) and are not even
collected elsewhere. A machine that cannot be a node skips them with the reason; TRADEWIND_REQUIRE_NODE=1 makes that a
failure.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.cluster.pins import CHART_TOOLS, NODE_TOOLS, TOOLS, ToolchainError
from tests.cluster.toolchain import find_programs, say
from tests.node.bots import Bot
from tests.node.image_building import ImageError, built_images
from tests.node.images import PAUSE
from tests.node.installing import install
from tests.node.machine import MachineError, require_machine
from tests.node.node import Node
from tests.node.sandbox import disk_directory
from tests.node.terminal import Terminal
from tests.required import lacking

HERE = Path(__file__).parent
BUILD_PATIENCE = 3600
"""Seconds for a test that may have to wait for programs and images to be made."""

NEEDS_NO_NODE = {"test_machine.py"}

if os.environ.get("TRADEWIND_NODE") != "1":
    collect_ignore = [path.name for path in HERE.glob("test_*.py") if path.name not in NEEDS_NO_NODE]


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(BUILD_PATIENCE))


@pytest.fixture(scope="session")
def means(request):
    """The programs and images that a node is made of: (program -> file, image -> archive)."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():
            require_machine(say)
            return find_programs((*TOOLS, *CHART_TOOLS, *NODE_TOOLS), say), built_images(say)
    except (MachineError, ToolchainError, ImageError) as error:
        lacking("TRADEWIND_REQUIRE_NODE", "there is no node", error)


@pytest.fixture(scope="session")
def empty_node(means):
    """The node, before anything is installed. What it keeps goes with it."""
    programs, images = means
    with disk_directory() as folder, Node(folder, [images[PAUSE]], programs) as running:
        yield running


@pytest.fixture(scope="session")
def terminal(empty_node, means, tmp_path_factory):
    """Where a person types commands for the node."""
    return Terminal(empty_node, means[0], tmp_path_factory.mktemp("terminal"))


@pytest.fixture(scope="session")
def node(empty_node, terminal, means):
    """The node, with the chart installed."""
    install(empty_node, terminal, [archive for name, archive in means[1].items() if name != PAUSE])
    return empty_node


@pytest.fixture(scope="session")
def churning(node):
    """A bot that trades all the time in several pods, for those tests that hurt it and let it recover."""
    with Bot(node, HERE / "churning.yaml") as bot:
        bot.wait_until_ready()
        yield bot
