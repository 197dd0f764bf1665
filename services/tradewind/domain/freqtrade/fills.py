"""The book of a run: trades open and closed, the wallet and the locks; what strategies may ask about."""

from __future__ import annotations

from tradewind.domain.freqtrade.market import rounded_price
from tradewind.domain.freqtrade.protections import Locks
from tradewind.domain.freqtrade.signals import Counts, Settings
from tradewind.domain.freqtrade.trade import Order, Trade
from tradewind.domain.freqtrade.wallet import Wallet


class Book:
    """`open` by pair in the order of opening, `closed` in the order of closing."""

    def __init__(self, settings: Settings) -> None:
        self.open: dict[str, Trade] = {}
        self.closed: list[Trade] = []
        self.wallet = Wallet(settings.stakes)
        self.locks = Locks()
        self.counts = Counts()

    def place_exit(
        self, trade: Trade, price: float, amount: float, *, time: int, tag: str, order_type: type[Order]
    ) -> Order:
        """An exit order at `price`, rounded to the tick; it takes the place of one that waits, unless that is equal."""
        price = rounded_price(price, trade.tick)
        for waiting in [order for order in trade.open_orders if not order.is_entry]:
            if waiting.price == price and waiting.amount == amount:
                return waiting
            waiting.canceled = True
        order = order_type(is_entry=False, price=price, amount=amount, placed_at=time, tag=tag)
        trade.orders.append(order)
        return order

    def fill(self, trade: Trade, order: Order, time: int) -> None:
        """`order` fills; a trade of which nothing is left moves to the closed ones."""
        trade.fill(order, time)
        if not trade.is_open:
            for waiting in trade.open_orders:
                waiting.canceled = True
            del self.open[trade.pair]
            self.closed.append(trade)
            self.wallet.closed_profit += trade.close_profit_abs or 0.0
