"""A trade and its orders: averages, values with fees, profits. The fields have the names that strategies read.

Values are exact decimal products of the shortest text of the floats. Two profits are told apart, as freqtrade does:
the one that decides is rounded to eight decimals and measured from the rounded `open_rate`; the one that is booked is
measured from the average price that was paid.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Context, Decimal
from enum import StrEnum

from tradewind.domain.freqtrade.market import Market, rounded_price
from tradewind.domain.money import ONE, ZERO, decimal_of

_EXACT = Context(prec=80)
_DECIMALS = Decimal(1).scaleb(-18)
_MINUTE = 60_000


class Reason(StrEnum):
    """Why an exit was asked for, in freqtrade's words; tags and texts of a strategy take their place."""

    EXIT_SIGNAL = "exit_signal"
    CUSTOM_EXIT = "custom_exit"
    STOP_LOSS = "stop_loss"
    TRAILING_STOP_LOSS = "trailing_stop_loss"
    ROI = "roi"
    PARTIAL_EXIT = "partial_exit"
    FORCE_EXIT = "force_exit"


def open_value(amount: float, rate: float, fee: float) -> float:
    """What `amount` cost at `rate`, the fee (a ratio) added."""
    return value_with_fee(amount, rate, fee)


def close_value(amount: float, rate: float, fee: float) -> float:
    """What `amount` brings at `rate`, the fee (a ratio) taken off."""
    return value_with_fee(amount, rate, -fee)


def value_with_fee(amount: float, rate: float, fee: float) -> float:
    """What `amount` at `rate` comes to with the `fee` (a ratio, negative for a sale)."""
    return float(_EXACT.multiply(_EXACT.multiply(decimal_of(amount), decimal_of(rate)), ONE + decimal_of(fee)))


def stake_of(amount: float, price: float) -> float:
    """What `amount` costs at `price`, without a fee."""
    return float(_EXACT.multiply(decimal_of(amount), decimal_of(price)))


def profit_ratio(trade: Trade, rate: float) -> float:
    """Profit, as a ratio rounded to eight decimals, of selling all that `trade` holds at `rate`."""
    if not trade.open_trade_value:
        return 0.0
    return rounded(close_value(trade.amount, rate, trade.fee_close) / trade.open_trade_value - 1)


def share_of(stake: float, amount: float, whole: float) -> float:
    """The part of `amount` that `stake` is of the `whole` stake; exact, so that a half is a half."""
    share = _EXACT.divide(_EXACT.multiply(decimal_of(stake), decimal_of(amount)), decimal_of(whole))
    return float(share.quantize(_DECIMALS, ROUND_DOWN, _EXACT))


def average_of(amount: float, price: float) -> float:
    """The average price of one entry, with the 18 decimals that are kept."""
    return float(_average(_EXACT.multiply(decimal_of(amount), decimal_of(price)), decimal_of(amount)))


def _average(paid: Decimal, held: Decimal) -> Decimal:
    return _EXACT.divide(paid, held).quantize(_DECIMALS, ROUND_DOWN, _EXACT)


def rounded(value: float) -> float:
    """`value` with the eight decimals that freqtrade keeps."""
    return float(f"{value:.8f}")


class Order:
    """One order of a trade. Times in milliseconds UTC; `filled_at` is None until it filled, whole."""

    def __init__(self, *, is_entry: bool, price: float, amount: float, placed_at: int, tag: str | None) -> None:
        self.is_entry = is_entry
        self.price = price
        self.amount = amount
        self.placed_at = placed_at
        self.ft_order_tag = tag
        self.filled_at: int | None = None
        self.canceled = False

    @property
    def side(self) -> str:
        """`buy` or `sell`."""
        return "buy" if self.is_entry else "sell"

    @property
    def ft_is_open(self) -> bool:
        """Whether it waits to be filled."""
        return self.filled_at is None and not self.canceled


