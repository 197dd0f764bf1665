"""Accounts behind ccxt: the bot's own simulated exchange, and a real one of which only a part is the bot's."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from tradewind.contracts.api.document import load_bot
from tradewind.domain.errors import ConfigError, MachineError, TemporaryError
from tradewind.execution.adapters import remote_account
from tradewind.execution.adapters.exchange import ExchangeVenue
from tradewind.execution.adapters.simulated import SimulatedVenue
from tradewind.execution.live_venue import NotTakenError
from tradewind.execution.ports import VenueRefusalError
from tradewind.execution.venue_call import VenueSilentError, call_venue
from tradewind.kernel.budgets import Budgets
from tradewind.kernel.security import load_simulated_venue_key
from tradewind.kernel.settings import ExchangeCredentials, Settings
from tradewind.kernel.store.metadata import METADATA
from tradewind.kernel.store.sqlite import SqliteStore, sqlite_engine
from tradewind.kernel.telemetry.tracing import Tracer

D = Decimal
ROOT = Path(__file__).parents[4]
PAIR = "BTC/EUR"
URL = "http://127.0.0.1:8011"
LIVE = [
    "spec.mode=Live",
    "spec.data={source: Exchange}",
    f"spec.exchanges=[{{name: binance, venue: Exchange, endpoint: {{url: '{URL}', websocketUrl: 'ws://127.0.0.1:1'}}}}]",
]
STATUS = json.dumps({"time": 1, "endTime": 2, "faults": 0})
MARKET = {"orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS"], "ocoAllowed": True}


class Client:
    """What is asked of ccxt beside the venue's own calls."""

    apiKey = "key"  # noqa: N815 - ccxt's word

    def __init__(self):
        self.fetched, self.status, self.info, self.refusal = [], STATUS, MARKET, None
        self.urls = {"api": {"private": "http://127.0.0.1:7/api/v3", "ws": {"spot": "ws://127.0.0.1:7/ws"}}}

    async def fetch(self, url, method, headers, body=None):
        self.fetched.append((method, url, headers["X-MBX-APIKEY"], body))
        if isinstance(self.status, Exception):
            raise self.status
        return self.status

    def market(self, pair):
        return {"info": self.info}

    async def privateGetAccount(self):  # noqa: N802 - ccxt's word
        if self.refusal:
            raise self.refusal
        return {"uid": "4711"}


class Venue:
    """The account behind: its answers are the test's."""

    resend_after = 9.0

    def __init__(self):
        self.client, self.calls = Client(), SimpleNamespace(run=lambda request: request())
        self.held = {"EUR": D(25_000), "BTC": D(2)}
        self.marks, self.begun = {PAIR: 7}, {}
        self.asked, self.closed = [], False
        self.accounts = []
        self.allowance = SimpleNamespace(belongs_to=self.accounts.append)

    async def start(self):
        self.asked.append("start")

    async def measure_clock(self):
        self.asked.append("measure_clock")

    async def close(self):
        self.closed = True

    async def balances(self):
        return dict(self.held)

    def begin_trades(self, marks):
        self.begun = dict(marks)

    def trade_marks(self):
        return dict(self.marks)

    def __getattr__(self, name):
        async def call(*arguments):
            self.asked.append(name)
            return arguments

        def plain(*arguments):
            self.asked.append(name)

        return plain if name == "fills_stored" else call


@pytest.fixture
def behind(monkeypatch):
    """The venue that is opened, and the settings with which."""
    venue = Venue()

    def opened(settings, account, pairs, *, call_timeout, since, tracer, budgets):
        venue.opened = SimpleNamespace(
            settings=settings, account=account, pairs=list(pairs), timeout=call_timeout, since=since, budgets=budgets
        )
        return venue

    monkeypatch.setattr(remote_account, "open_venue", opened)
    monkeypatch.setattr(remote_account, "CcxtUserStream", lambda client, on_trouble: ("stream", client))
    return venue


