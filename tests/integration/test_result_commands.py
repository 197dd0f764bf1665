"""`tradewind montecarlo` and `tradewind compare`, on results as backtests of both engines leave them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tradewind.cli.main import app, exit_code
from tradewind.domain.metrics import trade_metrics
from tradewind.research.exported import read_exported

ROOT = Path(__file__).parents[2]
QUICKSTART = str(ROOT / "manifests" / "samples" / "quickstart.yaml")
MONTH = ("--timerange", "20220101-20220201")
CASE = ("--case", str(ROOT / "tests" / "recorded" / "reference" / "freqtrade" / "S2a"))


def run(*words):
    return CliRunner().invoke(app, [*map(str, words)])


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A month of the quickstart bot as a document and in every form of export, and with another stop."""
    folder = tmp_path_factory.mktemp("results")
    for ending in ("csv", "jsonl", "parquet"):
        done = run("backtest", QUICKSTART, *MONTH, "--export", folder / f"trades.{ending}", "-o", "json")
        (folder / "month.json").write_text(done.stdout)
    other = run("backtest", QUICKSTART, *MONTH, "--set", "spec.risk.stopLoss=0.02", "-o", "json")
    (folder / "tight.json").write_text(other.stdout)
    return folder


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_what_is_exported_is_read_back(results, ending):
    """Trade by trade as in the document, whose metrics come out of it again."""
    whole, trades = read_exported(results / "month.json"), read_exported(results / f"trades.{ending}")
    metrics = trade_metrics(whole.trades, whole.balance(None), whole.days)

    assert whole.trades == trades.trades
    told = json.loads((results / "month.json").read_text())
    assert (told["metrics"]["sharpe"], told["metrics"]["trades"]) == (metrics.sharpe, metrics.trades)
    assert told["currency"] == whole.currency


def test_the_trades_of_freqtrades_rules_are_read_too(tmp_path):
    """Under their other names, with the numbers of their summary."""
    target = tmp_path / "trades.jsonl"
    done = run("backtest", *CASE, "--data-root", ROOT / "tests" / "recorded", "--export", target, "-o", "json")
    summary = json.loads(done.stdout)
    found = read_exported(target)

    assert summary["total_trades"] == len(found.trades)
    assert pytest.approx(summary["profit_total_abs"]) == float(sum(trade.profit for trade in found.trades))
    assert json.loads(target.read_text().splitlines()[0])["enter_tag"] == found.trades[0].entry_tag


def test_draws_of_a_result_are_told_and_the_same_for_a_seed(results):
    """As a table and as a document; what was observed is the result's own."""
    words = ("montecarlo", results / "month.json", "--samples", 500, "--seed", 3)
    told, document, again = run(*words), run(*words, "-o", "json"), run(*words, "-o", "json")

    assert (0, 0) == (told.exit_code, document.exit_code), told.output
    assert "500 samples of the order of trades" in told.stdout
    assert "probability of a ruin (50% of the start lost): 0.00%" in told.stdout
    assert document.stdout == again.stdout
    found = json.loads(document.stdout)
    result = json.loads((results / "month.json").read_text())
    assert result["metrics"]["maxDrawdownAbsolute"] == found["observed"]["maxDrawdown"]
    final = float(result["startBalance"]) + float(result["metrics"]["profit"])
    assert pytest.approx(final) == found["percentiles"]["50"]["finalBalance"] == found["observed"]["finalBalance"]
    assert found["percentiles"]["5"]["maxDrawdown"] < found["percentiles"]["95"]["maxDrawdown"]


def test_draws_with_replacement_of_an_export(results):
    """The start balance is not in it, and has to be given."""
    words = ("montecarlo", results / "trades.csv", "--samples", 500, "--with-replacement", "-o", "json")
    found = json.loads(run(*words, "--balance", 10000).stdout)

    assert ("replaced", "10000") == (found["method"], found["startBalance"])
    assert found["percentiles"]["1"]["finalBalance"] < found["percentiles"]["99"]["finalBalance"]
    assert "--balance: received nothing" in str(run(*words).exception)


def test_equal_results_are_told_to_be_equal(results):
    """In every form."""
    done = run("compare", results / "month.json", results / "trades.parquet", "--balance", 10000)

    assert 0 == done.exit_code, done.output
    trades = len(read_exported(results / "month.json").trades)
    assert f"trades: the same {trades} trades as month" in done.stdout


