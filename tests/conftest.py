"""What every test shares: in which order they run, and Hypothesis without deadlines.

Tests of whole bots wait more than they compute, tests of modules compute: so each worker begins with its share of the
first, and what is idle then does the others. Alone they come last: whoever broke something simple learns of it soon.

Hypothesis has no deadlines, because a busy two-core machine is not a defect. It goes without its phase `explain`,
which tries which parts of a failing example matter: of one that a whole venue fails it ran for minutes and kept 1.7 GB,
before the failure was told. The smallest example is found and told all the same.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings

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

WHOLE = tuple(Path(__file__).parent / name for name in ("topology", "cluster", "faults", "simulation"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Xdist deals out the tests in equal parts, as they stand here; a worker that is done takes from another's end."""
    is_whole = [any(folder in item.path.parents for folder in WHOLE) for item in items]
    whole = [item for item, one in zip(items, is_whole, strict=True) if one]
    others = [item for item, one in zip(items, is_whole, strict=True) if not one]
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
    parts = [_share(kind, number, workers) for number in range(workers) for kind in (whole, others)]
    items[:] = [item for part in parts for item in part] or [*others, *whole]


def _share(tests, number, workers):
    return tests[len(tests) * number // workers : len(tests) * (number + 1) // workers]
