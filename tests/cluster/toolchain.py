"""Where the programs of the control plane come from: found where somebody put them, else built from pinned sources.

A control plane is five programs that no Python package carries. In order of preference each of them is taken from

1. the directory `KUBEBUILDER_ASSETS`, because whoever sets it has chosen;
2. `PATH`, if its version is ours up to the patch release (a line on stderr says when one is passed over);
3. the cache outside the checkout, `~/.cache/tradewind/tools` (`XDG_CACHE_HOME` is honoured), where a directory is named
   by the hash of everything that decides what is built, so that two checkouts share it and a new pin never meets an old
   binary;
4. a build (`go_build.py`), which puts it there.

`pins.py` says which versions are ours. No binary is ever in the repository.

    python -m tests.cluster.toolchain        builds what is missing and prints where each program is
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cluster.go_build import build, built
from tests.cluster.pins import CHART_TOOLS, TOOLS, Progress, Tool, ToolchainError

_ASKED = {
    "kubectl": ["version", "--client"],
    "kubeconform": ["-v"],
    "coredns": ["-version"],
    **{name: ["version"] for name in ("helm", "helm4", "jaeger", "tilt")},
}
"""How a program is asked for its version, where it is not by `--version`."""


def say(line: str) -> None:
    """The usual `Progress`: a line on stderr."""
    sys.stderr.write(f"toolchain: {line}\n")


def find_programs(tools: tuple[Tool, ...] = TOOLS, progress: Progress = say) -> dict[str, Path]:
    """Program name -> executable file for all programs of `tools`; what is nowhere is built, which takes minutes.

    Raises:
        ToolchainError: a program is nowhere and cannot be built.
    """
    found = present_programs(tools, progress)
    for tool in tools:
        if not tool.packages.keys() <= found.keys():
            directory = build(tool, progress)
            found |= {name: directory / name for name in tool.packages if name not in found}
    return found


def present_programs(tools: tuple[Tool, ...] = TOOLS, progress: Progress = say) -> dict[str, Path]:
    """Program name -> executable file for those programs of `tools` that are there without a build."""
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
    try:
        done = subprocess.run(
            [path, *_ASKED.get(path.name, ["--version"])], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    shown = re.search(r"v?(\d+\.\d+\.\d+)", done.stdout + done.stderr)
    return shown is not None and _release(shown[1]) == _release(tool.version)


def _release(version: str) -> str:
    return ".".join(version.removeprefix("v").split(".")[:2])


def main() -> int:
    """Builds what is missing, prints a line `NAME FILE` for each program; 1 and a sentence when that is impossible."""
    try:
        programs = find_programs((*TOOLS, *CHART_TOOLS))
    except ToolchainError as error:
        say(f"error: {error}")
        return 1
    for name, path in sorted(programs.items()):
        sys.stdout.write(f"{name:<24} {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
