"""Charts show what happened: spikes, gaps, trades at their rates, profits in their months."""

# ruff: noqa: RUF001 - the report writes real minus signs and dashes, so its tests read them

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tradewind.domain.timeframe import DAY, HOUR
from tradewind.research.report.axis import value_ticks
from tradewind.research.report.chart import Ending, value_axis
from tradewind.research.report.curve import Plane
from tradewind.research.report.equity_chart import equity_chart
from tradewind.research.report.price_chart import price_chart
from tradewind.research.report.profit_bars import profit_bars


def paths(chart: Any, kind: str) -> list[str]:
    return [path.attributes["d"] for path in chart.all("path", class_=kind)]


def texts(chart: Any, kind: str) -> list[str]:
    return [text.text for text in chart.all("text") if kind in text.attributes["class"].split()]


def growing(run: Any, by: float) -> list[tuple[int, float]]:
    return [(run.start + hour * HOUR, 1000.0 + hour * by) for hour in range(48)]


class TestEquity:
    def test_the_deepest_fall_is_labelled(self, run_of: Any, reader: Any) -> None:
        """From 1200 down to 900 is a quarter, below the place where it happened."""
        values = [1000.0, 1200.0, 900.0, 1100.0]
        run = run_of(equity=[(run_of().start + hour * 12 * HOUR, value) for hour, value in enumerate(values)])
        chart = reader(equity_chart(run))
        assert texts(chart, "deepest") == ["−25.0%"]
        assert chart.all("text", class_="deepest middle")[0].attributes["x"] == "50.0%"

    def test_one_moment_in_a_hundred_thousand_is_still_drawn(self, run_of: Any, reader: Any) -> None:
        """A crash of one minute reaches down to the axis of its panel however long the run."""
        start = run_of().start
        equity = [(start + minute * 60_000, 1000.0 if minute != 54_321 else 400.0) for minute in range(100_000)]
        chart = reader(equity_chart(run_of(equity=equity, end=start + 100_000 * 60_000)))
        (line,) = paths(chart, "equity")
        heights = {int(y) for y in re.findall(r"\d+", line)[1::2]}
        assert len(heights) == 2
        assert len(line) < 20_000
        assert texts(chart, "deepest") == ["−60.0%"]

    def test_lines_are_named_where_they_end(self, run_of: Any, reader: Any) -> None:
        """No legend to look up: the name and the last value stand beside the line."""
        chart = reader(equity_chart(run_of(equity=growing(run_of(), 2.0))))
        assert texts(chart, "ending") == ["Buy & hold", "1,050", "Equity", "1,094"]

    def test_a_market_far_larger_than_the_equity_gets_its_own_panel(self, run_of: Any, reader: Any) -> None:
        """Otherwise a careful bot would be a flat line under a mountain."""
        together = reader(equity_chart(run_of(equity=growing(run_of(), 2.0))))
        apart = reader(equity_chart(run_of(equity=growing(run_of(), 0.01))))
        assert len(paths(together, "equity")) == len(paths(together, "held")) == 1
        assert (len(paths(apart, "equity")), len(paths(apart, "held"))) == (2, 1)
        assert "Beside buy and hold, on its scale" in texts(apart, "panel")

    def test_values_that_are_not_numbers_are_left_out(self, run_of: Any, reader: Any) -> None:
        """A missing mark makes a line shorter, not the report impossible."""
        start = run_of().start
        chart = reader(
            equity_chart(run_of(equity=[(start, 1000.0), (start + HOUR, float("nan")), (start + DAY, 1100.0)]))
        )
        assert len(re.findall(r"\d+", paths(chart, "equity")[0])) == 4


