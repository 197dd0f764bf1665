"""The application of one service: its router behind the same door as every other."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Depends, FastAPI

from tradewind import __version__, catalog
from tradewind.domain.errors import TradewindError
from tradewind.kernel.http.access import running, service_callers
from tradewind.kernel.http.asking import question_router
from tradewind.kernel.http.direct import DirectRoutes
from tradewind.kernel.http.documentation import add_documentation
from tradewind.kernel.http.health import health_router
from tradewind.kernel.http.middleware import RequestMiddleware
from tradewind.kernel.http.problems import HANDLED, handle
from tradewind.kernel.runner import ServiceRunner
from tradewind.kernel.security import ServiceTokens


def create_app(
    runner: ServiceRunner,
    tokens: ServiceTokens,
    *,
    documented: bool = True,
    process: Mapping[str, ServiceRunner] | None = None,
) -> FastAPI:
    """What the service of `runner` answers over HTTP, from before it loads until after it has stopped.

    `process` is every service of this process, without it the one alone.

    Its own routes want a service token, except those of the public service, which knows its callers by itself.
    """
    service, spec = runner.service, catalog.service(runner.context.service)
    app = FastAPI(
        title=spec.name,
        version=__version__,
        description=f"{spec.summary[0].upper()}{spec.summary[1:]}.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # A path with one slash too many is another path, not a redirect.
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.add_middleware(RequestMiddleware, context=runner.context)
    for kind in HANDLED:
        app.add_exception_handler(kind, handle)
    app.include_router(health_router(runner, process or {spec.name: runner}))
    if documented:
        add_documentation(app, service)
    app.include_router(question_router(runner), dependencies=[Depends(service_callers(tokens, spec.name))])
    if service.router is not None:
        guards = [Depends(running(runner))]
        if not spec.public:
            guards.insert(0, Depends(service_callers(tokens, spec.name)))
        app.include_router(service.router(), dependencies=guards)
    if service.direct is not None:
        if not spec.public:
            raise TradewindError(f"{spec.name} is for other services alone: their token is asked for by a router")
        app.router.routes.insert(0, DirectRoutes(service.direct(), running(runner)))
    return app
