"""What of a configuration no manifest can say: refused where the bot would trade otherwise, else told.

A value that changes nothing, such as `"use_exit_signal": true`, is honoured by doing nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tradewind.domain.errors import ConfigError
from tradewind.research.freqtrade.moving.taken import TAKEN, TAKEN_OF_EXCHANGE


@dataclass(frozen=True, slots=True)
class Remark:
    """A key of the configuration, and what becomes of it."""

    key: str
    told: str

    def __str__(self) -> str:
        return f"{self.key}: {self.told}"


_PLACED = "entries and exits are market orders at the next candle's open, stops and targets rest at the venue"
_PROTECTED = "spec.risk has maxDailyLoss and maxDrawdown, which stop entries of all pairs"
_VIEWED = "the gateway's API has a key of its own, made at the first start"
_MESSAGED = "a manifest sends no messages"
_KEPT = "state is kept where TRADEWIND_STATE_DIRECTORY or spec.storage says"

_REFUSED: Mapping[str, tuple[tuple[Any, ...], str, str]] = {
    "trading_mode": (("spot", ""), "spot", "trade spot pairs"),
    "margin_mode": (("", "none"), "no margin", "remove it"),
    "can_short": ((False,), "false", "remove the short side: spot trades are long"),
    "position_adjustment_enable": ((False,), "false", "remove it: a position has one entry"),
    "use_custom_stoploss": ((False,), "false, where no class is there that has one", "add --strategy FILE"),
    "use_custom_roi": ((False,), "false", "set minimal_roi"),
}
"""Keys with the values that are honoured, what is allowed, and the fix."""

_ENABLED = {
    "freqai": "FreqAI is not honoured: remove it",
    "edge": "remove it, and set stoploss and stake_amount",
    "external_message_consumer": "remove it: a bot decides on candles of its own",
}
"""Parts that would decide, and are refused where they are enabled."""

_TOLD: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "unfilledtimeout": ((), "market orders do not wait"),
    "entry_pricing": ((), _PLACED),
    "exit_pricing": ((), _PLACED),
    "order_types": ((), _PLACED),
    "order_time_in_force": ((), _PLACED),
    "custom_price_max_distance_ratio": ((), _PLACED),
    "use_exit_signal": ((True,), "an exit signal always closes a position"),
    "exit_profit_only": ((False,), "an exit signal closes a position at a loss too"),
    "exit_profit_offset": ((0,), "an exit signal closes a position at any profit"),
    "ignore_roi_if_entry_signal": ((False,), "the target closes a position whatever is signaled"),
    "ignore_buying_expired_candle_after": ((0,), "a decision expires with its candle"),
    "max_entry_position_adjustment": ((-1, 0), "a position has one entry"),
    "protections": (([],), _PROTECTED),
    "enable_protections": ((False,), _PROTECTED),
    "amend_last_stake_amount": ((False,), "a last stake that is too large is not traded"),
    "last_stake_amount_min_ratio": ((), "a last stake that is too large is not traded"),
    "process_only_new_candles": ((True,), "decisions are made when candles close"),
    "internals": ((), "decisions are made when candles close"),
    "force_entry_enable": ((False,), "nobody but the strategies enters"),
    "cancel_open_orders_on_exit": ((False,), "spec.deletionPolicy says what becomes of open orders"),
    "fiat_display_currency": ((), "money is shown in the stake currency"),
    "dry_run": ((True,), "the manifest trades on paper: mode Live is asked for by hand, with --live"),
    "timeframe_detail": ((), "stops and targets are matched inside the candles of the timeframe"),
    "telegram": ((), _MESSAGED),
    "discord": ((), _MESSAGED),
    "webhook": ((), _MESSAGED),
    "api_server": ((), _VIEWED),
    "db_url": ((), _KEPT),
    "datadir": ((), "tradewind import freqtrade --data says where candles are"),
    "user_data_dir": ((), "nothing is kept there"),
    "dataformat_ohlcv": ((), "candle files are told by their endings"),
    "dataformat_trades": ((), "trades are not read"),
    "disable_dataframe_checks": ((False,), "the rows of a strategy are always checked"),
    "strategy_path": ((), "--strategy says where the file is"),
    "recursive_strategy_search": ((False,), "--strategy says where the file is"),
    "freqai": ((), "it is not enabled, and left out"),
    "edge": ((), "it is not enabled, and left out"),
    "external_message_consumer": ((), "it is not enabled, and left out"),
    "producer": ((), "nothing is sent to other bots"),
    "logfile": ((), "TRADEWIND_LOG_LEVEL and TRADEWIND_LOG_FORMAT say what is logged"),
    "log_config": ((), "TRADEWIND_LOG_LEVEL and TRADEWIND_LOG_FORMAT say what is logged"),
    "verbosity": ((0,), "TRADEWIND_LOG_LEVEL says what is logged"),
}
"""Keys with the values that change nothing, and what becomes of others."""

STARTUP = "startup_candle_count"
"""What a class says of its warm-up; a configuration has no such key, and `moving.strategy` adds it."""

_NOTHING = frozenset({"$schema", "reference", STARTUP})
"""What says nothing about trading."""

_SECRET = frozenset(
    {
        "key", "apikey", "secret", "password", "passphrase", "uid", "login", "account_id", "accountid", "privatekey",
        "walletaddress", "token", "chat_id", "jwt_secret_key", "ws_token", "username", "webhook_url", "db_url", "url",
    }
)  # fmt: skip
"""Names of values that are not for others to read, in lower case."""


def remarks(config: Mapping[str, Any]) -> Iterator[Remark]:
    """One for each key that is not honoured, with what becomes of it."""
    for key, value in config.items():
        if key in _TOLD:
            neutral, told = _TOLD[key]
            if value not in (None, "", [], {}) and value not in neutral:
                yield Remark(key, told)
        elif key not in TAKEN and key not in _REFUSED and key not in _NOTHING:
            yield Remark(key, "no such setting is known; left out")
    yield from _parts(config)
    for key, value in (config.get("exchange") or {}).items():
        if value not in (None, "", [], {}) and key not in TAKEN_OF_EXCHANGE and key.lower() not in _SECRET:
            yield Remark(f"exchange.{key}", "the client of the exchange is set up by Tradewind; left out")


def _parts(config: Mapping[str, Any]) -> Iterator[Remark]:
    """What of keys that are honoured is not."""
    wallet, currency = config.get("dry_run_wallet"), config.get("stake_currency")
    if isinstance(wallet, Mapping):
        others = ", ".join(str(name) for name in wallet if name != currency)
        if others:
            yield Remark(f"dry_run_wallet ({others})", "a bot begins with its stake currency alone")
    for each in config.get("pairlists") or ():
        more = ", ".join(name for name in each if name != "method") if isinstance(each, Mapping) else ""
        if more:
            yield Remark(f"pairlists ({more})", "pairs are those that are named and have candles")
    if config.get("initial_state") not in {None, "running", "stopped"}:
        yield Remark("initial_state", f"no manifest begins {config['initial_state']}: spec.suspended stops its pods")


def refusals(config: Mapping[str, Any]) -> Iterator[ConfigError]:
    """One for each key without which the bot would trade otherwise than it says."""
    for key, (honoured, allowed, fix) in _REFUSED.items():
        value = config.get(key)
        if value is not None and value not in honoured:
            yield ConfigError(key, value, allowed, fix)
    for key, fix in _ENABLED.items():
        part = config.get(key)
        if isinstance(part, Mapping) and part.get("enabled"):
            yield ConfigError(key, "enabled", "none", fix)


def secrets(value: Any, place: str = "") -> Iterator[str]:
    """Where there are secrets; of lists each entry, of anything else nothing."""
    if isinstance(value, Mapping):
        for name, below in value.items():
            inner = f"{place}.{name}" if place else str(name)
            if str(name).lower() in _SECRET and isinstance(below, str | int) and below not in {"", 0}:
                yield inner
            else:
                yield from secrets(below, inner)
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from secrets(below, f"{place}[{number}]")
