"""Market data: closed candles, and nothing about what is done with them.

Owns: the recording (or the synthetic market) of a bot, or what it saw of an exchange, validated: bad rows are
quarantined with their reason and counted, gaps are told, nothing is invented. Publishes `CandleClosed` tick by tick and
`FeedStateChanged`; consumes `TickSettled`, because the next tick goes out when the bot is done with the one before. Of
a recording nothing is stored: the files are the store, and the other services ask for windows of them. The candles of
an exchange are stored as they were seen, for it would not tell them in the same way again (docs/adr/0012). Where the
venue is simulated its clock is moved from here, and the candles are what its API then tells; a tick whose opening
traded waits for `OpeningSettled` (`VenueOpened`).

When a tick is not settled in time it is sent again; every consumer recognises what it has seen. When a file is
missing or corrupt the bot does not start, and says which row and why. When an exchange cannot be reached the bot waits
and says so; what it missed it then trades in order.
"""
