"""Where candles come from: files, the built-in sample and the random walk."""
