"""Backtests of freqtrade strategies: candles and signals as freqtrade prepares them, its rules, and its numbers.

`frames` loads candles, `run` puts strategy, candles and rules together, `lines` and `summary` tell the outcome in the
words of freqtrade's own results, `case` reads a self-contained case from a directory and `check` compares the two.
"""
