"""What is known of real exchanges, and what each still lacks before orders with money may go there.

A manifest is checked against it, and execution's table of venues has the rest of each row. Nothing here is an opinion:
what is missing is what no test has shown of the adapter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_NEVER_AGAINST_THE_VENUE = "its answers to create, cancel and lookup have not been recorded from the venue and replayed"
_ONE_PAGE = "reading more than one page of its trades"
_NO_STREAM = "a stream of account updates that was tested to lose nothing"


@dataclass(frozen=True, slots=True)
class KnownExchange:
    """An exchange by its own name. Where `missing` is empty, its adapter is proven."""

    title: str
    missing: tuple[str, ...] = ()


EXCHANGES: Mapping[str, KnownExchange] = {
    "binance": KnownExchange("Binance"),
    "kraken": KnownExchange(
        "Kraken",
        (
            "a bound after which a create can no longer be accepted (its `deadline` parameter is not sent)",
            "certainty that an order is absent (its closed orders may lag behind)",
            _ONE_PAGE,
            _NO_STREAM,
            _NEVER_AGAINST_THE_VENUE,
        ),
    ),
    "bybit": KnownExchange(
        "Bybit",
        (
            "certainty that an order is absent (a create is acknowledged before it can be found)",
            _ONE_PAGE,
            _NO_STREAM,
            _NEVER_AGAINST_THE_VENUE,
        ),
    ),
    "cryptocom": KnownExchange(
        "Crypto.com",
        (
            "a bound after which a create can no longer be accepted (its nonce is only checked to a minute)",
            "certainty that an order is absent",
            "stops that rest at the venue by its present API for them",
            _ONE_PAGE,
            _NO_STREAM,
            _NEVER_AGAINST_THE_VENUE,
        ),
    ),
}
"""By ccxt's id."""

LIVE_LACKS: tuple[str, ...] = (
    "one writer for each account is held by a lock of this machine, not by a lease that bots elsewhere see too",
    "the gate of the health score is not applied to a live market",
    "a fee in a third currency (BNB) is counted and not valued",
    "nothing of it has been run against an exchange's own test network",
)
"""What mode Live still lacks, wherever it trades."""

PROVEN = tuple(name for name, known in EXCHANGES.items() if not known.missing)
"""The exchanges where nothing is missing."""


def missing_for_live(exchange: str) -> str:
    """Why orders with money must not go to `exchange`, as the end of a sentence; empty where its adapter is proven."""
    known = EXCHANGES.get(exchange)
    if known is None:
        return "how this exchange knows an order by the client's id has not been established"
    return f"{known.title} still lacks: {'; '.join(known.missing)}" if known.missing else ""
