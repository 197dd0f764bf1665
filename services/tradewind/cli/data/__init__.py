"""`tradewind data`: files of recorded candles, one command a module."""
