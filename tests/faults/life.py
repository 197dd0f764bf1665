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
from typing import TYPE_CHECKING

import aiohttp
from pydantic import SecretStr
from tests.faults.comparison import Comparison, Findings
from tests.faults.driver import Driver
from tests.faults.executions import Execution
from tests.faults.lane import Lane
from tests.faults.tables import Tables
from tests.faults.venue import VenueProcess
from tests.faults.warm import PLANTED
from tests.simulation.exchange import CREDENTIALS

from tradewind.domain.errors import TradewindError
from tradewind.kernel.settings import ExchangeCredentials, Settings

if TYPE_CHECKING:
    from tests.faults.rows import Row

PATIENCE = 45.0
"""Seconds in which a bot must trade again after a fault, and in which its books must agree in the end."""

_STEP = 0.05
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
    """The fault of a run did not happen, or not for certain: the run does not count."""


class NeverError(Exception):
    """What a bot must come to did not come, whatever was done to it."""


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
        return bool(self.findings.all) or self.recovery is None


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

    async def until(
        self,
        true: Callable[[], Awaitable[bool] | bool],
        otherwise: str,
        seconds: float = 15.0,
        error: type[Exception] = NotHappenedError,
    ) -> None:
        """Wait for something; raises `error` where it does not come."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = true()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(_STEP)
        raise error(otherwise)

    async def must(self, true: Callable[[], Awaitable[bool] | bool], otherwise: str) -> None:
        """Wait for what has to come; raises `NeverError` where it does not."""
        await self.until(true, otherwise, self.patience, NeverError)

    async def is_at_the_venue(self, name: str) -> bool:
        """Whether the venue has an order."""
        return any(one.client_order_id == name for one in (await self.venue.books()).orders)

    # ------------------------------------------------------------------------------------------------------- a run

    async def play(self) -> Outcome:
        """From the first start to the comparison; whatever it was, nothing is left running."""
        outcome, began = Outcome(self.row.name, self.seed, notes=self.notes), time.monotonic()
        try:
            await self._play(outcome)
        except Exception:  # noqa: BLE001 - one run must not end the campaign; it is told, and fails it
            outcome.findings.unequal.append(traceback.format_exc())
        finally:
            await self._stack.aclose()
        outcome.findings.unequal.extend(self.misdeeds)
        # What is wrong is wrong, whatever has led to it.
        outcome.happened |= bool(outcome.findings.all)
        outcome.seconds = time.monotonic() - began
        return outcome

    async def _play(self, outcome: Outcome) -> None:
        await self._begin()
        try:
            await self._live(outcome)
        except NeverError as error:
            self.misdeeds.append(str(error))
        self.driver.decisions.clear()
        self.driver.market.still = True
        outcome.findings = await self._agree()

    async def _live(self, outcome: Outcome) -> None:
        await self.must(self.tables.has_balances, "execution never knew the account")
        self.driver.begin()
        await self.must(lambda: self._trades(0.0), "no order was accepted")
        await asyncio.sleep(self.random.uniform(0.0, 2.0))
        over = await self._struck(outcome)
        await self.must(lambda: self._trades(over), "no order was accepted after the fault")
        outcome.recovery = (await self.tables.first_accepted(over) or over) - over
        await asyncio.sleep(self.random.uniform(0.5, 1.0))

    async def _struck(self, outcome: Outcome) -> float:
        try:
            return await self.row.strike(self)
        except NotHappenedError as error:
            self.notes.append(str(error))
            outcome.happened = False
            self.execution.forget()
            await self.venue.calm()
            return time.time()

    async def _trades(self, moment: float) -> bool:
        return await self.tables.first_accepted(moment) is not None

    async def _agree(self) -> Findings:
        """What does not hold when everybody had time to ask."""
        until, findings = time.monotonic() + self.patience, Findings(unequal=["it never came to rest"])
        while time.monotonic() < until:
            await asyncio.sleep(_STEP)
            with contextlib.suppress(TradewindError, aiohttp.ClientError):
                books = await self.venue.books()
                handled = {message.id for message in self.driver.runners["portfolio"]._owed}
                findings = await self.tables.read(Comparison(self.driver.bot.key, books, handled).findings)
                if not findings.all:
                    break
        return findings

    # ------------------------------------------------------------------------------------------------------ begin, end

    async def _begin(self) -> None:
        self.redis.start()
        assert self.redis.command("FLUSHALL").startswith("+OK")
        address = await self.lane.database(self.postgres)
        self._stack.push_async_callback(self.lane.drop, address, self.postgres)
        self.tables = Tables(address)
        self._stack.push_async_callback(self.tables.close)
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
