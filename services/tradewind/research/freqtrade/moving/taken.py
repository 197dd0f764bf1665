"""What of a configuration a manifest says as well: money, pairs, timeframe, stops and targets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from tradewind.domain.errors import ConfigError
from tradewind.domain.money import decimal_of, plain

TAKEN = frozenset(
    {
        "bot_name", "strategy", "timeframe", "timerange", "initial_state",
        "stake_currency", "stake_amount", "dry_run_wallet", "tradable_balance_ratio", "available_capital",
        "max_open_trades", "fee", "exchange", "pairlists",
        "stoploss", "minimal_roi", "trailing_stop", "trailing_stop_positive", "trailing_stop_positive_offset",
        "trailing_only_offset_is_reached",
    }
)  # fmt: skip
"""Keys that are honoured, or refused for a value that cannot be."""

TAKEN_OF_EXCHANGE = frozenset({"name", "pair_whitelist", "pair_blacklist"})

MOST_POSITIONS = 100

_PATTERN = re.compile(r"[A-Z0-9*?]{1,20}/[A-Z0-9*?]{1,20}")


def capital(config: Mapping[str, Any]) -> dict[str, Any]:
    """`spec.capital`."""
    currency = config.get("stake_currency")
    if not isinstance(currency, str) or not currency:
        raise ConfigError("stake_currency", currency or "nothing", "a currency, such as EUR", "add it")
    wallet = config.get("dry_run_wallet", 1000)
    if isinstance(wallet, Mapping):
        wallet = wallet.get(currency, 0)
    stake = config.get("stake_amount")
    if stake is None:
        raise ConfigError("stake_amount", "nothing", "a number, or unlimited", 'add "stake_amount": 100')
    found = {
        "currency": currency.upper(),
        "startingBalance": number("dry_run_wallet", wallet),
        "stakeAmount": "Unlimited" if stake == "unlimited" else number("stake_amount", stake),
        "tradableRatio": number("tradable_balance_ratio", config.get("tradable_balance_ratio", 0.99)),
    }
    if config.get("available_capital") is not None:
        # As freqtrade has it: the bot begins with that much, and all of it is for trading.
        found |= {
            "startingBalance": number("available_capital", config["available_capital"]),
            "tradableRatio": "1",
        }
    return found


def positions(config: Mapping[str, Any], pairs: Sequence[str]) -> int:
    """`spec.risk.maxOpenPositions`; for no limit as many as there are pairs, or as are possible."""
    slots = config.get("max_open_trades", -1)
    if isinstance(slots, bool) or not isinstance(slots, int | float):
        raise ConfigError("max_open_trades", slots, "a whole number, -1 for no limit", "correct it")
    if slots in {-1, float("inf")}:
        return MOST_POSITIONS if any({"*", "?"} & set(pair) for pair in pairs) else max(len(pairs), 1)
    if slots != int(slots) or not 1 <= slots <= MOST_POSITIONS:
        raise ConfigError("max_open_trades", slots, f"1 to {MOST_POSITIONS}, -1 for no limit", "correct it")
    return int(slots)


def pairs_of(config: Mapping[str, Any]) -> list[str]:
    """`spec.pairs.include`: the whitelist without what the blacklist's expressions match; patterns by `*`."""
    methods = [str(each.get("method")) for each in config.get("pairlists") or () if isinstance(each, Mapping)]
    others = [method for method in methods if method != "StaticPairList"]
    if others:
        fix = "name the pairs in exchange.pair_whitelist, and leave StaticPairList alone"
        raise ConfigError("pairlists", ", ".join(others), "StaticPairList", fix)
    exchange = config.get("exchange") or {}
    whitelist = exchange.get("pair_whitelist") or []
    if not isinstance(whitelist, list) or not whitelist:
        raise ConfigError("exchange.pair_whitelist", whitelist, "at least one pair", "name the pairs to trade")
    pairs = [_pattern(str(pair)) for pair in whitelist]
    blacklist = [str(each) for each in exchange.get("pair_blacklist") or ()]
    if any({"*", "?"} & set(pair) for pair in pairs):
        # Which pairs there will be is not known yet, so the blacklist has to be one of patterns itself.
        return pairs
    kept = [pair for pair in pairs if not any(_matches(each, pair) for each in blacklist)]
    if not kept:
        told = f"{', '.join(blacklist)}, which leaves none of {', '.join(pairs)}"
        raise ConfigError("exchange.pair_blacklist", told, "at least one pair left", "correct it")
    return kept


