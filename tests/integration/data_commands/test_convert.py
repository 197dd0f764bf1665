"""`tradewind data convert`: every form into every other, and what is refused before anything is lost."""

from __future__ import annotations

import json
import sys
from itertools import pairwise

import numpy as np
import pytest
from tests.unit.market_data.adapters.test_files import csv_file

from tradewind.domain.timeframe import HOUR
from tradewind.market_data.adapters.files import read_raw
from tradewind.research.candles.forms import FORMS

START = 1_640_995_200_000
STRANGE = [5e-324, 0.1 + 0.2, 1.7976931348623157e308, 12345678.000000001, 1e-8, 1e22, -0.0, 3.0]


def strange_rows(count=60_000):
    """More rows than a batch has, of numbers that are hard to write down, with a hole and a row that is misplaced."""
    random = np.random.default_rng(5)
    times = START + HOUR * np.arange(count)
    times[[70, 71]] = times[[71, 70]]
    times[100:] += 3 * HOUR
    values = [random.random(count) * 10.0 ** random.integers(-9, 9, count) for _ in range(5)]
    for column in values:
        column[: len(STRANGE)] = STRANGE
    return times, values


def test_round_trip_through_all_forms_keeps_every_value(command_line, tmp_path):
    """Also of numbers that no exchange has, and also the order of the rows."""
    times, values = strange_rows()
    rows = zip(times.tolist(), *(column.tolist() for column in values), strict=True)
    folder = tmp_path / "first"
    folder.mkdir()
    csv_file(folder, [",".join(map(repr, row)) for row in rows], name="BTC-EUR-1h.csv")
    forms = ["parquet", "freqtrade-json", "feather", "csv.gz", "freqtrade-feather", "freqtrade-json.gz", "csv"]
    assert sorted(forms) == sorted(FORMS)
    for before, form in pairwise([".first", *forms]):
        code, out, err = command_line(
            "data", "convert", tmp_path / before.strip("."), tmp_path / form, "--to", form, "-o", "json"
        )
        name = FORMS[form].file_name("BTC/EUR", "1h")
        assert (0, "") == (code, err)
        assert [{"pair": "BTC/EUR", "timeframe": "1h", "file": name, "rows": len(times)}] == json.loads(out)
        assert [name] == [path.name for path in (tmp_path / form).iterdir()]
        raw = read_raw(tmp_path / form / name, "BTC/EUR")
        assert raw.open_time.tolist() == times.tolist()
        for column, wanted in zip(raw.values, values, strict=True):
            assert column.tobytes() == wanted.tobytes()


def test_pairs_and_timeframes_are_chosen_and_futures_keep_their_name(command_line, tmp_path):
    """A table says what was written."""
    folder = tmp_path / "from"
    folder.mkdir()
    for name in ("BTC-EUR-1h.csv", "BTC-EUR-4h.csv", "ETH-EUR-1h.csv", "BTC_USDT_USDT-1h-futures.csv"):
        csv_file(folder, [f"{START},1,2,1,2,3"], name=name)
    words = ("--to", "freqtrade-json", "--pair", "BTC/*", "--timeframe", "1h")
    code, out, err = command_line("data", "convert", folder, tmp_path / "to", *words)
    assert (0, "") == (code, err)
    assert {"BTC_EUR-1h.json", "BTC_USDT_USDT-1h-futures.json"} == {path.name for path in (tmp_path / "to").iterdir()}
    assert "BTC/USDT:USDT" in out
    assert [[START, 1, 2, 1, 2, 3]] == json.loads((tmp_path / "to" / "BTC_EUR-1h.json").read_text())


