"""The wire of the simulated exchange: Binance's spot REST API and WebSockets, spoken to unmodified clients.

The exchange itself knows prices and orders; everything that exists only because there is a network between it and
its users stands here: signatures, receive windows, request weights, spelling, connections, and faults of them.
"""
