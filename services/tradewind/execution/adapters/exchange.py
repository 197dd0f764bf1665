"""The account at a real exchange, as execution reaches it: by the user's API key, and as far as it is the bot's.

An account holds more than the money of one bot: other coins, other money, trades of years. So on the first start it is
written down what is there beside the bot's capital, and up to where the trades are known. From then on balances are
told without that, and whatever moves them beside the bot's own orders is seen as a drift.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from tradewind.contracts.exchanges import LIVE_LACKS
from tradewind.domain.errors import ConfigError
from tradewind.domain.money import ZERO, plain
from tradewind.domain.order import OrderType
from tradewind.execution.adapters.ccxt.venue import CcxtVenue
from tradewind.execution.adapters.remote_account import RemoteAccount
from tradewind.execution.ports import VenueRefusalError
from tradewind.execution.tables import openings, trade_marks
from tradewind.kernel.account_lock import AccountLock
from tradewind.kernel.budgets import Budgets
from tradewind.kernel.ccxt_client import ClientSettings
from tradewind.kernel.service import Context
from tradewind.kernel.settings import ExchangeCredentials, variable
from tradewind.kernel.store.base import Write

_INSERT_OPENING = insert(openings)
_INSERT_MARK = insert(trade_marks)
_UPDATE_MARK = (
    update(trade_marks)
    .where(*(trade_marks.c[name] == bindparam(f"key_{name}") for name in ("bot", "account", "pair")))
    .values(mark=bindparam("mark"))
)
_KEY_REFUSED = frozenset({"AuthenticationFailed", "PermissionDenied", "AccountSuspended", "RestrictedLocation"})
_STOPS = {"STOP_LOSS": OrderType.STOP, "LIMIT_MAKER": OrderType.LIMIT}
"""What a bracket rests as at Binance, by Binance's own words."""