def test_what_differs_is_told_figure_by_figure_and_trade_by_trade(results, tmp_path):
    """The first difference first; whole trades that one has alone; the page has it all."""
    page = tmp_path / "pages" / "compared.html"
    words = ("compare", results / "month.json", results / "tight.json", "--trades", 3)
    told, document = run(*words, "--report", page), run(*words, "-o", "json")

    assert (0, 0) == (told.exit_code, document.exit_code), told.output
    first, other = json.loads(document.stdout)["results"]
    assert ("month", "tight", 0) == (first["name"], other["name"], first["differentTrades"])
    assert first["figures"]["winRate"] == json.loads((results / "month.json").read_text())["metrics"]["winRate"]
    assert other["differentTrades"] >= len(other["differences"]) == 3
    times = [each["openTime"] for each in other["differences"]]
    assert sorted(times) == times
    earliest = other["differences"][0]
    assert earliest["in"] == "both"
    assert earliest["first"] != earliest["other"]
    assert other["sameTrades"] + other["differentTrades"] >= other["figures"]["trades"]
    assert f"the first opened {times[0][:10]}" in told.stdout
    assert "win rate" in told.stdout
    text = page.read_text()
    assert all(words in text for words in ("max drawdown ratio", "<h1>Comparison</h1>"))
    ends = [f"{one['name']} ends with {one['figures']['finalBalance']:,.0f}" for one in (first, other)]
    assert all(words in text for words in ends), ends
    assert 2 == text.count(' d="M0 6H18"')


def test_a_trade_of_one_alone_is_named(results, tmp_path):
    """With how it closed, on the side that has it."""
    with (results / "trades.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    (tmp_path / "fewer.json").write_text(json.dumps(rows[1:]))
    done = run("compare", results / "month.json", tmp_path / "fewer.json", "--balance", 10000, "-o", "json")

    (difference,) = json.loads(done.stdout)["results"][1]["differences"]
    assert ("first", rows[0]["pair"], None) == (difference["in"], difference["pair"], difference["field"])
    shown = run("compare", results / "month.json", tmp_path / "fewer.json", "--balance", 10000)
    assert f"1 of month alone, 0 of fewer alone; the first opened {rows[0]['openTime'][:10]}" in shown.stdout
    assert f"by {rows[0]['exitReason']}" in shown.stdout


BAD = {
    "gone": ("gone.json", None, "gone.json: received No such file or directory"),
    "ending": ("trades.txt", "", "trades.txt: received .txt"),
    "json": ("trades.json", "{", "trades.json: received Expecting property name"),
    "summary": ("trades.json", '{"total_trades": 5}', "trades.json: received no trades"),
    "field": ("trades.json", '[{"pair": "BTC/EUR"}]', "trades.json, trade 1: received no openTime or open_date"),
    "row": ("trades.json", "[5]", "trades.json, trade 1: received 5"),
    "time": ("trades.json", {"openTime": "soon"}, "trades.json, trade 1, openTime: received soon"),
    "money": ("trades.json", {"profit": "much"}, "trades.json, trade 1, profit: received much"),
    "parquet": ("trades.parquet", "no parquet", "trades.parquet: received"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("command", ["montecarlo", "compare"])
def test_a_file_without_a_result_is_one_clear_error(results, tmp_path, command, name):
    """By file and trade, with what is allowed and the fix."""
    file, text, told = BAD[name]
    if isinstance(text, dict):
        good = json.loads((results / "trades.jsonl").read_text().splitlines()[0])
        text = json.dumps([good | text])
    if text is not None:
        (tmp_path / file).write_text(text)
    more = [results / "month.json"] if command == "compare" else []
    done = run(command, *more, tmp_path / file, "--balance", 1000)

    assert 3 == exit_code(done.exception), done.output
    assert str(done.exception).startswith(told)
    assert "; fix: " in str(done.exception)


def test_options_that_make_no_sense_are_refused(results, tmp_path):
    """A balance of nothing, a comparison of one, a page that cannot be written."""
    month = results / "month.json"

    assert "--balance: received 0" in str(run("montecarlo", month, "--balance", "0").exception)
    assert "--balance: received much" in str(run("montecarlo", month, "--balance", "much").exception)
    assert "RESULT: received" in str(run("compare", month).exception)
    assert "--report: received" in str(run("compare", month, month, "--report", "/proc/no/page.html").exception)
