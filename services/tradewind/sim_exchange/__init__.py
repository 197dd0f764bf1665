"""The simulated exchange: a Binance-compatible spot venue on this machine, for our own bot and for everybody else's.

It speaks Binance's REST API, market streams and WebSocket API to unmodified clients, matches orders against recorded
candles with the kernel of the paper venue, and behaves badly on request (`faults`). It has one account, spot pairs of
one timeframe, and no part in any bot: it takes no message of the bus and sends none, and what a bot believes is the
bot's own affair. Book and trades between candles are made from the candle, seeded; nothing is withdrawn, borrowed or
leveraged.

Owns: the account with its balances, orders, order lists and trades, how far each market was used, and the simulated
clock, all in one database, so that it goes on after a restart where it stood. Candles are given to it and not stored,
faults and listen keys are forgotten when it ends.

Asked: Binance's calls, signed where Binance wants that, as `GET /openapi.json` lists them; and under `/sim`, with the
API key, to move the clock, to misbehave, and how it stands. Time moves at a speed, or only when somebody moves it.

A change is in the store before anybody hears of it; changes that come together share a transaction. When the store
fails, whoever waits for a change hears that its outcome is unknown (503, code -1006), nothing of it is told, and the
memory is made anew from the store before the next call; while that cannot be read, every call of Binance's gets the
same answer. When this process dies, nothing that was answered is lost.

The rooms: `exchange` is the venue without a wire, `trading` and `bookkeeping` what orders and time do, `persistence`
the journal, `models` the values, `wire` everything that is there because of a network, `standalone` the process.
"""
