"""A bot of mode Live trades on an account at an exchange, as far as that can be rehearsed without money.

The exchange is `tradewind sim-exchange`, reached by unmodified ccxt as Binance would be: nothing but the address
differs. It goes on whatever the bot does, and the account holds more than the money of the bot.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from decimal import Decimal

import pytest
from pydantic import SecretStr
from tests.topology.moving_market import PAIRS, Market, decided

from tradewind.catalog import CATALOG
from tradewind.domain.errors import ConfigError, MachineError
from tradewind.domain.order import EXTERNAL, Side, TimeInForce
from tradewind.domain.timeframe import MINUTE
from tradewind.execution import exchange_market
from tradewind.execution.adapters.exchange import ExchangeVenue
from tradewind.kernel.settings import ExchangeCredentials, Settings
from tradewind.kernel.state_directory import ADDRESSES
from tradewind.sim_exchange.faults import parse_fault
from tradewind.sim_exchange.models import Kind, NewOrder

D = Decimal
SPEED = 400.0
SYMBOLS = [pair.replace("/", "") for pair in PAIRS]
BEFORE = {"USDT": D(100_000), "BTC": D(3)}


@pytest.fixture(autouse=True)
def _homes(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(exchange_market, "POLL", 3.0)


@pytest.fixture
async def market(tmp_path):
    made = Market(tmp_path, fee="0.001", balances=BEFORE)
    await made.open()
    yield made
    await made.close()


def options_of(market, tmp_path, **changes):
    key = market.credentials
    credentials = ExchangeCredentials(api_key=SecretStr(key.api_key), secret=SecretStr(key.secret))
    values = {
        "sample": market.live(mode="Live", venue="Exchange"),
        "directory": tmp_path / "live",
        "until_end": False,
        "live": True,
        "settings": Settings(credentials={"binance": credentials}),
    }
    return {**values, **changes}


async def quiet(bot):
    """Until nothing is on its way: what the venue did is in the books."""
    news = bot.bus.subscribe("quiet", ("orders.events",))
    worker = bot.runners["execution"].service.tasks[0].__self__
    async with asyncio.timeout(60):
        await worker.reconciled.wait()
        while True:
            orders = await bot.ask("execution", "open_orders")
            if all(order.state.value in ("Accepted", "PartiallyFilled") for order in orders["orders"]):
                return
            await news.take(1000)


async def verdicts_of(bot, gate):
    """What a gate said of every entry."""
    entries = [one for one in await bot.ask("engine", "decisions", limit=1000) if one["action"] == "Enter"]
    return {one["verdict"] for entry in entries for one in entry["gates"] if one["gate"] == gate}


class Books:
    """What the venue has of the account, and what the bot has."""

    def __init__(self, market):
        self.exchange = market.venue.exchange

    def orders(self):
        return [order for symbol in SYMBOLS for order in self.exchange.all_orders(symbol, limit=1000)]

    def trades(self):
        return [trade for symbol in SYMBOLS for trade in self.exchange.my_trades(symbol, limit=1000)]

    def totals(self):
        return {one.currency: one.free + one.locked for one in self.exchange.account().balances}

    async def agree(self, bot, strangers=()):
        """Every order of the bot is there once, and balances, fills and resting stops are the venue's."""
        theirs = [order for order in self.orders() if order.client_order_id not in strangers]
        ours = {order.client_order_id: order for order in await bot.ask("execution", "orders")}
        assert len(theirs) == len({order.client_order_id for order in theirs}), "an order was doubled"
        assert {order.client_order_id for order in theirs} <= ours.keys(), "an order is not known"
        assert {order.client_order_id: order.executed_quantity for order in theirs} == {
            name: ours[name].filled for name in (order.client_order_id for order in theirs)
        }
        resting = {order.client_order_id for order in theirs if order.is_open}
        mine = {name for name, order in ours.items() if order.is_open and name not in strangers}
        assert resting == mine
        balances = (await bot.ask("portfolio", "snapshot"))["balances"]
        moved = {name: total - BEFORE.get(name, D(0)) for name, total in self.totals().items()}
        moved["USDT"] += D(10_000)
        assert {name: total for name, total in moved.items() if total} == {n: b for n, b in balances.items() if b}


async def test_it_trades_on_the_account_and_leaves_alone_what_is_not_its_own(embedded, market, tmp_path):
    """Stops rest at the exchange, a stranger's order stays, a restart goes on, and the books are the venue's."""
    options = options_of(market, tmp_path)
    stranger = NewOrder(
        symbol="BTCUSDT",
        side=Side.SELL,
        type=Kind.LIMIT,
        quantity=D("0.5"),
        price=D(90_000),
        time_in_force=TimeInForce.GTC,
        client_order_id="mine",
    )
    await market.venue.exchange.place(stranger)
    async with embedded(**options) as bot:
        market.go(SPEED)
        await decided(bot, 80)
        market.pause()
        await quiet(bot)
        books = Books(market)
        await books.agree(bot, strangers={"mine"})
        first = len(books.trades())
        assert first >= 4
        verdicts = await verdicts_of(bot, "exchange_connectivity") | await verdicts_of(bot, "data_freshness")
        assert "GO" in verdicts <= {"GO", "NO-GO"}
        external = [
            one.client_order_id for one in (await bot.ask("execution", "orders")) if one.decision_id == EXTERNAL
        ]
        assert external == ["mine"]

    exchange = market.venue.exchange
    await exchange.move_clock(exchange.time + 5 * MINUTE)
    market.go(SPEED)
    async with embedded(**options) as bot:
        await decided(bot, 60)
        market.pause()
        await quiet(bot)
        await books.agree(bot, strangers={"mine"})
    assert len(books.trades()) > first
    assert market.venue.exchange.order("BTCUSDT", client_order_id="mine").is_open
    kinds = {order.type for order in books.orders() if order.client_order_id != "mine"}
    assert {Kind.MARKET, Kind.STOP_LOSS, Kind.LIMIT_MAKER} <= kinds


