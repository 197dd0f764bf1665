"""Which candle files there are under a path, by pair.

A file name tells pair and timeframe: `BTC-EUR-1h.csv.gz`, freqtrade's `BTC_EUR-1h.feather` and
`BTC_USDT_USDT-5m-futures.feather`, or with the source and the years as in `BTC-EUR_bitvavo_1h_2020-2022.parquet`.
`sample:NAME` is a folder that comes with Tradewind, so that a first bot needs neither network nor files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tradewind.domain.errors import ConfigError
from tradewind.domain.timeframe import MILLISECONDS, TIMEFRAMES, is_multiple
from tradewind.market_data.adapters.files import READERS, ending
from tradewind.market_data.adapters.raw_candles import FIELD, PATH_FIX, file_error

SAMPLE = "sample:"
SAMPLES = Path(__file__).parent.parent / "samples"
NAMES = "files named BASE-QUOTE-TIMEFRAME, such as BTC-EUR-1h.csv"

# Marks, indexes and funding rates look like candles, but nobody can trade at them.
_NAME = re.compile(
    r"(?P<base>[A-Z0-9]+)[-_](?P<quote>(?!PERP)[A-Z0-9]+)(?:_(?P<settle>[A-Z0-9]+)(?=-))?"
    r"(?:_(?!mark|index|premium|funding)[A-Za-z]+)?[-_](?P<timeframe>\d+[mhdwM])"
    r"(?:_\d[-\d]*|(?P<futures>-futures))?"
)


@dataclass(frozen=True, slots=True)
class CandleFile:
    """A file of candles and what its name says of them; None where the name says nothing."""

    path: Path
    pair: str | None
    timeframe: str | None


def resolve(path: str) -> Path:
    """The file or folder that `spec.data.path` means; raises `ConfigError` where there is none."""
    if not path.startswith(SAMPLE):
        place = Path(path).expanduser()
        if not place.exists():
            allowed = f"a file ending in {', '.join(READERS)}, a folder of them, or {SAMPLE}NAME"
            raise file_error(place, "no file or folder", allowed, PATH_FIX)
        return place
    name = path.removeprefix(SAMPLE)
    known = sorted(folder.name for folder in SAMPLES.iterdir() if folder.is_dir())
    if name not in known:
        allowed = " or ".join(SAMPLE + sample for sample in known)
        raise ConfigError(FIELD, path, allowed, f"set spec.data.path to {SAMPLE}{known[0]}")
    return SAMPLES / name


def named_file(path: Path) -> CandleFile:
    """What the name of the file at `path` says."""
    end = ending(path)
    match = _NAME.fullmatch(path.name.removesuffix(end)) if end else None
    if not match or match["timeframe"] not in TIMEFRAMES or bool(match["settle"]) != bool(match["futures"]):
        return CandleFile(path, None, None)
    settle = f":{match['settle']}" if match["settle"] else ""
    return CandleFile(path, f"{match['base']}/{match['quote']}{settle}", match["timeframe"])


def candle_files(path: str) -> Mapping[str, tuple[CandleFile, ...]]:
    """The candle files of a folder (or sample) by pair, each sorted by name; a single file stands under its pair.

    A file whose name says no pair stands under the empty string. Raises `ConfigError` for a folder without any.
    """
    place = resolve(path)
    if place.is_file():
        file = named_file(place)
        return {file.pair or "": (file,)}
    found: dict[str, list[CandleFile]] = {}
    for entry in sorted(place.iterdir()):
        file = named_file(entry)
        if file.pair and entry.is_file():
            found.setdefault(file.pair, []).append(file)
    if not found:
        raise file_error(place, "no candle files in the folder", NAMES, "name the files so, or name one file")
    return {pair: tuple(files) for pair, files in sorted(found.items())}


def file_for(files: tuple[CandleFile, ...], timeframe: str) -> CandleFile:
    """The file to read `timeframe` from: its own, else the longest that divides it.

    Raises `ConfigError` when none does, or when two would serve equally well.
    """
    fitting = [file for file in files if file.timeframe and is_multiple(timeframe, file.timeframe)]
    own = [file for file in fitting if file.timeframe == timeframe]
    if not fitting:
        names = ", ".join(sorted(str(file.timeframe) for file in files))
        raise file_error(
            files[0].path.parent,
            f"only {names} candles of {files[0].pair}",
            f"candles of {timeframe}, or of a timeframe that divides it",
            f"set spec.timeframe to one of {names}, or add a file of {timeframe} candles",
        )
    best = own or _longest(fitting)
    if len(best) > 1:
        names = " and ".join(file.path.name for file in best)
        fix = "name the one that is meant, or move the others away"
        raise file_error(best[0].path.parent, f"{names} are both {best[0].pair}", "one file a pair and timeframe", fix)
    return best[0]


def _longest(files: list[CandleFile]) -> list[CandleFile]:
    spans = [MILLISECONDS[file.timeframe or ""] for file in files]
    return [file for file, span in zip(files, spans, strict=True) if span == max(spans)]
