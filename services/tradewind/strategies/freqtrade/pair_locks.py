"""`PairLocks` as strategies know it: the locks of the run in progress.

Asked without a time they speak of this very moment, as freqtrade's do, at which no lock of a recorded market is left:
in a backtest, only what is given the candle's time unlocks or finds anything.
"""

from __future__ import annotations

from datetime import UTC, datetime

from tradewind.domain.freqtrade.protections import ALL_PAIRS, Lock
from tradewind.strategies.freqtrade.session import current, milliseconds_of
from tradewind.strategies.freqtrade.timeframes import timeframe_to_next_date


class PairLocks:
    """Locks of the run in progress."""

    @classmethod
    def lock_pair(
        cls, pair: str, until: datetime, reason: str | None = None, *, now: datetime | None = None, side: str = "*"
    ) -> None:
        """Keep `pair` (`*` for all) from being entered until the candle of `until` is over."""
        session = current()
        if session is not None:
            start = milliseconds_of(now) if now else session.time or 0
            end = milliseconds_of(timeframe_to_next_date(session.timeframe, until))
            session.book.locks.add(Lock(pair, start, end, side, reason or ""))

    @classmethod
    def unlock_pair(cls, pair: str, now: datetime | None = None, side: str = "*") -> None:
        """End the locks of `pair`."""
        session = current()
        if session is not None:
            session.book.locks.unlock(pair, milliseconds_of(now or datetime.now(UTC)))

    @classmethod
    def is_pair_locked(cls, pair: str, now: datetime | None = None, side: str = "*") -> bool:
        """Whether `pair` may not be entered."""
        session = current()
        if session is None:
            return False
        return session.book.locks.is_pair_locked(pair, milliseconds_of(now or datetime.now(UTC)))

    @classmethod
    def is_global_lock(cls, now: datetime | None = None, side: str = "*") -> bool:
        """Whether no pair may be entered."""
        return cls.is_pair_locked(ALL_PAIRS, now, side)