class ExchangeVenue(RemoteAccount):
    """The account. Only this process trades on it while `hold` holds it."""

    def __init__(self, context: Context, account: str) -> None:
        super().__init__(context, account)
        self._exchange, self._capital = context.bot.spec.exchanges[0], context.bot.spec.capital
        self._locks: list[AccountLock] = []
        self._openings: dict[str, Decimal] = {}
        self._marks: dict[str, int] = {}
        self._openings_stored = False

    def hold(self) -> None:
        """Be the one bot of this account; raises `MachineError` where another one is, or without credentials."""
        if not self._locks:
            self._hold_by(self._credentials()[0])

    async def close(self) -> None:
        """Let go of the connections, and of the account."""
        await super().close()
        for lock in self._locks:
            lock.release()
        self._locks = []

    # ------------------------------------------------------------------------------------------------ what was before

    def load(self, connection: Connection) -> None:
        """Where the bot began, and up to where the trades are known."""
        self._openings, self._marks = (
            {row[0]: row[1] for row in connection.execute(select(name, value).where(*self._mine(name.table)))}
            for name, value in ((openings.c.currency, openings.c.total), (trade_marks.c.pair, trade_marks.c.mark))
        )
        self._openings_stored = bool(self._openings)
        if self._venue is not None:
            self._venue.begin_trades(self._marks)

    def notes(self) -> Sequence[Write]:
        """Where the bot begins, once; and up to where the trades are known by what was just told."""
        mine = {"bot": self._context.key, "account": self.account}
        writes = []
        if not self._openings_stored:
            rows = self._openings.items()
            writes += [Write(_INSERT_OPENING, {**mine, "currency": name, "total": total}) for name, total in rows]
        for pair, mark in self._there.trade_marks().items():
            if pair not in self._marks:
                writes.append(Write(_INSERT_MARK, {**mine, "pair": pair, "mark": mark}))
            elif mark != self._marks[pair]:
                keys = {f"key_{name}": value for name, value in (*mine.items(), ("pair", pair))}
                writes.append(Write(_UPDATE_MARK, {**keys, "mark": mark}))
        return writes

    def fills_stored(self) -> None:
        """Everything the last `fills` answered is stored, and the `notes`."""
        super().fills_stored()
        self._marks = dict(self._there.trade_marks())
        self._openings_stored = True

    async def balances(self) -> Mapping[str, Decimal]:
        """What of the account is the bot's: its capital, and what its orders made of it."""
        told = await super().balances()
        if not self._openings:
            self._openings = self._opening(told)
        currencies = {*told, *self._openings}
        return {name: told.get(name, ZERO) - self._openings.get(name, ZERO) for name in sorted(currencies)}

    def _opening(self, told: Mapping[str, Decimal]) -> dict[str, Decimal]:
        currency, start = self._capital.currency, self._capital.starting_balance
        held = told.get(currency, ZERO)
        if held < start:
            raise ConfigError(
                "spec.capital.startingBalance",
                plain(start),
                f"at most what the account holds ({plain(held)} {currency})",
                "lower it, or move money to the account",
            )
        return {**told, currency: held - start}

    # --------------------------------------------------------------------------------------------------------- opening

    def _settings(self) -> ClientSettings:
        api_key, secret = self._credentials()
        endpoint = self._exchange.endpoint
        return ClientSettings(
            self._exchange.name,
            api_key,
            secret,
            rest_url=endpoint.url if endpoint else None,
            websocket_url=endpoint.websocket_url if endpoint else None,
            timeout=self.call_timeout,
        )

    def _budgets(self) -> Budgets:
        return self._context.budgets

    def _credentials(self) -> tuple[str, str]:
        name = self._exchange.name
        return self._context.settings.credentials.get(name, ExchangeCredentials()).read(name)

    async def _opened(self, venue: CcxtVenue, pairs: Sequence[str]) -> None:
        """Refuse what is no simulation, a key that does not open the account, and pairs whose stops could not rest."""
        venue.begin_trades(self._marks)
        await self._check_simulation(venue)
        for pair in pairs:
            self._check_stops(venue.client.market(pair)["info"], pair)
        try:
            told = await venue.calls.run(venue.client.privateGetAccount)
        except VenueRefusalError as refusal:
            if refusal.reason not in _KEY_REFUSED:
                raise
            name = variable("credentials", self._exchange.name)
            allowed = f"an API key that {self._exchange.name} accepts, with the permission to trade spot"
            fix = f"check {name}__API_KEY and {name}__SECRET (or their _FILE), and what the key may do"
            raise ConfigError(f"{name}__API_KEY", str(refusal), allowed, fix) from refusal
        # An account may have several keys, and is one account all the same.
        place = self._exchange.endpoint.url if self._exchange.endpoint else ""
        self._hold_by(f"{place} account {told['uid']}")
        if venue.allowance is not None:
            venue.allowance.belongs_to(str(told["uid"]))

    def _hold_by(self, identity: str) -> None:
        lock = AccountLock(self._exchange.name, identity, self._context.key)
        if lock.path not in {held.path for held in self._locks}:
            lock.acquire()
            self._locks.append(lock)

    async def _check_simulation(self, venue: CcxtVenue) -> None:
        endpoint = self._exchange.endpoint
        assert endpoint is not None, "the manifest says so"
        try:
            told: Any = await venue.client.fetch(
                f"{endpoint.url}/sim/status", "GET", {"X-MBX-APIKEY": venue.client.apiKey}
            )
            told = json.loads(told) if isinstance(told, str) else told
            simulated = isinstance(told, dict) and "endTime" in told and "faults" in told
        except Exception as error:
            # ccxt's class for whatever may work later: its network errors, and 503 with a code that says "try again".
            if any(kind.__name__ in ("NetworkError", "OperationFailed") for kind in type(error).__mro__):
                raise  # not there yet
            simulated = False
        if not simulated:
            fix = f"leave mode at Paper: this version sends no orders with money ({'; '.join(LIVE_LACKS)})"
            raise ConfigError("spec.exchanges[0].endpoint.url", endpoint.url, "a `tradewind sim-exchange`", fix)

    def _check_stops(self, market: Mapping[str, Any], pair: str) -> None:
        """A stop of the bot alone is no protection: it has to rest at the exchange, with the target as one group."""
        types = set(market.get("orderTypes") or ())
        missing = sorted(set(_STOPS) - types) + ([] if market.get("ocoAllowed") else ["OCO"])
        if missing:
            allowed = f"pairs in which stops rest at {self._exchange.name} (missing: {', '.join(missing)})"
            raise ConfigError("spec.pairs.include", pair, allowed, "trade other pairs, or leave mode at Paper")

    def _mine(self, table: Any) -> tuple[Any, Any]:
        return table.c.bot == self._context.key, table.c.account == self.account