class TestPrices:
    def test_few_candles_are_candlesticks(self, run_of: Any, reader: Any) -> None:
        """One wick each, and a body that says whether it rose or fell by its filling."""
        chart = reader(price_chart(run_of(), "BTC/EUR"))
        assert paths(chart, "wick")[0].count("M") == 48
        assert sum(path.count("M") for kind in ("rising", "falling") for path in paths(chart, kind)) == 48
        assert paths(chart, "range") == []

    def test_many_candles_are_a_band_with_the_closes(self, run_of: Any, series_of: Any, reader: Any) -> None:
        """No more than a thousand columns, whatever the number of candles."""
        run = run_of(series={"BTC/EUR": series_of(count=8760)}, end=run_of().start + 365 * DAY)
        chart = reader(price_chart(run, "BTC/EUR"))
        assert len(paths(chart, "range")) == len(paths(chart, "close")) == 1
        assert 990 < len(re.findall(r"\d+ \d+", paths(chart, "close")[0])) <= 1001
        assert paths(chart, "wick") == []

    def test_a_gap_in_the_candles_is_a_gap_in_the_line(self, run_of: Any, series_of: Any, reader: Any) -> None:
        """Nothing is drawn where nothing is known; a missing hour too narrow to see does not tear the line."""
        missing = (100, *range(200, 260))
        run = run_of(series={"BTC/EUR": series_of(count=2000, missing=missing)}, end=run_of().start + 2000 * HOUR)
        chart = reader(price_chart(run, "BTC/EUR"))
        before, after = paths(chart, "close")
        last, first = int(re.findall(r"\d+", before)[-2]), int(re.findall(r"\d+", after)[0])
        assert (last, first) == (198, 260)
        assert len(paths(chart, "range")) == 2

    def test_candles_of_the_warm_up_are_not_part_of_the_run(self, run_of: Any, reader: Any) -> None:
        """The chart begins where trading could."""
        run = run_of(start=run_of().start + DAY)
        assert paths(reader(price_chart(run, "BTC/EUR")), "wick")[0].count("M") == 24

    def test_trades_are_marked_with_their_facts(self, run_of: Any, reader: Any) -> None:
        """Winning and losing differ by class, entry and exit by shape; both tell rate, profit and reason."""
        uses = reader(price_chart(run_of(), "BTC/EUR")).all("use")
        assert [(use.attributes["href"], use.attributes["class"]) for use in uses] == [
            ("#entry", "won"),
            ("#exit", "won"),
            ("#entry", "lost"),
            ("#exit", "lost"),
        ]
        assert uses[1].text == "Exit 2021-01-01 05:00 at 102.250, exit_signal\n+12.50 EUR (+25.00%)"
        assert uses[2].text == "Entry 2021-01-01 10:00 at 100.500, dip\n−4.25 EUR (−8.50%)"
        assert uses[0].attributes["x"] == "4.17%"
        # Higher rates are further up.
        assert float(uses[1].attributes["y"]) < float(uses[0].attributes["y"])

    def test_markers_shrink_where_they_crowd(self, run_of: Any, trade_of: Any, reader: Any) -> None:
        """The price must stay visible below them."""
        run = run_of(trades=[trade_of(hour % 40, "1") for hour in range(81)])
        assert {use.attributes["href"] for use in reader(price_chart(run, "BTC/EUR")).all("use")} == {
            "#entry-small",
            "#exit-small",
        }

    def test_each_chart_has_the_trades_of_its_pair_alone(
        self, run_of: Any, trade_of: Any, series_of: Any, reader: Any
    ) -> None:
        """And sums up their profit."""
        run = run_of(
            trades=[trade_of(1, "5"), trade_of(2, "-7.5", pair="ETH/EUR")],
            series={pair: series_of(pair) for pair in ("BTC/EUR", "ETH/EUR")},
        )
        chart = reader(price_chart(run, "ETH/EUR"))
        assert chart.all("figcaption")[0].text == "ETH/EUR1 trade, −7.50 EUR"
        assert len(chart.all("use")) == 2

    def test_monthly_candles_have_a_width(self, run_of: Any, series_of: Any, reader: Any) -> None:
        """A month is no fixed number of milliseconds."""
        series = series_of(count=1)
        monthly = replace(series, timeframe="1M")
        chart = reader(price_chart(run_of(series={"BTC/EUR": monthly}, end=run_of().start + 300 * DAY), "BTC/EUR"))
        left, _, right = map(int, re.findall(r"\d+", paths(chart, "rising")[0])[:3])
        assert right - left > 50


