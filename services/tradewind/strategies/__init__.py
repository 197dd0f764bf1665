"""Strategies: what turns closed candles into a stance on a pair.

A strategy is a vectorised function: candles in, one stance per candle out (`base`). It is computed once over a whole
replay or over the window that a live bot keeps, and gives the same answer, because a stance depends only on candles up
to its own. It knows nothing of orders, money or other strategies; the engine weighs stances against each other.

Read `base` first, then one of the kinds (`ema_cross` is the shortest); `loader` makes them from their parameters. The
kinds and the limits of their parameters are a contract with the manifest: `contracts.strategies`.

The rules here are plain and hold their stance, with confidence 1, from the condition that began it to the one that
ends it. They are made to be read and to be traded on paper; nobody should expect a profit of them.
"""
