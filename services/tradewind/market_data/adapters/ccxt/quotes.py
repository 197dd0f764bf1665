"""Quotes and public trades out of ccxt's tickers and trades."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradewind.domain.errors import TemporaryError
from tradewind.domain.money import ZERO
from tradewind.domain.order import Side
from tradewind.domain.order_book import Level
from tradewind.market_data.adapters.ccxt.instruments import decimal
from tradewind.market_data.ports import PublicTrade, Quote


def quote_of(pair: str, ticker: Mapping[str, Any], now: int) -> Quote:
    """A ticker; `now` (milliseconds UTC) where the exchange gives no time. Without a last price: `TemporaryError`."""
    last = decimal(ticker.get("last")) or decimal(ticker.get("close"))
    if last is None:
        raise TemporaryError(f"{pair} has not traded yet", retry_after=10.0)
    percentage = decimal(ticker.get("percentage"))
    return Quote(
        pair=pair,
        time=int(ticker.get("timestamp") or now),
        last=last,
        bid=decimal(ticker.get("bid")),
        ask=decimal(ticker.get("ask")),
        open=decimal(ticker.get("open")),
        high=decimal(ticker.get("high")),
        low=decimal(ticker.get("low")),
        volume=decimal(ticker.get("baseVolume")),
        change_ratio=None if percentage is None else percentage / 100,
    )


def trade_of(trade: Mapping[str, Any]) -> PublicTrade | None:
    """A public trade; None for one without time, price or amount, which cannot be used for anything."""
    price, amount, time = decimal(trade.get("price")), decimal(trade.get("amount")), trade.get("timestamp")
    if price is None or amount is None or time is None:
        return None
    side = trade.get("side")
    return PublicTrade(str(trade.get("id") or ""), int(time), Side(side) if side else None, price, amount)


def levels_of(rows: Any) -> list[Level]:
    """One side of one of ccxt's order books, `[price, amount]` a level."""
    return [Level(decimal(row[0]) or ZERO, decimal(row[1]) or ZERO) for row in rows]