def excluded(config: Mapping[str, Any], pairs: Sequence[str]) -> list[str]:
    """`spec.pairs.exclude`: the blacklist where pairs are patterns; elsewhere it was applied already."""
    if not any({"*", "?"} & set(pair) for pair in pairs):
        return []
    return [
        _pattern(str(each), "pair_blacklist") for each in (config.get("exchange") or {}).get("pair_blacklist") or ()
    ]


def stop(config: Mapping[str, Any]) -> str | None:
    """`spec.risk.stopLoss`; None where there is no stop, which freqtrade writes as -1."""
    value = config.get("stoploss")
    if value is None or (isinstance(value, int | float) and value <= -1):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value >= 0:
        raise ConfigError("stoploss", value, "a ratio from -1 to below 0", "write -0.10")
    return plain(-decimal_of(value))


def target(config: Mapping[str, Any]) -> tuple[str | None, bool]:
    """`spec.risk.takeProfit.distance`, and whether there is more to the table than that one step."""
    table = config.get("minimal_roi") or {}
    try:
        steps = {int(minutes): decimal_of(ratio) for minutes, ratio in table.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigError("minimal_roi", table, "minutes to ratios", 'write {"0": 0.05}') from error
    first = steps.get(0)
    reached = first if first is not None and Decimal(0) < first < Decimal(100) else None
    return (plain(reached) if reached is not None else None), set(steps) - {0} != set() or reached != first


def trailing(config: Mapping[str, Any]) -> tuple[dict[str, str] | None, bool]:
    """`spec.risk.trailingStop`, and whether it is only nearly the same."""
    if not config.get("trailing_stop"):
        return None, False
    positive, exact = config.get("trailing_stop_positive"), bool(config.get("trailing_only_offset_is_reached"))
    activation = number("trailing_stop_positive_offset", config.get("trailing_stop_positive_offset") or 0)
    if positive is None:
        distance = stop(config)
        if distance is None:
            raise ConfigError("trailing_stop", "no stoploss to trail", "a stoploss above -1", "add stoploss")
        return {"distance": distance, "activation": activation if exact else "0"}, False
    return {"distance": number("trailing_stop_positive", positive), "activation": activation}, not exact


def number(key: str, value: Any) -> str:
    """A number as a decimal in a text. Raises `ConfigError` for anything else."""
    try:
        if isinstance(value, bool):
            raise TypeError  # noqa: TRY301 - one place says what is wrong
        return plain(decimal_of(value))
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ConfigError(key, value, "a number", f"correct {key} in the configuration") from error


def slug(text: str, longest: int = 40) -> str:
    """`text` as a name of the manifest; empty where nothing is left of it."""
    dashed = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text).lower())
    return dashed.strip("-")[:longest].strip("-")


def _pattern(pair: str, key: str = "pair_whitelist") -> str:
    """A pair, or an expression of freqtrade's as the pattern that means the same."""
    pattern = pair.removeprefix("^").removesuffix("$").replace(".*", "*").replace(".+", "?*").replace("\\", "")
    if not _PATTERN.fullmatch(pattern):
        allowed = "pairs as BASE/QUOTE, or expressions with .* alone"
        raise ConfigError(f"exchange.{key}", pair, allowed, "name the pairs")
    return pattern


def _matches(expression: str, pair: str) -> bool:
    try:
        return re.fullmatch(expression, pair, re.IGNORECASE) is not None
    except re.error as error:
        allowed = "regular expressions"
        raise ConfigError("exchange.pair_blacklist", expression, allowed, f"correct it: {error}") from error
