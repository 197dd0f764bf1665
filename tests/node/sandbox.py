"""The namespaces that a node lives in: its own network, mounts and processes, from which nothing gets out.

All of it hangs on one process, the first of its process namespace. When that ends the kernel ends whatever runs in
there, containers and their shims among them, and with the last of them the mounts and the network are gone; and it ends
when the tests do, however they end. What the kernel does not take back are the empty folders of control groups: the
next node removes those of nodes that are no more.

There is no way out of the network: pods see each other, the API server and nothing else.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

import psutil
from tests.cluster.components import SERVICE_ADDRESSES
from tests.cluster.processes import Process
from tests.node.machine import CGROUPS, HIERARCHIES

T = TypeVar("T")

PREFIX = "tradewind-node-"
DISK = Path("/var/tmp")
ADDRESS = "172.31.255.1"
"""The node's, on a bridge that has no other side."""

SHARES = "16384"
"""The node's weight beside other work of this machine: all its containers together would else count as one process."""

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_PATIENCE = 15.0
_REAPS = 'trap "" CHLD; exec sleep infinity'
"""The first process: children that are left to it and end are forgotten at once."""


class SandboxError(Exception):
    """A namespace could not be made as it has to be."""


class Sandbox:
    """The namespaces and control groups of one node.

    Args:
        directory: takes what is mounted over the machine's own folders: its logs, its state, its names.
        resolver: the address of the name server that programs in here ask.
    """

    def __init__(self, directory: Path, resolver: str) -> None:
        self._directory = directory
        self._resolver = resolver
        self.cgroup = ""
        self._holder: Process | None = None
        self._network: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        remove_leftovers()
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def first(self) -> int:
        """The process id of the first process in here."""
        assert self._holder is not None
        assert self._holder.pid is not None, self._holder.tail()
        children = psutil.Process(self._holder.pid).children()
        return int(children[0].pid) if children else 0

    def within(self, *command: str, processes: bool = False) -> list[str]:
        """The command line that runs `command` in here; `processes`: as a child of the first process's namespace.

        Without `processes` it stays in the machine's process namespace, and can be waited for and signalled as such.
        """
        enter = [str(shutil.which("nsenter")), f"--target={self.first}", "--net", "--mount"]
        return [*enter, *(["--pid"] if processes else []), "--", *command]

    def run(self, *command: str) -> str:
        """What a short command in here prints. Raises `SandboxError` when it fails."""
        done = subprocess.run(self.within(*command, processes=True), capture_output=True, text=True, check=False)
        if done.returncode:
            raise SandboxError(f"`{' '.join(command)}`: {done.stderr.strip()}")
        return done.stdout

    def on_network(self, call: Callable[[], T]) -> T:
        """The result of `call`, whose sockets are of this network: pod and Service addresses answer there.

        Names are still those of the machine.
        """
        if self._network is None:
            self._network = ThreadPoolExecutor(1, "node-network", lambda: _enter_network(self.first))
        return self._network.submit(call).result()

    def close(self) -> None:
        """Ends everything in here, and takes the control groups away."""
        if self._network is not None:
            self._network.shutdown()
        if self._holder is not None:
            self._holder.stop()
        until = time.monotonic() + _PATIENCE
        while self.cgroup and not remove_cgroups(self.cgroup):
            if time.monotonic() > until:
                raise SandboxError(f"processes are left in the control groups {self.cgroup}")
            time.sleep(0.05)

    # ----------------------------------------------------------------------------------------------------------- inside

    def _open(self) -> None:
        namespaces = ["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL"]
        command = [str(shutil.which("unshare")), *namespaces, "/bin/sh", "-c", _REAPS]
        for name in ("logs/containers", "state"):
            (self._directory / name).mkdir(parents=True)
        self._holder = Process("holder", command, self._directory / "holder.log")
        self._holder.start()
        until = time.monotonic() + _PATIENCE
        while not self.first or _mounts_of(self.first) == _mounts_of("self"):
            if time.monotonic() > until:
                raise SandboxError(f"no namespaces: {self._holder.tail()}")
            time.sleep(0.01)
        self._mount()
        self._connect()
        self._group()

    def _mount(self) -> None:
        """The fixed places of containerd, runc and the network plugins, over which those of the machine stay as is."""
        names = self._directory / "resolv.conf"
        search = "default.svc.cluster.local svc.cluster.local cluster.local"
        names.write_text(f"nameserver {self._resolver}\nsearch {search}\noptions ndots:5\n")
        self.run("mount", "--make-rshared", "/")
        self.run("mount", "-t", "tmpfs", "-o", "mode=755", "node-run", "/run")
        self.run("mkdir", "-p", "/run/netns", "/run/lock")
        self.run("mount", "--bind", str(self._directory / "logs"), "/var/log")
        # Where network plugins note what they gave out.
        self.run("mount", "--bind", str(self._directory / "state"), "/var/lib")
        self.run("mount", "--bind", str(names), os.path.realpath("/etc/resolv.conf"))

    def _connect(self) -> None:
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "link", "add", "nodebr", "type", "bridge")
        self.run("ip", "address", "add", f"{ADDRESS}/32", "dev", "nodebr")
        self.run("ip", "link", "set", "nodebr", "up")
        # Traffic of the node itself to a Service needs a route before its destination is changed.
        self.run("ip", "route", "add", SERVICE_ADDRESSES, "dev", "nodebr")
        self.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.bridge.bridge-nf-call-iptables=1")

    def _group(self) -> None:
        self.cgroup = f"{PREFIX}{self.first}-{_started(self.first)}"
        for hierarchy in HIERARCHIES:
            (CGROUPS / hierarchy / self.cgroup).mkdir()
        for name in ("cpuset.cpus", "cpuset.mems"):
            above = (CGROUPS / "cpuset" / name).read_text()
            (CGROUPS / "cpuset" / self.cgroup / name).write_text(above)
        (CGROUPS / "cpu" / self.cgroup / "cpu.shares").write_text(SHARES)


