"""What a live market knows before its first tick: instruments, and candles enough for every strategy.

A bot that begins asks the exchange; one that comes back has kept what it saw, and only asks for what came since. The
history begins where it began the first time: an average that is carried on from candle to candle then says the same
as if the bot had never been away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import numpy as np

from tradewind.contracts.api.v1alpha1 import Exchange, Spec
from tradewind.contracts.strategies import parse_parameters
from tradewind.domain.candle import Candle
from tradewind.domain.candle_checks import CheckedCandles, find_gaps
from tradewind.domain.errors import ConfigError, PermanentError, TemporaryError
from tradewind.domain.instrument import Instrument
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import DAY, MILLISECONDS, bucket_start, close_time
from tradewind.kernel.backoff import Backoff
from tradewind.market_data.candle_store import Kept
from tradewind.market_data.gathering import GRACE
from tradewind.market_data.growing import recording_since
from tradewind.market_data.ports import Feed
from tradewind.market_data.recording import Recording, timeframes_of
from tradewind.strategies.loader import warm_up_of

HISTORY = 500
"""Candles of the bot's timeframe that are known before the first tick, at least."""

INCLUDE = "spec.pairs.include"
NAME = "spec.exchanges[0].name"
_FIELDS = {"exchange": NAME, "pair": INCLUDE, "timeframe": "spec.timeframe"}
_LONGEST_MONTH = 31 * DAY

Result = TypeVar("Result")


async def patiently(log: Any, exchange: str, call: Callable[[], Awaitable[Result]]) -> Result:
    """The answer of an exchange, however long it takes to come; `ConfigError` when it says that it never will."""
    backoff = Backoff()
    while True:
        try:
            return await call()
        except TemporaryError as error:
            pause = max(error.retry_after, backoff.pause())
            log.warning("the exchange does not answer, asked again", error=str(error), seconds=round(pause, 1))
            await asyncio.sleep(pause)
        except ConfigError as error:
            field = _FIELDS.get(error.field, error.field)
            raise ConfigError(field, error.received, error.allowed, error.fix) from error
        except PermanentError as error:
            allowed = "an exchange that tells its spot markets and candles through ccxt"
            raise ConfigError(NAME, exchange, allowed, f"choose another, for it says: {error}") from error


async def begin(spec: Spec, feed: Feed, kept: Kept, now: int, log: Any) -> Recording:
    """The recording at `now` (milliseconds UTC), of what is kept, else of what the exchange tells.

    Raises `ConfigError` when the exchange has not what the manifest names.
    """
    exchange = spec.exchanges[0]
    listed = await patiently(log, exchange.name, feed.instruments)
    pairs, dropped = chosen_pairs(spec.pairs.include, spec.pairs.exclude, list(listed), exchange.name)
    if kept.candles:
        # The pairs of a run are those with which it began: a pattern may match others by now.
        pairs = [*(pair for pair in pairs if pair in kept.candles), *_gone(kept, pairs)]
    instruments = _instruments(pairs, listed, exchange)
    if kept.candles:
        checked, first = _remembered(kept, pairs, spec.timeframe)
    else:
        checked, first = await _asked(spec, feed, pairs, now, log)
    return recording_since(first, checked, timeframes_of(spec), instruments, dropped)


def chosen_pairs(
    include: Sequence[str], exclude: Sequence[str], listed: Sequence[str], exchange: str
) -> tuple[list[str], dict[str, str]]:
    """The pairs to trade, exact ones in their order, then what patterns match, sorted; and why others are left out.

    Raises `ConfigError` for a pair or pattern that matches nothing `listed`, and when nothing is left.
    """
    wanted: list[str] = []
    for pattern in include:
        found = sorted(pair for pair in listed if fnmatchcase(pair, pattern))
        if not found:
            near = get_close_matches(pattern, listed, n=1)
            fix = f"write {near[0]}" if near else "include a pair that it lists"
            raise ConfigError(INCLUDE, pattern, f"one of the {len(listed)} spot pairs of {exchange}", fix)
        wanted += found
    exact = [pair for pair in include if pair in listed]
    ordered = list(dict.fromkeys((*exact, *sorted(set(wanted) - set(exact)))))
    dropped = {
        pair: f"excluded by '{pattern}'" for pair in ordered for pattern in exclude[::-1] if fnmatchcase(pair, pattern)
    }
    pairs = [pair for pair in ordered if pair not in dropped]
    if not pairs:
        allowed = f"at least one pair that spec.pairs.exclude ({', '.join(exclude)}) leaves"
        raise ConfigError(INCLUDE, ", ".join(include), allowed, "include another pair, or exclude less")
    return pairs, dropped


