"""What every test shares: Hypothesis without deadlines, because a busy two-core machine is not a defect."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("tradewind", deadline=None, derandomize=True)
settings.load_profile("tradewind")

from tradewind.kernel.telemetry.logging import configure_logging  # noqa: E402

configure_logging("critical", "text")
