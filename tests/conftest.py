"""What every test shares: their order, where they write, when garbage is collected, Hypothesis without deadlines.

Tests of whole bots wait more than they compute, tests of modules compute: so each worker begins with its share of the
first, and what is idle then does the others. Alone they come last: whoever broke something simple learns of it soon.
Those that need a control plane are the share of half of the workers: to start one takes as long as ten of its tests.

Hypothesis has no deadlines, because a busy two-core machine is not a defect. It goes without its phase `explain`,
which tries which parts of a failing example matter: of one that a whole venue fails it ran for minutes and kept 1.7 GB,
before the failure was told. The smallest example is found and told all the same.

What they write is in memory where there is plenty: databases synchronise each commit, and whole bots waited for the
disk. To a process that is killed both are the same. `TMPDIR` says otherwise.

What collecting the tests imports stays to the end: looking through it again and again was a third of that time.
"""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path

gc.disable()

import psutil  # noqa: E402
import pytest  # noqa: E402
from hypothesis import Phase, settings  # noqa: E402

MEMORY = Path("/dev/shm")
PLENTY = 8 * 2**30
"""Bytes that have to be free, of the memory and of what may be taken as a disk; a run takes about one."""


def _may_write_in_memory() -> bool:
    """In a container it may be small, or hold nothing that can be run."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return False
    disk = os.statvfs(MEMORY)
    free = min(disk.f_bavail * disk.f_frsize, psutil.virtual_memory().available)
    return free >= PLENTY and not disk.f_flag & os.ST_NOEXEC


if _may_write_in_memory():
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

_PHASES = [phase for phase in Phase if phase is not Phase.explain]
settings.register_profile("tradewind", deadline=None, derandomize=True, phases=_PHASES)
settings.load_profile("tradewind")

from tradewind.kernel.telemetry.logging import configure_logging  # noqa: E402

configure_logging("critical", "text")
from tests.servers.fixtures import (  # noqa: E402, F401  (fixtures of whoever asks for a server)
    database,
    postgres_of_worker,
    postgres_server,
    postgres_url,
    redis_of_worker,
    redis_server,
)


def pytest_collection_finish():
    """From here on there is garbage, and only what the tests make is looked through for it."""
    gc.collect()
    gc.freeze()
    gc.enable()


HERE = Path(__file__).parent
BOTS = ("topology", "faults", "simulation")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Xdist deals out the tests in equal parts, as they stand here; a worker that is done takes from another's end."""
    folders = {path: path.relative_to(HERE).parts[0] for path in {item.path for item in items}}
    clusters = [item for item in items if folders[item.path] == "cluster"]
    bots = [item for item in items if folders[item.path] in BOTS]
    others = [item for item in items if folders[item.path] not in ("cluster", *BOTS)]
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
    if workers < 2:
        items[:] = [*others, *bots, *clusters]
        return
    ordered = []
    for number, share in enumerate([*_by_file(clusters, workers // 2), *_shares(bots, workers - workers // 2)]):
        filling = max((len(items) - len(ordered)) // (workers - number) - len(share), 0)
        ordered += [*share, *others[:filling]]
        others = others[filling:]
    items[:] = [*ordered, *others]


def _by_file(tests, count):
    """Shares of whole files."""
    files = list(dict.fromkeys(item.path for item in tests))
    return [[item for item in tests if item.path in share] for share in _shares(files, count)]


def _shares(tests, count):
    """As many parts, of about as many each."""
    return [tests[len(tests) * number // count : len(tests) * (number + 1) // count] for number in range(count)]
