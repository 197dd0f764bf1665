"""The compiled engine: the trades of `domain.freqtrade.backtest`, for strategies without callbacks, in machine code.

The rules about prices and stakes are not written again: numba compiles the domain's own functions (`rules`). What these
reckon in decimals is done in pairs of floats wherever that is provably the same, and else asked of the very function
(`arithmetic`). Only the order of events is told twice, in `loop`; a property test holds both to the same trades.
`engine` puts it to work. numba is imported by this package alone, and only where a backtest is run by it.
"""
