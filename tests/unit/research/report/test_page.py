"""The report as a whole: what it shows is what it was given, and it needs nothing but itself."""

# ruff: noqa: RUF001 - the report writes real minus signs and dashes, so its tests read them

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradewind.domain.metrics import TradeMetrics, WalletMetrics
from tradewind.domain.timeframe import DAY, HOUR
from tradewind.research.report import write_report
from tradewind.research.report.page import render

HOSTILE = "</title><script>alert('1')</script>\"><img src=x onerror=alert(2)> & co"


def table(page: Any, caption: str) -> dict[str, str]:
    for found in page.all("table"):
        if any(child.text == caption for child in found.all("caption")):
            return dict(found.rows())
    raise AssertionError(f"no table {caption}")


def summary(page: Any, first: str) -> list[list[str]]:
    return next(found.rows() for found in page.all("table", class_="summary") if found.rows()[0][0] == first)


class TestFigures:
    def test_the_outcome_stands_first(self, run_of: Any, reader: Any) -> None:
        """Profit in percent and in money, with the currency, before anything else."""
        page = reader(render(run_of()))
        outcome = page.all("section")[0]
        assert [p.text for p in outcome.all("p")] == ["+0.82%", "+8.25 EUR: 1,000.00 became 1,008.25"]

    def test_metrics_are_shown_as_they_were_measured(self, run_of: Any, reader: Any) -> None:
        """Every ratio under its own name, rounded and not recomputed."""
        measured = TradeMetrics(
            trades=1234, wins=700, losses=500, draws=34, win_rate=0.5672, profit_factor=1.456, expectancy=-1.5,
            expectancy_ratio=0.1666, sharpe=1.05, sortino=3.82, calmar=101.26, sqn=0.2379, cagr=0.106,
            max_drawdown_absolute=40.0, max_drawdown_ratio=0.03774, p_value=0.82727,
        )  # fmt: skip
        wallet = WalletMetrics(sharpe=3.015, sortino=-11.42, calmar=253.14, max_drawdown_ratio=0.0512)
        page = reader(render(run_of(trade_metrics=measured, wallet_metrics=wallet)))
        assert table(page, "Risk") == {
            "Max drawdown, daily": "5.12%",
            "Max drawdown, closed trades": "3.77%",
            "Sharpe": "3.02",
            "Sortino": "−11.42",
            "Calmar": "253.14",
            "Sharpe, closed trades": "1.05",
            "Sortino, closed trades": "3.82",
            "Calmar, closed trades": "101.26",
            "Exposure": "12.5%",
        }
        trades = table(page, "Trades")
        assert trades["Trades"] == "1,234"
        assert trades["Won, lost, even"] == "700, 500, 34"
        assert (trades["Win rate"], trades["Profit factor"], trades["Expectancy"]) == ("56.7%", "1.46", "−1.50")
        assert (trades["Expectancy ratio"], trades["System quality (SQN)"], trades["p-value"]) == (
            "0.17",
            "0.24",
            "0.8273",
        )
        assert (trades["Best trade"], trades["Worst trade"], trades["Average time held"]) == ("+12.50", "−4.25", "3 h")

    def test_money_adds_up(self, run_of: Any, reader: Any) -> None:
        """Balances, profit and the sum of fees."""
        result = table(reader(render(run_of())), "Result, EUR")
        assert result["Start balance"] == "1,000.00"
        assert result["End balance"] == "1,008.25"
        assert (result["Profit"], result["Profit ratio"], result["Fees"]) == ("+8.25", "+0.82%", "0.20")
        assert result["Buy and hold"] == "+5.00%"

    def test_an_account_in_bitcoin_is_told_in_millionths(self, run_of: Any, reader: Any) -> None:
        """Two decimals would show an account of 0.05 as never moving."""
        run = run_of(currency="BTC", start_balance=Decimal("0.05"), end_balance=Decimal("0.052235"))
        assert table(reader(render(run)), "Result, BTC")["End balance"] == "0.052235"

    def test_ratios_that_are_not_defined_are_dashes(self, run_of: Any, reader: Any) -> None:
        """-100 is a code, not a Sharpe ratio."""
        page = reader(render(run_of(wallet_metrics=WalletMetrics(sharpe=-100.0, sortino=-100.0, calmar=1.0))))
        risk = table(page, "Risk")
        assert (risk["Sharpe"], risk["Sortino"], risk["Calmar"]) == ("–", "–", "1.00")

    def test_the_run_is_described(self, run_of: Any, reader: Any) -> None:
        """When, how long, from how many candles, and what became of the orders."""
        run = table(reader(render(run_of())), "Run")
        assert (run["From"], run["To"], run["Length"]) == ("1 Jan 2021", "3 Jan 2021", "2 days")
        assert (run["Candles"], run["Filled orders"], run["Canceled orders"]) == ("48", "4", "1,234")

    def test_every_explained_figure_is_explained_without_hovering_too(self, run_of: Any, reader: Any) -> None:
        """A phone shows no tooltips."""
        page = reader(render(run_of()))
        hovered = {th.text: th.attributes["title"] for th in page.all("th") if "title" in th.attributes}
        listed = page.all("details", class_="meanings")[0]
        names, meanings = [dt.text for dt in listed.all("dt")], [dd.text for dd in listed.all("dd")]
        assert dict(zip(names, meanings, strict=True)) == hovered
        assert len(hovered) > 10


