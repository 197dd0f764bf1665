"""The directory of a bot's state: one owner, and never removed by somebody who did not make it."""

from __future__ import annotations

import fcntl
import os
import threading

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


def test_who_has_it_can_be_asked_without_taking_it(tmp_path):
    """Nobody, before it exists and after its end; asking keeps nobody from it."""
    directory, looker = StateDirectory(tmp_path / "bot"), StateDirectory(tmp_path / "bot")
    assert looker.holder() is None
    directory.acquire()
    assert os.getpid() == looker.holder()
    directory.release()
    assert looker.holder() is None
    directory.acquire()
    directory.release()


def test_the_end_of_its_owner_can_be_waited_for(tmp_path):
    """Without looking again and again; and not for ever."""
    directory, looker = StateDirectory(tmp_path / "bot"), StateDirectory(tmp_path / "bot")
    assert looker.until_free(0)
    directory.acquire()
    assert not looker.until_free(0.01)
    found = []
    waiting = threading.Thread(target=lambda: found.append(looker.until_free(30)))
    waiting.start()
    directory.release()
    waiting.join(30)
    assert [True] == found


def test_a_look_does_not_turn_an_owner_away(tmp_path):
    """Whoever asks who has it holds it for a moment; who wants it just then gets it."""
    directory = StateDirectory(tmp_path / "bot")
    directory.acquire()
    directory.release()
    with (tmp_path / "bot" / "lock").open() as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        letting_go = threading.Timer(0.015, fcntl.flock, (look, fcntl.LOCK_UN))
        letting_go.start()
        directory.acquire()
        letting_go.join()
    directory.release()


def test_a_file_of_somebody_else_is_not_removed(tmp_path):
    """Where it was refused, the addresses that lie there are those of the running bot."""
    first, second = StateDirectory(tmp_path / "bot"), StateDirectory(tmp_path / "bot")
    first.acquire()
    first.write("addresses.json", "{}")
    second.remove("addresses.json")
    assert (tmp_path / "bot" / "addresses.json").is_file()
    first.remove("addresses.json")
    first.remove("addresses.json")
    assert not (tmp_path / "bot" / "addresses.json").exists()
    first.release()
