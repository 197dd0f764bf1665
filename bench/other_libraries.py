"""backtesting.py and vectorbt beside a bench: in an environment of their own, on the same candles, in the same run.

They are no dependencies, and their licences let nothing of them into this repository: only the pins stand here
(`other_libraries.txt`, made of `other_libraries.in` by `make lock`). The environment is made once for each list of pins
and Python, in `~/.cache/tradewind` (`XDG_CACHE_HOME` moves it). Where it cannot be made, one sentence says why.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PINS = Path(__file__).with_name("other_libraries.txt")
SIDES = Path(__file__).with_name("other_sides.py")
LIBRARIES = {"vectorbt": "vectorbt", "backtesting": "backtesting.py"}
"""Each as it is imported, and as it is called."""

_CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tradewind"
_WORDS = {
    "network": ("failed to fetch", "could not connect", "error sending request", "dns", "timed out", "connection"),
    "Python": ("requires-python", "python_full_version", "requires python", "no wheels", "failed to build"),
}


class Skipped(NamedTuple):
    """Why they are not measured: in a word, and as the installer said it."""

    word: str
    told: str = ""

    def __str__(self) -> str:
        names = " and ".join(LIBRARIES.values())
        return f"skipped: {names}: {self.word}" + (f" ({self.told})" if self.told else "")


class Told(NamedTuple):
    """What a library measured of one round; `profit` in the currency of the prices."""

    seconds: float
    trades: int
    profit: float


def environment(cache: Path = _CACHE) -> Path | Skipped:
    """The Python that has them, made where it is not there yet; or why it cannot be made."""
    key = hashlib.sha256(PINS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    place = cache / f"bench-libraries-{key}"
    python, done = place / "bin" / "python", place / "complete"
    if done.exists():
        return python
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        return Skipped("uv", "there is none")
    steps = (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(place)],
        [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(PINS)],
    )
    for step in steps:
        ended = subprocess.run(step, check=False, stderr=subprocess.PIPE, text=True)
        if ended.returncode:
            shutil.rmtree(place, ignore_errors=True)
            return Skipped(reason(ended.stderr), " ".join(ended.stderr.split())[:200])
    done.touch()
    return python


def reason(told: str) -> str:
    """In a word why an installation failed that said `told`."""
    lower = told.lower()
    return next((word for word, signs in _WORDS.items() if any(sign in lower for sign in signs)), "installation")


class Side:
    """A library in its process, which trades all candles once whenever it is asked."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.version = self._line()

    def once(self) -> Told:
        """Trade them. Raises `RuntimeError` where the process ended."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: Mapping[str, Any] = json.loads(self._line())
        return Told(**found)

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"the process of the other library ended with {self._process.wait()}")
        return line


@contextmanager
def side(python: Path, library: str, **given: Any) -> Iterator[Side]:
    """`library` on the candles `open high low close` with `fast slow fee stake balance`, on our cores."""
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "given.npz", **given)
        command = [str(python), str(SIDES), library, str(Path(folder) / "given.npz")]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                yield Side(process)
            finally:
                process.kill()