class TestTrades:
    def test_summaries_sum_up_the_trades(self, run_of: Any, trade_of: Any, reader: Any) -> None:
        """By pair, exit reason and entry tag, the most profitable first, all of them last."""
        trades = [
            trade_of(1, "-5", exit_reason="stop_loss", entry_tag="dip"),
            trade_of(5, "10", exit_reason="roi"),
            trade_of(9, "20", pair="ETH/EUR", exit_reason="roi", entry_tag="dip"),
        ]
        page = reader(render(run_of(trades=trades)))
        everything = ["All", "3", "66.7%", "+25.00", "+16.67%", "0.30"]
        assert summary(page, "Pair")[1:] == [
            ["ETH/EUR", "1", "100.0%", "+20.00", "+40.00%", "0.10"],
            ["BTC/EUR", "2", "50.0%", "+5.00", "+5.00%", "0.20"],
            everything,
        ]
        assert [row[:4] for row in summary(page, "Exit reason")[1:]] == [
            ["roi", "2", "100.0%", "+30.00"],
            ["stop_loss", "1", "0.0%", "−5.00"],
            everything[:4],
        ]
        assert [row[0] for row in summary(page, "Entry tag")[1:]] == ["dip", "(none)", "All"]

    def test_trades_are_listed_with_every_value(self, run_of: Any, reader: Any) -> None:
        """In the order of closing, times in UTC, an exact minus sign."""
        rows = reader(render(run_of())).all("table", class_="trades")[0].rows()
        facts = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
        assert facts[0] == {
            "Closed": "2021-01-01 05:00",
            "Pair": "BTC/EUR",
            "Profit": "+12.50",
            "%": "+25.00%",
            "Exit reason": "exit_signal",
            "Entry tag": "–",
            "Opened": "2021-01-01 02:00",
            "Held": "3 h",
            "Entry": "100.500",
            "Exit": "102.250",
            "Amount": "0.500000",
            "Fees": "0.10",
        }
        assert (facts[1]["Profit"], facts[1]["Exit reason"], facts[1]["Entry tag"]) == ("−4.25", "stop_loss", "dip")

    @pytest.mark.parametrize(("count", "folded"), [(50, False), (51, True)])
    def test_a_long_list_is_folded_and_complete(
        self, count: int, *, folded: bool, run_of: Any, trade_of: Any, reader: Any
    ) -> None:
        """More than fifty rows wait behind a line that says how many there are."""
        page = reader(render(run_of(trades=[trade_of(hour % 40, "1") for hour in range(count)])))
        assert len(page.all("table", class_="trades")[0].all("tbody")[0].all("tr")) == count
        assert any(s.text == f"Show all {count} trades" for s in page.all("summary")) is folded

    def test_many_notes_about_the_data_are_folded(self, run_of: Any, reader: Any) -> None:
        """Five are read; five hundred would hide the result. None is lost."""
        aside = reader(render(run_of(data_notes=[f"gap {n}" for n in range(20)]))).all("aside")[0]
        assert [li.text for li in aside.all("li")] == [f"gap {n}" for n in range(20)]
        assert aside.all("summary")[0].text == "15 more"
        assert reader(render(run_of(data_notes=[]))).all("aside") == []


