"""`IStrategy`: what a strategy written for freqtrade derives from, with the documented defaults.

Callbacks do nothing here, and the rules only call those that a strategy has of its own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pandas import DataFrame

from tradewind.strategies.freqtrade.pair_locks import PairLocks
from tradewind.strategies.freqtrade.persistence import Order, Trade
from tradewind.strategies.freqtrade.timeframes import timeframe_to_next_date


class IStrategy:
    """Base of strategies. Attributes are the settings; `dp`, `wallets` and `config` are given before anything runs."""

    INTERFACE_VERSION: int = 3

    timeframe: str = "5m"
    can_short: bool = False
    minimal_roi: dict[Any, float] = {}  # noqa: RUF012 - strategies replace it whole
    stoploss: float
    max_open_trades: float
    trailing_stop: bool = False
    trailing_stop_positive: float | None = None
    trailing_stop_positive_offset: float = 0.0
    trailing_only_offset_is_reached: bool = False
    use_custom_stoploss: bool = False
    use_custom_roi: bool = False
    process_only_new_candles: bool = True
    use_exit_signal: bool = True
    exit_profit_only: bool = False
    exit_profit_offset: float = 0.0
    ignore_roi_if_entry_signal: bool = False
    ignore_buying_expired_candle_after: int = 0
    position_adjustment_enable: bool = False
    max_entry_position_adjustment: int = -1
    startup_candle_count: int = 0
    disable_dataframe_checks: bool = False
    order_types: dict[str, Any] = {  # noqa: RUF012 - strategies replace it whole
        "entry": "limit",
        "exit": "limit",
        "stoploss": "limit",
        "stoploss_on_exchange": False,
        "stoploss_on_exchange_interval": 60,
    }
    order_time_in_force: dict[str, str] = {"entry": "GTC", "exit": "GTC"}  # noqa: RUF012
    plot_config: dict[str, Any] = {}  # noqa: RUF012
    protections: list[dict[str, Any]] = []  # noqa: RUF012

    dp: Any = None
    wallets: Any = None

    def __init__(self, config: dict[str, Any]) -> None:
        """`config` is the whole configuration."""
        self.config = config

    def version(self) -> str | None:
        """Whatever the author calls this version."""
        return None

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Add indicators to the candles of the pair `metadata["pair"]`."""
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Set `enter_long` to 1 (and `enter_tag`) on candles after which to enter."""
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Set `exit_long` to 1 (and `exit_tag`) on candles after which to leave."""
        return dataframe

    def informative_pairs(self) -> list[tuple[str, ...]]:
        """More pairs and timeframes to have candles of."""
        return []

    def bot_start(self, **kwargs: Any) -> None:
        """Called once, before any candle."""

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        """Called before each candle time."""

    def custom_stake_amount(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_stake: float,
        min_stake: float | None,
        max_stake: float,
        leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        """The stake of a new trade."""
        return proposed_stake

    def custom_entry_price(
        self,
        pair: str,
        trade: Trade | None,
        current_time: datetime,
        proposed_rate: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        """The price of an entry order."""
        return proposed_rate

    def custom_exit_price(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        proposed_rate: float,
        current_profit: float,
        exit_tag: str | None,
        **kwargs: Any,
    ) -> float:
        """The price of an exit order of a signal, of `custom_exit` or of a partial exit."""
        return proposed_rate

    def confirm_trade_entry(
        self,
        pair: str,
        order_type: str,
        amount: float,
        rate: float,
        time_in_force: str,
        current_time: datetime,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> bool:
        """Whether an entry order may be placed."""
        return True

    def confirm_trade_exit(
        self,
        pair: str,
        trade: Trade,
        order_type: str,
        amount: float,
        rate: float,
        time_in_force: str,
        exit_reason: str,
        current_time: datetime,
        **kwargs: Any,
    ) -> bool:
        """Whether an exit order may be placed."""
        return True

    def custom_stoploss(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        after_fill: bool,
        **kwargs: Any,
    ) -> float | None:
        """The distance of the stop from `current_rate`, as a ratio; None leaves it."""
        return self.stoploss

    def custom_exit(
        self, pair: str, trade: Trade, current_time: datetime, current_rate: float, current_profit: float, **kwargs: Any
    ) -> str | bool | None:
        """Whether to leave now, and why."""
        return None

    def adjust_trade_position(
        self,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        min_stake: float | None,
        max_stake: float,
        current_entry_rate: float,
        current_exit_rate: float,
        current_entry_profit: float,
        current_exit_profit: float,
        **kwargs: Any,
    ) -> float | tuple[float | None, str | None] | None:
        """The stake to add (positive) or to take out (negative)."""
        return None

    def leverage(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_leverage: float,
        max_leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        """Leverage of a trade; spot has none, and it is not asked."""
        return 1.0

    def order_filled(self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any) -> None:
        """Called after each fill."""

    def check_entry_timeout(self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any) -> bool:
        """Whether a waiting entry order is to be dropped."""
        return False

    def check_exit_timeout(self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any) -> bool:
        """Whether a waiting exit order is to be dropped."""
        return False

    def lock_pair(self, pair: str, until: datetime, reason: str | None = None, side: str = "*") -> None:
        """Keep `pair` from being entered before `until`."""
        PairLocks.lock_pair(pair, until, reason, side=side)

    def unlock_pair(self, pair: str) -> None:
        """Let `pair` be entered again."""
        PairLocks.unlock_pair(pair)

    def is_pair_locked(self, pair: str, *, candle_date: datetime | None = None, side: str = "*") -> bool:
        """Whether `pair` may not be entered now, or in the candle after that of `candle_date`."""
        when = timeframe_to_next_date(self.timeframe, candle_date) if candle_date else None
        return PairLocks.is_pair_locked(pair, when, side)

    def get_strategy_name(self) -> str:
        """The name of the class."""
        return type(self).__name__


CALLBACKS = (
    "bot_loop_start",
    "custom_stake_amount",
    "custom_entry_price",
    "custom_exit_price",
    "confirm_trade_entry",
    "confirm_trade_exit",
    "custom_stoploss",
    "custom_exit",
    "adjust_trade_position",
    "order_filled",
    "check_entry_timeout",
    "check_exit_timeout",
)
"""The methods that are called while a backtest walks its candles."""
