"""The native backtest: a bot's manifest over its recorded or synthetic candles, without the bot.

`given` reads what the loop of `domain.backtest` needs (candles, what the strategies say, rules) and refuses by name
what a backtest cannot honour; `run` runs it and makes the same result of it as a run has.
"""