class TestSelfContained:
    def test_nothing_is_asked_of_any_network(self, run_of: Any, reader: Any) -> None:
        """No script, no style, font or picture from elsewhere; it reads the same in ten years."""
        text = render(run_of())
        page = reader(text)
        assert "http:" not in text
        assert "https:" not in text
        assert not [node.name for node in page.all() if node.name in {"script", "img", "iframe", "object", "embed"}]
        links = [value for node in page.all() for key, value in node.attributes.items() if key in {"href", "src"}]
        assert {link for link in links if not link.startswith("#")} == {"data:,"}
        assert not re.search(r"url\(|@import|//", page.all("style")[0].text)

    def test_text_is_shown_and_never_obeyed(self, run_of: Any, trade_of: Any, series_of: Any, reader: Any) -> None:
        """A hostile name in any field is text on the page, in attributes as well."""
        trades = [trade_of(1, "1", pair=HOSTILE, exit_reason=HOSTILE, entry_tag=HOSTILE)]
        run = run_of(
            bot=HOSTILE, strategies=HOSTILE, mode=HOSTILE, timeframe=HOSTILE, currency=HOSTILE, created_at=HOSTILE,
            trades=trades, series={HOSTILE: series_of(HOSTILE)}, orders={HOSTILE: 1}, data_notes=[HOSTILE],
        )  # fmt: skip
        page = reader(render(run))
        assert page.all("script") == page.all("img") == []
        assert not [node for node in page.all() if any(key.startswith("on") for key in node.attributes)]
        assert page.all("title")[0].text == f"{HOSTILE}: report of a run"
        assert page.all("li")[0].text == HOSTILE
        assert page.all("h1")[0].text == f"{HOSTILE} {HOSTILE}"
        assert HOSTILE in page.all("svg", role="img")[-1].attributes["aria-label"]

    def test_references_and_names_inside_the_page_are_sound(self, run_of: Any, reader: Any) -> None:
        """Every shape used is drawn, every plot says what it is, every table cell belongs to a named column."""
        page = reader(render(run_of()))
        drawn = {node.attributes["id"] for node in page.all("path") if "id" in node.attributes}
        assert {use.attributes["href"][1:] for use in page.all("use")} <= drawn
        assert all(len(plot.attributes["aria-label"]) > 10 for plot in page.all("svg", class_="plot"))
        for found in page.all("table"):
            assert len({len(row) for row in found.rows()}) == 1
        assert page.all("html")[0].attributes["lang"] == "en"

    def test_light_and_dark_are_both_drawn(self, run_of: Any, reader: Any) -> None:
        """Whatever the reader's system says, every colour is defined for it."""
        style = reader(render(run_of())).all("style")[0].text
        light, dark = (set(re.findall(r"(--\w+):", part)) for part in style.split("prefers-color-scheme: dark")[:2])
        assert light == dark
        assert set(re.findall(r"var\((--\w+)\)", style)) <= light


