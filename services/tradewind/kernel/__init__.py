"""How a service lives, whatever it does: bus, store, unit of work, lifecycle, telemetry, HTTP, security.

The kernel holds mechanism and no rule of trading; where a module here would have to say "order" or "position", it
belongs elsewhere. The heart is `unit.UnitOfWork`: what a handler writes and what it publishes becomes true together.
"""
