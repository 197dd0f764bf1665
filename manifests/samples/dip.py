"""A strategy as it is written for freqtrade: buy a dip while the longer trend is up. See freqtrade.yaml beside it."""

import talib.abstract as ta
from freqtrade.strategy import IntParameter, IStrategy, informative
from pandas import DataFrame


class Dip(IStrategy):
    """Buys below an RSI that is a parameter, where four-hour candles trade above their average."""

    timeframe = "1h"
    startup_candle_count = 200
    stoploss = -0.05
    minimal_roi = {"0": 0.06}

    buy_rsi = IntParameter(20, 45, default=38, space="buy")
    sell_rsi = IntParameter(55, 85, default=62, space="sell")

    @informative("4h")
    def populate_indicators_4h(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """The trend."""
        dataframe["average"] = ta.SMA(dataframe, timeperiod=30)
        return dataframe

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """The dip."""
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=14)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """Buy."""
        dip = (dataframe["rsi"] < self.buy_rsi.value) & (dataframe["close"] > 0.97 * dataframe["average_4h"])
        dataframe.loc[dip, ["enter_long", "enter_tag"]] = (1, "dip")
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """Sell what has recovered."""
        dataframe.loc[dataframe["rsi"] > self.sell_rsi.value, "exit_long"] = 1
        return dataframe
