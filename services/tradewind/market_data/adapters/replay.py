"""The recorded candles a replay plays: which pairs, from which files, over which span.

An exact pair that cannot be served is the user's mistake and stops everything, because a run without it would be
another run. A pair that only a pattern picked is dropped with its reason, which is kept and shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from math import inf

import numpy as np

from tradewind.domain.candle_checks import CheckedCandles, iso_time
from tradewind.domain.errors import ConfigError
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import close_time
from tradewind.market_data.adapters.catalogue import CandleFile, candle_files, file_for, resolve
from tradewind.market_data.adapters.files import read_candles

INCLUDE = "spec.pairs.include"
SPAN = "spec.data.span"

Span = tuple[int | None, int | None]
"""`[start, end)` in milliseconds UTC, of open times; None is open."""


@dataclass(frozen=True, slots=True)
class ReplayData:
    """Candles by pair, in the order in which pairs are decided, and the reason for every pair left out."""

    series: dict[str, CheckedCandles]
    dropped: dict[str, str]


def load_replay(
    path: str, include: Sequence[str], exclude: Sequence[str], timeframe: str, span: Span = (None, None)
) -> ReplayData:
    """The candles of the pairs that `include` names and `exclude` does not.

    Both hold exact pairs (`BTC/EUR`) and patterns (`*/EUR`, `?` and `[...]` too). Exact pairs come first, in their
    order, then what patterns match, sorted. Raises `ConfigError` when an exact pair cannot be served, a pattern
    matches nothing, no pair is left, or the span holds no candle.
    """
    start, end = span
    if start is not None and end is not None and end <= start:
        raise ConfigError(SPAN, _span_text(span), "a start before the end", "swap the two, or leave one out")
    sources = _sources(path, include, timeframe)
    exact, matched = _selected(include, list(sources))
    series: dict[str, CheckedCandles] = {}
    dropped: dict[str, str] = {}
    errors: list[ConfigError] = []
    for pair in (*exact, *matched):
        excluding = next((pattern for pattern in exclude if fnmatchcase(pair, pattern)), None)
        if excluding is not None:
            dropped[pair] = f"excluded by '{excluding}'"
            continue
        try:
            series[pair] = within(sources[pair](), span)
        except ConfigError as error:
            if pair in exact:
                raise
            errors.append(error)
            dropped[pair] = str(error)
    if errors and not series:
        raise errors[0]
    if not series:
        allowed = f"at least one pair that spec.pairs.exclude ({', '.join(exclude)}) leaves"
        raise ConfigError(INCLUDE, ", ".join(include), allowed, "include another pair, or exclude less")
    return ReplayData(series, dropped)


def _sources(path: str, include: Sequence[str], timeframe: str) -> dict[str, Callable[[], CheckedCandles]]:
    place, files = resolve(path), candle_files(path)
    if not place.is_file():
        return {pair: partial(_read_fitting, pair, found, timeframe) for pair, found in files.items()}
    if len(include) != 1 or _is_pattern(include[0]):
        raise ConfigError(
            INCLUDE,
            ", ".join(include),
            f"exactly one exact pair, because spec.data.path is one file ({place.name})",
            "name the pair of the file, or set spec.data.path to a folder",
        )
    named = next(iter(files))
    if named and named != include[0]:
        raise ConfigError(
            INCLUDE,
            include[0],
            f"{named}, the pair of the file {place.name}",
            f"include {named}, or set spec.data.path to a file of {include[0]}",
        )
    return {include[0]: partial(read_candles, place, include[0], timeframe)}


def _read_fitting(pair: str, files: tuple[CandleFile, ...], timeframe: str) -> CheckedCandles:
    return read_candles(file_for(files, timeframe).path, pair, timeframe)


def _is_pattern(text: str) -> bool:
    return any(character in text for character in "*?[")


def _selected(include: Sequence[str], available: list[str]) -> tuple[list[str], list[str]]:
    exact = list(dict.fromkeys(pair for pair in include if not _is_pattern(pair)))
    patterns = [pattern for pattern in include if _is_pattern(pattern)]
    unmatched = [pair for pair in exact if pair not in available]
    unmatched += [pattern for pattern in patterns if not any(fnmatchcase(pair, pattern) for pair in available)]
    if unmatched:
        allowed = f"pairs that spec.data.path has: {', '.join(available)}"
        raise ConfigError(INCLUDE, ", ".join(unmatched), allowed, "include one of them")
    matched = {pair for pair in available if any(fnmatchcase(pair, pattern) for pattern in patterns)}
    return exact, sorted(matched - set(exact))


def within(checked: CheckedCandles, span: Span) -> CheckedCandles:
    """The candles that open within `span`; `ConfigError` where there is none."""
    series = checked.series
    start, end = span
    first = 0 if start is None else int(np.searchsorted(series.open_time, start))
    last = len(series) if end is None else int(np.searchsorted(series.open_time, end))
    if first >= last:
        raise ConfigError(
            SPAN,
            _span_text(span),
            f"a span within that of {series.pair}, {_span_text(_span_of(series))}",
            "choose such a span, or leave spec.data.span out",
        )
    lower, upper = -inf if start is None else start, inf if end is None else end
    return CheckedCandles(
        series.slice(first, last),
        tuple(row for row in checked.quarantined if row.open_time is None or lower <= row.open_time < upper),
        tuple(gap for gap in checked.gaps if gap.after >= lower and gap.before < upper),
    )


def _span_of(series: CandleSeries) -> tuple[int, int]:
    return int(series.open_time[0]), close_time(series.timeframe, int(series.open_time[-1]))


def _span_text(span: Span) -> str:
    start, end = ("open" if time is None else iso_time(time) for time in span)
    return f"{start} to {end}"
