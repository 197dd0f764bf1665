"""Results of Backtests over HTTP: those of the bot's own namespace that lie in the bot's own database.

Any bot of the namespace that rests on that database answers for them, so a result outlives the pods that made it and
needs no service of its own. A Minimal bot keeps its state on a volume and knows of none.
"""

from __future__ import annotations

import asyncio
import json
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from tradewind.domain.errors import NotFoundError
from tradewind.kernel.csv_text import csv_text
from tradewind.kernel.http.wire import Answer, Exact, JsonResponse, MarketTime, Name
from tradewind.kernel.service import Context
from tradewind.portfolio.backtests import document_of, forget_backtest, recorded, trades_of

BacktestName = Annotated[Name, Path(examples=["crossing"])]


class TradesFormat(StrEnum):
    """How trades are written."""

    JSON = "json"
    CSV = "csv"


class BacktestItem(Answer):
    """A result in short; money in `currency`. `uid` is of the resource that it was made for."""

    name: str
    uid: str
    recorded_time: MarketTime
    start: str
    end: str
    timeframe: str
    currency: str
    candles: int
    trades: int
    start_balance: Exact
    end_balance: Exact
    profit: Exact
    max_drawdown_ratio: float
    sharpe: float


class Backtests(Answer):
    """Results, the newest first."""

    backtests: list[BacktestItem]


class Forgotten(Answer):
    """What was deleted."""

    name: str


def router(context: Context) -> APIRouter:
    """The routes."""
    api = BacktestApi(context)
    routes = APIRouter()
    document: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"schema": {"type": "object"}}}}}
    lines = {"application/json": {"schema": {"type": "array"}}, "text/csv": {}}
    either: dict[int | str, dict[str, Any]] = {200: {"content": lines}}
    one = "/api/v1/backtests/{name}"
    routes.add_api_route("/api/v1/backtests", api.backtests)
    routes.add_api_route(one, api.backtest, response_class=JsonResponse, responses=document)
    routes.add_api_route(one, api.forget, methods=["DELETE"])
    routes.add_api_route(f"{one}/trades", api.trades, response_class=Response, responses=either)
    return routes


class BacktestApi:
    """What the routes call."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._namespace = context.bot.metadata.namespace

    async def backtests(self) -> Backtests:
        """Results of Backtests of this namespace, the newest first."""
        found = await self._context.store.read(lambda connection: recorded(connection, self._namespace))
        items = [
            BacktestItem.model_validate({"name": one.name, "uid": one.uid, "recordedTime": one.time, **one.headline})
            for one in found
        ]
        return Backtests(backtests=items)

    async def backtest(self, name: BacktestName) -> Response:
        """A whole result, as `tradewind backtest -o json` prints it; of a search with what was found under `search`."""
        return Response(await self._document(name), media_type="application/json")

    async def trades(self, name: BacktestName, format: TradesFormat = TradesFormat.JSON) -> Response:  # noqa: A002
        """The closed trades of a result, as JSON or as CSV."""
        document = await self._document(name)

        def written() -> tuple[str, str]:
            found = trades_of(document)
            if format is TradesFormat.CSV:
                return csv_text(list(found)), "text/csv"
            return f"[{', '.join(json.dumps(one, ensure_ascii=False) for one in found)}]", "application/json"

        # There may be very many; trading goes on meanwhile.
        text, kind = await asyncio.to_thread(written)
        return Response(text, media_type=kind)

    async def forget(self, name: BacktestName) -> Forgotten:
        """Delete a result from the database; the resource, if it is still there, keeps its status."""
        await self._document(name)
        await forget_backtest(self._context.store, self._key(name))
        return Forgotten(name=name)

    async def _document(self, name: str) -> str:
        found = await self._context.store.read(lambda connection: document_of(connection, self._key(name)))
        if found is None:
            told = f"no result of a Backtest {name} in namespace {self._namespace}; one that is complete has one"
            raise NotFoundError(told)
        return found

    def _key(self, name: str) -> str:
        return f"{self._namespace}/{name}"
