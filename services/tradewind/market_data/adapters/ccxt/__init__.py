"""An exchange's market data through ccxt.

REST is what is believed and the WebSocket is what is quick: an update of a stream says that something closed, and the
candle that is delivered is the one that REST then tells. So a lost, doubled or reordered update costs milliseconds and
never a candle, and where there is no WebSocket the same code runs by the clock alone.
"""
