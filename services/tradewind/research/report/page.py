"""The page: what became of the money first, then how it went, then every detail, in the order a reader asks for it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np

from tradewind.domain.timeframe import DAY
from tradewind.research.report.equity_chart import equity_chart
from tradewind.research.report.figures import NONE, date, duration, number, percent, ratio, signed, signed_percent
from tradewind.research.report.markers import SHAPES, legend
from tradewind.research.report.markup import Markup, element, joined
from tradewind.research.report.price_chart import price_chart
from tradewind.research.report.profit_bars import profit_bars
from tradewind.research.report.run import RunReport, buy_and_hold
from tradewind.research.report.tables import (
    Figure,
    figure_table,
    kind_of,
    meanings,
    result_figures,
    risk_figures,
    summary_table,
    trade_figures,
    trade_list,
)

_MOST_NOTES = 5


def write_report(path: Path, run: RunReport) -> None:
    """Write the report of `run` to `path`, in folders made as needed. Raises `OSError` where that is not possible."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(run), encoding="utf-8")


def render(run: RunReport) -> str:
    """The whole document."""
    held = buy_and_hold(run, np.array([run.span[1]], dtype=np.int64))
    held_ratio = None if held is None or not run.start_balance else float(held[-1]) / float(run.start_balance) - 1
    body = element(
        "main",
        _header(run),
        _outcome(run, held_ratio),
        _data_notes(run),
        _section("How it went", equity_chart(run), profit_bars(run) if run.trades else Markup()),
        _section("Prices and trades", *_price_charts(run)),
        _section("Key figures", _key_figures(run, held_ratio)),
        _section("Where the profit came from", *_summaries(run)),
        _section("Trades", _trades(run)),
        _footer(run),
    )
    return document(f"{run.bot}: report of a run", SHAPES, body)


def document(title: str, *body: Markup) -> str:
    """A whole page with its style, without anything from elsewhere."""
    head = element(
        "head",
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'),
        element("title", title),
        Markup(f"<style>{files(__package__).joinpath('style.css').read_text('utf-8')}</style>"),
    )
    return f"<!doctype html>\n{element('html', head, element('body', *body), lang='en')}\n"


def _header(run: RunReport) -> Markup:
    span = f"{date(run.start)} to {date(run.end)} · {_length(run)}"
    what = f"{', '.join(run.pairs) or 'No pairs'} · {run.timeframe} candles"
    title = element("h1", run.bot, " ", element("span", run.mode, class_="mode"))
    return element("header", title, element("p", run.strategies), element("p", f"{what} · {span}"))


def _outcome(run: RunReport, held: float | None) -> Markup:
    metrics, places = run.trade_metrics, run.money_places
    tiles = [
        Figure("Buy and hold", NONE if held is None else signed_percent(held)),
        Figure("Max drawdown, daily", percent(run.wallet_metrics.max_drawdown_ratio)),
        Figure("Sharpe", ratio(run.wallet_metrics.sharpe)),
        Figure("Trades", number(metrics.trades, 0)),
        Figure("Win rate", percent(metrics.win_rate, 1) if metrics.trades else NONE),
        Figure("Profit factor", ratio(metrics.profit_factor) if metrics.trades else NONE),
    ]
    profit = element(
        "div",
        element("p", signed_percent(run.profit_ratio), class_=f"headline {kind_of(run.profit) or ''}".strip()),
        element(
            "p",
            f"{signed(run.profit, places)} {run.currency}: {number(run.start_balance, places)} became "
            f"{number(run.end_balance, places)}",
        ),
        class_="profit",
    )
    terms = [element("div", element("dt", tile.name), element("dd", tile.text)) for tile in tiles]
    return element("section", profit, element("dl", *terms), class_="outcome", aria_label="Outcome")


def _data_notes(run: RunReport) -> Markup:
    if not run.data_notes:
        return Markup()
    notes = [element("li", note) for note in run.data_notes]
    parts = [element("ul", *notes[:_MOST_NOTES])]
    if len(notes) > _MOST_NOTES:
        more = element("summary", f"{len(notes) - _MOST_NOTES} more")
        parts.append(element("details", more, element("ul", *notes[_MOST_NOTES:])))
    return element("aside", element("h2", "About the data"), *parts)


def _price_charts(run: RunReport) -> list[Markup]:
    if not run.series:
        return [element("p", "No candles were handed to this report.", class_="empty")]
    shown = legend() if run.trades else Markup()
    return [shown, *(price_chart(run, pair) for pair in run.series)]


def _key_figures(run: RunReport, held: float | None) -> Markup:
    about = [
        Figure("Mode", run.mode),
        Figure("From", date(run.start)),
        Figure("To", date(run.end)),
        Figure("Length", _length(run)),
        Figure("Timeframe", run.timeframe),
        Figure("Candles", number(run.candles, 0)),
        *(Figure(f"{state} orders", number(count, 0)) for state, count in run.orders.items()),
    ]
    result, risk, trades = result_figures(run, held), risk_figures(run), trade_figures(run)
    tables = [
        figure_table(f"Result, {run.currency}", result),
        figure_table("Risk", risk),
        figure_table("Trades", trades),
        figure_table("Run", about),
    ]
    return joined([element("div", *tables, class_="columns"), meanings([*result, *risk, *trades])])


def _length(run: RunReport) -> str:
    start, end = run.span
    if end - start < 2 * DAY:
        return duration(end - start)
    return f"{number((end - start) / DAY, 0 if (end - start) % DAY == 0 else 1)} days"


def _summaries(run: RunReport) -> list[Markup]:
    if not run.trades:
        return [element("p", "Nothing was traded, so there is nothing to sum up.", class_="empty")]
    return [
        summary_table("Pair", run, lambda trade: trade.pair, NONE),
        summary_table("Exit reason", run, lambda trade: trade.exit_reason, "(none)"),
        summary_table("Entry tag", run, lambda trade: trade.entry_tag, "(none)"),
    ]


def _trades(run: RunReport) -> Markup:
    if not run.trades:
        return element("p", "No trades were made in this run.", class_="empty")
    caption = f"Times in UTC, fees and profit in {run.currency}, rates as averages of all fills."
    return joined([element("p", caption, class_="caption"), trade_list(run)])


def _section(title: str, *content: Markup) -> Markup:
    return element("section", element("h2", title), *content)


def _footer(run: RunReport) -> Markup:
    return element(
        "footer",
        element("p", f"Made by Tradewind, {run.created_at}. All times are UTC. A year has 365 days."),
        element("p", "Past results say little about future ones."),
    )
