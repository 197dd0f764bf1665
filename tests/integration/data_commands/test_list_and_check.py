"""`tradewind data list` and `check`: what a folder holds, what is wrong with it, and what is not a file of candles."""

from __future__ import annotations

import gzip
import json
import sys

import pytest
import yaml

from tradewind.market_data.adapters.catalogue import SAMPLES

FILE = SAMPLES / "bitvavo-2022" / "BTC-EUR-1h.csv.gz"
LINES = gzip.decompress(FILE.read_bytes()).decode().splitlines()


@pytest.fixture
def folder(tmp_path):
    """A hundred candles, of which the file of ether has a bad one on line 4 and three missing."""
    place = tmp_path / "candles"
    place.mkdir()
    good = LINES[:101]
    (place / "BTC-EUR-1h.csv").write_text("\n".join(good) + "\n")
    time, *rest = good[3].split(",")
    bad = [*good[:3], ",".join([time, rest[0], "1", *rest[2:]]), *good[4:50], *good[53:]]
    (place / "ETH-EUR-1h.csv").write_text("\n".join(bad) + "\n")
    return place


def test_list_says_what_there_is(command_line, folder):
    """As JSON, as YAML and as a table; what is no file of candles is said aside."""
    (folder / "notes.csv").write_text("a,b\n1,2\n")
    (folder / "instruments.json").write_text("{}")
    code, out, err = command_line("data", "list", folder, "-o", "json")
    first, second = json.loads(out)

    assert (0, "left out, because the name says no pair and timeframe: notes.csv\n") == (code, err)
    assert first == {
        "pair": "BTC/EUR", "timeframe": "1h", "form": "csv", "file": "BTC-EUR-1h.csv", "candles": 100,
        "first": "2022-01-01T00:00:00Z", "last": "2022-01-05T03:00:00Z", "gaps": 0, "missing": 0, "bad": 0,
    }  # fmt: skip
    assert ("ETH/EUR", 96, 2, 4, 1) == tuple(second[name] for name in ("pair", "candles", "gaps", "missing", "bad"))
    assert yaml.safe_load(command_line("data", "list", folder, "-o", "yaml")[1]) == [first, second]
    table = command_line("data", "list", folder, "--pair", "ETH/*")[1]
    assert "ETH/EUR" in table
    assert "2022-01-05 03:00" in table
    assert "BTC/EUR" not in table


def test_check_names_bad_rows_by_their_lines_and_gaps(command_line, folder):
    """And exits with 1; candles that are all right exit with 0."""
    code, out, err = command_line("data", "check", folder)
    assert (1, "") == (code, err)
    assert out.splitlines()[0] == "BTC-EUR-1h.csv: 100 candles, nothing wrong"
    assert out.splitlines()[1] == "ETH-EUR-1h.csv: 96 candles, 1 bad rows, 4 missing in 2 gaps"
    assert out.splitlines()[2].startswith("  line 4: HighBelowLow, high 1.0 is below low ")
    assert "  3 missing between 2022-01-03T00:00:00Z and 2022-01-03T04:00:00Z" in out.splitlines()
    assert 0 == command_line("data", "check", folder, "--pair", "BTC/EUR")[0]

    code, out, _ = command_line("data", "check", folder, "--pair", "ETH/EUR", "-o", "json")
    document = json.loads(out)[0]
    assert (1, {"HighBelowLow": 1}, "") == (code, document["reasons"], document["refusal"])
    assert {"row": 2, "line": 4, "reason": "HighBelowLow"}.items() <= document["badRows"][0].items()
    assert {"missing": 3, "after": "2022-01-03T00:00:00Z", "before": "2022-01-03T04:00:00Z"} in document["firstGaps"]


