"""An application of a service's own behind the kernel's door: probes and metrics are the kernel's, the rest is its."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tradewind.kernel.runner import ServiceRunner
from tradewind.kernel.service import ServiceState

KERNEL_PATHS = frozenset({"/healthz", "/readyz", "/processz", "/health", "/metrics"})

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Mounted:
    """Gives the kernel's paths to `kernel`, everything else to what the service of `runner` mounts while it runs."""

    def __init__(self, kernel: Application, runner: ServiceRunner) -> None:
        self._kernel, self._runner = kernel, runner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of ASGI."""
        mount = self._runner.service.mount
        if scope["type"] == "http" and scope["path"] in KERNEL_PATHS:
            await self._kernel(scope, receive, send)
        elif mount is not None and self._runner.state is ServiceState.RUNNING:
            await mount(scope, receive, send)
        elif scope["type"] == "http":
            headers = [(b"retry-after", b"1"), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1013})
