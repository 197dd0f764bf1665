"""freqtrade's strategy interface, written anew from its documentation: classes made for it load unchanged.

Nothing here is freqtrade's, and nothing of it is needed: `imports` lets `from freqtrade.strategy import IStrategy` find
`interface` and its neighbours, in the process that loads such a strategy and only there. `loading` reads a file, takes
configuration and parameters into account and refuses by name what cannot be honoured; `analysis` runs its `populate_*`
methods; `callbacks` lets the rules of `domain.freqtrade` call the others. pandas and TA-Lib come with the extra
`freqtrade` and are imported nowhere else.
"""
