"""Keys and strategies that a platform gives as files, and may change while a process runs.

Kubernetes puts the new content of a Secret or ConfigMap into the files of a pod that runs. What was read at the start
rests on the old one, so the process ends, in order, and the platform starts it again with the new. Nobody else has to
read the Secret for that. Whoever sets no key directory (a laptop) is not watched: nothing would start the bot again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

from tradewind.kernel.settings import Settings

LOOK_EVERY = 5.0
"""Seconds. The kubelet itself takes up to a minute, and swaps a link that no file event of the file itself tells of."""


def given_files(settings: Settings) -> tuple[Path, ...]:
    """The files whose content this process rests on; empty where no platform gave it any."""
    if settings.key_directory is None:
        return ()
    named = [one for pair in settings.credentials.values() for one in (pair.api_key_file, pair.secret_file)]
    given = [settings.database_url_file, settings.bus_url_file, settings.gateway.api_key_file, *named]
    keys = sorted(path for path in settings.key_directory.iterdir() if path.is_file())
    strategies: list[Path] = []
    if settings.strategy_directory is not None and settings.strategy_directory.is_dir():
        strategies = sorted(path for path in settings.strategy_directory.glob("*/*") if path.is_file())
    return tuple(dict.fromkeys([*keys, *(path for path in given if path is not None), *strategies]))


async def until_changed(files: Sequence[Path], every: float = LOOK_EVERY) -> Path:
    """The first of `files` that holds something else than at the call; one that cannot be read has not changed."""
    before = {path: _digest(path) for path in files}
    while True:
        await asyncio.sleep(every)
        for path, known in before.items():
            now = _digest(path)
            if now is not None and now != known:
                return path


def _digest(path: Path) -> bytes | None:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None
