"""THE table of what is reachable from outside: which service answers a path, and which role may ask."""

from __future__ import annotations

from dataclasses import dataclass

from tradewind.kernel.security import Role


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path template, the same at the service as here."""

    method: str
    path: str
    service: str
    role: Role

    @property
    def changes(self) -> bool:
        """Whether a call leaves something different, so that it is audited."""
        return self.method != "GET"


def _reads(service: str, *paths: str) -> list[Route]:
    return [Route("GET", path, service, Role.VIEWER) for path in paths]


ROUTES: tuple[Route, ...] = (
    *_reads("engine", "/api/v1/trading/status", "/api/v1/decisions", "/api/v1/consensus"),
    Route("POST", "/cycle", "engine", Role.TRADER),
    Route("POST", "/api/trading/start", "engine", Role.TRADER),
    Route("POST", "/api/trading/stop", "engine", Role.TRADER),
    Route("POST", "/api/trading/pause", "engine", Role.TRADER),
    Route("POST", "/api/trading/resume", "engine", Role.TRADER),
    Route("POST", "/api/v1/trading/force-exit", "engine", Role.TRADER),
    Route("POST", "/api/v1/trading/emergency-stop", "engine", Role.ADMIN),
    Route("DELETE", "/api/v1/trading/emergency-stop", "engine", Role.ADMIN),
    *_reads(
        "market-data",
        "/api/market/ohlcv",
        "/api/v1/exchanges",
        "/api/v1/exchanges/{id}/ticker",
        "/api/v1/exchanges/{id}/ohlcv",
        "/api/v1/exchanges/{id}/orderbook",
        "/api/v1/exchanges/{id}/trades",
        "/api/v1/exchanges/{id}/markets",
        "/api/v1/market/quarantine",
        "/api/v1/market/gaps",
    ),
    *_reads(
        "portfolio",
        "/api/portfolio/positions",
        "/api/v1/portfolio/summary",
        "/api/v1/trades",
        "/api/v1/balances",
        "/api/v1/history",
        "/api/v1/risk",
        "/api/v1/backtests",
        "/api/v1/backtests/{name}",
        "/api/v1/backtests/{name}/trades",
    ),
    Route("DELETE", "/api/v1/backtests/{name}", "portfolio", Role.TRADER),
    *_reads("strategy", "/api/v1/strategies", "/api/v1/signals"),
    *_reads("execution", "/api/v1/orders", "/api/v1/orders/{clientOrderId}"),
    Route("DELETE", "/api/v1/orders", "execution", Role.ADMIN),
    *_reads("monitoring", "/health/detailed", "/conditions"),
)
