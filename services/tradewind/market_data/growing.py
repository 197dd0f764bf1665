"""A recording that grows: what is known of an exchange's market, from before the bot began up to now.

It is arranged exactly as a recording that is read from files, so that whoever asks about candles cannot tell the
two apart: candles of longer timeframes are made by the same rule, and stand in the tick that completes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tradewind.domain.candle import Candle
from tradewind.domain.candle_checks import CheckedCandles, find_gaps, resample
from tradewind.domain.instrument import Instrument
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import bucket_start, close_time
from tradewind.market_data.recording import Closed, Recording, Tick, ticks_of


def recording_since(
    begin: int,
    checked: Mapping[str, CheckedCandles],
    timeframes: Iterable[str],
    instruments: Mapping[str, Instrument],
    dropped: Mapping[str, str],
) -> Recording:
    """The recording of `checked`, whose ticks are those at `begin` (an open time) and after; the rest is history.

    `timeframes` begins with the one of `checked`.
    """
    base, *_ = wanted = tuple(timeframes)
    recording = Recording(timeframe=base, checked=dict(checked), dropped=dropped, instruments=instruments, begin=begin)
    last = max((int(one.series.open_time[-1]) for one in checked.values() if len(one.series)), default=None)
    known = begin if last is None else max(begin, close_time(base, last))
    for pair, one in checked.items():
        for timeframe in wanted:
            recording.series[pair, timeframe] = resample(one.series, timeframe, known)
    recording.ticks = [tick for tick in ticks_of(base, recording.series) if tick.time >= begin]
    return recording


def present(recording: Recording) -> int:
    """The moment up to which everything is known: where the candles of the next tick open at the earliest."""
    if recording.ticks:
        return close_time(recording.timeframe, recording.ticks[-1].time)
    assert recording.begin is not None
    return recording.begin


def grow(recording: Recording, time: int, candles: Mapping[str, Candle]) -> Tick:
    """Append the tick `time` with the base `candles` of its pairs; pairs without one have a gap there."""
    before, now = present(recording), close_time(recording.timeframe, time)
    checked, found = dict(recording.checked), list[Closed]()
    for pair, candle in candles.items():
        one = checked[pair]
        series = one.series.extended([candle])
        gaps = find_gaps(series.slice(max(len(series) - 2, 0), len(series)))
        checked[pair] = replace(one, series=series, gaps=one.gaps + gaps)
        recording.series[pair, recording.timeframe] = series
        found.append((pair, recording.timeframe, candle))
    recording.checked = checked
    for (pair, timeframe), series in list(recording.series.items()):
        if timeframe != recording.timeframe:
            complete = _completed(checked[pair].series, timeframe, before, now)
            recording.series[pair, timeframe] = series.extended(complete)
            found += [(pair, timeframe, candle) for candle in complete]
    tick = Tick(time, tuple(found))
    recording.ticks.append(tick)
    return tick


def _completed(base: CandleSeries, timeframe: str, before: int, now: int) -> list[Candle]:
    """The candles of `timeframe` that became complete after the moment `before` and up to `now`."""
    if bucket_start(timeframe, now) <= before:
        return []
    first = bucket_start(timeframe, before)
    # One candle more, which shows that the first of these is not the first of all.
    index = max(int(base.open_time.searchsorted(first, side="left")) - 1, 0)
    made = resample(base.slice(index, len(base)), timeframe, now).candles()
    return [candle for candle in made if first <= candle.open_time and close_time(timeframe, candle.open_time) <= now]
