"""A backtest from files to figures: what is read, what is told, what is refused."""

from __future__ import annotations

import json

import pytest
from pyarrow import parquet, table
from tests.unit.research.freqtrade.conftest import HEAD, HOUR, START, market, write_candles

from tradewind.domain.errors import ConfigError
from tradewind.research.export import check_ending, export_trades
from tradewind.research.freqtrade.case import read_case
from tradewind.research.freqtrade.check import not_compared, shown, summary_differences, trade_differences
from tradewind.research.freqtrade.given import FEE, candle_files, given_by
from tradewind.research.freqtrade.lines import trade_lines
from tradewind.research.freqtrade.run import backtest
from tradewind.research.freqtrade.summary import summary
from tradewind.research.timerange import Timerange

LEAVE = """
    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[dataframe.index % 6 == 2, "exit_long"] = 1
        return dataframe
"""
PARTS = """
    position_adjustment_enable = True
    def adjust_trade_position(self, trade, current_time, **kwargs):
        held = (current_time - trade.open_date_utc).total_seconds() / 3600
        return {1: 50, 2: (-60, "some")}.get(held)
"""


LINE = {
    "pair": "BTC/EUR",
    "open_date": "2021-01-01T00:00:00Z",
    "close_date": "2021-01-01T02:00:00Z",
    "exit_reason": "roi",
    "open_rate": 5.643e-05,
    "profit_abs": 1.0,
}
"""A trade that closed by its ROI."""


class TestTimerange:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            (None, (None, None)),
            ("20210101-20210102", (START, START + 24 * HOUR)),
            ("20210101-", (START, None)),
            ("-1609459200", (None, START)),
            ("1609459200000-", (START, None)),
        ],
    )
    def test_either_side_may_be_open_a_day_or_a_moment(self, text, found):
        assert Timerange(*found) == Timerange.parse(text)

    @pytest.mark.parametrize("text", ["2021", "2021-2022", "20211301-", "20210102-20210101", "a-b"])
    def test_what_is_none_is_refused(self, text):
        with pytest.raises(ConfigError, match="timerange"):
            Timerange.parse(text)


class TestBadInput:
    @pytest.mark.parametrize(
        ("config", "words"),
        [
            ({"timerange": "20230101-20230201"}, "within 2021-01-01 00:00 to 2021-01-09 07:00"),
            ({"exchange": {"pair_whitelist": []}}, "at least one pair"),
            ({"exchange": {"pair_whitelist": ["SOL/EUR"]}}, "pairs of the exchange: BTC/EUR"),
            ({"timeframe": "4h"}, "no candles of BTC/EUR 4h"),
        ],
    )
    def test_a_configuration_that_fits_no_candles_says_which_there_are(self, run, config, words):
        with pytest.raises(ConfigError, match=words):
            run(**config)

    def test_a_warm_up_longer_than_the_candles_is_told(self, run):
        with pytest.raises(ConfigError, match="more than 500 candles"):
            run("startup_candle_count = 500\n")

    def test_an_indicator_that_is_never_a_number_is_named_where_nothing_is_traded_for_it(self, run):
        """Where something is, it may be one that is not used."""
        body = "def populate_indicators(self, d, m):\n    d['slow'] = ta.SMA(d, timeperiod=900)\n    return d\n"
        never = "def populate_entry_trend(self, d, m):\n    d.loc[d['slow'] > 0, 'enter_long'] = 1\n    return d\n"

        with pytest.raises(ConfigError, match="nothing but not-a-number in slow"):
            run(body + never)
        assert run(body).result.closed

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ([START, START + HOUR, START + HOUR + 60_000], "candles that are not 1h apart"),
            (["2021-01-01", "then", "2021-01-02"], "row 1"),
        ],
    )
    def test_candles_that_cannot_be_used_are_named(self, run, tmp_path, values, words):
        path = tmp_path / "odd.parquet"
        parquet.write_table(
            table({"timestamp": values, **{name: [1.0] * 3 for name in ("open", "high", "low", "close", "volume")}}),
            path,
        )
        with pytest.raises(ConfigError, match=words) as refused:
            run(files={("BTC/EUR", "1h"): path})
        assert "data" == refused.value.field

    def test_a_file_that_is_gone_is_named(self, run, tmp_path):
        with pytest.raises(ConfigError, match=r"gone\.parquet"):
            run(files={("BTC/EUR", "1h"): tmp_path / "gone.parquet"})

    def test_a_directory_that_is_no_case_says_what_is_missing(self, tmp_path):
        with pytest.raises(ConfigError, match=r"config\.json"):
            read_case(tmp_path, tmp_path)
        (tmp_path / "config.json").write_text("{")
        with pytest.raises(ConfigError, match="JSON"):
            read_case(tmp_path, tmp_path)
        (tmp_path / "config.json").write_text("{}")
        with pytest.raises(ConfigError, match="no key reference"):
            read_case(tmp_path, tmp_path)
        data = [{"pair": "BTC/EUR", "timeframe": "1h", "file": "gone.parquet"}]
        (tmp_path / "config.json").write_text(json.dumps({"reference": {"data": data, "markets": {}}}))
        with pytest.raises(ConfigError, match=r"gone\.parquet"):
            read_case(tmp_path, tmp_path)


