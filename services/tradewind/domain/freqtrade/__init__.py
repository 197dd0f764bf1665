"""The rule set `freqtrade`: the backtest that freqtrade's users know, for them to get the numbers they know.

It stands beside the native rules and shares nothing with them but arithmetic and metrics, because it is acausal inside
a candle (a stop is raised by a high and hit by the low of the same candle) and promises a backtest only. Reading order:
`market` (ticks, steps, least stakes), `trade` (orders, averages, profits), `stop`, `roi`, `exits` (which exit comes
first, and at what price), `wallet`, `protections`, `entries`, then `backtest`, the loop that calls them all.

The names of fields are those of freqtrade's documentation, since strategies read them. Money, prices and amounts are
floats here, as they are there; values and profits are exact decimal products of what the floats show.
"""
