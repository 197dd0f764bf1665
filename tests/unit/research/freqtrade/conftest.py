"""Small backtests of whole strategies: a text, a configuration, and candles made for the occasion."""

from __future__ import annotations

import math
import textwrap

import numpy as np
import pytest
from pyarrow import parquet, table

from tradewind.research.freqtrade.engine import Engine
from tradewind.research.freqtrade.run import BacktestInput, backtest

START = 1_609_459_200_000
HOUR = 3_600_000
HEAD = """
import numpy as np
import pandas as pd
from datetime import datetime, timedelta, timezone
from pandas import DataFrame
import freqtrade.vendor.qtpylib.indicators as qtpylib
import talib.abstract as ta
from freqtrade.persistence import Order, PairLocks, Trade
from freqtrade.strategy import *
"""


def write_candles(path, count=200, *, step=HOUR, start=START, left_out=(), price=lambda n: 100 + 5 * math.sin(n / 8)):
    """A file of candles that go up and down, each opening where the one before closed."""
    closes = [round(price(number), 2) for number in range(count)]
    opens = [closes[0], *closes[:-1]]
    columns = {
        "timestamp": [start + number * step for number in range(count)],
        "open": opens,
        "high": [max(pair) + 0.25 for pair in zip(opens, closes, strict=True)],
        "low": [min(pair) - 0.25 for pair in zip(opens, closes, strict=True)],
        "close": closes,
        "volume": [10.0] * count,
    }
    kept = [number for number in range(count) if number not in left_out]
    parquet.write_table(table({name: np.array(values)[kept] for name, values in columns.items()}), path)
    return path


def market(pair, **changes):
    base, _, quote = pair.partition("/")
    limits = {"amount": {"min": None, "max": None}, "cost": {"min": None, "max": None}}
    return {
        "symbol": pair,
        "base": base,
        "quote": quote,
        "taker": 0.001,
        "precision": {"price": 0.01, "amount": 0.0001},
        "limits": limits,
    } | changes


@pytest.fixture
def run(tmp_path):
    """Backtest the methods of a strategy: enters every sixth candle unless it says otherwise."""

    def ran(body="", *, pairs=("BTC/EUR",), files=None, seen=None, engine=Engine.AUTO, **config):
        given = files or {(pair, "1h"): write_candles(tmp_path / f"{pair[:3]}.parquet") for pair in pairs}
        default = """
        timeframe = "1h"
        stoploss = -0.5
        minimal_roi = {}
        seen = []
        def populate_entry_trend(self, dataframe, metadata):
            dataframe.loc[dataframe.index % 6 == 5, "enter_long"] = 1
            return dataframe
        """
        text = HEAD + "class Mine(IStrategy):\n" + textwrap.indent(textwrap.dedent(default), "    ")
        (tmp_path / "mine.py").write_text(text + textwrap.indent(textwrap.dedent(body), "    "))
        settings = {
            "stake_currency": "EUR",
            "stake_amount": 100,
            "max_open_trades": 3,
            "dry_run_wallet": 1000,
            "fee": 0.001,
            "exchange": {"name": "binance", "pair_whitelist": list(pairs)},
            "seen": seen,
        }
        markets = {pair: market(pair) for pair in pairs}
        return backtest(BacktestInput(tmp_path / "mine.py", settings | config, given, markets), engine=engine)

    return ran
