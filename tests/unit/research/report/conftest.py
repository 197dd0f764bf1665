"""Small runs to report on, and a reader that takes a report apart as a browser would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from tradewind.domain.candle import Candle
from tradewind.domain.metrics import trade_metrics, wallet_metrics
from tradewind.domain.series import CandleSeries
from tradewind.domain.timeframe import DAY, HOUR
from tradewind.domain.trade import ClosedTrade
from tradewind.research.report import RunReport

START = 1_609_459_200_000  # 1 January 2021
_VOID = {"meta", "link", "br"}


@dataclass
class Node:
    """An element with its attributes, children and text."""

    name: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, name: str | None = None, **attributes: str) -> list[Node]:
        found = []
        for child in self.children:
            if isinstance(child, Node):
                if name in (None, child.name) and all(
                    child.attributes.get(k.rstrip("_")) == v for k, v in attributes.items()
                ):
                    found.append(child)
                found += child.all(name, **attributes)
        return found

    def rows(self) -> list[list[str]]:
        return [[cell.text for cell in row.children if isinstance(cell, Node)] for row in self.all("tr")]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Node("document", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {key: value or "" for key, value in attrs})
        self._open[-1].children.append(node)
        if tag not in _VOID:
            self._open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Node(tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().name == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def read(text: str) -> Node:
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader._open == [reader.root], "an element was left open"
    return reader.root


def a_series(
    pair: str = "BTC/EUR", count: int = 48, *, missing: tuple[int, ...] = (), price: float = 100.0
) -> CandleSeries:
    candles = []
    for hour in range(count):
        if hour not in missing:
            close = price + hour % 7
            candles.append(Candle(START + hour * HOUR, price, close + 1, price - 1, close, 5.0))
    return CandleSeries.of(pair, "1h", candles)


def a_trade(hour: int, profit: str, *, pair: str = "BTC/EUR", hours: int = 3, **values: object) -> ClosedTrade:
    fields = {
        "pair": pair,
        "open_time": START + hour * HOUR,
        "close_time": START + (hour + hours) * HOUR,
        "open_rate": Decimal("100.5"),
        "close_rate": Decimal("102.25"),
        "amount": Decimal("0.5"),
        "fees": Decimal("0.1"),
        "profit": Decimal(profit),
        "profit_ratio": Decimal(profit) / 50,
        "exit_reason": "exit_signal",
        "entry_tag": "",
    }
    return ClosedTrade(**{**fields, **values})  # type: ignore[arg-type]


def a_run(**values: object) -> RunReport:
    trades = values.get("trades", [a_trade(2, "12.5"), a_trade(10, "-4.25", exit_reason="stop_loss", entry_tag="dip")])
    series = values.get("series", {"BTC/EUR": a_series()})
    assert isinstance(trades, list)
    assert isinstance(series, dict)
    profit = sum((trade.profit for trade in trades), Decimal(0))
    fields: dict[str, object] = {
        "bot": "default/trend",
        "strategies": "EmaCross 1h",
        "mode": "Backtest",
        "start": START,
        "end": START + 2 * DAY,
        "timeframe": "1h",
        "currency": "EUR",
        "start_balance": Decimal(1000),
        "end_balance": Decimal(1000) + profit,
        "candles": 48,
        "equity": [(START + hour * HOUR, 1000.0 + hour % 9) for hour in range(48)],
        "series": series,
        "trades": trades,
        "trade_metrics": trade_metrics(trades, Decimal(1000), 2),
        "wallet_metrics": wallet_metrics([1000.0, 1012.5, 1008.25]),
        "orders": {"Filled": 4, "Canceled": 1234},
        "data_notes": ["BTC/EUR: 2 candles quarantined."],
        "created_at": "2 Jan 2021",
    }
    return RunReport(**{**fields, **values})  # type: ignore[arg-type]


@pytest.fixture
def run_of() -> Callable[..., RunReport]:
    """A run of two days of BTC/EUR with two trades; any field can be given."""
    return a_run


@pytest.fixture
def trade_of() -> Callable[..., ClosedTrade]:
    """A trade opened `hour` hours after the start with a profit."""
    return a_trade


@pytest.fixture
def series_of() -> Callable[..., CandleSeries]:
    """Hourly candles from the start, with hours left out."""
    return a_series


@pytest.fixture
def reader() -> Callable[[str], Node]:
    """A report's text as a tree; fails where elements are not closed properly."""
    return read
