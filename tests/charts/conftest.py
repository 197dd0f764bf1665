"""The programs that render and judge the chart. Where they cannot be had the tests are skipped with the reason.

`TRADEWIND_REQUIRE_CLUSTER=1` makes that a failure: a check that silently did not happen is none.
"""

from __future__ import annotations

import pytest
from tests.charts.rendering import chart_programs
from tests.cluster.pins import ToolchainError
from tests.required import lacking


@pytest.fixture(scope="session")
def programs():
    """Program -> file."""
    try:
        return chart_programs()
    except ToolchainError as error:
        lacking("TRADEWIND_REQUIRE_CLUSTER", "a program is missing", error)


@pytest.fixture(scope="session")
def helm(programs):
    """Helm 4; that Helm 3 renders the same is a test of its own."""
    return programs["helm4"]


@pytest.fixture(params=["helm", "helm4"])
def each_helm(request, programs):
    """Helm 3, then Helm 4, for what Helm itself says."""
    return programs[request.param]


@pytest.fixture(scope="session")
def helm3(programs):
    return programs["helm"]


@pytest.fixture(scope="session")
def promtool(programs):
    return programs["promtool"]
