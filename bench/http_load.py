"""Requests per second of processor that a server answers, and the servers that stand on both sides of it.

Seconds are those that the server had a core for, which it has to itself: on a machine with nothing else to do they are
those of the clock, and on a busy one its neighbours are not what is measured.
The caller and what stands behind a server have the other core. Requests are prepared bytes over kept connections and
are read by hand, so that neither is what is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psutil
import uvicorn

CONNECTIONS = 32
CORES = sorted(os.sched_getaffinity(0))
BODY = b'{"positions":[' + b",".join(b'{"pair":"BTC/EUR","amount":"0.5","entry":"20000.5"}' for _ in range(4)) + b"]}"


class Answering(asyncio.Protocol):
    """A service behind a proxy that has its answer ready: a little JSON."""

    _ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while b"\r\n\r\n" in self._read:
            self._read = self._read.partition(b"\r\n\r\n")[2]
            self._transport.write(self._ANSWER)


@contextlib.asynccontextmanager
async def answering() -> AsyncIterator[str]:
    """The address of a service that answers every GET."""
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def serve(app: Any) -> None:
    """Serve a bare application as the services of a bot are served, and print where, until the process is ended."""
    configuration = uvicorn.Config(
        app, port=0, http="h11", ws="none", lifespan="off", log_config=None, access_log=False, server_header=False
    )
    server = uvicorn.Server(configuration)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)
    gc.collect()
    gc.freeze()
    print(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", flush=True)
    await serving


@dataclass(frozen=True, slots=True)
class Beside:
    """A server in a process of its own."""

    address: str
    process: psutil.Process

    def seconds(self) -> float:
        """What it has had of its core."""
        used = self.process.cpu_times()
        return float(used.user + used.system)


@contextlib.contextmanager
def beside(module: str, *words: str) -> Iterator[Beside]:
    """A process of a bench on the last core, which prints its address first; this one leaves that core."""
    command = [sys.executable, "-m", module, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        os.sched_setaffinity(process.pid, {CORES[-1]})
        os.sched_setaffinity(0, set(CORES[:-1] or CORES))
        try:
            assert process.stdout is not None
            yield Beside(process.stdout.readline().strip(), psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait(10)


async def read_answer(reader: asyncio.StreamReader) -> None:
    """Read the answer that comes next, which has to be a 200."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    assert head.startswith(b"HTTP/1.1 200"), body


async def rate(server: Beside, path: str, headers: Mapping[str, str], seconds: float) -> float:
    """Requests per second of processor that were answered with 200, asked for so many seconds of the clock."""
    host, port = server.address.removeprefix("http://").split(":")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"GET {path} HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n".encode()
    done, end = 0, time.perf_counter() + seconds

    async def work() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection(host, int(port))
        while time.perf_counter() < end:
            writer.write(request)
            await read_answer(reader)
            done += 1
        writer.close()

    began = server.seconds()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return done / (server.seconds() - began)
