"""How a ccxt client is made and what its errors mean, once for every service that talks to an exchange.

Market-data and execution know nothing of each other, so what both need of ccxt stands here: which options make a
client predictable (spot markets only, no currencies endpoint, which wants a key at some exchanges), how all of its
addresses are turned to another host (the sim-exchange), and which of this project's errors each of ccxt's means.

ccxt is imported when the first client is made and never before (`ccxt_import`).
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tradewind.domain.errors import ConfigError, PermanentError, TemporaryError, TradewindError
from tradewind.kernel.ccxt_import import import_ccxt
from tradewind.kernel.resilience import Dependency

BUSY_PAUSE = 30.0
"""Seconds to leave an exchange alone that refused for too many requests without saying for how long."""

_ORIGIN = re.compile(r"^(?P<scheme>https?|wss?)://[^/]+")

# By name, because a table of classes would import ccxt. The first name found among an error's ancestors decides, from
# the error's own class upwards.
_AUTHENTICATION = frozenset({"AuthenticationError"})
_RESTRICTED = frozenset({"RestrictedLocation", "ManualInteractionNeeded"})
_SYMBOL = frozenset({"BadSymbol", "ContractUnavailable"})
_UNSUPPORTED = frozenset({"NotSupported"})
_BUSY = frozenset({"RateLimitExceeded", "DDoSProtection"})
_TEMPORARY = frozenset({"OperationFailed", "MarketClosed", "ExchangeClosedByUser"})


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a client needs to know. `exchange` is ccxt's id (`binance`); keys are only needed for an account.

    `rest_url` and `websocket_url` are `scheme://host[:port]`; each replaces that part of every HTTP and WebSocket
    address of the client. `timeout` is in seconds, for one request. `number` is the type that ccxt parses numbers
    into: `float`, or `decimal.Decimal` where they are money. `options` are merged into ccxt's own `options`.
    """

    exchange: str
    api_key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    sandbox: bool = False
    rest_url: str | None = None
    websocket_url: str | None = None
    rate_limit: bool = True
    timeout: float = 10.0
    number: type = float
    options: Mapping[str, Any] = field(default_factory=dict)


def make_client(settings: ClientSettings) -> Any:
    """A client of ccxt.pro (of plain asynchronous ccxt where the exchange has no WebSocket there), spot by default.

    Nothing is requested yet. The caller closes it with `await client.close()`. Raises `ConfigError` for an exchange
    that ccxt does not know or that has no sandbox.
    """
    asynchronous, pro = import_ccxt()
    known = set(asynchronous.exchanges)
    if settings.exchange not in known:
        raise _unknown_exchange(settings.exchange, known)
    module = pro if settings.exchange in pro.exchanges else asynchronous
    client = getattr(module, settings.exchange)(
        {
            "apiKey": settings.api_key,
            "secret": settings.secret,
            "password": settings.password,
            "enableRateLimit": settings.rate_limit,
            "timeout": int(settings.timeout * 1000),
            "number": settings.number,
            "options": {"defaultType": "spot", **settings.options},
        }
    )
    client.has["fetchCurrencies"] = False
    client.ssl_context = _authorities(client.cafile)
    _load_only_spot(client)
    if settings.sandbox:
        if not client.urls.get("test"):
            raise ConfigError("sandbox", True, "false for this exchange", f"{settings.exchange} has no sandbox")
        client.set_sandbox_mode(True)
    move_client(client, settings.rest_url, settings.websocket_url)
    return client


@functools.cache
def _authorities(file: str) -> ssl.SSLContext:
    """What a client checks certificates with, read once for all of them; ccxt would read them for each."""
    return ssl.create_default_context(cafile=file)


def move_client(client: Any, rest_url: str | None, websocket_url: str | None = None) -> None:
    """Turns all addresses of a client to another host, as `ClientSettings` names it, from the next request on."""
    client.urls["api"] = _moved(client.urls["api"], rest_url, websocket_url)


@contextlib.contextmanager
def exchange_errors(client: Any) -> Iterator[None]:
    """Around calls of `client`: what it raises leaves as an error of this project (see `meaning_of`)."""
    try:
        yield
    except Exception as error:
        meaning = meaning_of(error, client)
        if meaning is error:
            raise
        raise meaning from error


