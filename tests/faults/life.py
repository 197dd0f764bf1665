"""One run: a bot lives, a fault strikes at a moment that is drawn, the bot lives on, and the books are compared.

The bot decides some four times a second from the beginning to the end. A run counts when its fault has really happened,
which its row finds out; one whose fault did not happen is repeated by the campaign.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, TypeVar

import aiohttp
from pydantic import SecretStr
from sqlalchemy import Connection, func, select
from tests.faults.comparison import Comparison, Findings
from tests.faults.driver import Driver
from tests.faults.executions import Execution
from tests.faults.lane import Lane
from tests.faults.venue import VenueProcess
from tests.faults.warm import PLANTED
from tests.simulation.exchange import CREDENTIALS

from tradewind.domain.errors import TradewindError
from tradewind.domain.order import OrderState
from tradewind.execution.tables import leases, order_states
from tradewind.kernel.settings import ExchangeCredentials, Settings
from tradewind.kernel.store.outbox import outbox
from tradewind.kernel.store.postgres import PostgresStore

if TYPE_CHECKING:
    from tests.faults.rows import Row

Result = TypeVar("Result")

PATIENCE = 45.0
"""Seconds in which a bot must trade again after a fault, and in which its books must agree in the end."""

_STEP = 0.05
_TAKEN = tuple(state.value for state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED, OrderState.FILLED))
_MANIFEST = """
apiVersion: tradewind.dev/v1alpha1
kind: TradingBot
metadata: {{name: faults}}
spec:
  mode: Live
  exchanges:
    - {{name: binance, venue: Exchange, endpoint: {{url: '{url}', websocketUrl: '{websocket_url}'}}}}
  pairs: {{include: [BTC/USDT, ETH/USDT]}}
  timeframe: 1m
  strategies: [{{name: any, kind: EmaCross, timeframes: [1m]}}]
  capital: {{currency: USDT, startingBalance: "10000"}}
  data: {{source: Exchange}}