class TestDrawings:
    def test_everything_is_inside_its_box(self, run_of: Any, trade_of: Any, reader: Any) -> None:
        """Also trades that began before the run, ended after it, or at rates no candle shows."""
        trades = [
            trade_of(-30, "1", hours=100, open_rate=Decimal(500), close_rate=Decimal(1)),
            trade_of(3, "-900"),
        ]
        page = reader(render(run_of(trades=trades)))
        boxes = [svg for svg in page.all("svg") if "viewbox" in svg.attributes]
        assert len(boxes) >= 3
        for svg in boxes:
            _, _, width, height = map(int, svg.attributes["viewbox"].split())
            assert svg.all("path")
            for path in svg.all("path"):
                numbers = [int(number) for number in re.findall(r"-?\d+", path.attributes["d"])]
                assert all(0 <= x <= width for x in numbers[::2])
                assert all(0 <= y <= height for y in numbers[1::2])
        for plot in page.all("svg", class_="plot"):
            depth = float(plot.attributes["height"])
            for node in [*plot.all("use"), *plot.all("text"), *plot.all("rect")]:
                assert 0 <= float(node.attributes["x"].rstrip("%")) <= 100
                assert 0 <= float(node.attributes["y"]) <= depth

    @pytest.mark.parametrize("count", [0, 1])
    def test_a_run_of_one_candle_or_none_is_a_report_too(
        self, count: int, run_of: Any, series_of: Any, reader: Any, trade_of: Any
    ) -> None:
        """A bot that was started and stopped at once, with and without a trade."""
        start = run_of().start
        run = run_of(
            series={"BTC/EUR": series_of(count=count)}, equity=[(start, 1000.0)][:count], trades=[], candles=count
        )
        for end in (start, start + HOUR, start + DAY):
            page = reader(render(replace(run, end=end)))
            assert "No trades" in page.text
            assert ("No candles of this pair" in page.text) is (count == 0)
            assert ("No equity was recorded" in page.text) is (count == 0)
            reader(render(replace(run, end=end, trades=[trade_of(0, "0", hours=0)])))

    def test_a_run_without_trades_says_so(self, run_of: Any, reader: Any) -> None:
        """No empty tables, no legend for markers that are not there, dashes for what cannot be known."""
        page = reader(render(run_of(trades=[], end_balance=Decimal(1000))))
        assert "No trades were made in this run." in page.text
        assert page.all("use") == page.all("rect") == page.all("table", class_="summary") == []
        assert page.all("p", class_="headline")[0].text == "0.00%"
        trades = table(page, "Trades")
        assert (trades["Trades"], trades["Best trade"], trades["p-value"]) == ("0", "–", "–")

    def test_a_report_without_candles_keeps_its_tables(self, run_of: Any, reader: Any) -> None:
        """The series may be left out; the trades of its pairs are still told."""
        page = reader(render(run_of(series={})))
        assert "No candles were handed to this report." in page.text
        assert table(page, "Result, EUR")["Buy and hold"] == "–"
        assert len(summary(page, "Pair")) == 3


class TestWriting:
    def test_the_file_is_written_where_asked(self, run_of: Any, tmp_path: Path) -> None:
        """Folders are made; the text is UTF-8 whatever the machine's locale."""
        path = tmp_path / "reports" / "run.html"
        write_report(path, run_of(bot="grün"))
        text = path.read_text("utf-8")
        assert text == render(run_of(bot="grün"))
        assert text.startswith("<!doctype html>\n<html")

    def test_the_same_run_gives_the_same_bytes(self, run_of: Any) -> None:
        """Reports can be compared by their checksums."""
        assert render(run_of()) == render(run_of())

    def test_a_year_of_two_pairs_is_small(self, run_of: Any, trade_of: Any, series_of: Any, tmp_path: Path) -> None:
        """17,520 candles and 320 trades: under 1.5 MB."""
        pairs = ("BTC/EUR", "ETH/EUR")
        run = run_of(
            series={pair: series_of(pair, 8760) for pair in pairs},
            trades=[trade_of(hour * 54, "1.25", pair=pair) for hour in range(160) for pair in pairs],
            equity=[(run_of().start + hour * HOUR, 1000.0 + hour % 97) for hour in range(8760)],
            end=run_of().start + 365 * DAY,
        )
        path = tmp_path / "year.html"
        write_report(path, run)
        assert path.stat().st_size < 1_500_000
