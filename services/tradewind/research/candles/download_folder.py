"""The folder that candles are downloaded into: one download at a time, and one file of each pair and timeframe."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tradewind.domain.errors import MachineError
from tradewind.kernel.lock_file import LockFile, LockTakenError
from tradewind.market_data.ports import StreamKey
from tradewind.research.candles.folder import SourceFile, check_timeframes, find_targets
from tradewind.research.candles.forms import NATIVE

LOCK = ".download.lock"


@contextlib.contextmanager
def download_folder(folder: Path, keys: Sequence[StreamKey]) -> Iterator[dict[StreamKey, Path]]:
    """The file of each of `keys` in `folder`, which nobody else downloads into meanwhile.

    Raises `ConfigError` where there are candles of one in another form, and `MachineError` where somebody downloads.
    """
    check_timeframes(key.timeframe for key in keys)
    wanted = [SourceFile(folder, key.pair, key.timeframe) for key in keys]
    targets = find_targets(wanted, folder, NATIVE, "--pair", force=True)
    lock = LockFile(folder / LOCK)
    try:
        lock.acquire(f"process {os.getpid()}")
    except LockTakenError as error:
        told, fix = f"{folder} is in use by {error.holder}", "wait for it, or name another folder"
        raise MachineError("INTO", told, "a folder that no other download writes into", fix) from error
    except OSError as error:
        raise MachineError(
            "INTO", f"{error.strerror}: {folder}", "a folder that can be written", "name another"
        ) from error
    try:
        yield {key: targets[file] for key, file in zip(keys, wanted, strict=True)}
    finally:
        lock.release()
