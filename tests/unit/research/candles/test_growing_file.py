"""A file that grows is a whole file at every moment, wherever the one who writes it is ended."""

from __future__ import annotations

import shutil

import pytest
from tests.unit.research.candles.scripted_source import candle

from tradewind.domain.errors import ConfigError, MachineError
from tradewind.market_data.adapters.files import read_raw
from tradewind.research.candles import writers
from tradewind.research.candles.growing_file import TAIL, GrowingFile

HEADER = "timestamp,open,high,low,close,volume\n"


def numbers(path):
    """The candles of a file by their numbers, after a look whether each is as it should be."""
    raw = read_raw(path, "BTC/EUR")
    rows = list(zip(raw.open_time.tolist(), *(column.tolist() for column in raw.values), strict=True))
    found = [(row[0] - candle(0).open_time) // 3_600_000 for row in rows]
    assert [tuple(candle(number)) for number in found] == rows
    return found


def candles(*of):
    return [candle(number) for number in range(*of)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "BTC-EUR-1h.csv"


def test_both_ends_grow(path):
    """Nothing of the tail is in the file until it is finished; the head is there at once."""
    file = GrowingFile(path)
    assert (None, None) == (file.first, file.last)
    file.append(candles(20, 25))
    file.append(candles(25, 30))
    assert not path.exists()
    file.finish()
    assert list(range(20, 30)) == numbers(path)
    file.append(candles(30, 33))
    assert list(range(20, 30)) == numbers(path)
    file.finish()
    file.prepend(candles(10, 20))
    file.prepend([])
    file.append([])
    assert (candle(10), candle(32)) == (file.first, file.last)
    assert list(range(10, 33)) == numbers(path)
    assert [path.name] == [one.name for one in path.parent.iterdir()]


@pytest.mark.parametrize("there", [0, 8])
def test_a_tail_that_was_torn_anywhere_is_taken_up_to_there(path, there):
    """Also where the file itself is not there yet, and where its tail is in it already."""
    whole = GrowingFile(path)
    whole.append(candles(there))
    whole.finish()
    before = path.read_bytes() if there else None
    writing = GrowingFile(path)
    writing.append(candles(there, 12))
    writing._stream.close()  # as a kill does
    tail = path.with_name(path.name + TAIL)
    written = tail.read_bytes()
    for cut in range(len(written) + 1):
        if before is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(before)
        tail.write_bytes(written[:cut])
        file = GrowingFile(path)
        count = there + written[:cut].count(b"\n")
        assert (candle(count - 1) if count else None) == file.last
        assert not tail.exists()
        assert path.read_text() == HEADER if not count else list(range(count)) == numbers(path)
    tail.write_bytes(written)
    GrowingFile(path)
    assert list(range(12)) == numbers(path)


def test_a_tail_that_is_in_the_file_already_is_not_added_again(path):
    """A kill between the two last steps of `finish`."""
    file = GrowingFile(path)
    file.append(candles(5))
    tail = path.with_name(path.name + TAIL)
    kept = shutil.copy(tail, path.with_name("kept"))
    file.finish()
    shutil.copy(kept, tail)
    assert candle(4) == GrowingFile(path).last
    assert list(range(5)) == numbers(path)


def test_a_last_line_without_an_end_gets_one(path):
    """As an editor may leave it."""
    path.write_text(HEADER + ",".join(map(repr, candle(0))))
    file = GrowingFile(path)
    file.append(candles(1, 3))
    file.finish()
    assert [0, 1, 2] == numbers(path)


@pytest.mark.parametrize(
    "text",
    [
        "time,open,high,low,close,volume\n1,1,1,1,1,1\n",
        HEADER + "2022-01-01,1,1,1,1,1\n",
        HEADER + "2,1,1,1,1,1\n1,1,1,1,1,1\n",
        HEADER + "1,1,1,1,1\n",
        "",
    ],
)
def test_a_file_of_another_making_is_refused_and_stays(path, text):
    """The fix is to import it."""
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"INTO: received .*; fix: tradewind data import makes such a file"):
        GrowingFile(path)
    assert text == path.read_text()


def test_a_full_disk_is_told_and_leaves_the_file(path, monkeypatch):
    """What was collected stays beside it."""
    file = GrowingFile(path)
    file.append(candles(5))
    file.finish()
    file.append(candles(5, 9))

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writers.os, "fsync", full)
    with pytest.raises(MachineError, match="file: received No space left on device: "):
        file.finish()
    assert list(range(5)) == numbers(path)
    monkeypatch.undo()
    assert candle(8) == GrowingFile(path).last
