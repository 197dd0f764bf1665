"""HTTP: what every service answers in the same way, whatever it is about.

`app.create_app` makes the application of one service: its own router, probes, metrics and documentation, errors as
problems (RFC 9457), a limit on the size of requests, one middleware for identity, metrics and trace. `server` listens:
one port a service, all on the running event loop. `wire` says how money and time stand in JSON.

Nothing here knows what a service is about, and nothing here is imported by a process that serves nothing.
"""
