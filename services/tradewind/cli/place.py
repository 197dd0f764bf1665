"""What a bot asks for that this place cannot give, and where the files are that it names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tradewind.contracts.api.cluster import cluster_only
from tradewind.contracts.api.v1alpha1 import Strategy, TradingBot
from tradewind.contracts.strategies import FREQTRADE
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


def with_files(bot: TradingBot, manifest: Path) -> TradingBot:
    """`bot` with the files of its strategies by their absolute paths; a relative one is beside `manifest`."""
    if all(one.kind != FREQTRADE for one in bot.spec.strategies):
        return bot
    strategies = tuple(_with_file(one, manifest.absolute().parent) for one in bot.spec.strategies)
    return bot.model_copy(update={"spec": bot.spec.model_copy(update={"strategies": strategies})})


def _with_file(strategy: Strategy, folder: Path) -> Strategy:
    file = strategy.parameters.get("file")
    if strategy.kind != FREQTRADE or not isinstance(file, str):
        return strategy
    return strategy.model_copy(update={"parameters": {**strategy.parameters, "file": str(folder / file)}})
