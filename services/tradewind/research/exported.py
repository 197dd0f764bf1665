"""What a run or a backtest has left in a file, read back: trades as `--export` writes them, or the object of `-o json`.

The native engine and the rules of freqtrade name the fields of a trade differently; here they are one.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from tradewind.domain.errors import ConfigError
from tradewind.domain.money import ZERO, plain
from tradewind.domain.timeframe import DAY
from tradewind.domain.trade import ClosedTrade, trade_order
from tradewind.research.export import ENDINGS

_NAMES: Mapping[str, tuple[str, ...]] = {
    "pair": ("pair",),
    "open_time": ("openTime", "open_date"),
    "close_time": ("closeTime", "close_date"),
    "open_rate": ("openRate", "open_rate"),
    "close_rate": ("closeRate", "close_rate"),
    "amount": ("amount",),
    "profit": ("profit", "profit_abs"),
    "profit_ratio": ("profitRatio", "profit_ratio"),
    "exit_reason": ("exitReason", "exit_reason"),
}
"""Fields of a trade, and what they are called by either engine."""

_OPTIONAL = {"fees": ("fees",), "entry_tag": ("entryTag", "enter_tag")}


@dataclass(frozen=True, slots=True)
class Exported:
    """A result: trades by the time of closing, what it began with, and from when to when (milliseconds UTC).

    `start_balance` is None in a file of trades alone, whose times are those of its trades.
    """

    name: str
    trades: tuple[ClosedTrade, ...]
    start_balance: Decimal | None
    currency: str
    start: int
    end: int

    @property
    def days(self) -> int:
        """Whole days, at least one."""
        return max((self.end - self.start) // DAY, 1)

    def balance(self, given: Decimal | None) -> Decimal:
        """What it began with, `given` where the file does not say. Raises `ConfigError` where nobody does."""
        balance = self.start_balance if given is None else given
        if balance is None:
            fix = "add --balance, or take the file of -o json, which says it"
            raise ConfigError("--balance", "nothing", f"what {self.name} began with, above 0", fix)
        if balance <= ZERO:
            raise ConfigError("--balance", plain(balance), "a number above 0", "correct it")
        return balance


def read_exported(path: Path) -> Exported:
    """The result in `path`. Raises `ConfigError` for a file that holds none, naming what is wrong."""
    document = _document(path)
    rows = document["trades"]
    trades = sorted((_trade(path, number, row) for number, row in enumerate(rows, 1)), key=trade_order)
    times = [trade.open_time for trade in trades] + [trade.close_time for trade in trades]
    start, end = (_moment(path, name, document[name]) if name in document else None for name in ("start", "end"))
    return Exported(
        name=path.stem,
        trades=tuple(trades),
        start_balance=_decimal(path, "startBalance", document["startBalance"]) if "startBalance" in document else None,
        currency=str(document.get("currency", "")),
        start=min(times, default=0) if start is None else start,
        end=max(times, default=0) if end is None else end,
    )


def _document(path: Path) -> dict[str, Any]:
    """The object of `-o json`, or one with nothing but trades."""
    try:
        match path.suffix:
            case ".json":
                found = json.loads(path.read_text(encoding="utf-8"))
            case ".jsonl":
                found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
            case ".csv":
                with path.open(encoding="utf-8", newline="") as file:
                    found = list(csv.DictReader(file))
            case ".parquet":
                found = _parquet(path)
            case _:
                raise ConfigError(path.name, path.suffix or "no ending", ", ".join(ENDINGS), "export it again")
    except OSError as error:
        raise ConfigError(path.name, f"{error.strerror}: {path}", "a readable file", "correct the path") from error
    except ValueError as error:
        raise ConfigError(path.name, f"{error}", "what --export or -o json wrote", "export it again") from error
    document = {"trades": found} if isinstance(found, list) else found
    if not isinstance(document, dict) or not isinstance(document.get("trades"), list):
        allowed = "trades of --export, or the object of -o json of a run or of a backtest of a BOT"
        raise ConfigError(path.name, "no trades", allowed, "export the trades with --export")
    return document


def _parquet(path: Path) -> list[dict[str, Any]]:
    try:
        from pyarrow import parquet  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        fix = "pip install 'tradewind[parquet]', or export another form"
        raise ConfigError(path.name, "no pyarrow", "the extra parquet", fix) from error
    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return rows


def _trade(path: Path, number: int, row: Any) -> ClosedTrade:
    place = f"{path.name}, trade {number}"
    if not isinstance(row, Mapping):
        raise ConfigError(place, row, "an object", "export it again")
    values = {field: _value(place, row, names) for field, names in _NAMES.items()}
    optional = {field: next((row[name] for name in names if row.get(name)), "") for field, names in _OPTIONAL.items()}
    money = ("open_rate", "close_rate", "amount", "profit", "profit_ratio")
    return ClosedTrade(
        pair=str(values["pair"]),
        open_time=_moment(place, "openTime", values["open_time"]),
        close_time=_moment(place, "closeTime", values["close_time"]),
        **{name: _decimal(place, name, values[name]) for name in money},
        fees=_decimal(place, "fees", optional["fees"] or 0),
        exit_reason=str(values["exit_reason"]),
        entry_tag=str(optional["entry_tag"]),
    )


def _value(place: str, row: Mapping[str, Any], names: Iterable[str]) -> Any:
    for name in names:
        if row.get(name) not in (None, ""):
            return row[name]
    told = " or ".join(names)
    raise ConfigError(place, f"no {told}", "a trade as --export writes it", "export it again")


def _moment(place: str | Path, name: str, value: Any) -> int:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ConfigError(f"{place}, {name}", value, "a time, such as 2022-01-03T02:00:00Z", "correct it") from error
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _decimal(place: str | Path, name: str, value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise ConfigError(f"{place}, {name}", value, "a number", "correct it")
    return number
