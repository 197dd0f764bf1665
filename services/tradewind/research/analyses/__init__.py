"""What can be learned of a strategy before its backtest is believed: does it look ahead, and what does it start from.

`lookahead` cuts later candles away and sees what changes; `recursive` does so with earlier ones. Both ask a `Subject`,
which is one pair of a strategy written for freqtrade or of a bot, and compare what `columns` says is alike.
"""
