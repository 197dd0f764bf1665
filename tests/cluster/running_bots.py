"""A real bot beside the control plane, where the kubelets are played and no pod runs anything.

It runs as its pod would: `tradewind serve` on the manifest and the keys that the operator made. The operator reaches
it by one address, behind which the services are told apart by their names, as a cluster's DNS would.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Self

from aiohttp import ClientError, ClientSession, web
from tests.cluster.operators import Cluster
from tests.cluster.processes import Process
from tests.cluster.waiting import tries


class Names:
    """Answers for `http://127.0.0.1:PORT/BOT-SERVICE/...` by asking the service that was added by this name."""

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="names", daemon=True)
        self.asked: list[tuple[str, str, str]] = []
        """Name, method and path of each request."""
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result(120)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(120)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def address(self) -> str:
        """For the operator's setting `service_address`."""
        return f"http://127.0.0.1:{self.port}/{{service}}"

    def add(self, name: str, address: str) -> None:
        """`name` is answered at `address` from now on."""
        self._addresses[name] = address

    def remove(self, name: str) -> str:
        """`name` is not answered any more; where it was."""
        return self._addresses.pop(name)

    def remove_all(self) -> None:
        """Nobody is answered any more."""
        self._addresses.clear()

    async def _begin(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{name}/{path:.*}", self._pass_on)
        self._session = ClientSession()
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def _end(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.Response:
        name, path = request.match_info["name"], request.match_info["path"]
        self.asked.append((name, request.method, f"/{path}"))
        address = self._addresses.get(name)
        if address is None:
            return web.Response(status=503)
        headers = {key: request.headers[key] for key in ("X-Service-Auth", "Content-Type") if key in request.headers}
        try:
            async with self._session.request(
                request.method, f"{address}/{path}", data=await request.read(), headers=headers
            ) as answer:
                return web.Response(status=answer.status, body=await answer.read())
        except ClientError:
            return web.Response(status=503)


class RunningBot:
    """`tradewind serve` of the bot `name`, with the manifest and the keys that its pod would mount."""

    def __init__(self, cluster: Cluster, name: str, directory: Path, names: Names) -> None:
        self._cluster, self._name, self._directory, self._names = cluster, name, directory, names
        self.process: Process | None = None

    def start(self) -> Self:
        """Run it, and wait until its services have their ports."""
        manifest, keys = self._directory / "bot.yaml", self._directory / "keys"
        keys.mkdir()
        cluster, name = self._cluster, self._name
        cluster.wait("the children are there", lambda: bool(cluster.get("Secret", f"{name}-keys")))
        secret: Any = cluster.get("Secret", f"{name}-keys")
        for file, content in secret["data"].items():
            (keys / file).write_bytes(base64.b64decode(content))
        cluster.wait("the manifest is there", lambda: bool(cluster.get("ConfigMap", f"{name}-manifest")))
        found: Any = cluster.get("ConfigMap", f"{name}-manifest")
        manifest.write_text(found["data"]["bot.yaml"])
        services = (
            "gateway",
            "engine",
            "market-data",
            "portfolio",
            "strategy",
            "execution",
            "monitoring",
            "sim-exchange",
        )
        ports = json.dumps(dict.fromkeys(services, 0))
        settings = {
            "TRADEWIND_STATE_DIRECTORY": str(self._directory / "state"),
            "TRADEWIND_KEY_DIRECTORY": str(keys),
            "TRADEWIND_PORTS": ports,
            "TRADEWIND_LOG_STYLE": "text",
        }
        tradewind = Path(sys.executable).with_name("tradewind")
        variables = [f"{key}={value}" for key, value in settings.items()]
        command = ["/usr/bin/env", *variables, str(tradewind), "serve", str(manifest)]
        self.process = Process("bot", command, self._directory / "bot.log")
        self.process.start()
        text = ""
        for _ in tries(60):
            if "state  " in (text := self.process.log.read_text() if self.process.log.exists() else ""):
                break
            assert self.process.pid is not None, self.process.tail(30)
        assert "state  " in text, self.process.tail(30)
        for service, address in re.findall(r"^(\S+) +(http://\S+)$", text, re.MULTILINE):
            self._names.add(f"{name}-{service}", address)
        return self

    def kill(self) -> None:
        """SIGKILL, as when its node is lost."""
        self._names.remove_all()
        if self.process is not None:
            self.process.stop(signal.SIGKILL)
