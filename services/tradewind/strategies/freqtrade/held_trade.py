"""`Trade` as a callback sees it under native rules: a position of the bot's, under the documented names.

What native rules know has its name here; whatever else is asked for is refused by its name, so that nothing that is
not known passes for None or 0. Profits are reckoned as freqtrade reckons them, with the fee of both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from tradewind.domain.decision import HeldPosition
from tradewind.domain.errors import ConfigError
from tradewind.domain.freqtrade.trade import close_value, open_value, rounded, stake_of
from tradewind.strategies.freqtrade.session import moment
from tradewind.strategies.freqtrade.timeframes import timeframe_to_minutes


@dataclass(frozen=True, slots=True)
class Around:
    """What a trade tells beside its position: names, the fee as a ratio, and what candles say of its time.

    `entry_tag` is that of the last signal to enter before it opened; `rates` gives the lowest and the highest price
    since then.
    """

    pair: str
    strategy: str
    exchange: str
    currency: str
    timeframe: str
    fee: float
    entry_tag: Callable[[], str | None]
    rates: Callable[[], tuple[float, float]]


class HeldTrade:
    """An open trade: long, spot, entered by one order."""

    is_open, is_short, has_open_position, has_open_orders = True, False, True, False
    leverage = 1.0
    entry_side, exit_side, trade_direction = "buy", "sell", "long"
    nr_of_successful_entries = nr_of_successful_buys = 1
    nr_of_successful_exits = nr_of_successful_sells = 0
    close_date = close_date_utc = close_rate = close_profit = close_profit_abs = exit_reason = None
    liquidation_price = None
    funding_fees = interest_rate = 0.0

    def __init__(self, position: HeldPosition, around: Around) -> None:
        self._position, self._around = position, around
        self.pair, self.strategy, self.exchange = around.pair, around.strategy, around.exchange
        self.base_currency, _, self.quote_currency = around.pair.partition("/")
        self.safe_base_currency, self.safe_quote_currency = self.base_currency, self.quote_currency
        self.stake_currency = around.currency
        self.timeframe = timeframe_to_minutes(around.timeframe)
        self.amount, self.open_rate = float(position.amount), float(position.average_price)
        self.fee_open = self.fee_close = around.fee
        self.stake_amount = stake_of(self.amount, self.open_rate)
        self.open_trade_value = open_value(self.amount, self.open_rate, around.fee)

    @property
    def open_date_utc(self) -> datetime:
        """When its first fill was."""
        return moment(self._position.open_time)

    open_date = date_entry_fill_utc = open_date_utc

    @property
    def enter_tag(self) -> str | None:
        """The tag that the class gave the signal."""
        return self._around.entry_tag()

    entry_tag = buy_tag = enter_tag

    @property
    def stop_loss(self) -> float:
        """Where its stop rests."""
        if self._position.stop_price is None:
            self._refuse("stop_loss", "no stop rests for it")
        return float(self._position.stop_price)

    stoploss_or_liquidation = stop_loss

    @property
    def stop_loss_pct(self) -> float:
        """The same as a ratio of the entry, below 0 for a loss."""
        return self.stop_loss / self.open_rate - 1

    @property
    def min_rate(self) -> float:
        """The lowest price since it opened."""
        return min(self.open_rate, self._around.rates()[0])

    @property
    def max_rate(self) -> float:
        """The highest price since it opened."""
        return max(self.open_rate, self._around.rates()[1])

    def calc_profit_ratio(self, rate: float, amount: float | None = None, open_rate: float | None = None) -> float:
        """Profit, as a ratio rounded to eight decimals, of selling at `rate`."""
        size, opened = self._opened(amount, open_rate)
        return rounded(close_value(size, rate, self.fee_close) / opened - 1) if opened else 0.0

    def calc_profit(self, rate: float, amount: float | None = None, open_rate: float | None = None) -> float:
        """Profit in quote, rounded to eight decimals, of selling at `rate`."""
        size, opened = self._opened(amount, open_rate)
        return rounded(close_value(size, rate, self.fee_close) - opened)

    def calc_close_trade_value(self, rate: float, amount: float | None = None) -> float:
        """What is held is worth at `rate`, the fee taken off."""
        return close_value(self.amount if amount is None else amount, rate, self.fee_close)

    def _opened(self, amount: float | None, open_rate: float | None) -> tuple[float, float]:
        size = self.amount if amount is None else amount
        return size, open_value(size, self.open_rate if open_rate is None else open_rate, self.fee_open)

    def __getattr__(self, name: str) -> Any:
        """Refused by its name, `hasattr` too: no class is to go on as if there were nothing."""
        if name.startswith("_"):
            raise AttributeError(name)
        self._refuse(name, "it is asked for")

    def _refuse(self, name: str, told: str) -> NoReturn:
        allowed = "what a bot knows of a position: docs/freqtrade.md lists it"
        raise ConfigError(f"{self._around.strategy}: Trade.{name}", told, allowed, "remove it")