async def test_without_the_second_word_no_order_is_sent(embedded, market, tmp_path):
    """`mode: Live` alone is not enough, and nothing is begun."""
    with pytest.raises(ConfigError, match="--live"):
        async with embedded(**options_of(market, tmp_path, live=False)):
            pass
    assert not (tmp_path / "live").exists()


async def test_without_a_key_it_does_not_start(embedded, market, tmp_path):
    """And says which variable is missing."""
    with pytest.raises(MachineError, match="TRADEWIND_CREDENTIALS__BINANCE__API_KEY: received nothing"):
        async with embedded(**options_of(market, tmp_path, settings=Settings())):
            pass


async def test_a_second_bot_on_the_same_account_does_not_start(embedded, market, tmp_path):
    """Whatever its state directory is: both would spend the same money."""
    async with embedded(**options_of(market, tmp_path)):
        with pytest.raises(MachineError, match="one bot for each account"):
            async with embedded(**options_of(market, tmp_path, directory=tmp_path / "second")):
                pass


class Served:
    """`tradewind serve --live`, a process of its own, killed in the middle of what the account is told."""

    def __init__(self, market, tmp_path):
        key = market.credentials
        self._market, self._directory = market, tmp_path
        self._manifest = market.live(mode="Live", venue="Exchange")
        self._environment = {
            **os.environ,
            "TRADEWIND_STATE_DIRECTORY": str(tmp_path / "state"),
            "TRADEWIND_CREDENTIALS__BINANCE__API_KEY": key.api_key,
            "TRADEWIND_CREDENTIALS__BINANCE__SECRET": key.secret,
            **{f"TRADEWIND_PORTS__{spec.name.replace('-', '_').upper()}": "0" for spec in CATALOG},
        }

    @property
    def state(self):
        """Where it keeps what must survive."""
        return self._directory / "state" / "default" / "live" / "serve"

    async def until_event(self, number, how):
        """Run it until it has caused so many events of the account, then send it the signal `how`; its exit code.

        The venue tells an event the moment it is durable there, and answers the call that led to it after that.
        """
        left = [number]
        with (self._directory / "served.log").open("ab") as log:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", "from tradewind.cli.main import main; main()"),
                *("serve", str(self._manifest), "--live"),
                env=self._environment,
                stdout=log,
                stderr=log,
            )
            stop = self._market.venue.exchange.on_user_event(lambda _: self._strike(child, left, how))
            try:
                async with asyncio.timeout(240):
                    return await child.wait()
            finally:
                stop()
                if child.returncode is None:
                    child.kill()
                    await child.wait()

    def _strike(self, child, left, how):
        if not self._serves(child):
            return  # what rests from before it trades while it begins, and it has not heard of signals yet
        left[0] -= 1
        if not left[0]:
            child.send_signal(how)

    def _serves(self, child):
        listening = self.state / ADDRESSES
        return listening.exists() and json.loads(listening.read_text())["process"] == child.pid


async def test_kill_minus_nine_in_the_middle_loses_and_doubles_nothing(embedded, market, tmp_path):
    """Killed while an answer is on its way, and again: in the end each order is there once, and the books agree."""
    served = Served(market, tmp_path)
    market.go(150.0)
    for number in (1, 2, 5, 3):
        assert await served.until_event(number, signal.SIGKILL) == -signal.SIGKILL
    assert await served.until_event(6, signal.SIGTERM) == 0, (tmp_path / "served.log").read_text()[-3000:]
    market.pause()
    async with embedded(**options_of(market, tmp_path, directory=served.state)) as bot:
        await quiet(bot)
        books = Books(market)
        await books.agree(bot)
        assert len(books.orders()) >= 5, "each of its lives has traded"


CREATE, CANCEL, GROUP = "POST /api/v3/order", "DELETE /api/v3/order", "POST /api/v3/orderList/oco"
FAULTS = (
    {"kind": "TimeoutAfterAccept", "method": CREATE},
    {"kind": "ServerError", "method": CREATE, "afterAccept": True},
    {"kind": "TimeoutAfterAccept", "method": GROUP},
    {"kind": "TimeoutAfterAccept", "method": CANCEL},
    {"kind": "RateLimit", "method": GROUP},
    {"kind": "DropUpdate", "count": 8},
    {"kind": "ReorderUpdates", "count": 8},
    {"kind": "DuplicateUpdate", "count": 8},
    {"kind": "PartialFill", "fraction": "0.4", "count": 3},
    {"kind": "Disconnect", "count": 2},
    {"kind": "ServerError"},
)


async def test_an_exchange_that_times_out_loses_and_doubles_leaves_the_books_right(
    embedded, market, tmp_path, monkeypatch
):
    """What was lost is asked for, what was doubled counts once, and no order is sent twice."""
    monkeypatch.setattr(ExchangeVenue, "call_timeout", 1.0)
    async with embedded(**options_of(market, tmp_path)) as bot:
        table = market.venue._faults
        for fault in FAULTS:
            table.add(parse_fault(fault))
        market.go(150.0)
        for _ in range(3):
            await decided(bot, 25)
        market.pause()
        assert not [one for one in table.waiting().values() if one.method == CREATE], "the creates were not disturbed"
        table.clear()
        await quiet(bot)
        books = Books(market)
        await books.agree(bot)
        assert len(books.trades()) >= 2