@pytest.fixture
def context(tmp_path, monkeypatch):
    """Of a live bot with its credentials, and a store in memory."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    engine = sqlite_engine(None)
    METADATA.create_all(engine)
    key = ExchangeCredentials(api_key=SecretStr("key"), secret=SecretStr("secret"))
    bot = load_bot(ROOT / "manifests" / "samples" / "quickstart.yaml", LIVE)
    return SimpleNamespace(
        bot=bot,
        key=bot.key,
        store=SqliteStore(engine),
        settings=Settings(credentials={"binance": key}),
        data_directory=tmp_path,
        key_directory=tmp_path,
        address=lambda service: "http://127.0.0.1:7",
        log=SimpleNamespace(warning=lambda *_, **__: None),
        tracer=Tracer(None, None),
        budgets=Budgets(),
    )


@pytest.fixture
async def exchange(context, behind):
    venue = ExchangeVenue(context, "account")
    await venue.start([PAIR])
    yield venue
    await venue.close()
    await context.store.close()


# ------------------------------------------------------------------------------------------------------------ simulated


async def test_the_simulated_venue_is_opened_where_it_listens_with_the_key_that_it_made(context, behind):
    """At an address that is known once it listens; a second start only measures its clock."""
    venue = SimulatedVenue(context, "account")
    await venue.start([PAIR])
    await venue.start([PAIR])
    key, settings = load_simulated_venue_key(context.data_directory), behind.opened.settings
    assert (settings.api_key, settings.secret) == (key.api_key, key.secret)
    assert (settings.rest_url, settings.websocket_url) == ("http://127.0.0.1:7", "ws://127.0.0.1:7")
    assert (behind.opened.pairs, behind.opened.since, venue.resend_after) == ([PAIR], 0, 9.0)
    assert behind.asked == ["start", "measure_clock"]
    assert (await venue.stream())[1] is behind.client
    assert (list(venue.notes()), venue.load(None)) == ([], None)
    await context.store.close()


async def test_an_account_is_counted_by_the_venue_s_name_of_it_and_a_simulated_one_by_nobody(context, behind, exchange):
    """Two bots with two keys of one account share what it may order."""
    assert behind.opened.budgets is context.budgets
    assert behind.accounts == ["4711"]
    simulated = SimulatedVenue(context, "account")
    await simulated.start([PAIR])
    assert behind.opened.budgets is None


async def test_every_question_goes_to_the_venue_behind(context, behind):
    """With what was asked, and its answer comes back."""
    venue = SimulatedVenue(context, "account")
    await venue.start([PAIR])
    assert await venue.create(["order"]) == (["order"],)
    assert await venue.cancel("order") == ("order",)
    assert await venue.amend("order", D(1)) == ("order", D(1))
    assert await venue.find("order") == ("order",)
    assert await venue.open_orders() == await venue.fills() == ()
    venue.fills_stored()
    assert await venue.balances() == behind.held
    names = ["create", "cancel", "amend", "find", "open_orders", "fills", "fills_stored"]
    assert behind.asked[1:] == names
    await venue.close_market()
    ((method, url, api_key, body),) = behind.client.fetched
    assert (method, url, api_key) == ("POST", "http://127.0.0.1:7/sim/clock", "key")
    assert json.loads(body)["to"] > 2e14
    await venue.close()
    assert behind.closed
    await context.store.close()


async def test_a_simulated_venue_that_listens_elsewhere_is_asked_there(context, behind):
    """Its pod was replaced: requests and the stream of updates go to the address that is known now."""
    venue = SimulatedVenue(context, "account")
    await venue.start([PAIR])
    context.address = lambda service: "http://127.0.0.1:8"
    await venue.start([PAIR])
    assert behind.client.urls["api"] == {"private": "http://127.0.0.1:8/api/v3", "ws": {"spot": "ws://127.0.0.1:8/ws"}}
    await venue.close_market()
    assert behind.client.fetched[0][1] == "http://127.0.0.1:8/sim/clock"
    await context.store.close()


@pytest.mark.parametrize("question", ["open_orders", "fills", "balances", "close_market"])
async def test_a_venue_that_is_not_connected_yet_says_so(context, behind, question):
    """An emergency stop may come before it is, and a person reads why nothing was canceled."""
    venue = SimulatedVenue(context, "account")
    with pytest.raises(VenueSilentError, match="the venue is not connected yet"):
        await call_venue(getattr(venue, question), 1)
    with pytest.raises(TemporaryError):
        await venue.cancel("order")
    assert behind.asked == []
    await venue.start([PAIR])
    await venue.cancel("order")
    assert behind.asked == ["start", "cancel"]
    await venue.close()
    await context.store.close()


async def test_a_venue_that_does_not_start_is_let_go_of_and_tried_anew(context, behind, monkeypatch):
    """Else each try would leave a connection behind."""
    venue = SimulatedVenue(context, "account")

    async def refuse():
        raise ConnectionResetError("no")

    monkeypatch.setattr(behind, "start", refuse)
    with pytest.raises(ConnectionResetError):
        await venue.start([PAIR])
    assert behind.closed
    await venue.close()
    monkeypatch.undo()
    await context.store.close()


# ------------------------------------------------------------------------------------------------------------- exchange


async def test_of_the_account_only_the_capital_is_the_bots(exchange, behind):
    """What else lies there is nobody's business; what moves it beside the bot's orders is told as it is."""
    assert await exchange.balances() == {"EUR": D(10_000), "BTC": D(0)}
    behind.held = {"EUR": D(24_000), "BTC": D("1.5"), "BNB": D(1)}
    assert await exchange.balances() == {"EUR": D(9_000), "BTC": D("-0.5"), "BNB": D(1)}


async def test_a_restart_knows_what_lay_there_and_which_trades_were_seen(exchange, behind, context):
    """Stored with the first reconciliation: money that came since is a drift, and no part of the beginning."""
    await exchange.balances()
    await context.store.commit(list(exchange.notes()))
    exchange.fills_stored()
    assert list(exchange.notes()) == []
    behind.marks = {PAIR: 9, "ETH/EUR": 3}
    await context.store.commit(list(exchange.notes()))

    await exchange.close()
    behind.held["EUR"] += 500
    other = ExchangeVenue(context, "account")
    await context.store.read(other.load)
    await other.start([PAIR])
    assert behind.begun == {PAIR: 9, "ETH/EUR": 3}
    assert (await other.balances())["EUR"] == D(10_500)
    assert list(other.notes()) == []
    await context.store.read(other.load)
    assert behind.begun == {PAIR: 9, "ETH/EUR": 3}
    await other.close()


async def test_what_was_not_stored_is_noted_again(exchange, behind):
    """A commit that failed left nothing, so the next one has all of it."""
    await exchange.balances()
    first = [write.parameters for write in exchange.notes()]
    assert [write.parameters for write in exchange.notes()] == first
    assert {one["currency"]: one["total"] for one in first if "currency" in one} == {"EUR": D(15_000), "BTC": D(2)}


async def test_capital_that_is_not_there_is_refused(exchange, behind):
    """The bot would size its stakes by money that nobody has."""
    behind.held["EUR"] = D(9_999)
    with pytest.raises(ConfigError, match=r"spec.capital.startingBalance: received 10000; .* holds \(9999 EUR\)"):
        await exchange.balances()


@pytest.mark.parametrize("status", ["<html>", "[]", json.dumps({"code": -1}), ValueError("404")])
async def test_an_endpoint_that_is_no_simulation_is_refused(context, behind, status):
    """This version sends no orders with money, whatever stands behind an address; and it says what is missing."""
    behind.client.status = status
    with pytest.raises(ConfigError, match=r"endpoint\.url: .* this version sends no orders with money \(one writer"):
        await ExchangeVenue(context, "account").start([PAIR])
    assert behind.closed
    await context.store.close()


@pytest.mark.parametrize("below", [True, False])
async def test_an_endpoint_that_does_not_answer_yet_is_waited_for(context, behind, below):
    """That nobody is there, or not well now, says nothing about what is; ccxt has one class above both."""
    failed = type("OperationFailed", (Exception,), {})
    behind.client.status = type("ExchangeNotAvailable", (failed,), {})("refused") if below else failed("503")
    with pytest.raises(type(behind.client.status)):
        await ExchangeVenue(context, "account").start([PAIR])
    await context.store.close()


@pytest.mark.parametrize(
    ("market", "missing"),
    [
        ({**MARKET, "orderTypes": ["LIMIT_MAKER", "STOP_LOSS_LIMIT"]}, "missing: STOP_LOSS"),
        ({**MARKET, "ocoAllowed": False}, "missing: OCO"),
        ({}, "missing: LIMIT_MAKER, STOP_LOSS, OCO"),
    ],
)
async def test_a_pair_whose_stop_cannot_rest_at_the_exchange_is_refused(context, behind, market, missing):
    """A stop of the bot alone is no protection: it dies with the bot."""
    behind.client.info = market
    with pytest.raises(ConfigError, match=missing):
        await ExchangeVenue(context, "account").start([PAIR])
    await context.store.close()


async def test_a_key_that_does_not_open_the_account_is_the_users_to_mend(context, behind):
    """Told by the name of the variable, at the start; any other refusal is asked again."""
    behind.client.refusal = VenueRefusalError("AuthenticationFailed", "Invalid API-key")
    with pytest.raises(ConfigError, match="TRADEWIND_CREDENTIALS__BINANCE__API_KEY: received Authentic"):
        await ExchangeVenue(context, "account").start([PAIR])
    behind.client.refusal = NotTakenError("TooManyRequests", "later", 1.0)
    with pytest.raises(NotTakenError):
        await ExchangeVenue(context, "account").start([PAIR])
    await context.store.close()


async def test_one_bot_holds_the_account(context, behind):
    """Until it closes, and by its key, whatever its state directory."""
    first, second = ExchangeVenue(context, "account"), ExchangeVenue(context, "other")
    first.hold()
    first.hold()
    with pytest.raises(MachineError, match="one bot for each account"):
        second.hold()
    await first.close()
    second.hold()
    await second.close()
    await context.store.close()


async def test_another_key_of_the_same_account_is_the_same_account(context, exchange):
    """Known once it has been asked; the same number at another address is another account."""
    key = ExchangeCredentials(api_key=SecretStr("another"), secret=SecretStr("secret"))
    context.settings = Settings(credentials={"binance": key})
    second = ExchangeVenue(context, "other")
    second.hold()
    with pytest.raises(MachineError, match="one bot for each account"):
        await second.start([PAIR])
    await second.close()
    context.bot = load_bot(
        ROOT / "manifests" / "samples" / "quickstart.yaml", [LIVE[0], LIVE[1], LIVE[2].replace("8011", "8012")]
    )
    elsewhere = ExchangeVenue(context, "other")
    await elsewhere.start([PAIR])
    await elsewhere.close()


async def test_without_credentials_nothing_is_held(context):
    """And the sentence names the variable."""
    context.settings = Settings()
    with pytest.raises(MachineError, match="TRADEWIND_CREDENTIALS__BINANCE__API_KEY"):
        ExchangeVenue(context, "account").hold()
    await context.store.close()
