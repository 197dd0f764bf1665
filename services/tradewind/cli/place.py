"""What a bot asks for that this place cannot give."""

from __future__ import annotations

import os
import sys

from tradewind.contracts.api.cluster import cluster_only
from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.domain.errors import ConfigError


def check_place(bot: TradingBot) -> None:
    """Say on stderr what of `bot` means nothing in one process; raises `ConfigError` for a bot that is suspended."""
    if bot.spec.suspended:
        allowed = "false: a bot that is suspended does not run, here as on a cluster"
        raise ConfigError("spec.suspended", "true", allowed, "remove it, or add --set spec.suspended=false")
    fields = cluster_only(bot)
    # In a pod they have done their work already.
    if fields and "KUBERNETES_SERVICE_HOST" not in os.environ:
        print(f"note: without a cluster nothing comes of {', '.join(fields)}", file=sys.stderr)