def test_nothing_is_overwritten_without_force(command_line, tmp_path):
    """Nor is a second file of the same candles put beside one, which no bot could choose from."""
    folder, into = tmp_path / "from", tmp_path / "to"
    folder.mkdir()
    csv_file(folder, [f"{START},1,2,1,2,3"], name="BTC-EUR-1h.csv")
    assert 0 == command_line("data", "convert", folder, into, "--to", "csv")[0]
    csv_file(folder, [f"{START},1,2,1,2,4"], name="BTC-EUR-1h.csv")
    code, _, err = command_line("data", "convert", folder, into, "--to", "csv")
    assert 3 == code
    assert "INTO: received BTC-EUR-1h.csv is there; allowed: a file that is not there yet; fix: use --force" in err
    assert "2.0,3.0\n" in (into / "BTC-EUR-1h.csv").read_text()
    assert 0 == command_line("data", "convert", folder, into, "--to", "csv", "--force")[0]
    assert "2.0,4.0\n" in (into / "BTC-EUR-1h.csv").read_text()
    code, _, err = command_line("data", "convert", folder, into, "--to", "parquet", "--force")
    assert 3 == code
    assert "one file a pair and timeframe; BTC-EUR-1h.csv is there" in err
    csv_file(folder, [f"{START},1,2,1,2,4"], name="BTC_EUR-1h.csv")
    code, _, err = command_line("data", "convert", folder, tmp_path / "new", "--to", "csv")
    assert 3 == code
    assert "DIR: received BTC-EUR-1h.csv and BTC_EUR-1h.csv, both BTC/EUR 1h; allowed: one file" in err


def test_rows_that_are_no_numbers_are_refused_with_their_line(command_line, tmp_path):
    """And nothing is left of the file that was begun."""
    csv_file(tmp_path, [f"{START},1,2,1,2,3", f"{START + HOUR},1,?,1,2,3"], name="BTC-EUR-1h.csv")
    code, out, err = command_line("data", "convert", tmp_path, tmp_path / "to", "--to", "csv.gz")
    assert (3, "") == (code, out)
    assert "error: DIR: received line 3, high is '?': " in err
    assert "fix: tradewind data import leaves such rows out and counts them" in err
    assert [] == list((tmp_path / "to").iterdir())


def test_an_interruption_leaves_what_is_finished_and_says_so(command_line, tmp_path, monkeypatch):
    """Exit code 130; the file at which it came is not there."""
    for name in ("BTC-EUR-1h.csv", "ETH-EUR-1h.csv"):
        csv_file(tmp_path, [f"{START},1,2,1,2,3"], name=name)

    def interrupted(path, pair):
        if pair == "ETH/EUR":
            raise KeyboardInterrupt
        return [read_raw(path, pair)]

    monkeypatch.setattr("tradewind.research.candles.convert.read_batches", interrupted)
    code, out, err = command_line("data", "convert", tmp_path, tmp_path / "to", "--to", "csv", "-o", "json")
    assert (130, "interrupted: 1 of 2 files are finished\n") == (code, err)
    assert ["BTC/EUR"] == [row["pair"] for row in json.loads(out)]
    assert ["BTC-EUR-1h.csv"] == [path.name for path in (tmp_path / "to").iterdir()]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["into", "--to", "xls"], "--to: received xls; allowed: csv, csv.gz, parquet, feather"),
        (["BTC-EUR-1h.csv", "--to", "csv"], "INTO: received File exists: BTC-EUR-1h.csv; allowed: a folder"),
    ],
)
def test_what_cannot_be_is_one_line(command_line, tmp_path, monkeypatch, words, told):
    """With exit code 3."""
    monkeypatch.chdir(tmp_path)
    csv_file(tmp_path, [f"{START},1,2,1,2,3"], name="BTC-EUR-1h.csv")
    code, out, err = command_line("data", "convert", ".", *words)
    assert (3, "") == (code, out)
    assert err.startswith(f"error: {told}")


def test_without_pyarrow_the_fix_is_said(command_line, tmp_path, monkeypatch):
    """Before a file is begun."""
    csv_file(tmp_path, [f"{START},1,2,1,2,3"], name="BTC-EUR-1h.csv")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, _, err = command_line("data", "convert", tmp_path, tmp_path / "to", "--to", "parquet")
    assert 3 == code
    assert "--to: received parquet without pyarrow; allowed: the extra parquet; fix: pip install 'tradewind[p" in err
    assert [] == list((tmp_path / "to").iterdir())
