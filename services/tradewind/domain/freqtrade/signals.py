"""What the loop reads of a strategy: a row per candle, its settings, and its callbacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradewind.domain.candle import Candle
from tradewind.domain.freqtrade.market import Market, MonthlyTicks
from tradewind.domain.freqtrade.protections import Protection
from tradewind.domain.freqtrade.roi import RoiTable
from tradewind.domain.freqtrade.stop import StopRules
from tradewind.domain.freqtrade.trade import Order, Trade
from tradewind.domain.freqtrade.wallet import StakeRules
from tradewind.domain.series import Floats, Integers


class Row(NamedTuple):
    """A candle with the signals of the candle before it; tags are empty where there are none."""

    candle: Candle
    enter: bool
    exit: bool
    enter_tag: str = ""
    exit_tag: str = ""


@dataclass(frozen=True, slots=True)
class PairRows:
    """All rows of one pair, ascending and without holes, its market and the ticks of its months."""

    market: Market
    ticks: MonthlyTicks
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class PairColumns:
    """The same as arrays, which the compiled engine reads. Tags may be left out where a strategy gives none."""

    market: Market
    ticks: MonthlyTicks
    open_time: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    enter: NDArray[np.bool_]
    exit: NDArray[np.bool_]
    enter_tags: Sequence[str] = ()
    exit_tags: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.open_time)

    def rows(self) -> PairRows:
        """As rows of plain Python numbers, which the event engine reads."""
        prices = (self.open_time, self.open, self.high, self.low, self.close, self.volume)
        candles = [Candle(*row) for row in zip(*(column.tolist() for column in prices), strict=True)]
        none = [""] * len(self)
        tags = self.enter_tags or none, self.exit_tags or none
        rows = [Row(*row) for row in zip(candles, self.enter.tolist(), self.exit.tolist(), *tags, strict=True)]
        return PairRows(self.market, self.ticks, rows)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a strategy trades, by freqtrade's names. Timeouts in seconds, None for never; `fee` a ratio per side.

    `max_entry_position_adjustment` -1 sets no limit.
    """

    timeframe: str
    stakes: StakeRules
    fee: float
    stop: StopRules
    roi: RoiTable
    entry_timeout: float | None = None
    exit_timeout: float | None = None
    use_exit_signal: bool = True
    exit_profit_only: bool = False
    exit_profit_offset: float = 0.0
    ignore_roi_if_entry_signal: bool = False
    position_adjustment_enable: bool = False
    max_entry_position_adjustment: int = -1
    protections: tuple[Protection, ...] = ()


Asked = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Callbacks:
    """The methods that a strategy has of its own; None where it has not, and nothing is called.

    Times are milliseconds UTC. `trade_type` and `order_type` make the objects that strategies are given. `candle` is
    told of each candle time, `pair` of each pair in it when its turn comes, `moment` of each later candle of a detail
    timeframe inside of it.
    """

    trade_type: type[Trade] = Trade
    order_type: type[Order] = Order
    candle: Callable[[int], None] | None = None
    pair: Callable[[str, int], None] | None = None
    moment: Callable[[int], None] | None = None
    custom_stake_amount: Asked | None = None
    custom_entry_price: Asked | None = None
    custom_exit_price: Asked | None = None
    confirm_trade_entry: Asked | None = None
    confirm_trade_exit: Asked | None = None
    custom_stoploss: Asked | None = None
    stoploss_after_fill: bool = False
    custom_exit: Asked | None = None
    adjust_trade_position: Asked | None = None
    order_filled: Asked | None = None
    check_entry_timeout: Asked | None = None
    check_exit_timeout: Asked | None = None


@dataclass(slots=True)
class Counts:
    """What did not become a trade."""

    rejected_signals: int = 0
    timedout_entry_orders: int = 0
    timedout_exit_orders: int = 0


@dataclass(slots=True)
class Result:
    """A whole run. `closed` in the order of closing; `still_open` could not be closed at the end of the data.

    `balances` are (milliseconds, stake currency and what is held) before each candle; `start` and `end` the open times
    of the first and last candle.
    """

    start: int
    end: int
    closed: list[Trade]
    still_open: list[Trade]
    final_balance: float
    balances: list[tuple[int, float]]
    counts: Counts
    locks: list[Any] = field(default_factory=list)


Pairs = Mapping[str, PairRows]
