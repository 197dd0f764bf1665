"""What `--data` of `tradewind sim-exchange` means: files of single pairs, folders of many, samples that come along.

The readers are those of a replaying bot, so a file that a bot can trade is a file that the venue can play.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tradewind.cli.wording import in_words_of
from tradewind.domain.errors import ConfigError
from tradewind.domain.instrument import Instrument
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import TIMEFRAMES
from tradewind.market_data.adapters.catalogue import SAMPLE, candle_files, file_for
from tradewind.market_data.adapters.files import read_candles
from tradewind.market_data.adapters.instruments import load_instruments

FIX = "write for example --data ETH/USDT=eth.csv, or --data sample:bitvavo-2022"
_log = logging.getLogger(__name__)
_PAIR = r"[A-Z0-9]{1,10}/[A-Z0-9]{1,10}"


def read_market(data: Sequence[str], timeframe: str) -> tuple[dict[str, Instrument], dict[str, CandleSeries]]:
    """Instruments and candles by pair, of `timeframe`.

    Each of `data` is `PAIR=FILE`, `PAIR=FOLDER`, or a folder or `sample:NAME` with all its pairs. Raises `ConfigError`
    that names the option for what is none of these, for a pair that is named twice, and for what cannot be read.
    """
    if timeframe not in TIMEFRAMES:
        raise ConfigError("--timeframe", timeframe, ", ".join(TIMEFRAMES), "choose the timeframe of the files")
    instruments: dict[str, Instrument] = {}
    series: dict[str, CandleSeries] = {}
    for one in data:
        with in_words_of("--data"):
            files = _files(one, timeframe)
        twice = sorted(files.keys() & series.keys())
        if twice:
            raise ConfigError("--data", one, f"each pair once, and {twice[0]} is there twice", FIX)
        for pair, file in files.items():
            with in_words_of("--data"):
                series[pair] = _candles(file, pair, timeframe)
                instruments |= load_instruments(str(file), {pair: series[pair]})
    return instruments, series


def _candles(file: Path, pair: str, timeframe: str) -> CandleSeries:
    checked = read_candles(file, pair, timeframe)
    if checked.quarantined:
        row = checked.quarantined[0]
        _log.warning("%s: %d rows left out, first row %d: %s", file, len(checked.quarantined), row.row, row.detail)
    if checked.gaps:
        _log.warning("%s: %d gaps, in which the last price stands", file, len(checked.gaps))
    return checked.series


def _files(one: str, timeframe: str) -> Mapping[str, Path]:
    """The files that one `--data` names, by pair."""
    left, equals, right = one.partition("=")
    pair, place = (left, right) if equals else (None, left)
    if not place or (pair is not None and not re.fullmatch(_PAIR, pair)):
        raise ConfigError("--data", one, "PAIR=FILE, a folder, or sample:NAME", FIX)
    path = Path(place).expanduser()
    if not place.startswith(SAMPLE) and not path.is_dir():
        if pair is None:
            raise ConfigError("--data", one, "PAIR=FILE, a folder, or sample:NAME", FIX)
        return {pair: path}
    # A folder may have futures as well (BTC/USDT:USDT), which a spot venue cannot play.
    found = {name: files for name, files in candle_files(place).items() if re.fullmatch(_PAIR, name)}
    if not found or (pair is not None and pair not in found):
        raise ConfigError("--data", one, f"a spot pair of the folder: {', '.join(found) or 'it has none'}", FIX)
    return {name: file_for(files, timeframe).path for name, files in found.items() if pair in (None, name)}
