"""The command line, as these tests run it."""

from __future__ import annotations

import sys

import pytest

from tradewind.cli.main import main
from tradewind.kernel.telemetry.logging import configure_logging


@pytest.fixture
def command_line(monkeypatch, capsys):
    """Run `tradewind WORDS` in this process; returns (exit code, stdout, stderr)."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["tradewind", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            configure_logging("critical", "text")
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