class Trade:
    """A position from the placing of its first order on. All money in quote, amounts in base."""

    is_short = False
    leverage = 1.0

    def __init__(self, market: Market, tick: Decimal | None, fee: float, *, time: int, tag: str, entry: Order) -> None:
        """`tick` is fixed here, for the whole trade; `entry` is the first order, placed at `time`."""
        self.pair = market.pair
        self.market = market
        self.tick = tick
        self.fee_open = self.fee_close = fee
        self.open_time = time
        self.enter_tag = tag
        self.orders = [entry]
        self.is_open = True
        self.amount = 0.0
        self.stake_amount = self.max_stake_amount = stake_of(entry.amount, entry.price)
        self.open_rate = self.min_rate = self.max_rate = entry.price
        self.open_trade_value = open_value(entry.amount, entry.price, fee)
        self.stop_loss = self.initial_stop_loss = 0.0
        self.stop_loss_pct = 0.0
        self.is_stop_loss_trailing = False
        self.close_time: int | None = None
        self.close_rate: float | None = None
        self.exit_reason: str | None = None
        self.close_profit: float | None = None
        self.close_profit_abs: float | None = None
        self.realized_profit = 0.0

    @property
    def has_open_position(self) -> bool:
        """Whether anything is held; False only while the first entry waits."""
        return self.amount > 0

    @property
    def open_orders(self) -> list[Order]:
        """Orders that wait to be filled, in the order of placing."""
        return [order for order in self.orders if order.ft_is_open]

    @property
    def has_open_orders(self) -> bool:
        """Whether any order waits to be filled."""
        return any(order.ft_is_open for order in self.orders)

    @property
    def nr_of_successful_entries(self) -> int:
        """Entry orders that filled."""
        return sum(order.is_entry and order.filled_at is not None for order in self.orders)

    @property
    def nr_of_successful_exits(self) -> int:
        """Exit orders that filled, partial exits included."""
        return sum(not order.is_entry and order.filled_at is not None for order in self.orders)

    def age(self, time: int) -> int:
        """Whole minutes from the placing of the first order to `time`."""
        return (time - self.open_time) // _MINUTE

    def calc_profit_ratio(self, rate: float, amount: float | None = None, open_rate: float | None = None) -> float:
        """Profit, as a ratio rounded to eight decimals, of selling at `rate`."""
        if amount is None and open_rate is None:
            return profit_ratio(self, rate)
        size = self.amount if amount is None else amount
        opened = open_value(size, self.open_rate if open_rate is None else open_rate, self.fee_open)
        return rounded(close_value(size, rate, self.fee_close) / opened - 1) if opened else 0.0

    def calc_profit(self, rate: float, amount: float | None = None, open_rate: float | None = None) -> float:
        """Profit in quote, rounded to eight decimals, of selling at `rate`."""
        size = self.amount if amount is None else amount
        opened = open_value(size, self.open_rate if open_rate is None else open_rate, self.fee_open)
        return rounded(close_value(size, rate, self.fee_close) - opened)

    def adjust_min_max_rates(self, high: float, low: float) -> None:
        """Widen the range of prices seen while the trade was open."""
        self.max_rate = max(self.max_rate, high)
        self.min_rate = min(self.min_rate, low)

    def fill(self, order: Order, time: int) -> None:
        """`order` filled at `time`, whole: average, amount, stake and profits follow from all fills so far."""
        order.filled_at = time
        held = paid = average = entered = most = ZERO
        profit = 0.0
        for done in (each for each in self.orders if each.filled_at is not None):
            amount, price = decimal_of(done.amount), decimal_of(done.price)
            if done.is_entry:
                held, paid = held + amount, _EXACT.add(paid, _EXACT.multiply(amount, price))
                average = _average(paid, held)
                entered += decimal_of(open_value(done.amount, done.price, self.fee_open))
                most = _EXACT.add(most, _EXACT.multiply(amount, price))
            else:
                held, paid = held - amount, _EXACT.subtract(paid, _EXACT.multiply(amount, average))
                profit += self.calc_profit(done.price, done.amount, float(average))
        self.max_stake_amount = float(most)
        self.realized_profit = profit
        if held > ZERO:
            self.amount, self.stake_amount = float(held), float(paid)
            self.open_rate = rounded_price(float(_EXACT.divide(paid, held)), self.tick)
            self.open_trade_value = open_value(self.amount, self.open_rate, self.fee_open)
            return
        self.is_open = False
        self.close_time, self.close_rate = time, order.price
        self.close_profit_abs, self.close_profit = profit, profit / float(entered)
