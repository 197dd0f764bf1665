"""Where the servers of the tests come from: Redis (or Valkey, its fork) and PostgreSQL, as plain programs.

In order of preference each of them is taken from

1. `PATH`, or the folder in which Debian keeps PostgreSQL's programs, if its version is new enough;
2. the cache outside the checkout, `~/.cache/tradewind/servers` (`XDG_CACHE_HOME` is honoured), in a directory that is
   named by the hash of the pins, so that two checkouts share it;
3. two Python packages that carry the programs, pinned by hash in `requirements.txt`, which are put there. They are
   never installed into the environment of the project, and need no root.

    python -m tests.servers.programs         gets what is missing and prints where each program is
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

PINS = Path(__file__).parent / "requirements.txt"
DEBIAN = Path("/usr/lib/postgresql")
OLDEST = {"redis-server": 7, "valkey-server": 7, "postgres": 15}
"""Program -> the oldest major version that the project supports."""
PATIENCE = 300


class MissingServerError(Exception):
    """A server is nowhere and cannot be got; the message says why."""


def redis_program() -> Path:
    """The executable of a Redis 7 or newer, or of a Valkey; got if need be. Raises `MissingServerError`."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found and _major(Path(found)) >= OLDEST[name]:
            return Path(found)
    return _single(_packaged(), "valkey-server")


def postgres_programs() -> Path:
    """The folder with `postgres` and `initdb`, 15 or newer; got if need be. Raises `MissingServerError`."""
    for folder in _postgres_folders():
        program = folder / "postgres"
        if os.access(program, os.X_OK) and _major(program) >= OLDEST["postgres"]:
            return folder
    found = [path for path in _packaged().rglob("bin/postgres") if _major(path) >= OLDEST["postgres"]]
    if not found:
        raise MissingServerError("the package that was to carry PostgreSQL carries none that runs here")
    return max(found, key=_major).parent


def _postgres_folders() -> Iterator[Path]:
    found = shutil.which("postgres")
    if found:
        yield Path(found).resolve().parent
    yield from sorted(DEBIAN.glob("*/bin"), key=lambda path: -int(re.sub(r"\D", "", path.parent.name) or 0))


def _major(program: Path) -> int:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    shown = re.search(r"(\d+)\.\d+", done.stdout)
    return int(shown[1]) if shown else 0


def _packaged() -> Path:
    """The folder with the pinned packages, made whole or not at all."""
    pins = PINS.read_bytes()
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tradewind" / "servers"
    name = hashlib.sha256(pins + f"{sys.version_info[:2]} {sys.platform}".encode()).hexdigest()[:16]
    place = home / name
    home.mkdir(parents=True, exist_ok=True)
    with (home / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            _install(place)
    return place


def _install(place: Path) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        target = Path(folder) / "packages"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", "--target", str(target), "--requirement", str(PINS)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired as error:
            raise MissingServerError(f"the packages did not arrive within {PATIENCE} s") from error
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise MissingServerError(f"found neither in PATH nor as a package: {last}")
        target.rename(place)


def _single(folder: Path, name: str) -> Path:
    found = [path for path in folder.rglob(name) if path.is_file()]
    if not found:
        raise MissingServerError(f"the package that was to carry {name} does not")
    found[0].chmod(found[0].stat().st_mode | 0o111)
    return found[0]


def main() -> int:
    """Gets what is missing, prints a line `NAME PLACE` for each server; 1 and a sentence when that is impossible."""
    try:
        found = {"redis": redis_program(), "postgres": postgres_programs()}
    except MissingServerError as error:
        sys.stderr.write(f"servers: error: {error}\n")
        return 1
    for name, path in found.items():
        sys.stdout.write(f"{name:<10} {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
