"""Other libraries beside a bench: skipped in one sentence where they cannot be had, else asked round by round."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from bench import compiled_backtest, other_libraries, other_sides
from bench.other_libraries import Skipped, Told, environment, reason, side

ANSWERS = """
import sys
print("1.2.3", flush=True)
for number, _ in enumerate(sys.stdin):
    if number == 2:
        sys.exit(1)
    print('{"seconds": 0.5, "trades": %d, "profit": -1.5}' % number, flush=True)
"""


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ("error: Failed to fetch: `https://example.org/numpy`", "network"),
        ("error: error sending request: dns error", "network"),
        ("numba has no wheels with a matching Python version tag", "Python"),
        ("error: No space left on device", "installation"),
    ],
)
def test_why_they_are_skipped_is_one_word(told, word):
    """And what the installer said beside it."""
    assert word == reason(told)


def test_an_installation_that_fails_leaves_nothing_and_says_why(tmp_path, monkeypatch):
    """So the next run tries again."""
    program = tmp_path / "uv"
    program.write_text("#!/bin/sh\nmkdir -p \"$5\" 2>/dev/null\necho 'error: Failed to fetch: numpy' >&2\nexit 2\n")
    program.chmod(0o755)
    monkeypatch.setattr(other_libraries.shutil, "which", lambda *_, **__: str(program))

    found = environment(tmp_path / "cache")

    assert "skipped: vectorbt and backtesting.py: network (error: Failed to fetch: numpy)" == str(found)
    assert [] == list((tmp_path / "cache").glob("*"))


def test_without_an_installer_they_are_skipped(tmp_path, monkeypatch):
    """With the same sentence."""
    monkeypatch.setattr(other_libraries.shutil, "which", lambda *_, **__: None)

    assert "skipped: vectorbt and backtesting.py: uv (there is none)" == str(environment(tmp_path))


def test_a_library_is_asked_round_by_round(tmp_path, monkeypatch):
    """A process that ends in between is an error, not a figure."""
    monkeypatch.setattr(other_libraries, "SIDES", tmp_path / "answers.py")
    (tmp_path / "answers.py").write_text(ANSWERS)

    with side(sys.executable, "any", open=np.ones(3)) as other:
        assert "1.2.3" == other.version
        assert [Told(0.5, 0, -1.5), Told(0.5, 1, -1.5)] == [other.once(), other.once()]
        with pytest.raises(RuntimeError, match="ended with 1"):
            other.once()


def test_both_see_the_crosses_that_ours_sees(tmp_path):
    """Candle by candle; ours is followed at the next, and never on the last."""
    candles = compiled_backtest.candles_of(3, 3_000)
    given = {"fast": compiled_backtest.FAST, "slow": compiled_backtest.SLOW, "fee": 0.0, "stake": 1.0, "balance": 1.0}
    prices = dict(zip(("open", "high", "low", "close"), candles[1:], strict=True))
    np.savez(tmp_path / "given.npz", **prices, **given)

    wish = other_sides.Cross(str(tmp_path / "given.npz")).wish(candles[4])
    enter, leave = compiled_backtest.signals.py_func(candles[4])

    assert (wish[:-1] > 0).tolist() == enter[1:].tolist()
    assert (wish[:-1] < 0).tolist() == leave[1:].tolist()
    assert enter.any()
    assert leave.any()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--alone"], "skipped: vectorbt and backtesting.py: --alone\n"),
        ([], "skipped: vectorbt and backtesting.py: network\n"),
    ],
)
def test_the_bench_goes_on_without_them_and_says_so(monkeypatch, capsys, words, told):
    """On stderr, so that a table for programs stays one document."""

    async def loops(rounds, candles):
        return []

    monkeypatch.setattr(sys, "argv", ["compiled_backtest", "-o", "json", *words])
    monkeypatch.setattr(compiled_backtest, "loops", loops)
    monkeypatch.setattr(compiled_backtest, "environment", lambda: Skipped("network"))
    monkeypatch.setattr(compiled_backtest, "on_one_core", lambda: None)
    monkeypatch.setattr(compiled_backtest, "swept", list)
    monkeypatch.setattr(compiled_backtest, "fresh_process", lambda: 1.0)

    assert 0 == compiled_backtest.main()
    assert told == capsys.readouterr().err


def test_sides_that_trade_otherwise_stop_the_bench():
    """Another number of trades, or a profit that is more than a thousandth away."""
    compiled_backtest.agree((10, 100.0), (10, 100.05))
    for other in ((11, 100.0), (10, 100.2)):
        with pytest.raises(SystemExit, match="the sides disagree"):
            compiled_backtest.agree((10, 100.0), other)
