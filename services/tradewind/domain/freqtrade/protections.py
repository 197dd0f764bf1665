"""Protections: rules that lock pairs, or all of them, after trades that went wrong. A lock stops entries, never exits.

They look at closed trades within a window that ends at the present candle. A lock ends one candle later than its
duration says, as freqtrade's do: closes lie on the grid of candles, and the end is rounded up past it.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from tradewind.domain.drawdown import maximum_drawdown
from tradewind.domain.freqtrade.trade import Reason, Trade
from tradewind.domain.timeframe import DAY, MINUTE, bucket_start, close_time

ALL_PAIRS = "*"
STOPPED = (Reason.STOP_LOSS, Reason.TRAILING_STOP_LOSS)

_Found = tuple[int, str]
"""Until when a rule would lock (before rounding up), and why."""


@dataclass(frozen=True, slots=True)
class Protection:
    """One rule. Durations in minutes, `*_text` as reasons of locks print them; `unlock_at` in minutes of the day."""

    method: str
    lookback: int
    lookback_text: str
    stop_duration: int
    stop_text: str
    unlock_at: int | None = None
    trade_limit: int = 1
    only_per_pair: bool = False
    only_per_side: bool = False
    required_profit: float = 0.0
    max_allowed_drawdown: float = 0.0
    relative_drawdown: bool = False


@dataclass(frozen=True, slots=True)
class Lock:
    """`pair` (or `*`) may not be entered from `start` until before `end`; milliseconds UTC."""

    pair: str
    start: int
    end: int
    side: str
    reason: str


class Locks:
    """All locks of a run."""

    def __init__(self) -> None:
        self.all: list[Lock] = []
        self._latest: dict[str, int] = {}

    def add(self, lock: Lock) -> None:
        """Keep `lock`."""
        self.all.append(lock)
        self._latest[lock.pair] = max(lock.end, self._latest.get(lock.pair, 0))

    def is_global_lock(self, time: int) -> bool:
        """Whether all pairs are locked at `time`."""
        return self._latest.get(ALL_PAIRS, 0) > time

    def is_pair_locked(self, pair: str, time: int) -> bool:
        """Whether `pair` may not be entered at `time`."""
        return self._latest.get(pair, 0) > time or self.is_global_lock(time)

    def unlock(self, pair: str, time: int) -> None:
        """End the locks of `pair` at `time`."""
        self._latest[pair] = min(time, self._latest.get(pair, 0))


class Protections:
    """The rules of a run, applied after every exit that filled."""

    def __init__(self, rules: Sequence[Protection], timeframe: str, capital: float, locks: Locks) -> None:
        """`capital` is what may be traded with at the start, that an equity drawdown is measured against."""
        self._rules, self._timeframe, self._capital, self._locks = rules, timeframe, capital, locks
        self._closed: list[Trade] = []
        self._closed_of: dict[str, list[Trade]] = {}

    def apply(self, trade: Trade, time: int) -> None:
        """After an exit of `trade` at `time`: first the rules of its pair, then those of all."""
        pair = trade.pair
        own = self._closed_of.setdefault(pair, [])
        if not trade.is_open:
            # A pair whose data ended early closes last and is dated earlier than what closed before.
            for trades in (self._closed, own):
                insort(trades, trade, key=_closed_at)
        for rule in self._rules:
            found = _pair_lock(rule, own, time)
            if found and not self._locks.is_pair_locked(pair, found[0]):
                self._lock(pair, time, found, rule)
        for rule in self._rules:
            found = self._global_lock(rule, time)
            if found and not self._locks.is_global_lock(found[0]):
                self._lock(ALL_PAIRS, time, found, rule)

    def _lock(self, pair: str, time: int, found: _Found, rule: Protection) -> None:
        until, reason = found
        end = close_time(self._timeframe, bucket_start(self._timeframe, until))
        self._locks.add(Lock(pair, time, end, "long" if rule.only_per_side else "*", reason))

    def _global_lock(self, rule: Protection, time: int) -> _Found | None:
        if rule.method == "StoplossGuard" and not rule.only_per_pair:
            return _stoploss_guard(rule, self._closed, time)
        if rule.method == "MaxDrawdown":
            return self._max_drawdown(rule, time)
        return None

    def _max_drawdown(self, rule: Protection, time: int) -> _Found | None:
        recent = _window(rule.lookback, self._closed, time)
        if not recent or len(recent) < rule.trade_limit:
            return None
        if rule.relative_drawdown:
            before = sum(_profit(trade) for trade in self._closed[: -len(recent)])
            balances = accumulate((_profit(trade) for trade in recent), initial=self._capital + before)
            fall = maximum_drawdown(list(balances)).largest_ratio
        else:
            fall = maximum_drawdown(list(accumulate((_ratio(trade) for trade in recent), initial=0.0))).absolute
        if fall <= rule.max_allowed_drawdown:
            return None
        reason = f"{fall} passed {rule.max_allowed_drawdown} in {rule.lookback_text}, locking {rule.stop_text}."
        return _lock_end(rule, recent), reason


def _pair_lock(rule: Protection, closed: Sequence[Trade], time: int) -> _Found | None:
    match rule.method:
        case "CooldownPeriod":
            recent = _window(rule.stop_duration, closed, time)
            return (_lock_end(rule, recent), f"Cooldown period for {rule.stop_text}.") if recent else None
        case "StoplossGuard":
            return _stoploss_guard(rule, closed, time)
        case "LowProfitPairs":
            return _low_profit(rule, closed, time)
        case _:
            return None


def _stoploss_guard(rule: Protection, closed: Sequence[Trade], time: int) -> _Found | None:
    stopped = [
        trade
        for trade in _window(rule.lookback, closed, time)
        if trade.exit_reason in STOPPED and _ratio(trade) < rule.required_profit
    ]
    if not stopped or len(stopped) < rule.trade_limit:
        return None
    return _lock_end(rule, stopped), f"{rule.trade_limit} stoplosses in {rule.lookback} min, locking {rule.stop_text}."


def _low_profit(rule: Protection, closed: Sequence[Trade], time: int) -> _Found | None:
    recent = _window(rule.lookback, closed, time)
    if not recent or len(recent) < rule.trade_limit:
        return None
    profit = sum(_ratio(trade) for trade in recent)
    if profit >= rule.required_profit:
        return None
    reason = f"{profit} < {rule.required_profit} in {rule.lookback_text}, locking {rule.stop_text}."
    return _lock_end(rule, recent), reason


def _window(minutes: int, closed: Sequence[Trade], time: int) -> Sequence[Trade]:
    """The trades of `closed` (by closing time) that closed less than `minutes` before `time`, or later."""
    return closed[bisect_right(closed, time - minutes * MINUTE, key=_closed_at) :]


def _closed_at(trade: Trade) -> int:
    return trade.close_time or 0


def _lock_end(rule: Protection, trades: Sequence[Trade]) -> int:
    latest = max(_closed_at(trade) for trade in trades)
    if rule.unlock_at is None:
        return latest + rule.stop_duration * MINUTE
    unlock = latest // DAY * DAY + rule.unlock_at * MINUTE
    return unlock if unlock >= latest else unlock + DAY


def _ratio(trade: Trade) -> float:
    return trade.close_profit or 0.0


def _profit(trade: Trade) -> float:
    return trade.close_profit_abs or 0.0
