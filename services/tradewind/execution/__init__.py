"""Execution: orders, fills and the truth of the venue.

Owns: every order and each of its states, every fill, the writer's lease, and (for venue `Paper`) the paper venue's
book. Consumes `PlaceOrder`, `CancelOrder`, `AmendOrder`, `ProtectPosition` and, to follow the market tick by tick,
`CandleClosed`, `VenueOpened` and `TickDecided`. Publishes `OrderStateChanged`, `OrderFilled`, `BalancesReported`,
`OpeningSettled`, `TickMatched`, `TickSettled`.

The paper venue matches the bot's candles in here (`paper_market`). A venue of its own has matched them already when
they arrive: what it did to the account comes by its stream, and what the stream lost is asked for (`remote_market`).
A real exchange waits for nobody: it is asked now and then, and what was decided too late is not sent
(`exchange_market`).

A command is first stored (`Intended`, in the transaction that takes the command), then a single worker carries it
out, each step its own transaction: `Submitted` with the time that is signed, one call to the venue, the answer. An
outcome that is not known is asked for by client order id until the venue is certain; nothing is sent again before a
delayed first try can no longer be accepted. Protective legs are placed here, on the first fill of an entry, and
their size follows the position.

When the store fails, nothing is sent. When the venue fails, orders wait as `Unknown` and are asked for. When this
process dies, the next one reconciles with the venue before it touches anything. When another instance takes over,
the lease's epoch has grown and every write of this one is refused.
"""
