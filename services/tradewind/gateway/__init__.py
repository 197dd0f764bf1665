"""Gateway: the only door from outside.

Owns: one table of routes (method, path, service, role), the API keys' hashes (a file in the state directory, no
table of the store), the limit on requests per key and per address. Consumes and publishes nothing: a call is checked
here and passed on, with a service token that says on whose behalf, the id of the request and its trace.

A viewer's key reads, a trader's starts, stops and trades, an admin's clears what needs a person. Every call that
changes something leaves one line of audit: who, what, and what came of it.

When a service is down its routes answer 503 and name it; the others go on. When the gateway is down the bot trades
on, and the probes and metrics of every service still answer on their own ports. It keeps nothing in memory that
matters, so any number of it may run; each counts requests for itself.
"""
