"""The node itself: it is gone when it has ended, however that was, and one does not disturb another."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from tests.node.images import CHECKOUT, PAUSE
from tests.node.machine import CGROUPS
from tests.node.node import KEPT, Node
from tests.node.sandbox import PREFIX, disk_directory, remove_leftovers

KILLED = """
import sys, tempfile, time
from pathlib import Path
from tests.node.components import NAME_SERVER
from tests.node.sandbox import Sandbox
with Sandbox(Path(sys.argv[1]), NAME_SERVER) as sandbox:
    print(sandbox.first, sandbox.cgroup, flush=True)
    time.sleep(600)
"""
PATIENCE = 30.0


def cgroups():
    return {path.name for hierarchy in CGROUPS.iterdir() for path in hierarchy.glob(f"{PREFIX}*")}


def namespace(process, kind):
    return str(Path(f"/proc/{process}/ns/{kind}").readlink())


def in_namespace(kind, name):
    """The processes of this machine that are in a namespace."""
    found = []
    for process in psutil.pids():
        try:
            # One that has ended may stay in the table until somebody takes note of it.
            if namespace(process, kind) == name and psutil.Process(process).status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (OSError, psutil.NoSuchProcess):
            continue
    return found


def left_in(namespaces):
    """Kind -> the processes that are still in a namespace of it when those about to end have had the time for it."""
    until = time.monotonic() + PATIENCE
    while True:
        found = {kind: in_namespace(kind, name) for kind, name in namespaces.items()}
        if not any(found.values()) or time.monotonic() > until:
            return found
        time.sleep(0.05)


def test_a_node_that_has_ended_leaves_nothing(node, means):
    """Beside another one: no process, mount, network or control group of it, and of its files only logs."""
    programs, images = means
    remove_leftovers()
    others, mounts = cgroups(), Path("/proc/self/mountinfo").read_text()
    with disk_directory() as folder:
        with Node(folder, [images[PAUSE]], programs) as second:
            inside = {kind: namespace(second._sandbox.first, kind) for kind in ("net", "mnt", "pid")}
            second.kubectl("run", "held", "--image", PAUSE)
            second.kubectl("wait", "--for=condition=Ready", "pod/held", "--timeout=60s")
            assert all(in_namespace(kind, name) for kind, name in inside.items())
            assert cgroups() > others
        # The kernel kills what its first process leaves behind; one of them was seen half ended here.
        assert left_in(inside) == {"net": [], "mnt": [], "pid": []}
        assert cgroups() == others
        assert Path("/proc/self/mountinfo").read_text() == mounts
        assert {path.name for path in folder.iterdir() if path.is_dir()} <= set(KEPT)
    assert "Ready" in node.kubectl("get", "nodes")


def test_a_node_whose_tests_are_killed_leaves_nothing_that_runs(tmp_path):
    """What the kernel does not take back itself, the next node does."""
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    killed = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    first, cgroup = killed.stdout.readline().split()
    name = namespace(first, "mnt")
    assert in_namespace("mnt", name)

    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()

    assert left_in({"mnt": name}) == {"mnt": []}
    assert cgroup in cgroups()
    until = time.monotonic() + PATIENCE
    while cgroup in cgroups() and time.monotonic() < until:
        remove_leftovers()  # one that has ended and of which nobody took note yet holds its group: the next node's turn
        time.sleep(0.05)
    assert cgroup not in cgroups()
