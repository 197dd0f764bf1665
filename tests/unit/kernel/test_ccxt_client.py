"""One way to make a ccxt client, and one meaning for each of its errors."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from types import SimpleNamespace

import ccxt
import pytest

from tradewind.domain.errors import ConfigError, NotFoundError, PermanentError, TemporaryError
from tradewind.kernel.ccxt_client import (
    BUSY_PAUSE,
    ClientSettings,
    exchange_errors,
    make_client,
    meaning_of,
    watch_requests,
)
from tradewind.kernel.resilience import Dependency, Limits, RefusedError, vital


@pytest.fixture
def make():
    """Make clients that are closed afterwards, as they want to be."""
    made = []

    def run(*arguments, **options):
        made.append(make_client(ClientSettings(*arguments, **options)))
        return made[-1]

    yield run
    for client in made:
        client.timeout_on_exit = 0
        asyncio.run(client.close())


def addresses(urls):
    return [url for part in urls.values() for url in (addresses(part) if isinstance(part, dict) else [part])]


@pytest.mark.parametrize("exchange", ["binance", "kraken", "bybit", "cryptocom", "okx", "coinbase"])
def test_every_address_of_a_client_is_moved(make, exchange):
    """One that was not would send a test bot's order to the real exchange."""
    client = make(exchange, rest_url="http://127.0.0.1:8011/", websocket_url="ws://127.0.0.1:8012")

    moved = addresses(client.urls["api"])
    assert len(moved) >= 2
    assert {url.split("/")[2] for url in moved} == {"127.0.0.1:8011", "127.0.0.1:8012"}
    assert all(url.startswith(("http://127.0.0.1:8011", "ws://127.0.0.1:8012")) for url in moved)


def test_paths_stay_when_addresses_are_moved(make):
    client = make("binance", rest_url="http://sim:1", websocket_url="ws://sim:2")

    assert client.urls["api"]["public"] == "http://sim:1/api/v3"
    assert client.urls["api"]["ws"]["ws-api"]["spot"] == "ws://sim:2/ws-api/v3"


def test_addresses_stay_without_another_host(make):
    client = make("binance", rest_url="http://sim:1")

    assert client.urls["api"]["ws"]["spot"] == "wss://stream.binance.com:9443/ws"


def test_the_sandbox_is_the_exchanges_own(make):
    assert "testnet" in make("binance", sandbox=True).urls["api"]["public"]
    with pytest.raises(ConfigError, match="kraken has no sandbox"):
        make("kraken", sandbox=True)


@pytest.mark.parametrize("exchange", ["binance", "bybit", "okx", "gate", "htx"])
def test_only_spot_markets_are_loaded_and_no_currencies(make, exchange):
    client = make(exchange)

    assert client.has["fetchCurrencies"] is False
    types = client.options["fetchMarkets"]["types"]
    assert ([kind for kind, wanted in types.items() if wanted] if isinstance(types, dict) else types) == ["spot"]


def test_settings_reach_the_client(make):
    client = make("bybit", api_key="k", secret="s", timeout=3.5, rate_limit=False, number=Decimal, options={"a": 1})

    assert (client.apiKey, client.secret, client.timeout, client.enableRateLimit) == ("k", "s", 3500, False)
    assert client.parse_number("0.10") == Decimal("0.10")
    assert client.options["a"] == 1


def test_keys_are_not_shown():
    assert "hush" not in repr(ClientSettings("binance", api_key="hush-1", secret="hush-2", password="hush-3"))


def test_one_clients_options_are_not_anothers(make):
    make("binance", rest_url="http://sim:1")

    assert make("binance").urls["api"]["public"].startswith("https://api.binance.com")


@pytest.mark.parametrize(("name", "fix"), [("binanse", "write binance"), ("Kraken", "write kraken"), ("?", "as ccxt")])
def test_an_unknown_exchange_is_told_with_the_nearest(name, fix):
    with pytest.raises(ConfigError, match=f"exchange: received .*{fix}"):
        make_client(ClientSettings(name))


CLIENT = SimpleNamespace(id="fake", last_response_headers=None)


