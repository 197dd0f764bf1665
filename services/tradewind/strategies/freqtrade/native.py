"""What native rules honour of a class written for freqtrade, and what they refuse, by name and with the reason."""

from __future__ import annotations

import inspect

from tradewind.domain.callbacks import Callback
from tradewind.domain.errors import ConfigError
from tradewind.strategies.freqtrade.callbacks import own_callbacks
from tradewind.strategies.freqtrade.interface import IStrategy

_ELSEWHERE = "tradewind backtest --strategy --data, without BOT, has freqtrade's rules"

NOT_ASKED = {
    "bot_loop_start": "native rules decide pair by pair when its candle has closed, and have no other loop",
    "custom_entry_price": "an entry is a market order at the next open",
    "custom_exit_price": "an exit is a market order at the next open",
    "adjust_trade_position": "a position is entered once and left whole",
    "order_filled": "fills are known when the next candle has closed, and custom_exit sees the position then",
    "check_entry_timeout": "market orders do not wait",
    "check_exit_timeout": "market orders do not wait",
}
"""Callbacks that native rules never ask, and why not."""


def check_native(strategy: IStrategy) -> None:
    """Raises `ConfigError` for what freqtrade's rules honour and native ones do not: some callbacks and settings."""
    name = type(strategy).__name__
    settings = {
        "exit_profit_only": ("False: an exit signal closes a position at a loss too", strategy.exit_profit_only),
        "ignore_roi_if_entry_signal": ("False: a target closes a position", strategy.ignore_roi_if_entry_signal),
        "protections": ("none: spec.risk has maxDailyLoss and maxDrawdown", strategy.protections),
    }
    for setting, (allowed, value) in settings.items():
        if value:
            raise ConfigError(f"{name}.{setting}", value, allowed, f"remove it; {_ELSEWHERE}")
    if type(strategy).leverage is not IStrategy.leverage:
        raise ConfigError(f"{name}.leverage", "a method", "none: trades are spot, without leverage", "remove it")
    own = _own(strategy)
    if "custom_stoploss" in own and "after_fill" in inspect.signature(strategy.custom_stoploss).parameters:
        allowed = "none: a stop rests before anybody could be asked, and is raised when a candle has closed"
        fix = f"remove it, it would be False; {_ELSEWHERE}"
        raise ConfigError(f"{name}.custom_stoploss", "a parameter after_fill", allowed, fix)
    refused = [callback for callback in NOT_ASKED if callback in own]
    if refused:
        reasons = "; ".join(f"no {callback}: {NOT_ASKED[callback]}" for callback in refused)
        raise ConfigError(name, ", ".join(refused), reasons, f"remove them; {_ELSEWHERE}")


def native_callbacks(strategy: IStrategy) -> frozenset[Callback]:
    """What `strategy` has of its own of what native rules ask."""
    own = _own(strategy)
    return frozenset(callback for callback in Callback if callback.value in own)


def _own(strategy: IStrategy) -> set[str]:
    """The callbacks of its own that its settings let anybody ask."""
    idle = set()
    if not strategy.use_custom_stoploss:
        idle.add("custom_stoploss")
    if not strategy.position_adjustment_enable:
        idle.add("adjust_trade_position")
    if not strategy.use_exit_signal:
        idle.add("custom_exit")
    return own_callbacks(strategy) - idle
