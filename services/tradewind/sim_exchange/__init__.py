"""The simulated exchange: a Binance-compatible spot venue on this machine, for our own bot and for everybody else's."""
