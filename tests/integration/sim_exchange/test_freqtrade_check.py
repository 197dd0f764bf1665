"""The check that freqtrade trades on the simulated exchange can fail: in each of the things that it says it checks."""

from __future__ import annotations

import importlib
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[3] / "bench"


@pytest.fixture
def books(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module("freqtrade_books")


@pytest.fixture
def script(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(BENCH))
    script = importlib.import_module("freqtrade_on_sim_exchange")
    monkeypatch.setattr(script, "PLACE", tmp_path / "freqtrade")
    monkeypatch.setattr(sys, "argv", ["freqtrade_on_sim_exchange.py"])
    return script


@pytest.fixture
def database(tmp_path):
    """Two orders and the trade that they made, in the columns that are read."""
    with sqlite3.connect(tmp_path / "trades.sqlite") as connection:
        connection.execute("create table orders (ft_pair, order_id, status, side, filled, cost, ft_fee_base)")
        connection.execute("create table trades (is_open, fee_close_currency, fee_close_cost)")
        connection.execute("insert into orders values ('ETH/USDT', '1', 'closed', 'buy', 2, 4000, 0.002)")
        connection.execute("insert into orders values ('ETH/USDT', '2', 'closed', 'sell', 1.998, 4100, null)")
        connection.execute("insert into orders values ('ETH/USDT', '3', 'canceled', 'sell', null, null, null)")
        connection.execute("insert into trades values (0, 'USDT', 4.1), (1, 'USDT', 9.9)")
    connection.close()
    return tmp_path


ORDERS = {
    ("ETH/USDT", "1"): ("closed", 2.0, 4000.0),
    ("ETH/USDT", "2"): ("closed", 1.998, 4100.0),
    ("ETH/USDT", "3"): ("canceled", 0.0, 0.0),
}


def test_the_database_is_read_as_money(books, database):
    """What is held follows from orders and fees; the guessed closing fee of an open trade is nobody's money yet."""
    believed = books.beliefs(database, 10_000)
    venue = books.Books(ORDERS, {"ETH": 0.002, "USDT": 4.1}, {"ETH": 0.0, "USDT": 10_095.9})
    assert [] == books.differences(believed, venue)


def test_only_what_came_to_nothing_may_be_forgotten(books):
    """Freqtrade deletes an entry that it canceled unfilled; a part of it that was filled would be money."""
    venue = books.Books({("ETH/USDT", "9"): ("canceled", 0.0, 0.0)}, {}, {})
    assert [] == books.differences(books.Books({}, {}, {}), venue)
    venue = books.Books({("ETH/USDT", "9"): ("canceled", 0.5, 1000.0)}, {}, {})
    assert 1 == len(books.differences(books.Books({}, {}, {}), venue))
    invented = books.Books({("ETH/USDT", "8"): ("canceled", 0.0, 0.0)}, {}, {})
    assert 1 == len(books.differences(invented, books.Books({}, {}, {})))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"orders": {**ORDERS, ("ETH/USDT", "1"): ("open", 2.0, 4000.0)}}, "order ('ETH/USDT', '1')"),
        ({"orders": {**ORDERS, ("ETH/USDT", "1"): ("closed", 1.9999, 4000.0)}}, "order ('ETH/USDT', '1')"),
        ({"orders": {**ORDERS, ("ETH/USDT", "2"): ("closed", 1.998, 4100.01)}}, "order ('ETH/USDT', '2')"),
        ({"orders": {**ORDERS, ("ETH/USDT", "4"): ("closed", 1.0, 2000.0)}}, "bot ('not there', 0.0, 0.0)"),
        ({"orders": dict(list(ORDERS.items())[1:])}, "venue ('not there', 0.0, 0.0)"),
        ({"fees": {"ETH": 0.002, "USDT": 4.11}}, "fees USDT"),
        ({"fees": {"ETH": 0.002, "USDT": 4.1, "BNB": 0.1}}, "fees BNB"),
        ({"held": {"USDT": 10_095.89}}, "held USDT"),
        ({"held": {"USDT": 10_095.9, "ETH": 0.0001}}, "held ETH"),
    ],
)
def test_any_disagreement_is_named(books, database, change, word):
    """One order, one fee or one balance that is not the venue's."""
    venue = books.Books(ORDERS, {"ETH": 0.002, "USDT": 4.1}, {"USDT": 10_095.9})
    found = books.differences(books.beliefs(database, 10_000), replace(venue, **change))
    assert 1 == len(found)
    assert word in found[0]


LOG = "\n".join(f"impatient - INFO - decides {pair} {minute}" for minute in range(10) for pair in ("A/B", "C/B"))
SOLD = ["exit_signal"] * 2


def test_a_run_that_went_well_has_no_complaints(books):
    """Twenty candles decided on, two trades, nothing said that should not be."""
    assert [] == books.complaints(LOG, "", SOLD, 20)


@pytest.mark.parametrize(
    ("log", "venue_log", "reasons", "word"),
    [
        (f"{LOG}\nfreqtrade - ERROR - Could not cancel", "", SOLD, "Could not cancel"),
        (f"{LOG}\nTraceback (most recent call last):", "", SOLD, "Traceback"),
        (LOG, "a call failed: GET /api/v3/account", SOLD, "venue: a call failed"),
        (LOG[: len(LOG) // 3], "", SOLD, "decided on 6 of 20"),
        (LOG, "", SOLD[:1], "1 trades were opened and closed"),
        (LOG, "", [*SOLD, None], "1 trades are still open"),
    ],
)
def test_what_went_wrong_is_named(books, log, venue_log, reasons, word):
    """An error of the bot, a word of the venue, too little done, something left undone."""
    found = books.complaints(log, venue_log, reasons, 20)
    assert 1 == len(found)
    assert word in found[0]


def test_without_an_installer_it_is_skipped_in_a_sentence(script, monkeypatch, capsys):
    """No failure of this project, and no silence either."""
    monkeypatch.setattr(script.shutil, "which", lambda *_, **__: None)
    script.main()
    assert "skipped: freqtrade cannot be installed here: there is no uv\n" == capsys.readouterr().out


def test_an_installation_that_fails_says_why_and_leaves_nothing(script, monkeypatch, capsys, tmp_path):
    """A half of it would be taken for the whole the next time."""
    installer = tmp_path / "uv"
    installer.write_text('#!/bin/sh\nmkdir -p "$TO/bin"\n[ "$1" = venv ] || { echo "no\n route" >&2; exit 2; }\n')
    installer.chmod(0o755)
    monkeypatch.setenv("TO", str(script.PLACE))
    monkeypatch.setattr(script.shutil, "which", lambda *_, **__: str(installer))
    script.main()
    assert "skipped: freqtrade cannot be installed here: no route\n" == capsys.readouterr().out
    assert not script.PLACE.exists()
