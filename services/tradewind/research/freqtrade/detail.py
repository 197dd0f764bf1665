"""The detail candles of a backtest: whether its timeframe fits the main one, and the candles out of the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tradewind.domain.errors import ConfigError
from tradewind.domain.freqtrade.details import Details
from tradewind.domain.timeframe import MILLISECONDS, is_multiple
from tradewind.research.freqtrade.frames import CandleFrames
from tradewind.research.timerange import Timerange

FIELD = "--detail-timeframe"


def read_details(
    detail: str, timeframe: str, pairs: Sequence[str], files: Mapping[tuple[str, str], Path], timerange: Timerange
) -> Details:
    """Candles of `detail` of all `pairs` in the timerange; there may be holes in them.

    Raises `ConfigError` for a timeframe that is none, or does not fit into `timeframe`, and for missing candles.
    """
    fitting = [each for each in MILLISECONDS if each != timeframe and is_multiple(timeframe, each)]
    if detail not in fitting:
        allowed = f"a shorter timeframe that divides {timeframe}: {', '.join(fitting) or 'there is none'}"
        raise ConfigError(FIELD, f"{detail}, with candles of {timeframe}", allowed, "choose one of them, or remove it")
    frames = CandleFrames(files, timerange, 0)
    return Details(detail, {pair: frames.series(pair, detail) for pair in pairs})