class TestProfit:
    def test_a_short_run_has_a_bar_for_every_day(self, run_of: Any, trade_of: Any, reader: Any) -> None:
        """Days without a trade stand there with nothing, so that the axis is time."""
        run = run_of(trades=[trade_of(2, "5"), trade_of(4, "3.5"), trade_of(60, "-2")], end=run_of().start + 4 * DAY)
        chart = reader(profit_bars(run))
        assert [bar.text for bar in chart.all("rect")] == [
            "1 Jan 2021: +8.50 EUR",
            "2 Jan 2021: 0.00 EUR",
            "3 Jan 2021: −2.00 EUR",
            "4 Jan 2021: 0.00 EUR",
        ]
        assert [bar.attributes["class"] for bar in chart.all("rect")][::2] == ["won", "lost"]
        assert texts(chart, "bar") == ["+8.50", "−2.00"]

    def test_a_long_run_has_a_bar_for_every_month(self, run_of: Any, trade_of: Any, reader: Any) -> None:
        """By the month of closing; a trade closed at the very end belongs to the last month."""
        trades = [trade_of(0, "100", hours=31 * 24), trade_of(0, "-50", hours=90 * 24)]
        chart = reader(profit_bars(run_of(trades=trades, end=run_of().start + 90 * DAY)))
        assert [bar.text for bar in chart.all("rect")] == [
            "Jan 2021: 0.00 EUR",
            "Feb 2021: +100.00 EUR",
            "Mar 2021: −50.00 EUR",
        ]

    def test_bars_are_as_high_as_the_profit(self, run_of: Any, trade_of: Any, reader: Any) -> None:
        """Twice the profit is twice the height, and a profit too small to see is one pixel."""
        trades = [trade_of(0, "100"), trade_of(24, "-50"), trade_of(48, "0.01")]
        chart = reader(profit_bars(run_of(trades=trades, end=run_of().start + 3 * DAY)))
        won, lost, tiny = (float(bar.attributes["height"]) for bar in chart.all("rect"))
        assert won == pytest.approx(2 * lost, abs=0.2)
        assert tiny == 1.0

    def test_many_months_are_not_labelled_one_by_one(self, run_of: Any, trade_of: Any, reader: Any) -> None:
        """Ten years of months: at most twelve dates, no numbers on top of each other."""
        chart = reader(profit_bars(run_of(trades=[trade_of(0, "1")], end=run_of().start + 3653 * DAY)))
        assert len(chart.all("rect")) == 121
        assert texts(chart, "bar") == []
        dates = [text for text in chart.all("text") if text.attributes["x"] != "100%"]
        assert len(dates) <= 12

    def test_profits_are_exact_sums(self, run_of: Any, trade_of: Any, reader: Any) -> None:
        """Ten times a tenth is one."""
        run = run_of(
            trades=[trade_of(1, "0.1") for _ in range(10)], end=run_of().start + DAY, start_balance=Decimal("0.5")
        )
        assert reader(profit_bars(run)).all("rect")[0].text == "1 Jan 2021: +1.00000 EUR"


class TestEndings:
    """Where lines end side by side, each has its label to itself."""

    def test_three_that_end_alike_stand_apart_in_their_order(self, reader: Any) -> None:
        """Around where they end; one that ends far away stays where it is."""
        plane = Plane(0, 1, 0.0, 100.0, 400)
        values = {"low": 50.0, "high": 51.0, "middle": 50.5, "far": 100.0}
        chart = reader(value_axis(plane, 0, value_ticks(0, 100), str, [Ending(v, n, "", n) for n, v in values.items()]))
        places = {n: float(chart.all("text", class_=f"ending {n}")[0].attributes["y"]) for n in values}

        assert places["far"] == 0.0
        assert [places[n] - places["middle"] for n in ("high", "low")] == [-30.0, 30.0]
        assert places["middle"] == pytest.approx(plane.pixel(50.5))
