"""What the kubelet and Prometheus ask of the operator.

`/healthz` fails when a watch has heard nothing for much longer than the API server keeps silent, though that one
answers others, or when the loop of the Lease has stopped: then this process is deaf, and the kubelet restarts it. An
API server that is out of reach is no reason: a restart would mend nothing, and all replicas would end at once.
`/readyz` is true on a standby as well, as soon as it knows everything that is there: it could take over at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from tradewind_operator.metrics import OperatorMetrics

Reasons = Callable[[], list[str]]


class HealthServer:
    """Answers on `host:port`; `unhealthy` and `unready` say what is wrong, in words, or nothing."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        metrics: OperatorMetrics,
        refresh: Callable[[], None],
        unhealthy: Reasons,
        unready: Reasons,
    ) -> None:
        self._host, self._wanted = host, port
        self._metrics, self._refresh = metrics, refresh
        self._unhealthy, self._unready = unhealthy, unready
        self._runner: web.AppRunner | None = None
        self.port = port

    async def start(self) -> None:
        """Listen."""
        application = web.Application()
        application.router.add_get("/healthz", self._answer(self._unhealthy))
        application.router.add_get("/readyz", self._answer(self._unready))
        application.router.add_get("/metrics", self._show)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, self._host, self._wanted)
        await site.start()
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    @staticmethod
    def _answer(reasons: Reasons) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(_request: web.Request) -> web.Response:
            found = reasons()
            status = HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK
            return web.json_response({"status": "unavailable" if found else "ok", "reasons": found}, status=status)

        return answer

    async def _show(self, _request: web.Request) -> web.Response:
        self._refresh()
        # A thousand bots are tens of thousands of samples: not on the loop that renews the Lease.
        text = await asyncio.to_thread(generate_latest, self._metrics.registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})
