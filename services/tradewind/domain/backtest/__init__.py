"""The native backtest: a bot's own rules over candles that are all known, in one plain loop.

It decides, sizes, refuses, exits, matches and counts by the functions that the running bot calls, on an account of the
same kind as its paper venue, so it makes the trades that a paper run over the same candles makes. What it leaves out is
what a running bot needs to survive: messages, stores, services, doubt about what a venue did.

And it leaves out candles. One on which nobody asks to enter, no resting order can act and no stop can be raised changes
nothing but the value of the account, and that is known when it is asked for. Each pair names the next tick at which
something may happen to it, and the loop goes from one such tick to the next.

Reading order: `rules`, `tape` (a pair's candles, and what the voters say after each), `pair_orders` and `desk` (orders
and positions at the account), `valuation` (what the account is worth at any tick), `loop`.
"""
