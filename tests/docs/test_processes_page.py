"""The page "A bot in several processes": its commands are the tool's, and what it says of servers is what `up` says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tradewind.cli.main import app
from tradewind.topology.child import Backoff, ProcessState
from tradewind.topology.process_logs import LARGEST
from tradewind.topology.processes import GRACE, GRACE_OF_ORDERS, SERVERS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "processes.md").read_text()
LINES = [
    line for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) for line in block.splitlines()
]
COMMANDS = [line.split() for line in LINES if line.startswith(".venv/bin/tradewind ")]


def test_the_commands_that_start_servers_are_those_that_up_prints():
    """Who reads the page and who reads the message do the same."""
    told = [line.strip() for line in SERVERS.splitlines() if line.startswith("  ")]
    assert told == LINES[: len(told)]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_of_the_page_is_understood(words, tmp_path):
    """Where nothing runs each of them ends with what is missing, and none with the code of a mistake in its use."""
    place = {"TRADEWIND_STATE_DIRECTORY": str(tmp_path), "TRADEWIND_DATABASE_URL": "", "TRADEWIND_BUS_URL": ""}
    done = CliRunner().invoke(app, words[1:], env=place)
    assert 2 != done.exit_code, done.output
    assert done.exception is not None


def test_the_figures_of_the_page_are_those_of_the_program():
    """Seconds, megabytes, and the words for states."""
    assert f"within {GRACE:.0f} seconds (execution: {GRACE_OF_ORDERS:.0f})" in PAGE
    assert f"at most {2 * LARGEST // 1_000_000} MB" in PAGE
    assert f"{Backoff().first:.0f}, 2, 4 ... {Backoff().longest:.0f} seconds" in PAGE
    rows = {word for row in re.findall(r"^\| ([A-Z][\w, ]+) \|", PAGE, re.MULTILINE) for word in row.split(", ")}
    assert {state.value for state in ProcessState} <= rows


def test_the_program_can_be_started_as_a_module():
    """That is how the processes of `up` are."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tradewind", "version"], capture_output=True, text=True, check=True
    )
    assert done.stdout
