"""A venue over an unmodified client of each exchange, with a scripted session in place of the socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.execution.adapters.ccxt.scripted import MARKET_IDS, PAIR, Reply, Session, other_market

from tradewind.execution.adapters.ccxt.venue import CcxtVenue
from tradewind.execution.venues import VENUES
from tradewind.kernel.ccxt_client import ClientSettings, make_client

DATA = Path(__file__).parents[4] / "contract" / "data" / "binance_account.json"


@pytest.fixture(scope="session")
def recorded() -> Any:
    return json.loads(DATA.read_text())


@pytest.fixture
async def open_venue(recorded: Any) -> AsyncIterator[Callable[..., Awaitable[tuple[CcxtVenue, Session]]]]:
    clients = []

    async def opened(exchange: str, **named: Any) -> tuple[CcxtVenue, Session]:
        row = VENUES[exchange]
        secret = "c2VjcmV0" * 8
        options = dict(row.options)
        if row.window_option:
            options[row.window_option] = 5000
        settings = ClientSettings(exchange, api_key="key", secret=secret, rate_limit=False, number=str, options=options)
        client = make_client(settings)
        session = Session()
        client.session, client.own_session = session, False
        if exchange == "binance":
            session.on("GET /api/v3/exchangeInfo", Reply(recorded["exchangeInfo"]))
            await client.load_markets()
            session.sent.clear()
        else:
            client.set_markets([other_market(client, MARKET_IDS[exchange])])
        clients.append(client)
        return CcxtVenue("account", client, row, [PAIR], **named), session

    yield opened
    for client in clients:
        client.timeout_on_exit = 0
        await client.close()
