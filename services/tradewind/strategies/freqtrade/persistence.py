"""`Trade` and `Order` as strategies know them: the rules' own objects under the documented names."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tradewind.domain.freqtrade.trade import Order as RuleOrder
from tradewind.domain.freqtrade.trade import Trade as RuleTrade
from tradewind.domain.freqtrade.trade import close_value, stake_of
from tradewind.strategies.freqtrade.session import current, milliseconds_of, moment
from tradewind.strategies.freqtrade.timeframes import timeframe_to_minutes


class Order(RuleOrder):
    """An order of a trade; simulated ones fill whole."""

    order_type = "limit"

    @property
    def ft_order_side(self) -> str:
        """`buy` or `sell`."""
        return self.side

    @property
    def ft_is_entry(self) -> bool:
        """Whether it adds to the position."""
        return self.is_entry

    @property
    def status(self) -> str:
        """`open`, `closed` or `canceled`."""
        if self.filled_at is not None:
            return "closed"
        return "canceled" if self.canceled else "open"

    @property
    def filled(self) -> float:
        """How much filled."""
        return 0.0 if self.filled_at is None else self.amount

    @property
    def remaining(self) -> float:
        """How much has not filled."""
        return self.amount - self.filled

    @property
    def average(self) -> float | None:
        """The price it filled at."""
        return None if self.filled_at is None else self.price

    @property
    def cost(self) -> float:
        """What filled, in quote."""
        return stake_of(self.filled, self.price)

    @property
    def stake_amount(self) -> float:
        """The whole order, in quote."""
        return stake_of(self.amount, self.price)

    @property
    def stake_amount_filled(self) -> float:
        """What filled of it, in quote."""
        return self.cost

    safe_filled, safe_remaining, safe_cost, safe_amount_after_fee = filled, remaining, cost, filled

    @property
    def safe_amount(self) -> float:
        """How much was ordered."""
        return self.amount

    @property
    def safe_price(self) -> float:
        """Its price."""
        return self.price

    @property
    def order_date_utc(self) -> datetime:
        """When it was placed."""
        return moment(self.placed_at)

    @property
    def order_filled_utc(self) -> datetime | None:
        """When it filled."""
        return None if self.filled_at is None else moment(self.filled_at)

    order_date, order_filled_date = order_date_utc, order_filled_utc

    def __getitem__(self, name: str) -> Any:
        """Older strategies read an order like a dictionary."""
        return getattr(self, name)


class Trade(RuleTrade):
    """A trade of the run in progress."""

    entry_side, exit_side, trade_direction = "buy", "sell", "long"
    liquidation_price = None
    interest_rate = 0.0
    funding_fees = 0.0
    has_open_sl_orders = False

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.open_rate_requested = self.open_rate
        self.amount_requested = self.orders[0].amount
        self._custom_data: dict[str, Any] = {}
        session = current()
        self.id = session.number(self) if session else 0
        self.exchange = session.exchange if session else ""
        self.strategy = session.strategy if session else ""
        self.stake_currency = session.stake_currency if session else self.safe_quote_currency
        self.timeframe = timeframe_to_minutes(session.timeframe) if session and session.timeframe else None

    @property
    def safe_base_currency(self) -> str:
        """What is traded."""
        return self.pair.partition("/")[0]

    base_currency = safe_base_currency

    @property
    def safe_quote_currency(self) -> str:
        """What it is paid with."""
        return self.pair.partition("/")[2]

    @property
    def open_date_utc(self) -> datetime:
        """When the first order was placed."""
        return moment(self.open_time)

    @property
    def close_date_utc(self) -> datetime | None:
        """When the last exit filled."""
        return None if self.close_time is None else moment(self.close_time)

    open_date, close_date = open_date_utc, close_date_utc

    @property
    def date_entry_fill_utc(self) -> datetime | None:
        """When the first entry filled."""
        times = [order.filled_at for order in self.orders if order.is_entry and order.filled_at is not None]
        return moment(min(times)) if times else None

    @property
    def date_last_filled_utc(self) -> datetime:
        """When the latest order filled; the opening where none did."""
        times = [order.filled_at for order in self.orders if order.filled_at is not None]
        return moment(max(times, default=self.open_time))

    @property
    def entry_tag(self) -> str:
        """The tag of the entry."""
        return self.enter_tag

    buy_tag = entry_tag

    @property
    def safe_close_rate(self) -> float:
        """The last exit's price, 0 before there is one."""
        return self.close_rate or 0.0

    @property
    def stoploss_or_liquidation(self) -> float:
        """Where the stop is."""
        return self.stop_loss

    @property
    def initial_stop_loss_pct(self) -> float:
        """Where the stop began, as a negative ratio of the entry."""
        return self.initial_stop_loss / self.open_rate - 1 if self.open_rate else 0.0

    @property
    def nr_of_successful_buys(self) -> int:
        """Entries that filled."""
        return self.nr_of_successful_entries

    @property
    def nr_of_successful_sells(self) -> int:
        """Exits that filled."""
        return self.nr_of_successful_exits

    def calc_close_trade_value(self, rate: float, amount: float | None = None) -> float:
        """What is held is worth at `rate`, the fee taken off."""
        return close_value(self.amount if amount is None else amount, rate, self.fee_close)

    def select_filled_orders(self, order_side: str | None = None) -> list[RuleOrder]:
        """Orders that filled, of one side if asked."""
        return [each for each in self.orders if each.filled_at is not None and order_side in (None, each.side)]

    def select_filled_or_open_orders(self) -> list[RuleOrder]:
        """Orders that filled or wait."""
        return [each for each in self.orders if not each.canceled]

    def select_order(
        self, order_side: str | None = None, is_open: bool | None = None, only_filled: bool = False
    ) -> RuleOrder | None:
        """The latest order of that kind."""
        for order in reversed(self.orders):
            fits = order_side in (None, order.side) and is_open in (None, order.ft_is_open)
            if fits and not (only_filled and order.filled_at is None):
                return order
        return None

    def set_custom_data(self, key: str, value: Any) -> None:
        """Keep a value with the trade."""
        self._custom_data[key] = value

    def get_custom_data(self, key: str, default: Any = None) -> Any:
        """A value that was kept."""
        return self._custom_data.get(key, default)

    def get_custom_data_keys(self) -> list[str]:
        """Which values are kept."""
        return list(self._custom_data)

    @classmethod
    def get_trades_proxy(
        cls,
        *,
        pair: str | None = None,
        is_open: bool | None = None,
        open_date: datetime | None = None,
        close_date: datetime | None = None,
    ) -> list[RuleTrade]:
        """Trades of the run: of a pair, open or closed, opened or closed after a date."""
        found: list[RuleTrade] = []
        session = current()
        if session is not None:
            found += session.book.closed if is_open in (None, False) else []
            found += session.book.open.values() if is_open in (None, True) else []
        return [
            trade
            for trade in found
            if pair in (None, trade.pair)
            and (open_date is None or trade.open_time > milliseconds_of(open_date))
            and (close_date is None or (trade.close_time or 0) > milliseconds_of(close_date))
        ]

    @classmethod
    def get_open_trades(cls) -> list[RuleTrade]:
        """Trades that are open."""
        return cls.get_trades_proxy(is_open=True)

    @classmethod
    def get_open_trade_count(cls) -> int:
        """How many trades are open."""
        return len(cls.get_open_trades())

    @classmethod
    def total_open_trades_stakes(cls) -> float:
        """What open trades hold."""
        return sum(trade.stake_amount for trade in cls.get_open_trades())

    @classmethod
    def get_total_closed_profit(cls) -> float:
        """What closed trades brought."""
        return sum(trade.close_profit_abs or 0.0 for trade in cls.get_trades_proxy(is_open=False))


LocalTrade = Trade
