"""A backtest from a strategy file and a folder of candles, with a configuration where there is one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tradewind.domain.errors import ConfigError
from tradewind.market_data.adapters.files import ending
from tradewind.research.freqtrade.configuration_file import read_configuration
from tradewind.research.freqtrade.run import BacktestInput

FEE = 0.001
"""A fee per side (a ratio) where none is given."""

_NAME = re.compile(r"([A-Z0-9]+)[-_]([A-Z0-9]+)-(\d+[smhdwM])\.")
_DEFAULTS: dict[str, Any] = {
    "stake_amount": "unlimited",
    "dry_run_wallet": 1000,
    "tradable_balance_ratio": 0.99,
    "unfilledtimeout": {"entry": 10, "exit": 10, "unit": "minutes"},
    "fee": FEE,
}


def given_by(
    strategy: Path,
    data: Path,
    *,
    config: Path | None = None,
    pairs: Sequence[str] = (),
    timerange: str | None = None,
    fee: float | None = None,
    detail_timeframe: str | None = None,
) -> BacktestInput:
    """What to run. What is given here wins over the configuration, and that over the defaults.

    `data` is a folder of files `BASE-QUOTE-TIMEFRAME` or, as freqtrade names them, `BASE_QUOTE-TIMEFRAME`. Without
    markets in the configuration prices are as fine as the candles show and amounts have eight decimals.
    """
    files = candle_files(data)
    own = read_configuration(config) if config is not None else {}
    settings = {**_DEFAULTS, **own}
    exchange = dict(own.get("exchange") or {})
    chosen = list(pairs) or list(exchange.get("pair_whitelist") or ()) or sorted({pair for pair, _ in files})
    settings["exchange"] = {"name": "", **exchange, "pair_whitelist": chosen}
    settings.setdefault("stake_currency", chosen[0].partition("/")[2])
    settings.setdefault("max_open_trades", len(chosen))
    chosen_here = {"timerange": timerange, "fee": fee, "timeframe_detail": detail_timeframe}
    settings |= {name: value for name, value in chosen_here.items() if value is not None}
    settings["strategy"] = own.get("strategy")
    known = (own.get("reference") or {}).get("markets") or {}
    markets = {pair: known.get(pair) or _market(pair) for pair in chosen}
    return BacktestInput(strategy, settings, files, markets)


def candle_files(data: Path) -> dict[tuple[str, str], Path]:
    """The files of candles in a folder, by pair and timeframe. Raises `ConfigError` where there are none."""
    found = {}
    for path in sorted(data.iterdir()) if data.is_dir() else ():
        name = _NAME.match(path.name)
        if name is not None and ending(path) is not None:
            found[f"{name[1]}/{name[2]}", name[3]] = path
    if not found:
        allowed = "a folder of files like BTC-EUR-1h.csv, BTC-EUR-1h.parquet or BTC_EUR-1h.feather"
        raise ConfigError("--data", f"no candles in {data}", allowed, "name the folder that holds them")
    return found


def _market(pair: str) -> Mapping[str, Any]:
    base, _, quote = pair.partition("/")
    return {"symbol": pair, "base": base, "quote": quote, "precision": {"price": None, "amount": 1e-8}, "limits": {}}
