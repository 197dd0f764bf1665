"""The search for parameters that trade well, and how they do on candles that the search has not seen.

`space` is what may be varied, `freqtrade_space` and `vary` say it of a strategy and of a bot; `loss` is what makes one
set of values better than another. A `bench` trades a set over a window of time: it is opened once in each process of
`crew` and keeps what does not change from one set to the next. `study` chooses the next set (Optuna, the extra
`optimize`, is met there alone) and keeps what is finished; `search` brings them together, `walk_forward` does so
window by window.
"""
