"""The cross of averages as people write it with other libraries; run by the Python of an environment that has them.

It stands alone: nothing of Tradewind is there. `python other_sides.py LIBRARY CANDLES.npz` reads arrays `open high low
close` (prices in whole cents) and numbers `fast slow fee stake balance`, prints the version, and then for each line on
stdin trades all candles once and prints what it measured: seconds of its thread, trades, and profit.

The averages are exact sums of cents by numpy, which is quicker than what the libraries bring and sees the same crosses.
Each is given candles as it likes to have them before the clock starts.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

MILLION = 1_000_000
Once = Callable[[], tuple[int, float]]
"""Trades all candles, and answers how many trades it made and what they brought."""


class Cross:
    """The given candles; `wish` is above 0 where the fast average is above the slow one, below it where it is below."""

    def __init__(self, path: str) -> None:
        given = np.load(path)
        self.open, self.high, self.low, self.close = (given[name] for name in ("open", "high", "low", "close"))
        self.fast, self.slow = int(given["fast"]), int(given["slow"])
        self.fee, self.stake, self.balance = (float(given[name]) for name in ("fee", "stake", "balance"))
        self.index = pd.date_range("2018-01-01", periods=len(self.close), freq="min")

    def wish(self, close: Any) -> Any:
        cents = np.concatenate(([0], np.cumsum(np.round(close * 100).astype(np.int64))))
        found = np.zeros(len(close), dtype=np.int64)
        fast, slow = (
            cents[self.slow :] - cents[self.slow - self.fast : -self.fast],
            cents[self.slow :] - cents[: -self.slow],
        )
        found[self.slow - 1 :] = fast * self.slow - slow * self.fast
        # As the other sides have it: the first candle whose averages count is the one after they are whole.
        found[self.slow - 1] = 0
        return found


def with_vectorbt(cross: Cross) -> tuple[str, Once]:
    """Signals as arrays, followed at the next open; the last open sells what is held."""
    vectorbt = import_module("vectorbt")
    opened, close = pd.Series(cross.open, cross.index), pd.Series(cross.close, cross.index)

    def once() -> tuple[int, float]:
        wish = cross.wish(cross.close)
        enter, leave = np.zeros(len(wish), dtype=bool), np.zeros(len(wish), dtype=bool)
        enter[1:-1], leave[1:-1] = wish[:-2] > 0, wish[:-2] < 0
        leave[-1] = True
        portfolio = vectorbt.Portfolio.from_signals(
            close,
            enter,
            leave,
            price=opened,
            size=cross.stake / cross.open,
            fees=cross.fee,
            init_cash=cross.balance,
            freq="1min",
        )
        return int(portfolio.trades.count()), float(portfolio.final_value()) - cross.balance

    return vectorbt.__version__, once


def with_backtesting(cross: Cross) -> tuple[str, Once]:
    """A strategy that is asked candle by candle; in millionths of a coin, because it trades whole units."""
    backtesting = import_module("backtesting")
    names = {"Open": cross.open, "High": cross.high, "Low": cross.low, "Close": cross.close}
    frame = pd.DataFrame({name: values / MILLION for name, values in names.items()}, cross.index)
    last = len(frame) - 1

    class Strategy(backtesting.Strategy):
        def init(self) -> None:
            self.wish = self.I(lambda: cross.wish(cross.close), plot=False)

        def next(self) -> None:
            wish, at = self.wish[-1], len(self.data) - 1
            if self.position:
                if wish < 0 or at + 1 == last:
                    self.position.close()
            elif wish > 0 and at + 1 < last:
                self.buy(size=int(cross.stake / self.data.Close[-1]))

    def once() -> tuple[int, float]:
        told = backtesting.Backtest(frame, Strategy, cash=cross.balance, commission=cross.fee).run()
        return int(told["# Trades"]), float(told["Equity Final [$]"]) - cross.balance

    return backtesting.__version__, once


def main() -> None:
    library, path = sys.argv[1:]
    version, once = {"vectorbt": with_vectorbt, "backtesting": with_backtesting}[library](Cross(path))
    print(version, flush=True)
    for _ in sys.stdin:
        started = time.thread_time()
        trades, profit = once()
        found = {"seconds": time.thread_time() - started, "trades": trades, "profit": profit}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