def test_a_case_may_expect_nothing_yet(tmp_path):
    """Its export is what it expects from then on."""
    write_candles(tmp_path / "btc.parquet")
    data = [{"pair": "BTC/EUR", "timeframe": "1h", "file": "btc.parquet"}]
    config = {"reference": {"data": data, "markets": {"BTC/EUR": market("BTC/EUR")}}}
    (tmp_path / "config.json").write_text(json.dumps(config))

    case = read_case(tmp_path, tmp_path)

    assert (None, None) == (case.expected_lines, case.expected_summary)


def test_a_run_without_a_trade_has_figures_too(run):
    """Zeros, and a balance that never moved."""
    found = summary(run("def populate_entry_trend(self, d, m):\n    return d\n"))

    assert (0, 0.0, 1000.0, {}) == (
        found["total_trades"],
        found["profit_total"],
        found["final_balance"],
        found["exit_reasons"],
    )
    assert (1000.0, 1000.0, 0.0) == (
        found["wallet"]["end_balance"],
        found["wallet"]["low_balance"],
        found["wallet"]["max_drawdown_abs"],
    )
    assert "locks" not in found


def test_locks_are_told_where_protections_are_on(run):
    """With times and reasons."""
    body = LEAVE + "    protections = [{'method': 'CooldownPeriod', 'stop_duration_candles': 2}]\n"
    found = summary(run(body, enable_protections=True))

    assert {
        "pair": "BTC/EUR",
        "start": "2021-01-01T09:00:00Z",
        "end": "2021-01-01T12:00:00Z",
        "side": "*",
        "reason": "Cooldown period for for 2 candles.",
    } == found["locks"][0]


def test_a_trade_of_more_than_two_fills_tells_its_orders(run, tmp_path):
    """In every form that trades are written in; CSV has them as JSON."""
    lines = trade_lines(run(PARTS + LEAVE, timerange="20210101-20210102").result.closed)
    orders = lines[0]["orders"]
    for ending in ("jsonl", "json", "csv", "parquet"):
        export_trades(tmp_path / f"trades.{ending}", lines)

    assert ["buy", "buy", "sell", "sell"] == [order["ft_order_side"] for order in orders]
    assert all(pytest.approx(order["amount"] * order["safe_price"] * 1.001) == order["cost"] for order in orders)
    assert ["", "", "some", "exit_signal"] == [order["ft_order_tag"] for order in orders]
    written = (tmp_path / "trades.jsonl").read_text().splitlines()
    assert lines == [json.loads(line) for line in written] == json.loads((tmp_path / "trades.json").read_text())
    assert len(lines) + 1 == len((tmp_path / "trades.csv").read_text().splitlines())
    assert lines[0]["open_date"] == parquet.read_table(tmp_path / "trades.parquet").to_pylist()[0]["open_date"]


def test_an_export_that_cannot_be_is_refused(tmp_path):
    """By its ending before the run; by its folder after it."""
    with pytest.raises(ConfigError, match=r"\.jsonl, \.json, \.csv, \.parquet"):
        check_ending(tmp_path / "trades.xls")
    with pytest.raises(ConfigError, match="No such file"):
        export_trades(tmp_path / "no" / "trades.json", [])


