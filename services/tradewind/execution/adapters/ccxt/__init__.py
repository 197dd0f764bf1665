"""Real exchanges as venues, through ccxt.

`requests` puts our orders into each venue's words and `reading` its answers into ours; every call passes `calls`,
which decides whether an exception was a refusal or leaves the outcome open. `venue` is the account by REST, `stream`
its updates by WebSocket. What differs between venues is data, in `execution.venues`, or a few lines in `dialects`.
"""
