"""The rules of trading: pure functions and values, no I/O, no clock, no framework.

Everything that decides about money lives here, so that the running bot, the paper venue and a backtest share one
implementation. Money, prices and amounts are `Decimal`; indicators are float64 arrays; market time is an integer of
milliseconds since the epoch, UTC, as ccxt has it.
"""
