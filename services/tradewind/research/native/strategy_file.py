"""A class written for freqtrade in place of the strategies of a bot, for a backtest by the native rules."""

from __future__ import annotations

from pathlib import Path

from tradewind.contracts.api.v1alpha1 import Strategy, TradingBot
from tradewind.contracts.strategies import FREQTRADE
from tradewind.domain.errors import ConfigError


def with_class(bot: TradingBot, path: Path, name: str | None = None) -> TradingBot:
    """`bot` with the class `name` of `path` as its one strategy.

    Raises `ConfigError` for a path that no manifest could name.
    """
    if path.suffix != ".py":
        raise ConfigError("--strategy", str(path), "a Python file", "correct the path")
    parameters = {"file": str(path), "startupCandles": 10_000, **({"className": name} if name else {})}
    voter = Strategy(name="strategy", kind=FREQTRADE, parameters=parameters)
    return bot.model_copy(update={"spec": bot.spec.model_copy(update={"strategies": (voter,)})})
