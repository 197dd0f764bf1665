"""Rows of candles written in any form, a batch at a time, and a file that is whole or not there.

Every number is written so that the same number is read back. What is written stands under another name until it is
complete, so a reader never meets half of it, whatever ends the writer.
"""

from __future__ import annotations

import contextlib
import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from tradewind.domain.errors import ConfigError, MachineError
from tradewind.domain.series import Floats, Integers
from tradewind.market_data.adapters.raw_candles import COLUMNS

Write = Callable[[Integers, list[Floats]], None]
"""Takes the open times (milliseconds UTC) and open, high, low, close and volume of more rows."""

HEADER = ",".join(COLUMNS).encode() + b"\n"
UNFINISHED = ".unfinished"
"""The ending of what is not complete, which no reader of folders takes for candles."""


@contextlib.contextmanager
def writer(path: Path) -> Iterator[Write]:
    """Write rows into a new file at `path`, in the form that its name says; on any failure nothing is there."""
    make, arguments = _KINDS[path.suffix if path.suffix != ".gz" else "".join(path.suffixes[-2:])]
    with whole_file(path) as stream, ExitStack() as stack:
        yield make(stream, stack, path, *arguments)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when all of it is on the disk."""
    unfinished = path.with_name(path.name + UNFINISHED)
    with disk_errors(path):
        try:
            with unfinished.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """What goes wrong with the disk inside is told as the machine's fault."""
    try:
        yield
    except OSError as error:
        told = f"{error.strerror}: {path}"
        raise MachineError("file", told, "a folder that can be written", "make room, or name another folder") from error


def csv_lines(times: Integers, values: list[Floats]) -> bytes:
    """Rows as lines of CSV."""
    rows = zip(times.tolist(), *(column.tolist() for column in values), strict=True)
    return "".join([f"{t},{o!r},{h!r},{l!r},{c!r},{v!r}\n" for t, o, h, l, c, v in rows]).encode()  # noqa: E741


def _csv(stream: BinaryIO, stack: ExitStack, path: Path, *packed: bool) -> Write:
    target = _packed(stream, stack) if packed else stream
    del path
    target.write(HEADER)

    def write(times: Integers, values: list[Floats]) -> None:
        target.write(csv_lines(times, values))

    return write


def _json(stream: BinaryIO, stack: ExitStack, path: Path, *packed: bool) -> Write:
    target = _packed(stream, stack) if packed else stream
    del path
    begin = b"["
    stack.callback(lambda: target.write(b"]" if begin == b"," else b"[]"))

    def write(times: Integers, values: list[Floats]) -> None:
        nonlocal begin
        lines = csv_lines(times, values).decode().splitlines()
        if lines:
            target.write(begin + ",".join([f"[{line}]" for line in lines]).encode())
            begin = b","

    return write


def _arrow(stream: BinaryIO, stack: ExitStack, path: Path) -> Write:
    try:
        import pyarrow  # noqa: ICN001, PLC0415  (an extra, and slow to import)
        from pyarrow import ipc, parquet  # noqa: PLC0415
    except ImportError as error:
        fix = "pip install 'tradewind[parquet]', or choose another form"
        raise ConfigError("--to", f"{path.suffix[1:]} without pyarrow", "the extra parquet", fix) from error
    time = pyarrow.timestamp("ms", tz="UTC")
    # freqtrade calls the column `date`.
    names = ["date" if "_" in path.name.partition("-")[0] else COLUMNS[0], *COLUMNS[1:]]
    schema = pyarrow.schema(list(zip(names, [time, *[pyarrow.float64()] * 5], strict=True)))
    target: Any
    if path.suffix == ".feather":
        target = stack.enter_context(ipc.new_file(stream, schema, options=ipc.IpcWriteOptions(compression="lz4")))
    else:
        target = stack.enter_context(parquet.ParquetWriter(stream, schema))

    def write(times: Integers, values: list[Floats]) -> None:
        columns = [pyarrow.array(np.ascontiguousarray(times)).cast(time), *(pyarrow.array(one) for one in values)]
        target.write_batch(pyarrow.record_batch(columns, schema=schema))

    return write


def _packed(stream: BinaryIO, stack: ExitStack) -> BinaryIO:
    return cast("BinaryIO", stack.enter_context(gzip.GzipFile(fileobj=stream, mode="wb", filename="", mtime=0)))


_KINDS: dict[str, tuple[Callable[..., Write], tuple[bool, ...]]] = {
    ".csv": (_csv, ()),
    ".csv.gz": (_csv, (True,)),
    ".json": (_json, ()),
    ".json.gz": (_json, (True,)),
    ".parquet": (_arrow, ()),
    ".feather": (_arrow, ()),
}
