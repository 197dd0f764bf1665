"""What a person does at the node's cluster: commands as the documents have them, typed in the checkout."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.node.images import CHECKOUT
from tests.node.node import Node

README = CHECKOUT / "README.md"
PATIENCE = 240.0


def quick_start() -> list[str]:
    """The commands of the README that begin with the installation of the chart, in order."""
    blocks = re.findall(r"^```\n(.*?)^```", README.read_text(), flags=re.MULTILINE | re.DOTALL)
    (block,) = [one for one in blocks if one.startswith("helm install ")]
    return block.splitlines()


class Terminal:
    """`helm` (Helm 4), `helm3`, `kubectl` and `kubectl tradewind`, with the node as their cluster.

    Args:
        node: it runs.
        programs: program -> file.
        directory: takes what the programs keep of one call to the next.
    """

    def __init__(self, node: Node, programs: Mapping[str, Path], directory: Path) -> None:
        links = directory / "programs"
        links.mkdir()
        plugin = Path(sys.executable).parent / "kubectl-tradewind"
        found = {
            "helm": programs["helm4"],
            "helm3": programs["helm"],
            "kubectl": programs["kubectl"],
            plugin.name: plugin,
        }
        for name, file in found.items():
            (links / name).symlink_to(file)
        self._environment = {
            "KUBECONFIG": str(node.kubeconfig),
            "PATH": f"{links}:/usr/bin:/bin",
            "HOME": str(directory),
            "NO_COLOR": "1",
        }

    def __call__(self, command: str, stdin: str = "", patience: float = PATIENCE) -> str:
        """What it prints. One that follows something (`-f`) is ended after `patience` seconds.

        Raises `AssertionError` when it fails, or takes longer.
        """
        try:
            done = subprocess.run(
                shlex.split(command),
                input=stdin,
                cwd=CHECKOUT,
                env=self._environment,
                capture_output=True,
                text=True,
                timeout=patience,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            said = (error.stdout or b"").decode()
            assert command.endswith(" -f"), f"`{command}` took more than {patience} s: {said}"
            return said
        assert done.returncode == 0, f"`{command}`: {done.stdout}\n{done.stderr}"
        return done.stdout
