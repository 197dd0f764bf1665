"""The probes and what Prometheus reads: answered by every service, without a token, before it has loaded anything.

`/healthz` depends on nothing, so that a dependency's trouble never restarts a process. `/readyz` names every reason
not to be sent traffic, and is 503 from the moment the service is told to stop. A kubelet asks one address of a
container, which may run several services: `/processz` of any of them answers for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import choose_encoder

from tradewind import __version__
from tradewind.kernel.http.wire import Answer, JsonResponse, WallTime
from tradewind.kernel.runner import ServiceRunner


class Live(Answer):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(Answer):
    """Whether the service does its work now, and by name why not."""

    ready: bool
    state: str
    reasons: dict[str, str]


class ProcessReadiness(Answer):
    """Whether every service of this process does its work now, and by service and name why not."""

    ready: bool
    services: dict[str, dict[str, str]]


class Health(Answer):
    """The short answer."""

    status: Literal["healthy", "unhealthy"]
    service: str
    version: str
    timestamp: WallTime


def health_router(runner: ServiceRunner, process: Mapping[str, ServiceRunner]) -> APIRouter:
    """The routes of one service; `process` is every service that runs beside it, itself included."""
    context = runner.context
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> Live:
        """Whether the process answers at all."""
        return Live()

    @router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}})
    async def readyz() -> Response:
        """Whether the service does its work; 503 names every reason why not."""
        reasons = dict(runner.unready())
        body = Readiness(ready=not reasons, state=runner.state.value, reasons=reasons)
        return JsonResponse(body, 503 if reasons else 200)

    @router.get("/processz", response_model=ProcessReadiness, responses={503: {"model": ProcessReadiness}})
    async def processz() -> Response:
        """Whether every service of this process does its work; 503 names every reason why not, by service."""
        services = {name: reasons for name, one in process.items() if (reasons := dict(one.unready()))}
        return JsonResponse(ProcessReadiness(ready=not services, services=services), 503 if services else 200)

    @router.get("/health")
    async def health() -> Health:
        """One word about the service, always with status 200."""
        return Health(
            status="unhealthy" if runner.unready() else "healthy",
            service=context.service,
            version=__version__,
            timestamp=context.clock.now(),
        )

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics(request: Request) -> Response:
        """The metrics of this process, for Prometheus."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(context.metrics.registry), media_type=content_type)

    return router
