"""What a strategy's class says of the settings that a configuration leaves to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.domain.errors import ConfigError
from tradewind.domain.series import CandleSeries
from tradewind.research.freqtrade.moving.left import STARTUP
from tradewind.strategies.freqtrade.configuration import OVERRIDES
from tradewind.strategies.freqtrade.imports import freqtrade_imports
from tradewind.strategies.freqtrade.loading import load_strategy
from tradewind.strategies.freqtrade.named import named_class
from tradewind.strategies.freqtrade.native import check_native
from tradewind.strategies.freqtrade.voting import FileStrategy

_PLACED = ("order_types", "order_time_in_force", "pairlists", "trading_mode", "freqai", "timeframe_detail")
"""What is told or refused by the keys of the configuration themselves."""

CUSTOM_STOP = "use_custom_stoploss"
"""What a bot takes from the class itself, whose `custom_stoploss` it asks."""

_SAID = (*_PLACED, CUSTOM_STOP)


def settings_of_class(config: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """`config` with what the class of `path` sets and `config` does not, and with its name.

    Raises `ConfigError` for a file that cannot be loaded, and for callbacks that no bot asks.
    """
    shown = {name: value for name, value in config.items() if name not in _PLACED}
    with freqtrade_imports():
        strategy = load_strategy(path, shown)
    check_native(strategy)
    _check_stop(config, type(strategy))
    found = {name: shown[name] for name in OVERRIDES if name not in _SAID and shown.get(name) is not None}
    if found.get("max_open_trades") == float("inf"):
        found["max_open_trades"] = -1
    rest = {name: value for name, value in config.items() if name != CUSTOM_STOP}
    return {**rest, **found, "strategy": type(strategy).__name__, STARTUP: int(strategy.startup_candle_count)}


def check_class(bot: TradingBot, path: Path) -> None:
    """Raises `ConfigError` for what the class of `path` would have, or ask for, and `bot` does not."""
    pairs = [pair for pair in bot.spec.pairs.include if not set("*?") & set(pair)]
    FileStrategy(msgspec.structs.replace(named_class(bot, 0, pairs), path=str(path)), _nobody)


def _check_stop(config: Mapping[str, Any], kind: type[Any]) -> None:
    """A bot reads the class, and no configuration beside it."""
    own, given = bool(kind.use_custom_stoploss), config.get(CUSTOM_STOP)
    if given is not None and bool(given) != own:
        allowed = f"{own}, as {kind.__name__} has it: a bot reads the class alone"
        raise ConfigError(CUSTOM_STOP, given, allowed, f"set {kind.__name__}.{CUSTOM_STOP} = {bool(given)}")


def _nobody(pair: str) -> CandleSeries:
    raise ConfigError("strategy", f"candles of {pair}, when it begins", "candles that have closed", "remove it")
