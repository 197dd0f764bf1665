"""Engine: trading cycles, decisions, risk.

Owns: decisions with every gate's verdict, and the trading state (running, paused, stopped, emergency-stopped).
Consumes candles, `StrategyEvaluated` and `PortfolioMarked`; follows positions, balances and order states, whose
owners it asks at its start. Publishes `DecisionMade`, `PlaceOrder`, `CancelOrder`, `AmendOrder`, `TickDecided`,
`CycleCompleted`, `TradingStateChanged`.

A cycle decides every pair of a tick in whitelist order, with money and slots reserved as it goes, in one unit of
work. It runs when all is there that it must know: the candles, every expected evaluation, and the portfolio marked
at that tick. A replay waits for them.

Where a class of the user's has callbacks, the cycle asks it through strategy, under a time limit; without an answer
nothing is entered, and what protects is never asked about.

When strategy is silent no cycle runs, and resting stops protect. When the store fails nothing is decided. The
emergency stop cancels at the venue first and is stored second.
"""