def test_missing_candles_can_be_allowed(command_line, folder):
    """A bad row cannot."""
    lines = (folder / "BTC-EUR-1h.csv").read_text().splitlines()
    (folder / "BTC-EUR-1h.csv").write_text("\n".join(lines[:50] + lines[51:]) + "\n")
    (folder / "ETH-EUR-1h.csv").unlink()
    assert 1 == command_line("data", "check", folder)[0]
    assert 0 == command_line("data", "check", folder, "--no-gaps")[0]


def test_a_file_that_a_bot_refuses_is_said_to_be_one(command_line, folder):
    """More than one row in twenty is bad."""
    lines = (folder / "BTC-EUR-1h.csv").read_text().splitlines()
    broken = [line.rpartition(",")[0] + ",x" if place % 10 == 5 else line for place, line in enumerate(lines)]
    (folder / "BTC-EUR-1h.csv").write_text("\n".join(broken) + "\n")
    code, out, _ = command_line("data", "check", folder, "--pair", "BTC/EUR")
    assert 1 == code
    assert "  a bot refuses this file: 10 of 100 rows are bad, and more than 5% is too much" in out.splitlines()
    assert "  line 6: NotANumber, volume is 'x'" in out.splitlines()


def test_one_file_that_cannot_be_read_hides_no_other(command_line, folder):
    """It is told on stderr, and the exit code is 1."""
    (folder / "ADA-EUR-1h.parquet").write_bytes(b"nothing of the kind")
    code, out, err = command_line("data", "list", folder, "-o", "json")
    assert (1, 2) == (code, len(json.loads(out)))
    assert "error: DIR: received no Parquet data: " in err


def test_without_pyarrow_the_fix_is_said(command_line, folder, monkeypatch):
    """The extra is named; CSV files are read all the same."""
    (folder / "ADA-EUR-1h.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, out, err = command_line("data", "list", folder, "-o", "json")
    assert (1, 2) == (code, len(json.loads(out)))
    assert "fix: pip install 'tradewind[parquet]'" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "DIR: received no file or folder: nowhere"),
        (["."], "DIR: received no candle files: "),
        (["candles", "--pair", "XRP/EUR"], "--pair: received XRP/EUR; allowed: pairs of the folder: BTC/EUR, ETH/EUR"),
        (["candles", "--timeframe", "1H"], "--timeframe: received 1H; allowed: 1m, 3m"),
        (["candles", "--timeframe", "4h"], "--timeframe: received 4h; allowed: candles of the folder: BTC/EUR 1h"),
    ],
)
def test_what_is_not_there_is_one_line(command_line, folder, monkeypatch, words, told):
    """With what there is, and exit code 3."""
    monkeypatch.chdir(folder.parent)
    for command in ("list", "check"):
        code, out, err = command_line("data", command, *words)
        assert (3, "", 1) == (code, out, len(err.splitlines()))
        assert f"error: {told}" in err


@pytest.mark.parametrize("ending", [".json", ".json.gz"])
def test_candles_as_freqtrade_writes_them_in_json(command_line, tmp_path, ending):
    """A list of lists; what is cut off, or another kind of JSON, is refused."""
    rows = [[int(one) if place == 0 else float(one) for place, one in enumerate(line.split(","))] for line in LINES[1:]]
    rows[7][5] = None
    pack = gzip.compress if ending.endswith("gz") else bytes
    path = tmp_path / f"BTC_EUR-1h{ending}"
    path.write_bytes(pack(json.dumps(rows).encode()))
    code, out, _ = command_line("data", "check", path, "-o", "json")
    document = json.loads(out)[0]
    assert (1, f"freqtrade-{ending[1:]}", 8759, 1) == (code, document["form"], document["candles"], document["bad"])
    assert {"row": 7, "line": None, "reason": "NotANumber"}.items() <= document["badRows"][0].items()
    for text in (json.dumps(rows)[:-500], json.dumps({"a": 1}), "[1, 2]", json.dumps([[1, 2]]), ""):
        path.write_bytes(pack(text.encode()))
        code, _, err = command_line("data", "check", path)
        assert 1 == code
        assert "error: DIR: received n" in err
