"""Portfolio: positions, balances, profit and loss.

Owns: open positions, closed trades and the ledger of balance changes; all of them follow from fills and from nothing
else. Consumes `OrderFilled`, `BalancesReported` and, for the value at each tick, candles and `TickMatched`. Publishes
`PositionOpened`, `PositionChanged`, `PositionClosed`, `BalanceChanged`, and `PortfolioMarked` once a tick.

It also answers for the results of Backtests of its namespace, which the pods of their Jobs write into its database:
what would have been bought and sold belongs beside what was, and a result needs no service of its own.

The venue's balances are compared with the ledger; a difference is shown and stops entries, and is never written over.
The equity curve is a fold over ticks: after a restart it is folded again from the ledger and the same candles.
When the store fails the batch is undone and tried again; when market-data is gone, marks wait.
"""
