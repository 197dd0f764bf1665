"""A few candles and what happens on them: the smallest backtests that show a rule."""

from __future__ import annotations

from decimal import Decimal

from tradewind.domain.candle import Candle
from tradewind.domain.freqtrade.backtest import run_backtest
from tradewind.domain.freqtrade.market import Market, MonthlyTicks
from tradewind.domain.freqtrade.roi import RoiTable
from tradewind.domain.freqtrade.signals import Callbacks, PairRows, Row, Settings
from tradewind.domain.freqtrade.stop import StopRules
from tradewind.domain.freqtrade.trade import Order, Trade
from tradewind.domain.freqtrade.wallet import StakeRules

START = 1_515_542_400_000
STEP = 300_000
PAIR, OTHER = "ETH/BTC", "ADA/BTC"

FLAT = (100.0, 101.0, 99.0, 100.0)
"""Open, high, low, close of a candle on which nothing happens."""


def market(pair=PAIR, *, step="0.001", tick="0.01", **limits):
    return Market(pair, Decimal(tick) if tick else None, Decimal(step) if step else None, **limits)


def time_of(number):
    """The open time of candle `number`; number 0 is the one before the first that is traded."""
    return START + number * STEP


def settings(**changes):
    stakes = {"stake_amount": 100.0, "max_open_trades": 3, "dry_run_wallet": 1000.0}
    stakes |= {name: changes.pop(name) for name in list(changes) if name in StakeRules._fields}
    stop = {"stoploss": -0.5}
    stop |= {name: changes.pop(name) for name in list(changes) if name in StopRules._fields}
    roi = RoiTable(changes.pop("roi", {}), 5)
    timeouts = {"entry_timeout": 600.0, "exit_timeout": 600.0}
    fee = changes.pop("fee", 0.0)
    return Settings(
        timeframe="5m",
        stakes=StakeRules(**stakes),
        fee=fee,
        stop=StopRules(**stop),
        roi=roi,
        **(timeouts | changes),
    )


def rows(candles, enter=(), leave=(), *, enter_tags=None, exit_tags=None, first=1):
    """Rows of candles from number `first` on; `enter` and `leave` are the numbers at whose open a signal acts."""
    return [
        Row(
            Candle(time_of(number), *candle, 10.0),
            number in enter,
            number in leave,
            (enter_tags or {}).get(number, ""),
            (exit_tags or {}).get(number, ""),
        )
        for number, candle in enumerate(candles, first)
    ]


def play(candles, enter=(), leave=(), *, callbacks=None, on=None, end=None, **changes):
    """Trade one pair over `candles`; the last may not be entered on."""
    pairs = {PAIR: PairRows(on or market(), MonthlyTicks((), ()), rows(candles, enter, leave))}
    return play_pairs(pairs, callbacks=callbacks, end=end or len(candles), **changes)


def play_pairs(pairs, *, callbacks=None, end, **changes):
    """Trade prepared `pairs` up to candle number `end`."""
    return run_backtest(pairs, settings(**changes), callbacks or Callbacks(), (time_of(0), time_of(end)))


def bought(price=100.0, amount=1.0, *, fee=0.0, tick="0.01", on=None, time=START):
    """A trade whose entry has filled."""
    order = Order(is_entry=True, price=price, amount=amount, placed_at=time, tag=None)
    trade = Trade(on or market(), Decimal(tick) if tick else None, fee, time=time, tag="", entry=order)
    trade.fill(order, time)
    return trade


def closed(profit_ratio, minute, *, pair=PAIR, reason="stop_loss", profit=None):
    """A trade that closed `minute` minutes after START, with that profit."""
    trade = bought(on=market(pair))
    trade.is_open = False
    trade.close_time = START + minute * 60_000
    trade.exit_reason = reason
    trade.close_profit = profit_ratio
    trade.close_profit_abs = profit_ratio * 100 if profit is None else profit
    return trade