class TestCheck:
    def test_what_is_equal_within_the_last_digits_is_equal(self):
        near = LINE | {"open_rate": 5.643e-05 * (1 + 9e-9), "profit_abs": 1.0000009}

        assert [] == trade_differences([near], [LINE])

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"open_rate": 5.643e-05 * (1 + 2e-8)}, "open_rate is"),
            ({"profit_abs": 1.000002}, "profit_abs is 1.000002, expected 1.0"),
            ({"exit_reason": "stop_loss"}, "exit_reason is stop_loss, expected roi"),
            ({"close_date": "2021-01-01T03:00:00Z"}, "close_date is 2021-01-01T03:00:00Z"),
            ({"orders": [{}]}, "1 orders told, expected 0"),
        ],
    )
    def test_what_differs_is_told_with_both_values(self, changes, words):
        (told,) = trade_differences([LINE | changes], [LINE])

        assert told.startswith("BTC/EUR opened 2021-01-01T00:00:00Z: ")
        assert words in told

    def test_trades_that_are_missing_or_too_many_and_fields_that_are_missing_are_told(self):
        other = LINE | {"pair": "ETH/EUR"}
        less = {name: value for name, value in LINE.items() if name != "profit_abs"}

        assert [
            "BTC/EUR opened 2021-01-01T00:00:00Z: expected, closed 2021-01-01T02:00:00Z by roi; not traded",
            "ETH/EUR opened 2021-01-01T00:00:00Z: traded, closed 2021-01-01T02:00:00Z by roi; not expected",
        ] == trade_differences([other], [LINE])
        assert ["1 trades, expected 2"] == trade_differences([LINE], [LINE, other])[:1]
        assert ["profit_abs is expected, 1.0, and missing"] == [
            line.partition(": ")[2] for line in trade_differences([less], [LINE])
        ]
        assert ["the order of closing differs from trade 1 on"] == trade_differences([LINE, other], [other, LINE])

    def test_orders_are_compared_by_the_fields_that_both_have(self):
        one = LINE | {"orders": [{"amount": 1.0, "safe_price": 2.0}]}
        other = LINE | {"orders": [{"amount": 1.5, "another": 1}]}

        (told,) = trade_differences([one], [other])
        assert told.endswith("order 1 has amount 1.0, expected 1.5")
        assert ["another"] == not_compared([LINE, other])

    def test_with_ties_drawdowns_count_in_the_stable_order_alone(self):
        ours = {"calmar": 1.0, "stable_order": {"calmar": 1.0}}
        ties = {"calmar": 2.0, "stable_order": {"equal_close_dates": 2, "calmar": 1.0}}
        found = ours | {"stable_order": {"equal_close_dates": 2, "calmar": 1.0}}

        assert [] == summary_differences(found, ties)
        assert ["calmar is 1.0, expected 2.0"] == summary_differences(ours, {"calmar": 2.0})

    def test_figures_lists_and_reasons_are_compared_all_the_way_down(self):
        lock = {"reason": "0.03875685729781384 passed 0.03 in 96 candles", "end": 1516159800000}
        near = lock | {"reason": "0.03875685729781385 passed 0.03 in 96 candles"}

        assert [] == summary_differences({"locks": [lock]}, {"locks": [near]})
        assert ["locks 1.end is 1516159800000, expected 1516159800001"] == summary_differences(
            {"locks": [lock]}, {"locks": [near | {"end": 1516159800001}]}
        )
        assert ["locks has 0 entries, expected 1"] == summary_differences({"locks": []}, {"locks": [near]})
        assert ["wallet is None, expected {'sharpe': 1}"] == summary_differences({}, {"wallet": {"sharpe": 1}})
        assert 1 == len(summary_differences({"locks": [lock]}, {"locks": [lock | {"reason": "0.1 passed 0.03"}]}))

    def test_a_ratio_of_rounding_noise_is_left_out(self):
        wallet = {"sortino": 5.0, "sharpe": 1.0}

        assert [] == summary_differences(
            {"wallet": wallet}, {"wallet": {"sortino": 1.0, "sharpe": 1.0, "days_with_rounding_noise": 3}}
        )

    def test_of_many_differences_the_first_are_shown(self):
        assert ["a"] == shown(["a"])
        assert "... and 5 more" == shown(["a"] * 25)[-1]


class TestGiven:
    def test_a_folder_of_candles_gives_the_pairs(self, tmp_path):
        """As we name files, and as freqtrade does; whatever else lies there is left alone."""
        for name in ("BTC-EUR-1h.parquet", "ETH_EUR-4h.feather", "notes.txt", "BTC-EUR-1h.xls"):
            (tmp_path / name).write_text("")

        assert {("BTC/EUR", "1h"), ("ETH/EUR", "4h")} == set(candle_files(tmp_path))
        with pytest.raises(ConfigError, match="no candles in"):
            candle_files(tmp_path / "none")

    def test_options_win_over_the_configuration_and_that_over_the_defaults(self, tmp_path):
        write_candles(tmp_path / "BTC-EUR-1h.parquet")
        write_candles(tmp_path / "ETH-EUR-1h.parquet")
        own = tmp_path / "config.json"
        own.write_text(json.dumps({"fee": 0.5, "stake_amount": 7, "exchange": {"pair_whitelist": ["ETH/EUR"]}}))

        alone = given_by(tmp_path / "mine.py", tmp_path).config
        told = given_by(tmp_path / "mine.py", tmp_path, config=own, pairs=["BTC/EUR"], timerange="-", fee=0.25).config
        read = given_by(tmp_path / "mine.py", tmp_path, config=own).config

        assert (["BTC/EUR", "ETH/EUR"], FEE, "EUR", "unlimited", 2) == (
            alone["exchange"]["pair_whitelist"],
            alone["fee"],
            alone["stake_currency"],
            alone["stake_amount"],
            alone["max_open_trades"],
        )
        assert (["BTC/EUR"], 0.25, 7) == (told["exchange"]["pair_whitelist"], told["fee"], told["stake_amount"])
        assert (["ETH/EUR"], 0.5) == (read["exchange"]["pair_whitelist"], read["fee"])

    def test_without_markets_prices_are_as_fine_as_the_candles(self, tmp_path):
        write_candles(tmp_path / "BTC-EUR-1h.parquet")
        (tmp_path / "mine.py").write_text(
            HEAD
            + "class Mine(IStrategy):\n    timeframe = '1h'\n    stoploss = -0.5\n"
            + "    def populate_entry_trend(self, d, m):\n        d['enter_long'] = 1\n        return d\n"
        )
        output = backtest(given_by(tmp_path / "mine.py", tmp_path))

        (trade,) = output.result.closed
        assert ("0.01", "1E-8") == (str(trade.tick), str(trade.market.amount_step))
