"""Strategy: what each strategy thinks of each pair, candle by candle.

Owns: the strategies of the manifest. Consumes `CandleClosed`, publishes one `StrategyEvaluated` for every strategy
that looks at that timeframe. Stores nothing: a stance follows from closed candles alone, so any instance may take any
candle, and a restart loses nothing. Over a recording the strategies are computed once and read candle by candle; on an
exchange they are computed anew with each candle. Tests hold both to evaluating the window up to each candle.

A class that was written for freqtrade runs in a process of its own beside the service (`apart`), under a time limit;
nothing else of a bot imports it, and where none is named no such process is started. What it has callbacks for, the
engine asks it here.

When market-data is gone there are no candles and nothing to say. When a strategy raises, the candle is tried again
and then the service fails, naming the strategy: a silent vote would be a wrong one.
"""
