"""The directory of a bot's state: one owner, and never removed by somebody who did not make it."""

from __future__ import annotations

import pytest

from tradewind.domain.errors import MachineError
from tradewind.kernel.state_directory import StateDirectory


def test_a_second_owner_is_refused_and_told_who_has_it(tmp_path):
    """The lock goes with the process; meanwhile the other one learns its number."""
    first, second = StateDirectory(tmp_path / "bot"), StateDirectory(tmp_path / "bot")
    first.acquire()
    with pytest.raises(MachineError, match="one instance at a time"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_whoever_was_refused_removes_nothing(tmp_path):
    """A failed start cleans up after itself, never after another: the running bot's state stays."""
    first, second = StateDirectory(tmp_path / "bot"), StateDirectory(tmp_path / "bot")
    second.created = True
    first.acquire()
    with pytest.raises(MachineError):
        second.acquire()
    second.discard()

    assert (tmp_path / "bot").is_dir()
    first.release()


def test_only_what_this_process_made_is_discarded(tmp_path):
    """A directory that was there before stays; a new one goes without a trace."""
    (tmp_path / "old").mkdir()
    old, new = StateDirectory(tmp_path / "old"), StateDirectory(tmp_path / "new")
    for directory in (old, new):
        directory.acquire()
        directory.write("bot.yaml", "x")
        directory.discard()

    assert "x" == (tmp_path / "old" / "bot.yaml").read_text()
    assert not (tmp_path / "new").exists()
