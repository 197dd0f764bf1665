"""A file for one process at a time, whatever keeps it from being had."""

from __future__ import annotations

import errno

import pytest

from tradewind.kernel import lock_file
from tradewind.kernel.lock_file import LockFile, LockTakenError


def test_it_is_made_with_its_folder_and_names_its_holder(tmp_path):
    first, second = LockFile(tmp_path / "new" / "lock"), LockFile(tmp_path / "new" / "lock")
    first.acquire("one")
    with pytest.raises(LockTakenError) as error:
        second.acquire("two")
    assert error.value.holder == "one"
    assert (first.held, second.held) == (True, False)
    first.release()
    second.acquire("two")
    assert second.path.read_text() == "two", "nothing is left of who had it before"
    second.release()


def test_a_disk_without_locks_is_not_taken_for_another_holder(monkeypatch, tmp_path):
    """A person would look for a second bot that is not there; nobody has it all the same."""

    def refused(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    lock = LockFile(tmp_path / "lock")
    with monkeypatch.context() as patch:
        patch.setattr(lock_file.fcntl, "flock", refused)
        with pytest.raises(OSError, match="No locks available"):
            lock.acquire("one")
    assert not lock.held
    lock.acquire("one")
    lock.release()
