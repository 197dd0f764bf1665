"""A recording: the validated candles of a bot, as series for questions and as ticks for the replay.

A tick is a moment at which base candles opened, with every candle that is complete at their close: theirs, and those
of longer timeframes made from them. A pair that has a gap is simply not in the tick.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tradewind.contracts.api.v1alpha1 import DataSource, Spec, TradingBot
from tradewind.domain.candle import Candle
from tradewind.domain.candle_checks import CheckedCandles, iso_time, resample
from tradewind.domain.errors import ConfigError
from tradewind.domain.instrument import Instrument
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import close_time
from tradewind.market_data.adapters.instruments import load_instruments
from tradewind.market_data.adapters.replay import load_replay, within
from tradewind.market_data.adapters.synthetic import synthetic_series

Closed = tuple[str, str, Candle]
"""(pair, timeframe, candle)."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Everything that is complete when the base candles opened at `time` close."""

    time: int
    candles: tuple[Closed, ...]


@dataclass(slots=True)
class Recording:
    """All candles of one bot. `series` by (pair, timeframe); `checked` by pair.

    `begin` is the first moment of the run (milliseconds UTC) where there are candles from before it, as of an
    exchange; None where the first candle begins the run. `left` is what the bot saw of pairs that it no longer trades:
    what it holds of one counts at the last close of these.
    """

    timeframe: str
    checked: Mapping[str, CheckedCandles]
    dropped: Mapping[str, str]
    instruments: Mapping[str, Instrument]
    series: dict[tuple[str, str], CandleSeries] = field(default_factory=dict)
    ticks: list[Tick] = field(default_factory=list)
    begin: int | None = None
    left: Mapping[str, CandleSeries] = field(default_factory=dict)

    @property
    def candles(self) -> int:
        """How many base candles there are."""
        return sum(len(checked.series) for checked in self.checked.values())

    def closes(self, time: int) -> dict[str, float]:
        """The latest close of every pair that has one, at the close of the tick `time`."""
        found: dict[str, float] = {}
        for pair, series in (*self.left.items(), *((pair, one.series) for pair, one in self.checked.items())):
            index = bisect_right(series.open_time, time) - 1
            if index >= 0:
                found[pair] = float(series.close[index])
        return found

    def closes_by_tick(self, until: int) -> list[tuple[int, dict[str, float]]]:
        """The closes of every tick up to and including `until`."""
        found = [
            (tick.time, {pair: candle.close for pair, timeframe, candle in tick.candles if timeframe == self.timeframe})
            for tick in self.ticks[: self.index_after(until)]
        ]
        for pair, series in self.left.items():
            latest = series.open_time.searchsorted([time for time, _ in found], side="right") - 1
            for (_, closes), index in zip(found, latest.tolist(), strict=True):
                if index >= 0:
                    closes[pair] = float(series.close[index])
        return found

    def index_after(self, time: int) -> int:
        """The index of the first tick after `time`."""
        return bisect_right(self.ticks, time, key=lambda tick: tick.time)

    def notes(self) -> list[str]:
        """What was wrong with the data, for people."""
        found: list[str] = []
        for pair, checked in self.checked.items():
            by_reason: dict[str, list[str]] = defaultdict(list)
            for row in checked.quarantined:
                by_reason[row.reason].append(f"row {row.row}: {row.detail}")
            for reason, rows in by_reason.items():
                plural = "row" if len(rows) == 1 else "rows"
                found.append(f"{pair}: {len(rows)} {plural} quarantined as {reason} (first: {rows[0]})")
            if checked.gaps:
                missing = sum(gap.missing for gap in checked.gaps)
                first = iso_time(checked.gaps[0].after)
                count = f"{missing} {'candle' if missing == 1 else 'candles'} missing"
                found.append(f"{pair}: {count} in {len(checked.gaps)} gap(s), the first after {first}")
        found += [f"{pair}: left out, {reason}" for pair, reason in self.dropped.items()]
        return found


