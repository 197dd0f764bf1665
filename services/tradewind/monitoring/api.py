"""Monitoring over HTTP: the health of the bot with everything that makes it up, and its conditions."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from tradewind.domain.health import health_status
from tradewind.kernel.http.wire import Answer, MarketTime, WallTime
from tradewind.monitoring.conditions import Kind, Status
from tradewind.monitoring.watch import Watch


class Snake(BaseModel):
    """The names of this one document are the ones that tools already read, with underscores."""

    model_config = ConfigDict(frozen=True)


class PartItem(Snake):
    """One part of the score, from 0 to 100."""

    name: str
    weight: int
    score: float
    detail: str


class ApplicationHealth(Snake):
    """The health score: the weighted mean of its parts."""

    health_score: int
    status: Literal["Healthy", "Degraded", "Critical"]
    parts: list[PartItem]


class TradingItem(Snake):
    """What trading does, null where the engine does not answer. Times of the last candle and cycle are wall time."""

    state: str | None
    reason: str | None
    actor: str | None
    open_positions: int | None
    market_time: MarketTime | None
    last_candle_at: WallTime | None
    last_cycle_at: WallTime | None


class DependencyItem(Snake):
    """What a service's process calls: its circuit, and why it is not closed; `timeout` in seconds.

    `failures` are those in a row, `at_once` is how many calls may be `in_flight` (null: whoever makes them bounds
    them), `retries` how many are allowed now.
    """

    circuit: Literal["closed", "half-open", "open"]
    reason: str
    failures: int
    in_flight: int
    at_once: int | None
    timeout: float | None
    retries: int


class BudgetItem(Snake):
    """What an exchange allows: how full the fullest window is (a ratio), the pause it wants and all waiting (seconds).

    `refused` counts what was not sent because there was no room in time.
    """

    used_ratio: float
    pause: float
    waited: float
    refused: int


class ServiceItem(Snake):
    """One service: its state, whether it does its work, by name why not, what its process calls and may ask for."""

    state: str
    ready: bool
    reasons: dict[str, str]
    dependencies: dict[str, DependencyItem]
    budgets: dict[str, BudgetItem]


class ResourceItem(Snake):
    """What the process uses: `cpu_ratio` of one processor, memory and disk in bytes."""

    cpu_ratio: float
    memory_bytes: int
    disk_free_bytes: int | None
    disk_total_bytes: int | None
    open_files: int | None
    threads: int
    uptime_seconds: float


class DetailedHealth(Snake):
    """Everything that is known of the bot's health."""

    timestamp: WallTime
    application_health: ApplicationHealth
    trading_status: TradingItem
    services: dict[str, ServiceItem]
    resources: ResourceItem


class ConditionItem(Answer):
    """One condition; `lastTransitionTime` is when its status last changed."""

    type: Kind
    status: Status
    reason: str
    message: str
    last_transition_time: WallTime


def router(watch: Watch) -> APIRouter:
    """The routes of monitoring."""
    api = MonitoringApi(watch)
    routes = APIRouter(tags=["monitoring"])
    routes.add_api_route("/health/detailed", api.detailed)
    routes.add_api_route("/conditions", api.conditions)
    return routes


class MonitoringApi:
    """What the routes call."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    async def detailed(self) -> DetailedHealth:
        """The health score with its parts, trading, every service, and what the process uses."""
        picture = await self._watch.look()
        seen, trading = self._watch.seen, picture.trading or {}
        return DetailedHealth(
            timestamp=picture.time,
            application_health=ApplicationHealth(
                health_score=picture.score,
                status=health_status(picture.score),
                parts=[PartItem(name=p.name, weight=p.weight, score=p.score, detail=p.detail) for p in picture.parts],
            ),
            trading_status=TradingItem(
                state=trading.get("state"),
                reason=trading.get("reason"),
                actor=trading.get("actor"),
                open_positions=trading.get("openPositions"),
                market_time=seen.candle_time,
                last_candle_at=seen.candle,
                last_cycle_at=seen.cycle,
            ),
            services={
                name: ServiceItem(
                    state=one["state"],
                    ready=not one["reasons"],
                    reasons=one["reasons"],
                    dependencies=one.get("dependencies", {}),
                    budgets=one.get("budgets", {}),
                )
                for name, one in picture.services.items()
            },
            resources=ResourceItem.model_validate(picture.resources, from_attributes=True),
        )

    async def conditions(self) -> list[ConditionItem]:
        """What is true of the bot, and since when."""
        await self._watch.look()
        return [
            ConditionItem(
                type=one.type,
                status=one.status,
                reason=one.reason,
                message=one.message,
                last_transition_time=one.since,
            )
            for one in self._watch.conditions.current
        ]
