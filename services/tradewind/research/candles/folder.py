"""Which files of a folder are meant: those whose names say a pair and timeframe that is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tradewind.domain.errors import ConfigError
from tradewind.domain.timeframe import TIMEFRAMES
from tradewind.market_data.adapters.catalogue import NAMES, named_file, resolve
from tradewind.market_data.adapters.files import ending
from tradewind.market_data.adapters.instruments import FILE as INSTRUMENTS
from tradewind.research.candles.forms import Form


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file with candles of one pair and timeframe."""

    path: Path
    pair: str
    timeframe: str


@dataclass(frozen=True, slots=True)
class Folder:
    """The files that are meant, by pair and timeframe, and those whose names say neither."""

    files: tuple[SourceFile, ...]
    unnamed: tuple[Path, ...]


def find_files(place: str, pairs: Sequence[str] = (), timeframes: Sequence[str] = ()) -> Folder:
    """The files in the folder (or sample, or the one file) `place`; a pair may be a pattern such as `*/EUR`.

    Raises `ConfigError` where there is none, and for a pair or timeframe of which there is none.
    """
    check_timeframes(timeframes)
    root = resolve(place)
    paths = [root] if root.is_file() else [path for path in sorted(root.iterdir()) if path.is_file()]
    found, unnamed = [], []
    for path in paths:
        named = named_file(path)
        if named.pair is not None and named.timeframe is not None:
            found.append(SourceFile(path, named.pair, named.timeframe))
        elif ending(path) is not None and path.name != INSTRUMENTS:
            unnamed.append(path)
    if not found:
        had = f"no candle files: {root}" if not unnamed else f"no file that is named so, as {unnamed[0].name}: {root}"
        raise ConfigError("DIR", had, NAMES, "name the files so, or name another folder")
    for pair in pairs:
        if not any(fnmatchcase(file.pair, pair) for file in found):
            have = ", ".join(sorted({file.pair for file in found}))
            raise ConfigError("--pair", pair, f"pairs of the folder: {have}", "choose one of them")
    chosen = [
        file
        for file in found
        if (not pairs or any(fnmatchcase(file.pair, pair) for pair in pairs))
        and (not timeframes or file.timeframe in timeframes)
    ]
    if not chosen:
        have = ", ".join(f"{file.pair} {file.timeframe}" for file in found)
        raise ConfigError("--timeframe", ", ".join(timeframes), f"candles of the folder: {have}", "choose another")
    order = sorted(chosen, key=lambda file: (file.pair, TIMEFRAMES.index(file.timeframe), file.path.name))
    return Folder(tuple(order), tuple(unnamed))


def check_timeframes(timeframes: Iterable[str]) -> None:
    """Raises `ConfigError` for one that is none."""
    for timeframe in timeframes:
        if timeframe not in TIMEFRAMES:
            raise ConfigError("--timeframe", timeframe, ", ".join(TIMEFRAMES), "choose one of them")


def find_targets(
    files: Sequence[SourceFile], into: Path, form: Form, option: str, *, force: bool
) -> dict[SourceFile, Path]:
    """The file in the folder `into` for each of `files`, in `form`; the folder is made.

    Raises `ConfigError` where two are the same pair and timeframe, where `into` has candles of one already (in any
    form: a bot could not tell which is meant) unless `force`, and where the folder cannot be made.
    """
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError("INTO", f"{error.strerror}: {into}", "a folder", "name another") from error
    there = {(file.pair, file.timeframe): file.path for file in _named(into)}
    found: dict[SourceFile, Path] = {}
    sources: dict[tuple[str, str], Path] = {}
    for file in files:
        key, target = (file.pair, file.timeframe), into / form.file_name(file.pair, file.timeframe)
        if key in sources:
            told = f"{sources[key].name} and {file.path.name}, both {file.pair} {file.timeframe}"
            raise ConfigError(option, told, "one file a pair and timeframe", "move one of them away, or name one file")
        old = there.get(key)
        if old is not None and old.name != target.name:
            allowed = f"one file a pair and timeframe; {old.name} is there"
            raise ConfigError("INTO", str(into), allowed, "name another folder, or move that file away")
        if old is not None and not force:
            raise ConfigError("INTO", f"{old.name} is there", "a file that is not there yet", "use --force to replace")
        sources[key], found[file] = file.path, target
    return found


def _named(folder: Path) -> list[SourceFile]:
    named = [named_file(path) for path in sorted(folder.iterdir()) if path.is_file()]
    return [SourceFile(one.path, one.pair, one.timeframe) for one in named if one.pair and one.timeframe]
