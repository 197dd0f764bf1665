"""The backtest that is running in this process, for the objects that strategies reach without being handed them.

`Trade.get_trades_proxy()` and `PairLocks` are asked of classes; so one run at a time stands behind them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tradewind.domain.errors import ConfigError
from tradewind.domain.freqtrade.fills import Book


@dataclass(slots=True)
class Session:
    """A run: its book, the names of exchange and strategy, and the time of the present candle (milliseconds UTC)."""

    book: Book
    timeframe: str = ""
    exchange: str = ""
    strategy: str = ""
    stake_currency: str = ""
    time: int | None = None
    opened: dict[Any, int] = field(default_factory=dict)

    def number(self, trade: Any) -> int:
        """The number of a trade, from 1, in the order of opening."""
        return self.opened.setdefault(trade, len(self.opened) + 1)


_running: list[Session] = []
_apart: list[None] = []


@contextmanager
def running(session: Session) -> Iterator[Session]:
    """Let `session` be the one behind the classes."""
    _running.append(session)
    try:
        yield session
    finally:
        _running.pop()


@contextmanager
def without_account() -> Iterator[None]:
    """Let nobody stand behind the classes: a bot's strategies see candles, and its account is the engine's."""
    _apart.append(None)
    try:
        yield
    finally:
        _apart.pop()


def current() -> Session | None:
    """The run in progress, or None. Raises `ConfigError` where there is an account, and not here."""
    if _apart:
        allowed = "candles, and in a callback its own trade: a bot's strategies do not see its account"
        raise ConfigError("strategy", "Trade or PairLocks, asked by the class itself", allowed, "remove it")
    return _running[-1] if _running else None


def moment(milliseconds: int) -> datetime:
    """A time as strategies get it: aware, UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def milliseconds_of(date: datetime) -> int:
    """A time of a strategy, naive ones taken as UTC."""
    return round((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1000)
