"""The ports: one for each service, all served by the running event loop.

Ports are taken before anything is loaded, so one that is in use is said at once and by name, and probes are answered
from the first moment. Signals belong to whoever runs the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from tradewind import catalog
from tradewind.domain.errors import MachineError, TemporaryError
from tradewind.kernel.http.app import create_app
from tradewind.kernel.http.mounted import Mounted
from tradewind.kernel.runner import ServiceRunner
from tradewind.kernel.security import ServiceTokens
from tradewind.kernel.settings import variable

STOP_WITHIN = 5
KEEP_ALIVE = 75
"""Seconds for which an idle connection stays open; longer than any client of ours keeps one."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Where services listen. A port of 0 is any free one; a service that is not named gets its port of the catalog.

    `advertised_host` is where other processes reach what listens here, if that is not `host`.
    """

    host: str = "127.0.0.1"
    ports: Mapping[str, int] = field(default_factory=dict)
    documented: bool = True
    advertised_host: str | None = None

    def port(self, service: str) -> int:
        """The port of `service`."""
        return self.ports.get(service, catalog.service(service).port)


class ServiceServers:
    """The servers of the services in `runners`, which may still be filled until `start`."""

    def __init__(
        self,
        listener: Listener,
        runners: Mapping[str, ServiceRunner],
        tokens: ServiceTokens,
        *,
        networked_only: bool = False,
    ) -> None:
        """With `networked_only` no port is taken but those of services that cannot be reached in another way."""
        self.addresses: dict[str, str] = {}
        self._networked_only = networked_only
        self._listener, self._runners, self.tokens = listener, runners, tokens
        self._servers: list[_Server] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take every port, then listen; raises `MachineError` for a port that cannot be had, and takes none then."""
        sockets: dict[str, socket.socket] = {}
        try:
            for name in self._runners:
                if self._networked_only and not catalog.service(name).networked:
                    continue
                sockets[name] = _bound(self._listener.host, self._listener.port(name), name)
        except BaseException:
            for one in sockets.values():
                one.close()
            raise
        for name, one in sockets.items():
            self.addresses[name] = _address(one)
            runner = self._runners[name]
            app: Any = create_app(runner, self.tokens, documented=self._listener.documented, process=self._runners)
            mounted = runner.service.mount is not None
            server = _Server(_configuration(Mounted(app, runner) if mounted else app, mounted=mounted))
            self._servers.append(server)
            self._tasks.append(asyncio.create_task(server.serve([one]), name=f"{name}.http"))
        async with asyncio.timeout(STOP_WITHIN):
            await asyncio.gather(*(server.listening.wait() for server in self._servers))

    async def stop(self) -> None:
        """Take no more requests, finish those that are here within 5 seconds, close every connection."""
        for server in self._servers:
            server.should_exit = True
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._servers, self._tasks, self.addresses = [], [], {}

    def address(self, service: str) -> str:
        """The base URL of `service`; raises `TemporaryError` where it does not listen (yet)."""
        address = self.addresses.get(service)
        if address is None:
            raise TemporaryError(f"{service} does not run here", retry_after=5.0)
        return address

    def advertised(self) -> dict[str, str]:
        """Service -> the base URL at which other processes, perhaps on other machines, ask it."""
        host = self._listener.advertised_host
        if host is None:
            return dict(self.addresses)
        return {name: _url(host, urlsplit(address).port) for name, address in self.addresses.items()}


class _Server(uvicorn.Server):
    """One server among others in a process that is not its own."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _configuration(app: Any, *, mounted: bool) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        # A venue is asked several times for each candle, which the C parser makes a fifth cheaper; the doors that
        # people reach have the one that bounds what a request says of itself.
        http="httptools" if mounted else "h11",
        ws="websockets-sansio" if mounted else "none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # Headers of a proxy in front are not believed: anybody can send them.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=STOP_WITHIN,
    )


def _bound(host: str, port: int, service: str) -> socket.socket:
    """A socket that listens; only listening shows for certain that nobody else does."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        fix = f"set {variable('host')} to one, such as 127.0.0.1"
        raise MachineError(f"host ({service})", host, "an address of this machine", fix) from error
    one = socket.socket(family, kind, protocol)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setblocking(False)
        one.bind(place)
        one.listen(2048)
    except OSError as error:
        one.close()
        raise _unavailable(error, port, service) from error
    return one


def _unavailable(error: OSError, port: int, service: str) -> MachineError:
    name, another = f"port {port} ({service})", f"set {variable('ports', service)} to another one"
    if error.errno == errno.EADDRINUSE:
        return MachineError(name, "in use", "a free port", f"stop what listens there, or {another}")
    if error.errno == errno.EACCES:
        return MachineError(name, "not permitted for this user", "a port from 1024 on", another)
    reason, allowed = (error.strerror or str(error)).lower(), "an address of this machine and a free port"
    return MachineError(name, reason, allowed, f"set {variable('host')}, or {another}")


def _address(one: socket.socket) -> str:
    host, port = one.getsockname()[:2]
    # What listens everywhere is reached here.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared, not bound)
    return _url(host, port)


def _url(host: str, port: int | None) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
