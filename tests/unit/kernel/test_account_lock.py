"""The lock on an account at an exchange: one bot for each, whatever else they have in common or not."""

from __future__ import annotations

import pytest

from tradewind.domain.errors import MachineError
from tradewind.kernel.account_lock import AccountLock


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def test_the_second_bot_on_an_account_is_told_who_has_it():
    """The first keeps it, also when it asks again."""
    first, second = AccountLock("binance", "key", "default/one"), AccountLock("binance", "key", "default/two")
    first.acquire()
    first.acquire()
    with pytest.raises(MachineError, match=r"default/two on an account .* \(default/one, process \d+ has it\)"):
        second.acquire()
    first.release()


def test_who_lets_go_makes_room():
    """And letting go of nothing is no harm."""
    first, second = AccountLock("binance", "key", "default/one"), AccountLock("binance", "key", "default/two")
    first.acquire()
    first.release()
    first.release()
    second.acquire()
    with pytest.raises(MachineError, match="default/two, process"):
        first.acquire()
    second.release()


def test_other_accounts_have_other_locks(home):
    """By exchange and key; and the key itself is written nowhere."""
    locks = [AccountLock(*account, "default/one") for account in (("binance", "a"), ("binance", "b"), ("bybit", "a"))]
    for lock in locks:
        lock.acquire()
    assert len({lock.path for lock in locks}) == 3
    assert not any("key" in one.name or one.name == "a" for one in home.rglob("*"))
    for lock in locks:
        lock.release()


def test_where_no_lock_can_be_written_nobody_trades(home):
    """Without it nobody would know of the other."""
    (home / "tradewind").write_text("in the way")
    with pytest.raises(MachineError, match="a file that this user can write"):
        AccountLock("binance", "key", "default/one").acquire()
