"""freqtrade strategies give the trades and the numbers that freqtrade gives for them, case by case.

Eleven cases stand in the repository. The others are on candles that may not, and are found by TRADEWIND_REFERENCE.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tradewind.domain.errors import ConfigError
from tradewind.research.freqtrade.case import read_case
from tradewind.research.freqtrade.check import summary_differences, trade_differences
from tradewind.research.freqtrade.engine import Engine
from tradewind.research.freqtrade.lines import trade_lines
from tradewind.research.freqtrade.run import backtest
from tradewind.research.freqtrade.summary import summary

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "recorded"
REFERENCE = Path(os.environ.get("TRADEWIND_REFERENCE", ROOT.parent / "shared" / "reference"))

OWN = sorted(path.parent.name for path in (RECORDED / "reference" / "freqtrade").glob("*/expected.jsonl"))
OTHERS = sorted({path.parent.name for path in (REFERENCE / "freqtrade").glob("*/expected.jsonl")} - set(OWN))
CASES = [(RECORDED, name) for name in OWN] + [(REFERENCE.parent, name) for name in OTHERS]


ASKED = {name: ("protections" if name.startswith("S7") else "custom_exit, custom_stoploss") for _, name in CASES}
ASKED = {name: needs for name, needs in ASKED.items() if name[:2] in ("S6", "S7")}
"""What only the event engine honours, by case."""


@pytest.mark.parametrize("engine", [Engine.EVENT, Engine.COMPILED])
@pytest.mark.parametrize(("root", "name"), CASES, ids=[name for _, name in CASES])
def test_a_case_gives_the_same_trades_and_the_same_numbers(root, name, engine):
    """Trade by trade: times, prices, amounts, tags and reasons; then every metric, lock and balance."""
    case = read_case(root / "reference" / "freqtrade" / name, root)
    if engine is Engine.COMPILED and name in ASKED:
        with pytest.raises(ConfigError, match=f"compiled, with {ASKED[name]};"):
            backtest(case.given, engine=engine)
        return
    output = backtest(case.given, engine=engine)

    assert [] == trade_differences(trade_lines(output.result.closed), case.expected_lines)
    assert [] == summary_differences(summary(output), case.expected_summary)


def test_all_reference_cases_are_there():
    """24 cases are known; a lone clone has the eleven whose candles may be passed on."""
    if not OTHERS:
        pytest.skip(f"no other reference cases at {REFERENCE}; TRADEWIND_REFERENCE says where they are")

    assert 24 <= len(CASES)


@pytest.fixture
def case(tmp_path):
    """A case of one's own: a copy, to be changed."""
    shutil.copytree(RECORDED / "reference" / "freqtrade" / "S2a", tmp_path / "S2a")
    return tmp_path / "S2a"


def test_the_export_is_the_expected_file(command_line, case, tmp_path):
    """`--export` writes lines as the case expects them, so that its answer may become what a case expects."""
    code, _, err = command_line(
        "backtest", "--case", case, "--data-root", RECORDED, "--export", tmp_path / "out.jsonl", "--check"
    )

    assert (0, "as expected: 59 trades, and the summary\n") == (code, err)
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    expected = [json.loads(line) for line in (case / "expected.jsonl").read_text().splitlines()]
    assert expected == written


def test_a_check_says_in_words_what_differs_and_exits_with_1(command_line, case):
    """A strategy that was changed trades otherwise, and the first differences are told."""
    strategy = case / "strategy.py"
    strategy.write_text(strategy.read_text().replace('"240": 0.025', '"240": 0.024'))

    code, _, err = command_line("backtest", "--case", case, "--data-root", RECORDED, "--check", "-o", "json")

    assert 1 == code
    assert "close_rate is" in err
    assert "profit_total is" in err


def test_a_case_of_other_candles_is_refused(command_line, case, tmp_path):
    """The file is there, and is not the one that the case was made with."""
    config = json.loads((case / "config.json").read_text())
    config["reference"]["data"][0]["sha256"] = "0" * 64
    (case / "config.json").write_text(json.dumps(config))

    code, _, err = command_line("backtest", "--case", case, "--data-root", RECORDED)

    assert 3 == code
    assert err.startswith("error: --data-root: received other candles than the case's")
