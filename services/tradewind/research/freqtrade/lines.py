"""Closed trades as lines of JSON, in the form of the reference cases; orders as freqtrade's results name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tradewind.domain.candle_checks import iso_time
from tradewind.domain.freqtrade.trade import Order, Trade, rounded, stake_of

ORDER_FIELDS = (
    "amount",
    "safe_price",
    "ft_order_side",
    "order_filled_timestamp",
    "ft_is_entry",
    "ft_order_tag",
    "cost",
)
"""What is told of an order."""


def trade_line(trade: Trade) -> dict[str, Any]:
    """One closed trade. `orders` only where there is more to tell than an entry and an exit."""
    assert trade.close_time is not None, "only closed trades have a line"
    line: dict[str, Any] = {
        "pair": trade.pair,
        "open_date": iso_time(trade.open_time),
        "close_date": iso_time(trade.close_time),
        "open_rate": trade.open_rate,
        "close_rate": trade.close_rate,
        "amount": rounded(trade.amount),
        "stake_amount": rounded(trade.stake_amount),
        "fee_open": trade.fee_open,
        "fee_close": trade.fee_close,
        "profit_abs": rounded(trade.close_profit_abs or 0.0),
        "profit_ratio": trade.close_profit,
        "exit_reason": str(trade.exit_reason),
        "enter_tag": trade.enter_tag,
        "is_short": trade.is_short,
        "min_rate": trade.min_rate,
        "max_rate": trade.max_rate,
        "trade_duration": trade.age(trade.close_time),
        "leverage": trade.leverage,
        "max_stake_amount": rounded(trade.max_stake_amount),
        "initial_stop_loss_abs": trade.initial_stop_loss,
        "stop_loss_abs": trade.stop_loss,
    }
    filled = [order for order in trade.orders if order.filled_at is not None]
    if len(filled) > 2 or filled[0].filled_at != filled[0].placed_at:
        line["orders"] = [_order(order, trade.fee_open) for order in filled]
    return line


def trade_lines(trades: Sequence[Trade]) -> list[dict[str, Any]]:
    """The lines of `trades`, in their order."""
    return [trade_line(trade) for trade in trades]


def _order(order: Order, fee: float) -> dict[str, Any]:
    """One filled order; `cost` has the fee added, of entries and exits alike, as freqtrade has it."""
    assert order.filled_at is not None, "only filled orders have a line"
    return {
        "amount": order.amount,
        "safe_price": order.price,
        "ft_order_side": order.side,
        "order_filled_timestamp": order.filled_at,
        "ft_is_entry": order.is_entry,
        "ft_order_tag": str(order.ft_order_tag or ""),
        "cost": stake_of(order.amount, order.price) * (1 + fee),
    }
