"""The loop with candles of a shorter timeframe inside of each candle: freqtrade's `timeframe_detail`.

Signals and indicators are those of the main candles. What happens inside of one (orders that wait, stops, ROI, position
adjustment, callbacks) is looked at detail candle by detail candle, all pairs at one moment before the next moment, so
that the order of a stop and a target is the market's, and what an exit frees is there for others from then on.

A signal to enter holds through its main candle: what found no slot at the open is tried again at each detail candle,
until its pair has had an order or a trade in this candle. A signal to exit holds as long. A main candle of which a pair
has no detail candle at all is looked at as a whole, at its open, as it would be without details.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from tradewind.domain.candle import Candle
from tradewind.domain.freqtrade.backtest import Backtest
from tradewind.domain.freqtrade.fills import Book
from tradewind.domain.freqtrade.signals import Callbacks, Pairs, Result, Row, Settings
from tradewind.domain.freqtrade.trade import Trade
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import MILLISECONDS, close_time


@dataclass(frozen=True, slots=True)
class Details:
    """Candles of `timeframe`, which divides the main one, by pair; holes are left as holes."""

    timeframe: str
    candles: Mapping[str, CandleSeries]

    def inside(self, pair: str, start: int, end: int) -> dict[int, Candle]:
        """The candles of `pair` opened from `start` on and before `end`, by time; nothing where there is none.

        One that is missing among them stands at the close before it, without volume. What is before the first candle
        of all, or after the last, stays missing.
        """
        series, step = self.candles[pair], MILLISECONDS[self.timeframe]
        first, stop = (int(place) for place in np.searchsorted(series.open_time, (start, end)))
        if first == stop:
            return {}
        found = {candle.open_time: candle for candle in series.slice(first, stop).candles()}
        close = float(series.close[first - 1]) if first else None
        for time in range(start, min(end, int(series.open_time[-1]) + 1), step):
            if time in found:
                close = found[time].close
            elif close is not None:
                found[time] = Candle(time, close, close, close, close, 0.0)
        return found


def run_detailed_backtest(
    pairs: Pairs,
    settings: Settings,
    callbacks: Callbacks,
    span: tuple[int, int],
    details: Details,
    *,
    book: Book | None = None,
    progress: Callable[[int], None] | None = None,
) -> Result:
    """As `run_backtest`, with `details` of every pair."""
    return DetailedBacktest(pairs, settings, callbacks, span, book=book or Book(settings), details=details).run(
        progress
    )


@dataclass(frozen=True, slots=True)
class _Present:
    """The main candle of the moment: its row by pair, what is inside of it, and the pairs that may still be entered."""

    rows: dict[str, Row] = field(default_factory=dict)
    inside: dict[str, dict[int, Candle]] = field(default_factory=dict)
    signaled: set[str] = field(default_factory=set)

    def at(self, pair: str, moment: int) -> Row | None:
        """What there is of `pair`: a detail candle with the signals of its row, or where it has none the whole row."""
        row = self.rows.get(pair)
        if row is None:
            return None
        candles = self.inside.get(pair)
        if candles:
            candle = candles.get(moment)
            return None if candle is None else row._replace(candle=candle)
        return row if row.candle.open_time == moment else None


class DetailedBacktest(Backtest):
    """One run."""

    def __init__(
        self,
        pairs: Pairs,
        settings: Settings,
        callbacks: Callbacks,
        span: tuple[int, int],
        *,
        book: Book,
        details: Details,
    ) -> None:
        super().__init__(pairs, settings, callbacks, span, book)
        self._details = details
        self._latest: dict[str, Row] = {}

    def _trade(self, time: int) -> None:
        """Every pair that has a candle at `time`, moment by moment, as long as anything is held or wanted."""
        end = close_time(self._settings.timeframe, time)
        present = self._present(time, end)
        for pair in self._order():
            if self._taken(pair, time) is not None:
                self._turn(pair, time, present)
        for moment in range(time, end, MILLISECONDS[self._details.timeframe])[1:]:
            if not present.signaled and not self._book.open:
                return
            if self._callbacks.moment is not None:
                self._callbacks.moment(moment)
            for pair in self._order():
                self._turn(pair, moment, present)

    def _present(self, time: int, end: int) -> _Present:
        present = _Present()
        for pair in self._pairs:
            row = self._row(pair, time)
            if row is None:
                continue
            present.rows[pair] = row
            if row.enter and not row.exit and time != self._end:
                present.signaled.add(pair)
            if pair in present.signaled or pair in self._book.open:
                present.inside[pair] = self._details.inside(pair, time, end)
        return present

    def _turn(self, pair: str, moment: int, present: _Present) -> None:
        row = present.at(pair, moment)
        if row is None:
            return
        self._latest[pair] = row
        held = pair in self._book.open
        self._candle(pair, row, may_enter=pair in present.signaled)
        if held or pair in self._book.open or self._closed_now(pair, moment):
            present.signaled.discard(pair)

    def _closed_now(self, pair: str, moment: int) -> bool:
        """Whether a trade of `pair` opened and closed at once."""
        closed = self._book.closed
        return bool(closed) and closed[-1].pair == pair and closed[-1].close_time == moment

    def _last_row(self, trade: Trade) -> Row:
        """The pair's last main candle; its last detail candle for what was opened inside of that one."""
        row = super()._last_row(trade)
        return row if trade.open_time <= row.candle.open_time else self._latest[trade.pair]
