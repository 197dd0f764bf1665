"""A real control plane for the tests of this folder, and for no others.

Each pytest worker has one of its own, started at its first test that wants it: a test may then pause etcd or kill the
API server without disturbing what the other worker tests at that moment. The price is four seconds and 600 MB a worker.
It is stopped when the worker goes on with another folder, since one that does nothing takes a twentieth of a core.

Where the programs can neither be found nor built the tests are skipped with the reason. `TRADEWIND_REQUIRE_CLUSTER=1`
makes that a failure: a check that silently did not happen is none.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from tests.cluster.charts import HOME, WAIT, Helm, installed_settings, left_over, make_home
from tests.cluster.control_plane import ControlPlane
from tests.cluster.operators import Cluster, Operator, define, grant, volumes
from tests.cluster.pins import CHART_TOOLS, TOOLS, ToolchainError
from tests.cluster.proxy import Proxy
from tests.cluster.toolchain import find_programs, present_programs, say
from tests.required import lacking

HERE = Path(__file__).parent
BUILD_PATIENCE = 2400
"""Seconds for a test that may have to wait for the programs to be built."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The first tests of all may have to wait for the programs."""
    ours = [item for item in items if item.path.is_relative_to(HERE)]
    if not ours:
        return
    missing = len(present_programs(TOOLS, lambda _: None)) < sum(len(tool.packages) for tool in TOOLS)
    for item in ours:
        if missing and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(BUILD_PATIENCE))


@pytest.fixture(scope="session")
def programs(request):
    """Program -> file for everything that a control plane consists of, built if need be."""
    return _found(request, TOOLS)


@pytest.fixture(scope="session")
def chart_tools(request):
    """Program -> file for Helm 3 and 4, and what judges a chart, built if need be."""
    return _found(request, CHART_TOOLS)


def _found(request, tools):
    capture = request.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():
            return find_programs(tools, progress=say)
    except ToolchainError as error:
        lacking("TRADEWIND_REQUIRE_CLUSTER", "there is no control plane", error)


@pytest.fixture(scope="package")
def control_plane(programs, tmp_path_factory):
    """The control plane of this worker. Its logs stay in pytest's temporary directory."""
    with ControlPlane(tmp_path_factory.mktemp("control-plane"), programs=programs) as plane:
        yield plane


@pytest.fixture
def namespace(control_plane):
    """A namespace of its own for one test; what is in it goes with it."""
    name = control_plane.create_namespace()
    yield name
    control_plane.delete_namespace(name)


@pytest.fixture
def proxy(control_plane):
    """Stands between a client and the API server of this worker, and misbehaves on command."""
    with Proxy(control_plane.url, control_plane.certificates) as running:
        yield running


@pytest.fixture(scope="package")
def definition(control_plane):
    """The resource definition, established."""
    define(control_plane)


@pytest.fixture
def cluster(control_plane, definition, namespace):
    """The control plane, with a namespace in which an operator may work."""
    grant(control_plane, namespace)
    return Cluster(control_plane, namespace)


@pytest.fixture
def operators(cluster, tmp_path):
    """Makes operators of this test's namespace; at the end they are stopped, and none may have logged an error."""
    made = []

    def make(**options):
        options.setdefault("namespaces", (cluster.namespace,))
        made.append(Operator(cluster.plane, directory=tmp_path, forked=True, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()
    errors = {one.identity: one.errors() for one in made}
    assert not any(errors.values()), errors


@pytest.fixture
def operator(operators):
    """An operator that leads."""
    return operators().lead()


# --------------------------------------------------------------------------------------------------------- the chart


@pytest.fixture(scope="package")
def chart_plane(programs, tmp_path_factory):
    """A control plane of its own: nothing of an installation by kubectl is on it."""
    with ControlPlane(tmp_path_factory.mktemp("chart"), programs=programs) as running:
        yield running


@pytest.fixture
def helm(chart_plane, chart_tools, tmp_path):
    """Helm 4 on an empty namespace, which is empty again afterwards."""
    with _helm_at_home(Helm(chart_tools["helm4"], chart_plane, tmp_path), chart_plane) as one:
        yield one


@pytest.fixture(params=["helm", "helm4"])
def each_helm(request, chart_plane, chart_tools, tmp_path):
    """Helm 3, then Helm 4: for what rests on more than the objects, which are the same."""
    with _helm_at_home(Helm(chart_tools[request.param], chart_plane, tmp_path), chart_plane) as one:
        yield one


@contextlib.contextmanager
def _helm_at_home(one, chart_plane):
    make_home(chart_plane)
    volumes(chart_plane, 2)
    yield one
    for name in one("list", "--short").split():
        one("uninstall", name, *WAIT)
    for bot in left_over(chart_plane):
        chart_plane.kubectl("patch", "tb", bot, "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
    chart_plane.kubectl("delete", "pvc,secret", "--all", "-n", HOME)
    chart_plane.kubectl(
        "delete", "crd", "tradingbots.tradewind.dev", "backtests.tradewind.dev", "--ignore-not-found", "--timeout=60s"
    )


@pytest.fixture
def operator_of(chart_plane, tmp_path):
    """Starts an operator as the present release says; the former one is stopped first."""
    running = []

    def start():
        stop()
        told = installed_settings(chart_plane, tmp_path / "storage")
        namespaces = tuple(told.pop("namespaces").split(","))
        one = Operator(chart_plane, namespaces=namespaces, home=HOME, directory=tmp_path, variables=told, forked=True)
        running.append(one.lead())
        return one

    def stop():
        while running:
            one = running.pop()
            one.stop()
            assert not one.errors()

    yield start, stop
    stop()