def remove_cgroups(name: str) -> bool:
    """Whether nothing of the control groups `name` is left; folders in which no process is are removed."""
    # Also where the kubelet is told nothing of: runc makes them in every hierarchy that it finds.
    for top in CGROUPS.glob(f"*/{name}"):
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):  # a process is in it
                os.rmdir(folder)  # noqa: PTH106  (os.walk gives strings)
    return not any(CGROUPS.glob(f"*/{name}"))


def remove_leftovers() -> None:
    """Removes the control groups of nodes that are no more: their names say whose they were."""
    for name in {path.name for path in CGROUPS.glob(f"*/{PREFIX}*")}:
        if not _is_alive(name):
            remove_cgroups(name)


@contextlib.contextmanager
def disk_directory() -> Iterator[Path]:
    """A directory for a node, with a short path and on a disk, that goes at the end; those of killed tests go now."""
    for left in DISK.glob(f"{PREFIX}*"):
        if not _is_alive(left.name.rpartition("-")[0]):
            shutil.rmtree(left)
    mine = f"{PREFIX}{os.getpid()}-{_started(os.getpid())}-"
    with tempfile.TemporaryDirectory(prefix=mine, dir=DISK) as folder:
        yield Path(folder)


def _is_alive(name: str) -> bool:
    """Whether the process still runs after which something is named."""
    process, _, started = name.removeprefix(PREFIX).partition("-")
    return _started(int(process)) == started


def _mounts_of(process: int | str) -> str:
    return str(Path(f"/proc/{process}/ns/mnt").readlink())


def _started(process: int) -> str:
    """When a process was started, in ticks since the machine was: what tells it from a later one of the same number."""
    try:
        state, *fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "never"
    # One that has ended stays in the table until somebody takes note, which on some machines nobody does.
    return "never" if state == "Z" else fields[18]


def _enter_network(process: int) -> None:
    """Moves the calling thread, and no other, into the network of a process."""
    with open(f"/proc/{process}/ns/net") as namespace:  # noqa: PTH123
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "setns")