"""


class NotHappenedError(Exception):
    """The fault of a run did not happen, or not for certain: the run says nothing."""


@dataclass(slots=True)
class Outcome:
    """What came of a run. `recovery` is in seconds; `happened` is whether it counts; `notes` tell of it."""

    row: str
    seed: int
    happened: bool = True
    findings: Findings = field(default_factory=Findings)
    recovery: float | None = None
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    logs: str = ""

    @property
    def failed(self) -> bool:
        """Whether something does not hold that has to."""
        return self.happened and bool(self.findings.all or self.recovery is None)


class Life:
    """The bot of one run and all that is around it, as the rows see it."""

    def __init__(self, lane: Lane, row: Row, seed: int, folder: Path) -> None:
        self.lane, self.row, self.folder = lane, row, folder
        self.random = Random(seed)
        self.seed, self.patience = seed, PATIENCE
        self.redis = lane.redis
        self.postgres = lane.small if row.small_disk else lane.postgres
        self.venue = VenueProcess(folder, lane.venue_port, seed)
        self.executions: list[Execution] = []
        self.notes: list[str] = []
        self.misdeeds: list[str] = []
        """What a row saw that must not be."""
        self._environment: dict[str, str] = {}
        self._stack = contextlib.AsyncExitStack()

    # -------------------------------------------------------------------------------------------------- for the rows

    @property
    def execution(self) -> Execution:
        """The one that was begun last."""
        return self.executions[-1]

    def another(self) -> Execution:
        """An execution on another machine, not yet begun."""
        name = f"execution-{len(self.executions) + 1}"
        self.executions.append(Execution(name, self.folder, self.folder / "bot.yaml", self._environment))
        return self.executions[-1]

    async def venue_begins(self) -> None:
        """The venue is there, and answers."""
        await self.venue.begin(self._environment)
        await self.until(self.venue.answers, "the venue does not answer")

    async def until(self, true: Callable[[], Awaitable[bool] | bool], otherwise: str, seconds: float = 15.0) -> None:
        """Wait for something; raises `NotHappenedError` where it does not come."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = true()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(_STEP)
        raise NotHappenedError(otherwise)

    async def read(self, query: Callable[[Connection], Result]) -> Result:
        """What the tables say."""
        return await self._store.read(query)

    async def epoch(self) -> int:
        """How often the account was taken over."""
        return await self.read(lambda connection: connection.scalar(select(func.max(leases.c.epoch)))) or 0

    async def state_of(self, name: str) -> str:
        """The last state of an order in the tables."""
        mine = select(order_states.c.state).where(order_states.c.client_order_id == name)
        newest = mine.order_by(order_states.c.version.desc()).limit(1)
        return str(await self.read(lambda connection: connection.scalar(newest)))

    async def is_at_the_venue(self, name: str) -> bool:
        """Whether the venue has an order."""
        return any(one.client_order_id == name for one in (await self.venue.books()).orders)

    # ------------------------------------------------------------------------------------------------------- a run

    async def play(self) -> Outcome:
        """From the first start to the comparison; whatever it was, nothing is left running."""
        outcome, began = Outcome(self.row.name, self.seed, notes=self.notes), time.monotonic()
        try:
            await self._play(outcome)
        except NotHappenedError as error:
            outcome.happened = False
            self.notes.append(str(error))
        except Exception:  # noqa: BLE001 - one run must not end the campaign; it is told, and fails it
            outcome.findings.unequal.append(traceback.format_exc())
        finally:
            await self._stack.aclose()
        outcome.findings.unequal.extend(self.misdeeds)
        outcome.seconds = time.monotonic() - began
        return outcome

    async def _play(self, outcome: Outcome) -> None:
        await self._begin()
        await self.until(self._knows_the_account, "execution never knew the account", PATIENCE)
        self.driver.begin()
        await self.until(lambda: self._accepted_since(0.0), "no order was accepted", PATIENCE)
        await asyncio.sleep(self.random.uniform(0.0, 2.0))
        over = await self.row.strike(self)
        try:
            await self.until(lambda: self._accepted_since(over), "no order was accepted after the fault", self.patience)
            outcome.recovery = (await self._first_accepted(over) or over) - over
        except NotHappenedError as error:
            self.notes.append(str(error))
        await asyncio.sleep(self.random.uniform(0.5, 1.0))
        self.driver.decisions.clear()
        self.driver.market.still = True
        outcome.findings = await self._agree()

    async def _agree(self) -> Findings:
        """What does not hold when everybody had time to ask."""
        until, findings = time.monotonic() + self.patience, Findings(unequal=["it never came to rest"])
        while time.monotonic() < until:
            await asyncio.sleep(_STEP)
            with contextlib.suppress(TradewindError, aiohttp.ClientError):
                books = await self.venue.books()
                handled = self.driver.runners["portfolio"]._handled
                findings = await self.read(Comparison(self.driver.bot.key, books, handled).findings)
                if not findings.all:
                    break
        return findings

    # ------------------------------------------------------------------------------------------------------ begin, end

    async def _begin(self) -> None:
        self.redis.start()
        assert self.redis.command("FLUSHALL").startswith("+OK")
        address = await self.lane.database(self.postgres)
        self._stack.push_async_callback(self.lane.drop, address, self.postgres)
        self._store = PostgresStore(address)
        self._stack.push_async_callback(self._store.close)
        keys = self.folder / "keys"
        keys.mkdir()
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", PLANTED) if name in os.environ},
            "TRADEWIND_DATABASE_URL": address,
            "TRADEWIND_BUS_URL": self.redis.url,
            "TRADEWIND_KEY_DIRECTORY": str(keys),
            "TRADEWIND_PORTS__EXECUTION": "0",
            "TRADEWIND_CREDENTIALS__BINANCE__API_KEY": CREDENTIALS.api_key,
            "TRADEWIND_CREDENTIALS__BINANCE__SECRET": CREDENTIALS.secret,
            "TRADEWIND_LOG_STYLE": "text",
        }
        manifest = self.folder / "bot.yaml"
        manifest.write_text(_MANIFEST.format(url=self.venue.url, websocket_url=self.venue.websocket_url))
        key = ExchangeCredentials(api_key=SecretStr(CREDENTIALS.api_key), secret=SecretStr(CREDENTIALS.secret))
        settings = Settings(key_directory=keys, credentials={"binance": key})
        self.driver = Driver(
            manifest, self.folder / "driver", (address, self.redis.url), settings, self.venue, self.seed
        )
        self._stack.push_async_callback(self.driver.stop)
        self._stack.push_async_callback(self._end_the_rest)
        await self.venue_begins()
        self.another().begin()
        await self.driver.start()

    async def _end_the_rest(self) -> None:
        await asyncio.gather(*(one.end() for one in self.executions))
        await self.venue.close()
        self.redis.start()
        self.postgres.start()

    # --------------------------------------------------------------------------------------------------------- looking

    async def _knows_the_account(self) -> bool:
        reports = select(func.count()).where(outbox.c.kind == "BalancesReported")
        return bool(await self.read(lambda connection: connection.scalar(reports)))

    async def _accepted_since(self, moment: float) -> bool:
        return await self._first_accepted(moment) is not None

    async def _first_accepted(self, moment: float) -> float | None:
        """When the first order was known to be taken that was new after a moment; seconds since the epoch."""
        sent = (
            select(order_states.c.client_order_id)
            .where(order_states.c.state == OrderState.SUBMITTED.value)
            .group_by(order_states.c.client_order_id)
            .having(func.min(order_states.c.occurred_at) >= moment)
        )
        taken = select(func.min(order_states.c.occurred_at)).where(
            order_states.c.state.in_(_TAKEN),
            order_states.c.client_order_id.in_(sent),
            order_states.c.occurred_at >= moment,
        )
        with contextlib.suppress(TradewindError):
            return await self.read(lambda connection: connection.scalar(taken))
        return None
