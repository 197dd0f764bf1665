"""Portfolio over HTTP: what is held, what it is worth, what was earned, and what is at risk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query

from tradewind.domain.equity import equity_of
from tradewind.domain.money import ZERO, decimal_of
from tradewind.domain.position import Position
from tradewind.kernel.http.problems import existing
from tradewind.kernel.http.wire import Name
from tradewind.kernel.service import Context
from tradewind.portfolio.accounts import Account
from tradewind.portfolio.documents import (
    BalanceItem,
    Balances,
    EquityPoint,
    Exposure,
    History,
    PositionItem,
    Positions,
    Risk,
    Summary,
    TradeItem,
    Trades,
)
from tradewind.portfolio.handlers import PortfolioHandlers
from tradewind.portfolio.risk import LEVEL, concentration_of, downsampled, statistics


def router(context: Context, account: Account, handlers: PortfolioHandlers) -> APIRouter:
    """The routes of portfolio."""
    api = PortfolioApi(context, account, handlers)
    routes = APIRouter(tags=["portfolio"])
    routes.add_api_route("/api/portfolio/positions", api.positions)
    routes.add_api_route("/api/v1/portfolio/summary", api.summary)
    routes.add_api_route("/api/v1/trades", api.trades)
    routes.add_api_route("/api/v1/balances", api.balances)
    routes.add_api_route("/api/v1/history", api.history)
    routes.add_api_route("/api/v1/risk", api.risk)
    return routes


class PortfolioApi:
    """What the routes call."""

    def __init__(self, context: Context, account: Account, handlers: PortfolioHandlers) -> None:
        self._context, self._account, self._handlers = context, account, handlers

    async def positions(self) -> Positions:
        """Open positions, valued at the last close."""
        found = [self._item(position) for position in self._account.open.values()]
        return Positions(currency=self._account.currency, positions=found)

    async def summary(self) -> Summary:
        """The account in one look."""
        account, curve = self._account, self._account.curve
        profits = [trade.profit for trade in account.trades]
        unrealised = sum((self._profit(position) for position in account.open.values()), ZERO)
        fees = sum((trade.fees for trade in account.trades), ZERO)
        return Summary(
            currency=account.currency,
            time=curve.points[-1][0] if curve.points else None,
            start_balance=account.start,
            equity=curve.equity,
            equity_peak=curve.peak,
            drawdown_ratio=float(curve.drawdown()),
            day_start_equity=curve.day_start,
            day_profit=curve.equity - curve.day_start,
            total_profit=curve.equity - account.start,
            realised_profit=sum(profits, ZERO),
            unrealised_profit=unrealised,
            fees=fees + sum((position.fees for position in account.open.values()), ZERO),
            open_positions=len(account.open),
            trades=len(profits),
            wins=sum(profit > ZERO for profit in profits),
            losses=sum(profit < ZERO for profit in profits),
        )

    async def trades(
        self,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        pair: Annotated[Name | None, Query(examples=["BTC/EUR"])] = None,
    ) -> Trades:
        """Closed trades, newest first."""
        found = self._account.trades
        if pair is not None:
            existing("pair", pair, self._handlers.instruments)
            found = [trade for trade in found if trade.pair == pair]
        latest = found[: -limit - 1 : -1]
        items = [
            TradeItem(
                pair=trade.pair,
                open_time=trade.open_time,
                close_time=trade.close_time,
                open_rate=trade.open_rate,
                close_rate=trade.close_rate,
                amount=trade.amount,
                fees=trade.fees,
                profit=trade.profit,
                profit_ratio=float(trade.profit_ratio),
                exit_reason=trade.exit_reason,
                entry_tag=trade.entry_tag,
            )
            for trade in latest
        ]
        return Trades(count=len(found), trades=items)

    async def balances(self) -> Balances:
        """What the account holds, by currency."""
        account, closes = self._account, self._handlers.closes
        items = []
        for currency, total in account.balances.items():
            priced = currency == account.currency or f"{currency}/{account.currency}" in closes
            value = equity_of({currency: total}, closes, account.currency) if priced else None
            items.append(BalanceItem(currency=currency, total=total, value=value))
        return Balances(currency=account.currency, balances=items, drift=dict(account.drift))

    async def history(self, points: Annotated[int, Query(ge=2, le=5000)] = 500) -> History:
        """The equity curve, from the first tick to the last."""
        curve = self._account.curve.points
        found = [EquityPoint(time=time, equity=equity) for time, equity in downsampled(curve, points)]
        return History(currency=self._account.currency, ticks=len(curve), points=found)

    async def risk(self) -> Risk:
        """Exposure, value at risk, beta, drawdown and concentration."""
        account, curve = self._account, self._account.curve
        closes = await self._context.ask("market-data", "daily_closes")
        # A year of minutes takes a while; trading goes on meanwhile.
        found = await asyncio.to_thread(statistics, account.start, list(curve.points), closes)
        held = self._held()
        total, equity = sum(held.values(), ZERO), curve.equity
        return Risk(
            currency=account.currency,
            equity=equity,
            exposure=total,
            exposure_ratio=_share(total, equity),
            exposure_by_pair=[
                Exposure(pair=pair, value=value, ratio=_share(value, equity)) for pair, value in held.items()
            ],
            concentration=concentration_of(held),
            drawdown_ratio=float(curve.drawdown()),
            max_drawdown=found.max_drawdown,
            max_drawdown_ratio=found.max_drawdown_ratio,
            level=LEVEL,
            days=found.days,
            value_at_risk=found.value_at_risk,
            conditional_value_at_risk=found.conditional_value_at_risk,
            beta=found.beta,
        )

    def _held(self) -> Mapping[str, Decimal]:
        held: dict[str, Decimal] = {}
        for position in self._account.open.values():
            held[position.pair] = held.get(position.pair, ZERO) + position.amount * self._price(position)
        return held

    def _price(self, position: Position) -> Decimal:
        """The last close; before there is one, what was paid."""
        close = self._handlers.closes.get(position.pair)
        return position.average_price if close is None else decimal_of(close)

    def _profit(self, position: Position) -> Decimal:
        return position.profit + position.amount * self._price(position)

    def _item(self, position: Position) -> PositionItem:
        price, profit = self._price(position), self._profit(position)
        return PositionItem(
            position_id=position.position_id,
            pair=position.pair,
            open_time=position.open_time,
            amount=position.amount,
            average_price=position.average_price,
            price=price,
            value=position.amount * price,
            cost=position.spent,
            fees=position.fees,
            profit=profit,
            profit_ratio=float(profit / position.spent) if position.spent else 0.0,
            entry_tag=position.entry_tag,
        )


def _share(value: Decimal, equity: Decimal) -> float:
    return float(value / equity) if equity > ZERO else 0.0
