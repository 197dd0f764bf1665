"""The orders that decisions become, and for how long they stand.

Ids follow from the decision, so the same decision is the same order wherever it is made.
"""

from __future__ import annotations

from decimal import Decimal

from tradewind.domain.decision import decision_id
from tradewind.domain.order import Leg, Order, OrderType, Side, client_order_id
from tradewind.domain.timeframe import close_time


def entry_decision(bot: str, pair: str, time: int) -> str:
    """The id of a decision to buy."""
    return decision_id(bot, pair, time, "Enter")


def entry_order(bot: str, identity: str, pair: str, time: int, *, amount: Decimal, tag: str) -> Order:
    """Buy at the open after the candle of `time`, by the decision `identity`."""
    client_id = client_order_id(bot, identity, Leg.ENTRY)
    return Order(client_id, identity, Leg.ENTRY, pair, Side.BUY, OrderType.MARKET, amount, time, tag=tag)


def exit_order(bot: str, identity: str, pair: str, time: int, *, amount: Decimal, tag: str) -> Order:
    """Sell at the open after the candle of `time`, by the decision `identity`."""
    client_id = client_order_id(bot, identity, Leg.EXIT)
    return Order(
        client_id, identity, Leg.EXIT, pair, Side.SELL, OrderType.MARKET, amount, time, reduce_only=True, tag=tag
    )


def exit_decision(bot: str, pair: str, time: int, position_id: str, attempt: int = 1) -> str:
    """The id of a decision to sell a position; a person, or the end of a recording, may ask for it again."""
    suffix = f":{attempt}" if attempt > 1 else ""
    return decision_id(bot, pair, time, f"Exit:{position_id}{suffix}")


def entry_expiry(timeframe: str, time: int) -> int:
    """Until when an entry decided at the candle of `time` may fill: the close of the candle after the next.

    Later than that it is another trade.
    """
    return close_time(timeframe, close_time(timeframe, time))
