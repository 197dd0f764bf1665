"""Lets the rules call the methods that a strategy has of its own, with the arguments and types that freqtrade gives."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from numbers import Real
from typing import Any

from tradewind.domain.candle_checks import iso_time
from tradewind.domain.errors import ConfigError
from tradewind.domain.freqtrade.signals import Callbacks
from tradewind.domain.freqtrade.trade import Order as RuleOrder
from tradewind.domain.freqtrade.trade import Trade as RuleTrade
from tradewind.strategies.freqtrade.interface import CALLBACKS, IStrategy
from tradewind.strategies.freqtrade.persistence import Order, Trade
from tradewind.strategies.freqtrade.session import Session, moment


def own_callbacks(strategy: IStrategy) -> set[str]:
    """The names of the callbacks that `strategy` has of its own."""
    own = {name for name in CALLBACKS if getattr(type(strategy), name) is not getattr(IStrategy, name)}
    return own | {"custom_stoploss"} if strategy.use_custom_stoploss else own


def callbacks_of(strategy: IStrategy, session: Session) -> Callbacks:
    """What `strategy` has of its own. A callback that raises ends the run with its name, pair and candle."""
    calls = _Calls(strategy, session)
    return Callbacks(
        trade_type=Trade,
        order_type=Order,
        candle=calls.candle,
        moment=calls.walk_to,
        pair=strategy.dp.walk_pair_to,
        stoploss_after_fill="after_fill" in inspect.signature(strategy.custom_stoploss).parameters,
        **{name: getattr(calls, name) for name in own_callbacks(strategy) if name != "bot_loop_start"},
    )


class Caller:
    """Calls methods of `strategy` with those of the arguments that they take."""

    def __init__(self, strategy: IStrategy) -> None:
        self._strategy = strategy
        self._names: dict[str, set[str] | None] = {}

    def ask(self, method: Callable[..., Any], pair: str, time: int, /, **arguments: Any) -> Any:
        """What `method` answers at `time`. Raises `ConfigError` with its name, the pair and the time where it fails."""
        try:
            return method(**self._accepted(method, {"current_time": moment(time), **arguments}))
        except ConfigError:
            raise
        except Exception as error:
            told = f"{type(error).__name__}: {error} ({f'{pair} at ' if pair else ''}{iso_time(time)})"
            field = f"{type(self._strategy).__name__}.{method.__name__}"
            raise ConfigError(field, told, "a callback that returns", "correct it") from error

    def _accepted(self, method: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
        """What of `arguments` the method takes: all, unless it was written without `**kwargs`."""
        name = method.__name__
        if name not in self._names:
            parameters = inspect.signature(method).parameters.values()
            takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters)
            self._names[name] = None if takes_all else {each.name for each in parameters}
        names = self._names[name]
        return arguments if names is None else {key: value for key, value in arguments.items() if key in names}


class _Calls:
    """Each method has the arguments of the rules, and passes on those of the strategy."""

    def __init__(self, strategy: IStrategy, session: Session) -> None:
        self._strategy, self._session, self._caller = strategy, session, Caller(strategy)
        self._loop = type(strategy).bot_loop_start is not IStrategy.bot_loop_start
        orders = {**IStrategy.order_types, **strategy.order_types}
        lives = {**IStrategy.order_time_in_force, **strategy.order_time_in_force}
        self._entry = {"order_type": orders["entry"], "time_in_force": lives["entry"], "side": "long"}
        self._exit = {"order_type": orders["exit"], "time_in_force": lives["exit"]}

    def candle(self, time: int) -> None:
        self.walk_to(time)
        if self._loop:
            self._caller.ask(self._strategy.bot_loop_start, "", time)

    def walk_to(self, time: int) -> None:
        self._session.time = time
        self._strategy.dp.walk_to(time)

    def custom_stake_amount(
        self, pair: str, time: int, rate: float, stake: float, least: float, most: float, tag: str
    ) -> Any:
        return self._caller.ask(
            self._strategy.custom_stake_amount,
            pair,
            time,
            pair=pair,
            current_rate=rate,
            proposed_stake=stake,
            min_stake=least,
            max_stake=most,
            leverage=1.0,
            entry_tag=tag or None,
            side="long",
        )

    def custom_entry_price(self, pair: str, trade: RuleTrade | None, time: int, rate: float, tag: str) -> Any:
        return self._number(
            self._caller.ask(
                self._strategy.custom_entry_price,
                pair,
                time,
                pair=pair,
                trade=trade,
                proposed_rate=rate,
                entry_tag=tag or None,
                side="long",
            )
        )

    def custom_exit_price(self, trade: RuleTrade, time: int, rate: float, profit: float, reason: str) -> Any:
        return self._number(
            self._caller.ask(
                self._strategy.custom_exit_price,
                trade.pair,
                time,
                pair=trade.pair,
                trade=trade,
                proposed_rate=rate,
                current_profit=profit,
                exit_tag=reason,
            )
        )

    def confirm_trade_entry(self, pair: str, amount: float, rate: float, time: int, tag: str) -> Any:
        method = self._strategy.confirm_trade_entry
        return self._caller.ask(
            method, pair, time, pair=pair, amount=amount, rate=rate, entry_tag=tag or None, **self._entry
        )

    def confirm_trade_exit(self, trade: RuleTrade, amount: float, rate: float, reason: str, time: int) -> Any:
        return self._caller.ask(
            self._strategy.confirm_trade_exit,
            trade.pair,
            time,
            pair=trade.pair,
            trade=trade,
            amount=amount,
            rate=rate,
            exit_reason=str(reason),
            sell_reason=str(reason),
            **self._exit,
        )

    def custom_stoploss(self, trade: RuleTrade, time: int, rate: float, profit: float, *, after_fill: bool) -> Any:
        answer = self._caller.ask(
            self._strategy.custom_stoploss,
            trade.pair,
            time,
            pair=trade.pair,
            trade=trade,
            current_rate=rate,
            current_profit=profit,
            after_fill=after_fill,
        )
        return None if answer is None else float(answer)

    def custom_exit(self, trade: RuleTrade, time: int, rate: float, profit: float) -> Any:
        method = self._strategy.custom_exit
        return self._caller.ask(
            method, trade.pair, time, pair=trade.pair, trade=trade, current_rate=rate, current_profit=profit
        )

    def adjust_trade_position(
        self, trade: RuleTrade, time: int, rate: float, profit: float, least: float, most: float
    ) -> Any:
        return self._caller.ask(
            self._strategy.adjust_trade_position,
            trade.pair,
            time,
            trade=trade,
            current_rate=rate,
            current_profit=profit,
            min_stake=least,
            max_stake=most,
            current_entry_rate=rate,
            current_exit_rate=rate,
            current_entry_profit=profit,
            current_exit_profit=profit,
        )

    def order_filled(self, trade: RuleTrade, order: RuleOrder, time: int) -> None:
        self._caller.ask(self._strategy.order_filled, trade.pair, time, pair=trade.pair, trade=trade, order=order)

    def check_entry_timeout(self, trade: RuleTrade, order: RuleOrder, time: int) -> Any:
        method = self._strategy.check_entry_timeout
        return self._caller.ask(method, trade.pair, time, pair=trade.pair, trade=trade, order=order)

    def check_exit_timeout(self, trade: RuleTrade, order: RuleOrder, time: int) -> Any:
        method = self._strategy.check_exit_timeout
        return self._caller.ask(method, trade.pair, time, pair=trade.pair, trade=trade, order=order)

    @staticmethod
    def _number(answer: Any) -> float | None:
        """A price; what is none falls back to the proposed one, as documented."""
        return float(answer) if isinstance(answer, Real) and answer == answer else None  # noqa: PLR0124
