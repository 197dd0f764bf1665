"""Where the programs of the control plane come from: found where somebody put them, else built from pinned sources.

A control plane is five programs that no Python package carries. In order of preference each of them is taken from

1. the directory `KUBEBUILDER_ASSETS`, because whoever sets it has chosen;
2. `PATH`, if its version is ours up to the patch release (a line on stderr says when one is passed over);
3. the cache outside the checkout, `~/.cache/tradewind/tools` (`XDG_CACHE_HOME` is honoured), where a directory is named
   by the hash of everything that decides what is built, so that two checkouts share it and a new pin never meets an old
   binary;
4. a build (`go_build.py`), which puts it there.

`toolchain/NAME/go.mod` and `go.sum` beside this module are the pins: the version of a tool stands in its go.mod and
nowhere else, and go.sum holds a hash of every source that goes into it. No binary is ever in the repository.

    python -m tests.cluster.toolchain        builds what is missing and prints where each program is
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PINS = Path(__file__).parent / "toolchain"

Progress = Callable[[str], None]
"""Takes one line about something that takes long."""


class ToolchainError(Exception):
    """A program of the control plane can neither be found nor built; the message says how to get it."""


@dataclass(frozen=True)
class Tool:
    """One pinned Go module and the programs built from it.

    Attributes:
        name: its folder below `toolchain/`.
        module: the Go module whose version is the tool's.
        packages: program name -> Go package.
        stamps: the Go variables that hold the version, which a build from a module does not know by itself.
        minutes: how long a build takes on two cores with empty caches.
    """

    name: str
    module: str
    packages: dict[str, str]
    stamps: tuple[str, ...]
    minutes: int

    @property
    def pins(self) -> Path:
        """The folder with go.mod and go.sum."""
        return PINS / self.name

    @property
    def version(self) -> str:
        """The pinned version, as `v1.35.8`."""
        pinned = re.search(rf"^\s*(?:require )?{re.escape(self.module)} (v\S+)", self._go_mod, re.MULTILINE)
        assert pinned is not None, f"{self.pins}/go.mod does not require {self.module}"
        return pinned[1]

    @property
    def needs_go(self) -> tuple[int, ...]:
        """The lowest version of Go that builds it, as `(1, 26, 4)`."""
        line = re.search(r"^go (\S+)$", self._go_mod, re.MULTILINE)
        assert line is not None, f"{self.pins}/go.mod has no line `go VERSION`"
        return tuple(int(part) for part in line[1].split("."))

    @property
    def _go_mod(self) -> str:
        return (self.pins / "go.mod").read_text()


_VERSIONS = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
_KUBE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")

KUBE = Tool(
    name="kube",
    module="k8s.io/kubernetes",
    packages={name: f"k8s.io/kubernetes/cmd/{name}" for name in _KUBE},
    stamps=tuple(f"{package}.gitVersion" for package in _VERSIONS),
    minutes=6,
)
ETCD = Tool("etcd", "go.etcd.io/etcd/server/v3", {"etcd": "go.etcd.io/etcd/server/v3"}, (), 1)
KWOK = Tool(
    name="kwok",
    module="sigs.k8s.io/kwok",
    packages={"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
    stamps=("sigs.k8s.io/kwok/pkg/consts.Version",),
    minutes=1,
)
METRICS_SERVER = Tool(
    name="metrics-server",
    module="sigs.k8s.io/metrics-server",
    packages={"metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server"},
    stamps=tuple(f"{package}.gitVersion" for package in _VERSIONS),
    minutes=2,
)
TOOLS = (KUBE, ETCD, KWOK, METRICS_SERVER)


def say(line: str) -> None:
    """The usual `Progress`: a line on stderr."""
    sys.stderr.write(f"toolchain: {line}\n")


def cache_directory() -> Path:
    """Where built programs are kept, outside of any checkout."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "tradewind" / "tools"


def find_programs(tools: tuple[Tool, ...] = TOOLS, progress: Progress = say) -> dict[str, Path]:
    """Program name -> executable file for all programs of `tools`; what is nowhere is built, which takes minutes.

    Raises:
        ToolchainError: a program is nowhere and cannot be built.
    """
    from tests.cluster.go_build import build  # noqa: PLC0415 - it imports this module

    found = present_programs(tools, progress)
    for tool in tools:
        if not tool.packages.keys() <= found.keys():
            directory = build(tool, progress)
            found |= {name: directory / name for name in tool.packages if name not in found}
    return found


def present_programs(tools: tuple[Tool, ...] = TOOLS, progress: Progress = say) -> dict[str, Path]:
    """Program name -> executable file for those programs of `tools` that are there without a build."""
    from tests.cluster.go_build import built  # noqa: PLC0415 - it imports this module

    found = {}
    for tool in tools:
        for name in tool.packages:
            path = _chosen(name, tool, progress) or _on_path(name, tool, progress)
            if path is not None:
                found[name] = path
        # Go is asked for its version only when something is missing: a machine with all programs needs no Go.
        missing = tool.packages.keys() - found.keys()
        directory = built(tool, progress) if missing else None
        if directory is not None:
            found |= {name: directory / name for name in missing}
    return found


def _chosen(name: str, tool: Tool, progress: Progress) -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if not assets or not os.access(Path(assets) / name, os.X_OK):
        return None
    path = (Path(assets) / name).absolute()
    if not _fits(path, tool):
        progress(f"{path} of KUBEBUILDER_ASSETS is not {tool.version}; it is used because that was asked for")
    return path


def _on_path(name: str, tool: Tool, progress: Progress) -> Path | None:
    found = shutil.which(name)
    if found is None:
        return None
    if _fits(Path(found), tool):
        return Path(found).absolute()
    progress(f"{found} is passed over: its version is not {_release(tool.version)}.x")
    return None


def _fits(path: Path, tool: Tool) -> bool:
    arguments = ["version", "--client"] if path.name == "kubectl" else ["--version"]
    try:
        done = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    shown = re.search(r"v?(\d+\.\d+\.\d+)", done.stdout + done.stderr)
    return shown is not None and _release(shown[1]) == _release(tool.version)


def _release(version: str) -> str:
    return ".".join(version.removeprefix("v").split(".")[:2])


def main() -> int:
    """Builds what is missing, prints a line `NAME FILE` for each program; 1 and a sentence when that is impossible."""
    try:
        programs = find_programs()
    except ToolchainError as error:
        say(f"error: {error}")
        return 1
    for name, path in sorted(programs.items()):
        sys.stdout.write(f"{name:<24} {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
