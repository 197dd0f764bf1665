"""The emergency stop of a bot in processes, over HTTP, while neither Redis nor PostgreSQL is there.

The venue is `tradewind sim-exchange`, reached by unmodified ccxt. Gateway, engine and execution know where the others
listen from before; what is open is asked of the venue, and nothing of it waits for a store.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from pydantic import SecretStr
from tests.servers.databases import Postgres
from tests.topology.moving_market import PAIRS, Market, decided
from tests.topology.test_split import Split, door

from tradewind.domain.errors import TemporaryError
from tradewind.domain.order import Side, TimeInForce
from tradewind.engine.trading import LATCH
from tradewind.kernel.settings import ExchangeCredentials
from tradewind.sim_exchange.models import Kind, NewOrder

SPEED = 400.0
ANSWERS_WITHIN = 20.0
STRANGER = NewOrder(
    symbol="BTCUSDT",
    side=Side.BUY,
    type=Kind.LIMIT,
    quantity=Decimal("0.5"),
    price=Decimal(30_000),
    time_in_force=TimeInForce.GTC,
    client_order_id="mine",
)


def resting(market):
    """What is open at the venue, by its own books."""
    exchange = market.venue.exchange
    orders = [one for pair in PAIRS for one in exchange.all_orders(pair.replace("/", ""), limit=1000)]
    return [one for one in orders if one.is_open]


@pytest.fixture
async def market(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    made = Market(tmp_path, fee="0.001", balances={"USDT": Decimal(100_000)})
    await made.open()
    yield made
    await made.close()


async def test_everything_is_canceled_by_venue_query_and_the_latch_is_stored_later(
    market, postgres_url, postgres_server, redis_server, tmp_path
):
    """One call at the door: the venue has nothing open, the answer says that it is not stored yet."""
    await Postgres(postgres_url).migrate()
    key = ExchangeCredentials(
        api_key=SecretStr(market.credentials.api_key), secret=SecretStr(market.credentials.secret)
    )
    manifest = market.live(mode="Live", venue="Exchange")
    split = Split(manifest, tmp_path / "split", postgres_url, redis_server.url, credentials={"binance": key})
    split.directory.mkdir()
    engine, *_ = await asyncio.gather(
        split.begin("market-data", "strategy", "engine", "portfolio", name="engine", live=True),
        split.begin("execution", live=True),
    )
    try:
        async with door(split, live=True) as ask:
            market.go(SPEED)
            while not resting(market):
                await decided(engine, 5)
            market.pause()
            # The bot may be canceling its own orders at this very moment, to sell what they protect; not this one.
            await market.venue.exchange.place(STRANGER)
            await asyncio.gather(*(asyncio.to_thread(one.kill) for one in (redis_server, postgres_server)))

            async with asyncio.timeout(ANSWERS_WITHIN):
                status, stopped = await ask("POST", "/api/v1/trading/emergency-stop", {"reason": "fire"})
            assert (status, stopped["state"], stopped["stored"]) == (200, "EmergencyStopped", False)
            assert stopped["canceled"] > 0
            assert not resting(market)
            assert (engine.directory.path / LATCH).exists()
            async with asyncio.timeout(ANSWERS_WITHIN):
                status, again = await ask("DELETE", "/api/v1/orders")
            assert (status, again["canceled"]) == (200, 0)

            await asyncio.gather(*(asyncio.to_thread(one.start) for one in (redis_server, postgres_server)))
            market.go(SPEED)  # the engine's next transaction, which a candle brings, has the latch with it
            async with asyncio.timeout(60):
                while (engine.directory.path / LATCH).exists():  # noqa: ASYNC110 - until its store has it
                    await asyncio.sleep(0.05)
            status, told = await ask("GET", "/api/v1/trading/status")
            assert (status, told["state"], told["reason"]) == (200, "EmergencyStopped", "fire")
            async with asyncio.timeout(60):
                while await open_in_books(engine):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)  # as above
            assert not resting(market)
    finally:
        await asyncio.gather(*(asyncio.to_thread(one.start) for one in (redis_server, postgres_server)))
        await asyncio.gather(*(split.end(name) for name in list(split.processes)))


async def open_in_books(process):
    """Whether execution still has an open order, or does not say."""
    try:
        return bool((await process.ask("execution", "open_orders"))["orders"])
    except TemporaryError:
        return True
