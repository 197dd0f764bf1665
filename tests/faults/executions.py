"""The executions of a run: processes of `tradewind serve --services execution`, and who starts them again.

Each is on a machine of its own, as far as a process can tell: it has its own state directory and its own locks. One
that is `kept` is started again a second after it has ended, as the supervisor of the product and a cluster do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil
from tests.faults.warm import FATE, Fate, start

PAUSE = 1.0
"""Seconds after which an execution that has ended is started again: the product's first pause."""

_STEP = 0.02


class Execution:
    """One machine with an execution on it."""

    def __init__(self, name: str, folder: Path, manifest: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.kept = False
        self.codes: list[int] = []
        """How each of its processes ended; negative for a signal."""
        self.fate = folder / f"{name}.fate"
        self._process: BaseProcess | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._log = folder / f"{name}.log"
        self._words = ["serve", str(manifest), "--services", "execution", "--live"]
        self._environment = {
            **environment,
            "TRADEWIND_STATE_DIRECTORY": str(folder / name / "state"),
            "XDG_STATE_HOME": str(folder / name / "home"),
            FATE: str(self.fate),
        }

    @property
    def runs(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.is_alive()

    def begin(self) -> None:
        """Start it, and keep it running."""
        self.kept = True
        self._process = start(self._words, self._environment, self._log)
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())

    @property
    def said(self) -> str:
        """All that it has printed."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def kill(self) -> None:
        """By SIGKILL."""
        assert self._process is not None
        self._process.kill()

    def meet(self, fate: Fate) -> None:
        """Have it meet this fate."""
        Fate.forget(self.fate)
        fate.write(self.fate)

    def struck(self) -> list[str]:
        """The orders at which its fate struck."""
        return Fate.struck(self.fate)

    def forget(self) -> None:
        """Meet no fate that has not come yet, and be kept."""
        Fate.forget(self.fate)
        self.kept = True

    def stands_still(self) -> bool:
        """Whether it was stopped in its tracks."""
        assert self._process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            return bool(psutil.Process(self._process.pid).status() == psutil.STATUS_STOPPED)
        return False

    def go_on(self) -> None:
        """Let one that stands still go on."""
        assert self._process is not None
        os.kill(psutil.Process(self._process.pid).pid, signal.SIGCONT)

    async def end(self) -> None:
        """Be there no more."""
        self.kept = False
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.join)

    async def _keep(self) -> None:
        while True:
            while self.runs:  # noqa: ASYNC110 - another process, which tells nobody
                await asyncio.sleep(_STEP)
            if self._process is not None:
                self.codes.append(self._process.exitcode or 0)
                self._process = None
            ended = time.monotonic()
            while not self.kept or time.monotonic() - ended < PAUSE:  # noqa: ASYNC110 - a row may say so at any time
                await asyncio.sleep(_STEP)
            self.begin()
