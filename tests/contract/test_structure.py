"""The shape of the tree that everything else rests on."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tradewind import catalog
from tradewind.contracts.messages import MESSAGES
from tradewind.contracts.services import WITH_REPLICAS, ServiceName

ROOT = Path(__file__).parents[2]


def test_operator_and_services_are_no_packages():
    """`import operator` must stay the standard library's: no `__init__.py` and no module loose in either folder."""
    loose = [path for folder in ("operator", "services") for path in (ROOT / folder).glob("*.py")]

    assert [] == loose


@pytest.mark.parametrize("spec", catalog.CATALOG, ids=lambda spec: spec.name)
def test_every_service_has_its_rooms(spec):
    """A reader who knows one service knows them all: prose, composition root, API (or, as a venue has it, a wire)."""
    package = importlib.import_module(spec.package)
    folder = Path(package.__file__ or "").parent

    assert len(package.__doc__ or "") > 300
    assert (folder / "service.py").is_file()
    assert (folder / ("wire/application.py" if spec.networked else "api.py")).is_file()
    assert spec.stores == (folder / "tables.py").is_file()


def test_the_catalog_hangs_together():
    """Messages and services that a row names exist, ports are distinct, and the start order respects the questions."""
    names = set(catalog.by_name())
    order = catalog.start_order()

    assert len(names) == len({spec.port for spec in catalog.CATALOG})
    for spec in catalog.CATALOG:
        assert set(spec.handles) <= set(MESSAGES)
        assert set(spec.publishes) <= set(MESSAGES)
        assert set(spec.asks) <= names
        assert not set(spec.calls) & set(spec.watches)
        assert all(order.index(called) < order.index(spec.name) for called in spec.calls)


def test_a_manifest_can_speak_of_every_service():
    """`spec.services` knows the services of the catalog, and of which of them there may be several."""
    assert [spec.name for spec in catalog.CATALOG] == list(ServiceName)
    assert [spec.name for spec in catalog.CATALOG if spec.scaling is catalog.Scaling.REPLICAS] == list(WITH_REPLICAS)


HEAVY = ("numpy", "numba", "pandas", "pyarrow", "sqlalchemy", "fastapi", "uvicorn", "aiohttp", "ccxt", "kubernetes")


@pytest.mark.parametrize(
    "module",
    ["tradewind.plan", "tradewind.catalog", "tradewind.contracts.api.document", "tradewind_operator.manifests"],
)
def test_what_the_operator_imports_is_light(module):
    """The plan, the catalog, the manifest and the rendering load no array, database or web library."""
    program = f"import {module}, sys; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "[]" == loaded.stdout.strip()


MIGRATIONS = ("alembic", "mako")
ARRAYS = ("numpy", "pandas", "pyarrow")
DATABASES = ("sqlalchemy", "asyncpg", "sqlite3")
NOT_IN_THE_PROCESS_OF = {
    "gateway": (*MIGRATIONS, *ARRAYS, *DATABASES, "ccxt"),
    "monitoring": (*MIGRATIONS, *ARRAYS, *DATABASES, "ccxt"),
    "strategy": (*MIGRATIONS, "pandas", "pyarrow", *DATABASES, "ccxt"),
    "engine": (*MIGRATIONS, *ARRAYS, "ccxt"),
    "portfolio": (*MIGRATIONS, *ARRAYS, "ccxt"),
    "execution": (*MIGRATIONS, *ARRAYS, "ccxt"),
    "market-data": (*MIGRATIONS, "pandas", "pyarrow", "ccxt"),
    "sim-exchange": (*MIGRATIONS, "pandas", "pyarrow", "ccxt"),
}
"""Of ccxt a process loads the exchange that its bot names, when it first asks it."""


@pytest.mark.parametrize("service", catalog.by_name())
def test_a_worker_loads_nothing_that_its_service_does_not_need(service):
    """Memory is paid in each process: what has no tables loads no database, what has no arrays no numpy."""
    package = catalog.service(service).package
    modules = ["cli.main", "cli.serve", "cli.session", "topology.embedded", "topology.shared"]
    imports = ", ".join(f"tradewind.{module}" for module in modules)
    # The routes and all else that is loaded when somebody listens.
    folder = ROOT / "services" / package.replace(".", "/")
    api = f", {package}.api" if (folder / "api.py").exists() else ""
    forbidden = NOT_IN_THE_PROCESS_OF[service]
    program = f"import sys, {imports}, {package}.service{api}; print(sorted(set({forbidden!r}) & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "[]" == loaded.stdout.strip()


@pytest.mark.parametrize(
    ("module", "words"),
    [("tradewind.cli.main", ("run", "serve")), ("tradewind.cli.kubectl.main", ("status", "restart"))],
)
def test_help_loads_nothing_heavy(module, words):
    """`tradewind --help` and that of the plugin answer at once: no command's libraries are loaded for it."""
    program = (
        "import sys; sys.argv = ['tradewind', '--help']\n"
        f"from {module} import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print(sorted((set({HEAVY!r}) | {{'pydantic', 'msgspec', 'yaml'}}) & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert all(word in shown.stdout for word in words)
    assert "[]" == shown.stdout.splitlines()[-1]


def test_no_file_names_this_machine():
    """No path of the machine it was written on, and no registry host, stands in a tracked file."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    forbidden = ("/wo" + "rk/", "pypi" + ".org", "files.python" + "hosted", "registry.npm" + "js")
    found = []
    for name in tracked:
        try:
            text = (ROOT / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        found += [f"{name}: {word}" for word in forbidden if word in text]

    assert [] == found