def meaning_of(error: Exception, client: Any) -> Exception:
    """What an exception out of `client` means here; an error that is neither ccxt's nor the network's stays itself.

    Keys, permissions, places and symbols are the user's to mend: `ConfigError`. The network, the exchange's state and
    its limits are a `TemporaryError`, with the pause that the exchange asked for. The rest of ccxt's errors would come
    again: `PermanentError`.
    """
    if isinstance(error, TradewindError):
        return error
    if isinstance(error, OSError | TimeoutError):
        return TemporaryError(f"{client.id}: {str(error) or type(error).__name__}")
    names = [kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("ccxt.")]
    if not names:
        return error
    return _users_fault(error, client.id, names) or _others_fault(error, client, names)


def watch_requests(client: Any, dependency: Dependency) -> None:
    """Make each request of `client` a call to `dependency`: refused with `RefusedError` while it does not answer."""
    fetch = client.fetch

    def is_silence(error: Exception) -> bool:
        names = {kind.__name__ for kind in type(error).__mro__}
        # Who says "too many requests" has answered.
        return isinstance(error, OSError | TimeoutError) or ("OperationFailed" in names and _BUSY.isdisjoint(names))

    async def watched(*arguments: Any, **named: Any) -> Any:
        with dependency.attempt(is_silence):
            return await fetch(*arguments, **named)

    client.fetch = watched


def retry_after(client: Any) -> float | None:
    """The seconds that the last answer's `Retry-After` asked for, None where it had none in seconds."""
    headers = client.last_response_headers or {}
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return float(value) if str(value).isdigit() else None


def _users_fault(error: Exception, exchange: str, names: list[str]) -> ConfigError | None:
    said = str(error)
    if not _AUTHENTICATION.isdisjoint(names):
        fix = "check key, secret, their permissions and the addresses that may use them at the exchange"
        return ConfigError(f"{exchange} credentials", said, "an API key that the exchange accepts", fix)
    if not _RESTRICTED.isdisjoint(names):
        fix = "do at the exchange what it asks for, or use another exchange"
        return ConfigError(f"{exchange} account", said, "an account that may trade from here", fix)
    if not _SYMBOL.isdisjoint(names):
        fix = f"choose a pair that {exchange} lists as a spot market, written BASE/QUOTE"
        return ConfigError("pair", said, f"spot pairs of {exchange}", fix)
    return None


def _others_fault(error: Exception, client: Any, names: list[str]) -> TradewindError:
    if not _BUSY.isdisjoint(names):
        return TemporaryError(str(error), retry_after(client) or BUSY_PAUSE)
    if not _TEMPORARY.isdisjoint(names):
        return TemporaryError(str(error))
    if not _UNSUPPORTED.isdisjoint(names):
        return PermanentError(f"{client.id} cannot do this through ccxt: {error}")
    return PermanentError(str(error))


def _unknown_exchange(exchange: str, known: set[str]) -> ConfigError:
    near = difflib.get_close_matches(exchange.lower(), known, n=1)
    fix = f"write {near[0]}" if near else "write the exchange as ccxt names it"
    return ConfigError("exchange", exchange, f"one of the {len(known)} exchanges of ccxt, such as binance", fix)


def _load_only_spot(client: Any) -> None:
    """Exchanges with several kinds of market load them all, each by a request, unless told otherwise."""
    wanted = client.options.get("fetchMarkets")
    types = wanted.get("types") if isinstance(wanted, dict) else None
    if isinstance(types, list) and "spot" in types:
        wanted["types"] = ["spot"]
    elif isinstance(types, dict) and "spot" in types:
        wanted["types"] = {name: name == "spot" for name in types}


def _moved(urls: Any, rest_url: str | None, websocket_url: str | None) -> Any:
    """`urls`, nested as ccxt nests them, with the origin of every address replaced."""
    if isinstance(urls, dict):
        return {name: _moved(url, rest_url, websocket_url) for name, url in urls.items()}
    found = _ORIGIN.match(urls) if isinstance(urls, str) else None
    if found is None:
        return urls
    origin = websocket_url if found["scheme"].startswith("ws") else rest_url
    return urls if origin is None else origin.rstrip("/") + urls[found.end() :]
