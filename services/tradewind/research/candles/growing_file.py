"""A CSV file of candles that grows at both ends, and is a whole file at every moment.

What comes after the last candle is collected in a file beside it (`.tail`), of which a kill can tear the last line;
`finish` puts both into one new file that takes the place of the old. Whoever opens the file next does that for a tail
that was left behind, with its whole lines. What comes before the first candle is put there at once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from tradewind.domain.candle import Candle
from tradewind.domain.errors import ConfigError
from tradewind.research.candles.writers import HEADER, disk_errors, whole_file

TAIL = ".tail"
_LONGEST_LINE = 4096


class GrowingFile:
    """The file at `path`; `first` and `last` are its candles there, None while it has none."""

    def __init__(self, path: Path) -> None:
        """Raises `ConfigError` where there is a file that was not made here."""
        self.path, self._tail = path, path.with_name(path.name + TAIL)
        self.first: Candle | None = None
        self.last: Candle | None = None
        self._stream: BinaryIO | None = None
        if path.exists():
            self.first, self.last = _ends(path)
        if self._tail.exists():
            self.finish()

    def append(self, candles: Sequence[Candle]) -> None:
        """Add candles after the last one, ascending."""
        if not candles:
            return
        with disk_errors(self._tail):
            if self._stream is None:
                self._stream = self._tail.open("wb")
            self._stream.write(b"".join(map(_line, candles)))
            # What the system has, it keeps when this process is killed.
            self._stream.flush()
        self.first, self.last = self.first or candles[0], candles[-1]

    def prepend(self, candles: Sequence[Candle]) -> None:
        """Add candles before the first one, ascending."""
        if not candles:
            return
        with whole_file(self.path) as target:
            target.write(HEADER + b"".join(map(_line, candles)))
            with self.path.open("rb") as source:
                source.readline()
                shutil.copyfileobj(source, target)
        self.first = candles[0]

    def finish(self) -> None:
        """Make one file of all."""
        if (stream := self._stream) is not None:
            self._stream = None
            with disk_errors(self._tail):
                stream.close()
        if not self._tail.exists():
            return
        _, last = _ends(self.path) if self.path.exists() else (None, None)
        with whole_file(self.path) as target:
            if last is None:
                target.write(HEADER)
            else:
                with self.path.open("rb") as source:
                    shutil.copyfileobj(source, target)
                    source.seek(-1, os.SEEK_END)
                    target.write(b"" if source.read(1) == b"\n" else b"\n")
            with self._tail.open("rb") as source:
                for line in _whole_lines(source, last):
                    target.write(line)
        self._tail.unlink()
        self.first, self.last = _ends(self.path)


def _whole_lines(source: BinaryIO, last: Candle | None) -> Iterator[bytes]:
    """The lines of a tail up to the first that is torn, without those that are in the file already."""
    after = last.open_time if last is not None else None
    for line in source:
        candle = _candle(line)
        if candle is None or not line.endswith(b"\n"):
            return
        if after is None or candle.open_time > after:
            after = candle.open_time
            yield line


def _ends(path: Path) -> tuple[Candle | None, Candle | None]:
    with path.open("rb") as file:
        if file.readline() != HEADER:
            raise _foreign(path, "other columns")
        line = file.readline()
        if not line:
            return None, None
        file.seek(max(path.stat().st_size - _LONGEST_LINE, len(HEADER)))
        first, last = _candle(line), _candle(file.read().splitlines()[-1])
    if first is None or last is None or first.open_time > last.open_time:
        raise _foreign(path, "no candle at an end, or the newest first")
    return first, last


def _foreign(path: Path, told: str) -> ConfigError:
    fix = "tradewind data import makes such a file of others, or name another folder"
    return ConfigError("INTO", f"{told}: {path}", f"CSV files of {HEADER.decode().strip()}, ascending", fix)


def _line(candle: Candle) -> bytes:
    time, *values = candle
    return f"{time},{','.join(map(repr, values))}\n".encode()


def _candle(line: bytes) -> Candle | None:
    try:
        time, *values = line.split(b",")
        return Candle(int(time), *map(float, values))
    except (ValueError, TypeError):
        return None
