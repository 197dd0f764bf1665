"""The addresses that every bot is given: read once, and again when one is replaced."""

from __future__ import annotations

import pathlib

import pytest

from tradewind_operator.storage_addresses import StorageAddresses


@pytest.fixture
def mounted(tmp_path):
    """A volume as the kubelet makes one: names that lead into a directory that is replaced as a whole."""

    def write(turn, **contents):
        fresh = tmp_path / f"..{turn}"
        fresh.mkdir()
        for name, content in contents.items():
            (fresh / name).write_text(content)
            if not (tmp_path / name).is_symlink():
                (tmp_path / name).symlink_to(pathlib.Path("..data", name))
        (tmp_path / "..data_tmp").symlink_to(fresh.name)
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")
        return tmp_path

    return write


def test_they_are_read_when_they_are_replaced_and_not_before(mounted, monkeypatch):
    directory = mounted(1, url="redis://a\n", other="b")
    addresses, reads, really = StorageAddresses(directory), [], pathlib.Path.read_bytes
    monkeypatch.setattr(pathlib.Path, "read_bytes", lambda one: reads.append(one.name) or really(one))
    assert [addresses.read() for _ in range(3)] == [{"url": b"redis://a", "other": b"b"}] * 3
    assert sorted(reads) == ["other", "url"]
    mounted(2, url="redis://c", other="b")
    assert addresses.read() == {"url": b"redis://c", "other": b"b"}


def test_one_that_is_added_or_taken_away_is_seen(mounted):
    addresses = StorageAddresses(mounted(1, url="a"))
    assert addresses.read() == {"url": b"a"}
    directory = mounted(2, url="a", more="b")
    assert addresses.read() == {"url": b"a", "more": b"b"}
    (directory / "url").unlink()
    assert addresses.read() == {"more": b"b"}


def test_where_nothing_is_mounted_there_are_none(tmp_path):
    assert StorageAddresses(None).read() == {}
    assert StorageAddresses(tmp_path / "missing").read() == {}
