"""What every test shares: Hypothesis without deadlines, because a busy two-core machine is not a defect.

And without its phase `explain`, which tries which parts of a failing example matter: of one that a whole venue fails it
ran for minutes and kept 1.7 GB, before the failure was told. The smallest example is found and told all the same.
"""

from __future__ import annotations

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