def load_recording(bot: TradingBot) -> Recording:
    """Read, validate and arrange; raises `ConfigError` for what the user must mend."""
    recording = load_candles(bot)
    recording.ticks = ticks_of(recording.timeframe, recording.series)
    return recording


def load_candles(bot: TradingBot) -> Recording:
    """As `load_recording`, without ticks: for who looks at whole series only."""
    spec = bot.spec
    checked, dropped = _source(bot, spec.pairs.include, spec.pairs.exclude)
    by_pair = {pair: one.series for pair, one in checked.items()}
    overrides = {one.pair: one.model_dump(exclude={"pair"}, exclude_none=True) for one in spec.exchanges[0].instruments}
    recording = Recording(
        timeframe=spec.timeframe,
        checked=checked,
        dropped=dropped,
        instruments=load_instruments(spec.data.path, by_pair, overrides),
    )
    for pair, series in by_pair.items():
        for timeframe in timeframes_of(spec):
            recording.series[pair, timeframe] = resample(series, timeframe)
    return recording


def load_left(bot: TradingBot, left: Mapping[str, int]) -> dict[str, CandleSeries]:
    """The base candles of pairs that are not traded any more, up to a tick of each; without those that are not there.

    Of an exchange none: there a run keeps the pairs with which it began.
    """
    found: dict[str, CandleSeries] = {}
    for pair, time in left.items() if bot.spec.data.source is not DataSource.EXCHANGE else ():
        with contextlib.suppress(ConfigError):
            series = _source(bot, [pair], [])[0][pair].series
            found[pair] = series.slice(0, bisect_right(series.open_time, time))
    return found


def timeframes_of(spec: Spec) -> tuple[str, ...]:
    """The timeframes that somebody looks at: the bot's first, then those of its strategies."""
    looked_at = (timeframe for strategy in spec.strategies for timeframe in strategy.timeframes)
    return tuple(dict.fromkeys((spec.timeframe, *looked_at)))


def _source(
    bot: TradingBot, include: Sequence[str], exclude: Sequence[str]
) -> tuple[Mapping[str, CheckedCandles], Mapping[str, str]]:
    spec, data = bot.spec, bot.spec.data
    start, end = (data.span.start, data.span.end) if data.span else (None, None)
    span = _milliseconds(start), _milliseconds(end)
    if data.source is DataSource.SYNTHETIC:
        assert data.synthetic is not None
        market = data.synthetic
        pairs = [pair for pair in include if not set("*?") & set(pair)]
        return {
            pair: within(
                CheckedCandles(
                    synthetic_series(
                        pair,
                        spec.timeframe,
                        seed=market.seed,
                        candles=market.candles,
                        start_price=float(market.start_price),
                        volatility=float(market.volatility),
                    )
                ),
                span,
            )
            for pair in pairs
        }, {}
    assert data.path is not None
    replay = load_replay(data.path, include, exclude, spec.timeframe, span)
    return replay.series, replay.dropped


def _milliseconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp() * 1000) if moment else None


def ticks_of(base: str, series: Mapping[tuple[str, str], CandleSeries]) -> list[Tick]:
    """Ticks in order of time; within one, base candles by pair first, then longer ones."""
    moments: dict[int, list[Closed]] = defaultdict(list)
    for (pair, timeframe), one in series.items():
        if timeframe == base:
            for candle in one.candles():
                moments[candle.open_time].append((pair, timeframe, candle))
    times = sorted(moments)
    closes = [close_time(base, time) for time in times]
    for (pair, timeframe), one in series.items():
        if timeframe != base:
            for candle in one.candles():
                _attach(moments, times, closes, (pair, timeframe, candle))
    return [Tick(time, tuple(moments[time])) for time in times]


def _attach(moments: Mapping[int, list[Closed]], times: Sequence[int], closes: Sequence[int], closed: Closed) -> None:
    """A longer candle belongs to the tick at whose close it is complete; after a gap, to the next one there is."""
    _, timeframe, candle = closed
    complete = close_time(timeframe, candle.open_time)
    index = bisect_right(closes, complete - 1)
    if index < len(times):
        moments[times[index]].append(closed)