def history_since(spec: Spec, now: int) -> int:
    """The open time of the first candle that the strategies of `spec` need before `now` (milliseconds UTC)."""
    since = [bucket_start(spec.timeframe, now) - HISTORY * _span(spec.timeframe)]
    for row, strategy in enumerate(spec.strategies):
        parameters = parse_parameters(f"spec.strategies[{row}]", strategy.kind, strategy.parameters)
        needed = warm_up_of(strategy.kind, parameters) + 1
        since += [
            bucket_start(timeframe, bucket_start(timeframe, now) - needed * _span(timeframe))
            for timeframe in strategy.timeframes or (spec.timeframe,)
        ]
    return bucket_start(spec.timeframe, min(since))


async def _asked(
    spec: Spec, feed: Feed, pairs: Sequence[str], now: int, log: Any
) -> tuple[dict[str, CheckedCandles], int]:
    """The history of every pair by the exchange, and the open time of the first candle to trade on.

    What closed a moment ago may still be on its way for some pairs: it is the first tick, and no history yet.
    """
    base, exchange = spec.timeframe, spec.exchanges[0].name
    since, until = history_since(spec, now), bucket_start(base, now - int(GRACE * 1000))

    async def told(pair: str, start: int, end: int) -> CheckedCandles:
        return await patiently(log, exchange, lambda: feed.history(pair, base, start, end))

    checked = {pair: await told(pair, since, until) for pair in pairs}
    ends = [close_time(base, int(one.series.open_time[-1])) for one in checked.values() if len(one.series)]
    if not ends:
        allowed = f"pairs that have traded in the last {HISTORY} candles of {base}"
        raise ConfigError(INCLUDE, ", ".join(pairs), allowed, "include other pairs, or choose a longer spec.timeframe")
    first = max(ends)
    for pair, one in checked.items():
        known = close_time(base, int(one.series.open_time[-1])) if len(one.series) else since
        if known < first:
            # The market went on while the others were asked for.
            checked[pair] = _joined(one, await told(pair, known, first))
    return checked, first


def _joined(earlier: CheckedCandles, later: CheckedCandles) -> CheckedCandles:
    series = earlier.series.extended(later.series.candles())
    return CheckedCandles(series, earlier.quarantined + later.quarantined, find_gaps(series))


def _remembered(kept: Kept, pairs: Iterable[str], timeframe: str) -> tuple[dict[str, CheckedCandles], int]:
    series = {pair: CandleSeries.of(pair, timeframe, kept.candles[pair]) for pair in pairs}
    checked = {pair: CheckedCandles(one, (), find_gaps(one)) for pair, one in series.items()}
    if kept.begin is not None:
        return checked, kept.begin
    return checked, close_time(timeframe, int(np.max([one.open_time[-1] for one in series.values()])))


def _gone(kept: Kept, pairs: Sequence[str]) -> list[str]:
    return sorted(set(kept.candles) - set(pairs))


def _instruments(pairs: Iterable[str], listed: Mapping[str, Instrument], exchange: Exchange) -> dict[str, Instrument]:
    """The exchange's filters, and over them those of the manifest."""
    overrides = {one.pair: one.model_dump(exclude={"pair"}, exclude_none=True) for one in exchange.instruments}
    instruments = {}
    for pair in pairs:
        if pair not in listed:
            fix = "begin afresh without it (under another name), once its position is dealt with"
            raise ConfigError(INCLUDE, pair, f"pairs that {exchange.name} still lists, as when this bot began", fix)
        instruments[pair] = replace(listed[pair], **overrides.get(pair, {}))
    for pair in overrides:
        if pair not in instruments:
            allowed = f"pairs of this bot: {', '.join(instruments)}"
            raise ConfigError("spec.exchanges[0].instruments", pair, allowed, f"remove {pair}")
    return instruments


def _span(timeframe: str) -> int:
    return MILLISECONDS.get(timeframe, _LONGEST_MONTH)


def history_of(recording: Recording) -> dict[str, list[Candle]]:
    """The candles from before the run, by pair: what is to be kept of a recording that has just begun."""
    return {pair: one.series.candles() for pair, one in recording.checked.items() if len(one.series)}
