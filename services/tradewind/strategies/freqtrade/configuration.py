"""From a freqtrade configuration and a strategy's attributes to the settings of the rules.

What stands in the configuration wins over the parameter file, and that over the strategy. What the rules cannot
honour is refused here, by its name, before any candle is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tradewind.domain.errors import ConfigError
from tradewind.domain.freqtrade.protections import Protection
from tradewind.domain.freqtrade.roi import RoiTable
from tradewind.domain.freqtrade.signals import Settings
from tradewind.domain.freqtrade.stop import StopRules
from tradewind.domain.freqtrade.wallet import StakeRules
from tradewind.strategies.freqtrade.timeframes import timeframe_to_minutes

OVERRIDES = (
    "timeframe",
    "minimal_roi",
    "stoploss",
    "max_open_trades",
    "trailing_stop",
    "trailing_stop_positive",
    "trailing_stop_positive_offset",
    "trailing_only_offset_is_reached",
    "use_custom_stoploss",
    "use_custom_roi",
    "process_only_new_candles",
    "order_types",
    "order_time_in_force",
    "unfilledtimeout",
    "protections",
    "disable_dataframe_checks",
    "use_exit_signal",
    "exit_profit_only",
    "exit_profit_offset",
    "ignore_roi_if_entry_signal",
    "ignore_buying_expired_candle_after",
    "position_adjustment_enable",
    "max_entry_position_adjustment",
)
"""Attributes of a strategy that the configuration may set."""

_UNITS = {"minutes": 60.0, "seconds": 1.0}
_METHODS = ("CooldownPeriod", "StoplossGuard", "LowProfitPairs", "MaxDrawdown")
_LIMITS = {"StoplossGuard": 10, "LowProfitPairs": 1, "MaxDrawdown": 1}


def override_attributes(strategy: Any, config: dict[str, Any]) -> None:
    """Let `config` win over the attributes of `strategy`, and hold the outcome of both."""
    for name in OVERRIDES:
        if config.get(name) is not None:
            if not _is_property(strategy, name):
                setattr(strategy, name, config[name])
        elif getattr(strategy, name, None) is not None:
            config[name] = getattr(strategy, name)
    if config.get("max_open_trades") == -1:
        config["max_open_trades"] = strategy.max_open_trades = math.inf
    _check_timeframe(strategy)


def settings_of(strategy: Any, config: Mapping[str, Any], default_fee: float) -> Settings:
    """The settings of the rules; `default_fee` (a ratio) where the configuration has no `fee`."""
    timeouts = config.get("unfilledtimeout") or {}
    unit = str(timeouts.get("unit", "minutes"))
    if unit not in _UNITS:
        raise ConfigError("unfilledtimeout.unit", unit, " or ".join(_UNITS), "write minutes")
    return Settings(
        timeframe=strategy.timeframe,
        stakes=_stakes(config),
        fee=_number(config, "fee", default_fee),
        stop=_stop(strategy),
        roi=RoiTable(roi_steps(strategy), timeframe_to_minutes(strategy.timeframe)),
        entry_timeout=_seconds(timeouts, "entry", _UNITS[unit]),
        exit_timeout=_seconds(timeouts, "exit", _UNITS[unit]),
        use_exit_signal=bool(strategy.use_exit_signal),
        exit_profit_only=bool(strategy.exit_profit_only),
        exit_profit_offset=float(strategy.exit_profit_offset),
        ignore_roi_if_entry_signal=bool(strategy.ignore_roi_if_entry_signal),
        position_adjustment_enable=bool(strategy.position_adjustment_enable),
        max_entry_position_adjustment=int(strategy.max_entry_position_adjustment),
        protections=_protections(strategy, config),
    )


def _check_timeframe(strategy: Any) -> None:
    from tradewind.domain.timeframe import TIMEFRAMES  # noqa: PLC0415

    if strategy.timeframe not in TIMEFRAMES:
        name = f"{type(strategy).__name__}.timeframe"
        raise ConfigError(name, strategy.timeframe, ", ".join(TIMEFRAMES), "use one of these timeframes")


def _stakes(config: Mapping[str, Any]) -> StakeRules:
    stake = config.get("stake_amount")
    if stake is None:
        raise ConfigError("stake_amount", "nothing", "a number, or unlimited", 'add "stake_amount": 100')
    slots = _number(config, "max_open_trades", math.nan)
    if math.isnan(slots) or slots < 0:
        raise ConfigError("max_open_trades", config.get("max_open_trades"), "0 or more, -1 for no limit", "set it")
    amount = math.inf if stake == "unlimited" else _number(config, "stake_amount", 0.0)
    if math.isinf(amount) and math.isinf(slots):
        raise ConfigError(
            "stake_amount", "unlimited with max_open_trades -1", "one of the two", "set max_open_trades to a number"
        )
    wallet = config.get("dry_run_wallet", 1000)
    if isinstance(wallet, Mapping):
        wallet = wallet.get(config["stake_currency"], 0)
    return StakeRules(
        stake_amount=amount,
        max_open_trades=slots,
        dry_run_wallet=float(wallet),
        tradable_balance_ratio=_number(config, "tradable_balance_ratio", 0.99),
        available_capital=_capital(config),
        amend_last_stake_amount=bool(config.get("amend_last_stake_amount", False)),
        last_stake_amount_min_ratio=_number(config, "last_stake_amount_min_ratio", 0.5),
    )


def _capital(config: Mapping[str, Any]) -> float:
    """`available_capital`; 0 where there is none."""
    if "available_capital" not in config:
        return 0.0
    capital = _number(config, "available_capital", 0.0)
    if not capital > 0:
        raise ConfigError("available_capital", config["available_capital"], "a number above 0", "remove or correct it")
    return capital


def _number(config: Mapping[str, Any], name: str, default: float) -> float:
    value = config.get(name, default)
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(name, value, "a number", f"correct {name} in the configuration") from error


def _seconds(timeouts: Mapping[str, Any], side: str, unit: float) -> float | None:
    return None if timeouts.get(side) is None else float(timeouts[side]) * unit


def _stop(strategy: Any) -> StopRules:
    name = type(strategy).__name__
    stoploss = getattr(strategy, "stoploss", None)
    if not isinstance(stoploss, int | float) or not -1 <= stoploss < 0:
        raise ConfigError(f"{name}.stoploss", stoploss, "a ratio from -1 to below 0", "set stoploss = -0.10")
    positive, offset = strategy.trailing_stop_positive, float(strategy.trailing_stop_positive_offset)
    if positive is not None and not float(positive):
        allowed, fix = "None, or a ratio other than 0", "remove it, or set it to the distance from the high"
        raise ConfigError(f"{name}.trailing_stop_positive", positive, allowed, fix)
    if strategy.trailing_only_offset_is_reached and not offset:
        raise ConfigError(
            f"{name}.trailing_only_offset_is_reached",
            "True with trailing_stop_positive_offset 0",
            "an offset above 0",
            "set trailing_stop_positive_offset, or trailing_only_offset_is_reached = False",
        )
    return StopRules(
        stoploss=float(stoploss),
        trailing_stop=bool(strategy.trailing_stop),
        trailing_stop_positive=float(positive or 0.0),
        trailing_stop_positive_offset=offset,
        trailing_only_offset_is_reached=bool(strategy.trailing_only_offset_is_reached),
        use_custom_stoploss=bool(strategy.use_custom_stoploss),
    )


def roi_steps(strategy: Any) -> dict[int, float]:
    """`minimal_roi` of a class, minutes to ratios. Raises `ConfigError` for one that is none."""
    try:
        return {int(minutes): float(ratio) for minutes, ratio in strategy.minimal_roi.items()}
    except (AttributeError, TypeError, ValueError) as error:
        name = f"{type(strategy).__name__}.minimal_roi"
        allowed = "minutes to ratios"
        raise ConfigError(name, strategy.minimal_roi, allowed, 'write {"0": 0.05, "60": 0.01}') from error


def _protections(strategy: Any, config: Mapping[str, Any]) -> tuple[Protection, ...]:
    if not config.get("enable_protections", False):
        return ()
    rules = config.get("protections") or strategy.protections or ()
    candle = timeframe_to_minutes(strategy.timeframe)
    return tuple(_protection(rule, candle) for rule in rules)


def _protection(rule: Mapping[str, Any], candle: int) -> Protection:
    method = str(rule.get("method"))
    if method not in _METHODS:
        raise ConfigError("protections.method", method, ", ".join(_METHODS), "use one of these protections")
    lookback, lookback_text = _span(rule, "lookback_period", candle)
    stop, stop_text = _span(rule, "stop_duration", candle)
    unlock_at = rule.get("unlock_at")
    until = f"until {unlock_at}" if unlock_at and "stop_duration_candles" not in rule else f"for {stop_text}"
    return Protection(
        method=method,
        lookback=lookback,
        lookback_text=lookback_text,
        stop_duration=stop,
        stop_text=until,
        unlock_at=_minutes_of_day(str(unlock_at)) if until.startswith("until") else None,
        trade_limit=int(rule.get("trade_limit", _LIMITS.get(method, 1))),
        only_per_pair=bool(rule.get("only_per_pair", False)),
        only_per_side=bool(rule.get("only_per_side", False)),
        required_profit=rule.get("required_profit", 0.0),
        max_allowed_drawdown=rule.get("max_allowed_drawdown", 0.0),
        relative_drawdown=rule.get("calculation_mode", "ratios") == "equity",
    )


def _span(rule: Mapping[str, Any], name: str, candle: int) -> tuple[int, str]:
    """A duration in minutes, and as it is printed."""
    if f"{name}_candles" in rule:
        candles = int(rule[f"{name}_candles"])
        return candles * candle, f"{candles} candle{'s' * (candles != 1)}"
    minutes = int(rule.get(name, 60))
    return minutes, f"{minutes} minute{'s' * (minutes != 1)}"


def _minutes_of_day(text: str) -> int:
    hours, _, minutes = text.partition(":")
    if not (hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60):
        raise ConfigError("protections.unlock_at", text, "a time of day, HH:MM", 'write "18:00"')
    return int(hours) * 60 + int(minutes)


def _is_property(strategy: Any, name: str) -> bool:
    return isinstance(getattr(type(strategy), name, None), property)
