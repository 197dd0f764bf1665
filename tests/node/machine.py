"""Whether this machine can be a node, and what it lacks.

A node needs root: it makes namespaces, mounts and control groups. What it needs of Debian is installed by the set-up
itself where that is possible, because whoever says `make e2e` has asked for it; elsewhere a sentence says what to do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cluster.pins import Progress

CGROUPS = Path("/sys/fs/cgroup")
HIERARCHIES = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd")

PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "socat": "socat",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}
"""Program -> the Debian package that has it."""

NETWORK_PLUGINS = Path("/usr/lib/cni")


class MachineError(Exception):
    """This machine cannot be a node; the message says why, and what would help."""


def require_machine(progress: Progress) -> None:
    """Returns when this machine can be a node; packages that are missing are installed.

    Raises:
        MachineError: it cannot.
    """
    if sys.platform != "linux":
        raise MachineError("a node is Linux, and this machine is not")
    if os.geteuid() != 0:
        raise MachineError("a node needs root for namespaces, mounts and control groups; fix: run `make e2e` as root")
    without = [name for name in HIERARCHIES if not (CGROUPS / name).is_dir()]
    if without:
        raise MachineError(f"a node of these tests needs control groups of version 1, and {without[0]} is not mounted")
    made = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise MachineError(f"this machine lets nobody make namespaces: {made.stderr.strip()}")
    _install(missing_packages(), progress)


def missing_packages() -> list[str]:
    """The Debian packages that have to be installed."""
    path = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin{os.pathsep}/sbin"
    missing = {package for program, package in PACKAGES.items() if shutil.which(program, path=path) is None}
    if not (NETWORK_PLUGINS / "bridge").is_file():
        missing.add("containernetworking-plugins")
    return sorted(missing)


def _install(packages: list[str], progress: Progress) -> None:
    if not packages:
        return
    fix = f"apt-get install --no-install-recommends {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise MachineError(f"missing: {', '.join(packages)}; fix: install them (Debian's `{fix}`)")
    progress(f"installing {', '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "-qq", "update"], [*fix.split(), "-qq", "--yes"]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MachineError(f"`{' '.join(command)}` failed: {done.stderr.strip()[-400:]}; fix: {fix}")
