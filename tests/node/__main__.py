"""`make e2e`: everything on a real node, or a sentence why this machine cannot have one.

Programs and images are made first, which takes long only once; then the tests of this folder bring the node up,
install, apply, measure and take everything down again. The Tiltfile is judged here as well, because nothing else needs
tilt, and to build it takes minutes. `docs/footprint.md` is written by them.
"""

from __future__ import annotations

import os
import sys
import time

import pytest
from tests.cluster.pins import CHART_TOOLS, DEVELOPMENT_TOOLS, NODE_TOOLS, TOOLS, ToolchainError
from tests.cluster.toolchain import find_programs
from tests.node.image_building import ImageError, built_images
from tests.node.machine import MachineError, require_machine


def say(line: str) -> None:
    """A line about what takes long."""
    sys.stderr.write(f"e2e: {line}\n")


def main(arguments: list[str]) -> int:
    """The exit code of the tests; 0 where there can be no node, unless TRADEWIND_REQUIRE_NODE=1."""
    began = time.monotonic()
    try:
        require_machine(say)
        find_programs((*TOOLS, *CHART_TOOLS, *NODE_TOOLS, *DEVELOPMENT_TOOLS), say)
        say(f"machine and programs after {time.monotonic() - began:.0f} s")
        built_images(say)
        say(f"images after {time.monotonic() - began:.0f} s")
    except (MachineError, ToolchainError, ImageError) as error:
        say(f"no node: {error}")
        return 1 if os.environ.get("TRADEWIND_REQUIRE_NODE") == "1" else 0
    os.environ |= {"TRADEWIND_NODE": "1", "TRADEWIND_REQUIRE_NODE": "1", "TRADEWIND_WRITE_FOOTPRINT": "1"}
    code = pytest.main(["tests/charts/test_tiltfile.py", "tests/node", "--durations=40", *arguments])
    say(f"done after {time.monotonic() - began:.0f} s")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