@pytest.mark.parametrize(("error", "kind", "said"), [
    (ccxt.AuthenticationError("bad key"), ConfigError, "fake credentials: received bad key"),
    (ccxt.PermissionDenied("no spot"), ConfigError, "fake credentials: received no spot"),
    (ccxt.AccountSuspended("gone"), ConfigError, "fake credentials"),
    (ccxt.RestrictedLocation("not here"), ConfigError, "fake account: received not here"),
    (ccxt.BadSymbol("fake does not have market symbol A/B"), ConfigError, "pair: received"),
    (ccxt.NetworkError("reset"), TemporaryError, "reset"),
    (ccxt.RequestTimeout("slow"), TemporaryError, "slow"),
    (ccxt.ExchangeNotAvailable("503"), TemporaryError, "503"),
    (ccxt.OnMaintenance("later"), TemporaryError, "later"),
    (ccxt.InvalidNonce("-1021"), TemporaryError, "-1021"),
    (ccxt.BadResponse("<html>"), TemporaryError, "<html>"),
    (ccxt.ChecksumError("book"), TemporaryError, "book"),
    (ccxt.ExchangeClosedByUser("closed"), TemporaryError, "closed"),
    (ccxt.NotSupported("fetchTime"), PermanentError, "fake cannot do this through ccxt: fetchTime"),
    (ccxt.BadRequest("what"), PermanentError, "what"),
    (ccxt.ExchangeError("odd"), PermanentError, "odd"),
    (ConnectionResetError("peer"), TemporaryError, "fake: peer"),
    (TimeoutError(), TemporaryError, "fake: TimeoutError"),
])  # fmt: skip
def test_every_error_has_one_meaning(error, kind, said):
    with pytest.raises(kind, match=said) as caught, exchange_errors(CLIENT):
        raise error
    assert type(caught.value) is kind
    assert caught.value.__cause__ is error


def test_a_defect_stays_a_defect_and_our_own_errors_stay_themselves():
    for error in (KeyError("result"), NotFoundError("order")):
        assert meaning_of(error, CLIENT) is error
        with pytest.raises(type(error)), exchange_errors(CLIENT):
            raise error


@pytest.mark.parametrize(
    ("headers", "pause"),
    [({"Retry-After": "17"}, 17), ({"retry-after": "3"}, 3), ({"Retry-After": "soon"}, BUSY_PAUSE), ({}, BUSY_PAUSE)],
)
@pytest.mark.parametrize("error", [ccxt.RateLimitExceeded("429"), ccxt.DDoSProtection("418")])
def test_too_many_requests_wait_as_long_as_the_exchange_says(headers, pause, error):
    assert meaning_of(error, SimpleNamespace(id="fake", last_response_headers=headers)).retry_after == pause


async def test_an_exchange_that_does_not_answer_is_not_asked_by_every_stream_and_reader():
    """Silence opens the circuit; a refusal, and "too many requests", are answers."""
    client = make_client(ClientSettings("binance"))
    exchange = Dependency("exchange", Limits(failures=3))
    outcomes = [ccxt.RequestTimeout("late"), OSError("no route"), ccxt.ExchangeNotAvailable("502")]
    asked = []

    async def fetch(url):
        asked.append(url)
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    client.fetch = fetch
    watch_requests(client, exchange)
    try:
        for kind in (ccxt.RequestTimeout, OSError, ccxt.ExchangeNotAvailable):
            with pytest.raises(kind):
                await client.fetch("/time")
        with pytest.raises(RefusedError, match="exchange has not answered 3 times in a row: 502"):
            await client.fetch("/time")
        assert len(asked) == 3

        outcomes[:] = [ccxt.RateLimitExceeded("429"), ccxt.BadSymbol("no"), {"time": 1}]
        with vital():
            for kind in (ccxt.RateLimitExceeded, ccxt.BadSymbol):
                with pytest.raises(kind):
                    await client.fetch("/time")
        assert await client.fetch("/time") == {"time": 1}
        assert exchange.failures == 0
    finally:
        await client.close()
