"""The report's tables: the key figures, the trades summed up in three ways, and the trades themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradewind.domain.metrics import exposure
from tradewind.domain.money import ZERO
from tradewind.domain.trade import ClosedTrade
from tradewind.research.report.figures import (
    NONE,
    duration,
    moment,
    number,
    percent,
    places_for,
    ratio,
    signed,
    signed_percent,
)
from tradewind.research.report.markup import Markup, element, joined
from tradewind.research.report.run import RunReport

_MOST_OPEN = 50
_ANNUAL = ", times the root of 365"


@dataclass(frozen=True, slots=True)
class Figure:
    """A named number; `meaning` is said on hover and to screen readers, `kind` colours gains and losses."""

    name: str
    text: str
    meaning: str | None = None
    kind: str | None = None


def result_figures(run: RunReport, held: float | None) -> list[Figure]:
    """What became of the money. `held` is the profit ratio of buying and holding."""
    fees, places = sum((trade.fees for trade in run.trades), ZERO), run.money_places
    return [
        Figure("Start balance", number(run.start_balance, places)),
        Figure("End balance", number(run.end_balance, places)),
        Figure("Profit", signed(run.profit, places), "End minus start balance", kind_of(run.profit)),
        Figure("Profit ratio", signed_percent(run.profit_ratio), "Profit over the start balance", kind_of(run.profit)),
        Figure("Buy and hold", NONE if held is None else signed_percent(held), "Equal parts of every pair, no fees"),
        Figure("Growth per year", growth(run), "Compound, from the closed trades"),
        Figure("Fees", number(fees, places), "Of closed trades; profits are net of them"),
    ]


def risk_figures(run: RunReport) -> list[Figure]:
    """How rough the way was."""
    wallet, trades = run.wallet_metrics, run.trade_metrics
    held = exposure(run.trades, *run.span, run.pairs)
    return [
        Figure("Max drawdown, daily", percent(wallet.max_drawdown_ratio), "Largest fall of the last balance of a day"),
        Figure("Max drawdown, closed trades", percent(trades.max_drawdown_ratio), "Largest fall of realised profit"),
        Figure("Sharpe", ratio(wallet.sharpe), f"Mean over deviation of daily returns{_ANNUAL}"),
        Figure("Sortino", ratio(wallet.sortino), f"Mean over deviation of the losing days' returns{_ANNUAL}"),
        Figure("Calmar", ratio(wallet.calmar), f"Percent per day over max drawdown{_ANNUAL}"),
        Figure("Sharpe, closed trades", ratio(trades.sharpe), f"Profit per day over deviation per trade{_ANNUAL}"),
        Figure(
            "Sortino, closed trades", ratio(trades.sortino), f"The same over deviation of the losing trades{_ANNUAL}"
        ),
        Figure(
            "Calmar, closed trades", ratio(trades.calmar), f"Percent per day over drawdown of closed trades{_ANNUAL}"
        ),
        Figure("Exposure", percent(held, 1), "Share of the time with a position, averaged over the pairs"),
    ]


def trade_figures(run: RunReport) -> list[Figure]:
    """What the trades were like."""
    metrics, places = run.trade_metrics, run.money_places
    profits = [trade.profit for trade in run.trades]
    held = [trade.close_time - trade.open_time for trade in run.trades]
    tested = metrics.trades > 1
    return [
        Figure("Trades", number(metrics.trades, 0)),
        Figure("Won, lost, even", f"{metrics.wins}, {metrics.losses}, {metrics.draws}"),
        Figure("Win rate", percent(metrics.win_rate, 1)),
        Figure("Profit factor", ratio(metrics.profit_factor), "Sum of wins over sum of losses; 0 without losses"),
        Figure("Expectancy", signed(metrics.expectancy, places), "Average profit of a trade"),
        Figure("Expectancy ratio", ratio(metrics.expectancy_ratio), "Expectancy over average loss; 100 without losses"),
        Figure("Best trade", signed(max(profits), places) if profits else NONE),
        Figure("Worst trade", signed(min(profits), places) if profits else NONE),
        Figure("Average time held", duration(sum(held) / len(held)) if held else NONE),
        Figure("System quality (SQN)", ratio(metrics.sqn), "Mean over deviation of profits, times the root of trades"),
        Figure(
            "p-value", number(metrics.p_value, 4) if tested else NONE, "Chance of such a mean if the true one were 0"
        ),
    ]


def growth(run: RunReport) -> str:
    """Compound growth per year as text; a dash where a short run makes it absurd."""
    rate = run.trade_metrics.cagr
    return signed_percent(rate) if rate < 100 else NONE


def kind_of(value: Decimal | float) -> str | None:
    """The colour of a gain or a loss; none for neither."""
    return "gain" if value > 0 else "loss" if value < 0 else None


def meanings(figures: Sequence[Figure]) -> Markup:
    """What the figures mean, folded: a phone has no hovering."""
    explained = [figure for figure in figures if figure.meaning]
    terms = [joined([element("dt", figure.name), element("dd", figure.meaning or "")]) for figure in explained]
    return element("details", element("summary", "What these figures mean"), element("dl", *terms), class_="meanings")


def figure_table(caption: str, figures: Sequence[Figure]) -> Markup:
    """Names on the left, numbers on the right."""
    rows = [
        element(
            "tr",
            element("th", figure.name, scope="row", title=figure.meaning),
            element("td", figure.text, class_=figure.kind),
        )
        for figure in figures
    ]
    return element("table", element("caption", caption), element("tbody", *rows), class_="figures")


def summary_table(caption: str, run: RunReport, key: Callable[[ClosedTrade], str], unnamed: str) -> Markup:
    """The trades summed up by `key`, the most profitable first, with all of them in the last row."""
    groups: Mapping[str, list[ClosedTrade]] = defaultdict(list)
    for trade in run.trades:
        groups[key(trade)].append(trade)
    ranked = sorted(groups.items(), key=lambda item: -sum(trade.profit for trade in item[1]))
    head = table_head(caption, "Trades", "Win rate", f"Profit, {run.currency}", "Average", f"Fees, {run.currency}")
    body = [_summary_row(name or unnamed, trades, run.money_places) for name, trades in ranked]
    total = _summary_row("All", run.trades, run.money_places)
    return scrolling(element("table", head, element("tbody", *body), element("tfoot", total), class_="summary"))


def trade_list(run: RunReport) -> Markup:
    """Every trade by time of closing, what matters first for narrow screens; folded where there are many."""
    rates = _places_by_pair(run.trades, lambda trade: trade.open_rate)
    amounts = _places_by_pair(run.trades, lambda trade: trade.amount)
    head = table_head(
        "Closed", "Pair", "Profit", "%", "Exit reason", "Entry tag", "Opened", "Held", "Entry", "Exit", "Amount", "Fees"
    )
    ordered = sorted(run.trades, key=lambda trade: trade.close_time)
    body = [_trade_row(trade, rates[trade.pair], amounts[trade.pair], run.money_places) for trade in ordered]
    table = scrolling(element("table", head, element("tbody", *body), class_="trades"))
    if len(ordered) <= _MOST_OPEN:
        return table
    return element("details", element("summary", f"Show all {len(ordered)} trades"), table)


def _summary_row(name: str, trades: Sequence[ClosedTrade], money_places: int) -> Markup:
    profit = sum((trade.profit for trade in trades), ZERO)
    average = sum((trade.profit_ratio for trade in trades), ZERO) / len(trades)
    return element(
        "tr",
        element("th", name, scope="row"),
        element("td", number(len(trades), 0)),
        element("td", percent(sum(trade.profit > ZERO for trade in trades) / len(trades), 1)),
        element("td", signed(profit, money_places), class_=kind_of(profit)),
        element("td", signed_percent(average), class_=kind_of(average)),
        element("td", number(sum((trade.fees for trade in trades), ZERO), money_places)),
    )


def _trade_row(trade: ClosedTrade, rate_places: int, amount_places: int, money_places: int) -> Markup:
    return element(
        "tr",
        element("th", moment(trade.close_time), scope="row"),
        element("td", trade.pair, class_="text"),
        element("td", signed(trade.profit, money_places), class_=kind_of(trade.profit)),
        element("td", signed_percent(trade.profit_ratio), class_=kind_of(trade.profit_ratio)),
        element("td", trade.exit_reason, class_="text"),
        element("td", trade.entry_tag or NONE, class_="text"),
        element("td", moment(trade.open_time)),
        element("td", duration(trade.close_time - trade.open_time)),
        element("td", number(trade.open_rate, rate_places)),
        element("td", number(trade.close_rate, rate_places)),
        element("td", number(trade.amount, amount_places)),
        element("td", number(trade.fees, money_places)),
    )


def _places_by_pair(trades: Sequence[ClosedTrade], value: Callable[[ClosedTrade], Decimal]) -> dict[str, int]:
    """Decimals by pair, so that the numbers of a pair stand below each other."""
    values: defaultdict[str, list[Decimal]] = defaultdict(list)
    for trade in trades:
        values[trade.pair].append(value(trade))
    return {pair: places_for(numbers, 6) for pair, numbers in values.items()}


def table_head(*names: str) -> Markup:
    """One row of headings."""
    return element("thead", element("tr", *(element("th", name, scope="col") for name in names)))


def scrolling(table: Markup) -> Markup:
    """A table wider than a phone scrolls by itself, by keyboard as well, and leaves the page still."""
    return element("div", joined([table]), class_="scroll", tabindex=0)
