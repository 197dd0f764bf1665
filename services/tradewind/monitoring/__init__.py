"""Monitoring: the health of the whole bot.

Owns: the health score with its parts, and the conditions with the moment at which each last flipped. Follows candles,
cycles, the feed, the states of services and of trading; every second it asks every service for its state, and the
owners of what it cannot see for that. Publishes nothing yet, stores nothing: what it knows it can ask again.

A service that does not answer is unhealthy, never a reason to fail: monitoring is what says so. When monitoring itself
is down, its routes say so and the bot trades on.
"""
