"""Market data: closed candles, and nothing about what is done with them.

Owns: the recording (or the synthetic market) of a bot, validated: bad rows are quarantined with their reason and
counted, gaps are told, nothing is invented. Publishes `CandleClosed` tick by tick and `FeedStateChanged`; consumes
`TickSettled`, because a replay goes on when the bot is done with a tick and not before. Stores nothing: the files are
the store, and the other services ask for windows of them. Where the venue is simulated its clock is moved from here,
and the candles are what its API then tells; a tick whose opening traded waits for `OpeningSettled` (`VenueOpened`).

When a tick is not settled in time it is sent again; every consumer recognises what it has seen. When a file is
missing or corrupt the bot does not start, and says which row and why.
"""
