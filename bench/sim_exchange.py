"""Order round trips per second through the simulated exchange, beside a bare FastAPI echo on the same server.

A round trip is a signed limit order and its cancel, each a request over HTTP keep-alive, each in the database
(SQLite, `synchronous=FULL`) before it is answered. The echo answers the same two requests with what was sent and does
nothing else: what the server could do if a venue were only its HTTP. The server has one core to itself, the client
another, with prepared requests, so that the client is not what is measured.

    python -m bench.sim_exchange [--seconds 5] [--connections 32]
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import uvicorn
from bench.http_load import read_answer
from fastapi import FastAPI, Request

from tradewind.domain.candle import Candle
from tradewind.domain.instrument import Instrument
from tradewind.domain.series import CandleSeries
from tradewind.kernel.telemetry.logging import configure_logging
from tradewind.sim_exchange.standalone import Standalone, StandaloneOptions, server_configuration
from tradewind.sim_exchange.wire.signature import Credentials

GOAL, GOAL_RATIO = 1_500.0, 0.5
CREDENTIALS = Credentials("k" * 64, "s" * 64)
HOUR = 3_600_000
START = 1_700_000_000_000 // HOUR * HOUR


async def serve_venue() -> None:
    """The venue, half an hour into a candle, until it is told to stop; prints its address."""
    rows = [Candle(START + index * HOUR, 2000.0, 2010.0, 1990.0, 2000.0, 1000.0) for index in range(100)]
    pair = "ETH/USDT"
    step = Decimal("0.0001")
    with tempfile.TemporaryDirectory(prefix="tradewind-bench-") as directory:
        venue = Standalone(
            StandaloneOptions(
                instruments={pair: Instrument(pair, "ETH", "USDT", Decimal("0.01"), step, step, Decimal(5))},
                series={pair: CandleSeries.of(pair, "1h", rows)},
                balances={"USDT": Decimal(1_000_000)},
                maker_fee=Decimal("0.001"),
                taker_fee=Decimal("0.001"),
                directory=Path(directory),
                credentials=CREDENTIALS,
                start_time=START,
                rate_limits=False,
            )
        )
        await venue.start()
        assert venue.exchange is not None
        await venue.exchange.move_clock(START + HOUR // 2)
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        print(venue.url, flush=True)
        await stopped.wait()
        await venue.stop()


async def serve_echo() -> None:
    """A FastAPI application that says what it was told."""
    app = FastAPI()

    async def echo(request: Request) -> dict[str, str]:
        return {"query": request.url.query, "body": (await request.body()).decode()}

    app.add_api_route("/api/v3/order", echo, methods=["POST", "DELETE"])
    configuration = server_configuration(app)  # type: ignore[arg-type]
    server = uvicorn.Server(configuration)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    print(f"http://{host}:{port}", flush=True)
    await serving


def requests(connection: int) -> Iterator[tuple[bytes, bytes]]:
    """Orders with their cancels, signed at the moment they are asked for."""
    number = 0
    while True:
        number += 1
        identity, now = f"c{connection}-{number}", time.time_ns() // 1_000_000
        order = (
            "symbol=ETHUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=1500.00"
            f"&newClientOrderId={identity}&newOrderRespType=RESULT&timestamp={now}&recvWindow=10000"
        )
        cancel = f"symbol=ETHUSDT&origClientOrderId={identity}&timestamp={now}&recvWindow=10000"
        yield _post(_signed(order)), _delete(_signed(cancel))


def _signed(form: str) -> bytes:
    signature = hmac.new(CREDENTIALS.secret.encode(), form.encode(), hashlib.sha256).hexdigest()
    return f"{form}&signature={signature}".encode()


def _post(form: bytes) -> bytes:
    head = b"POST /api/v3/order HTTP/1.1\r\nhost: venue\r\nx-mbx-apikey: %b\r\n" % CREDENTIALS.api_key.encode()
    kind = b"content-type: application/x-www-form-urlencoded\r\ncontent-length: %d\r\n\r\n" % len(form)
    return head + kind + form


def _delete(form: bytes) -> bytes:
    key = CREDENTIALS.api_key.encode()
    return b"DELETE /api/v3/order?%b HTTP/1.1\r\nhost: venue\r\nx-mbx-apikey: %b\r\n\r\n" % (form, key)


async def measure(url: str, connections: int, seconds: float) -> float:
    """Round trips per second."""
    host, port = url.removeprefix("http://").split(":")
    done, end = 0, time.perf_counter() + seconds

    async def work(connection: int) -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection(host, int(port))
        for pair in requests(connection):
            if time.perf_counter() >= end:
                break
            for request in pair:
                writer.write(request)
                await read_answer(reader)
            done += 1
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(work(connection) for connection in range(connections)))
    return done / (time.perf_counter() - started)


def against(name: str, core: int, run: Callable[[str], float]) -> float:
    """Run with a server of its own on `core`."""
    command = [sys.executable, "-m", "bench.sim_exchange", "--serve", name, "--core", str(core)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            return run(server.stdout.readline().strip())
        finally:
            server.terminate()
            server.wait(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", choices=("venue", "echo"), help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    arguments = parser.parse_args()
    configure_logging("warning", "json", sys.stderr)
    if arguments.serve:
        os.sched_setaffinity(0, {arguments.core})
        asyncio.run(serve_venue() if arguments.serve == "venue" else serve_echo())
        return
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})

    def run(url: str) -> float:
        return asyncio.run(measure(url, arguments.connections, arguments.seconds))

    best = {"venue": 0.0, "echo": 0.0}
    for _ in range(arguments.rounds):
        for name, so_far in best.items():
            best[name] = max(so_far, against(name, cores[-1], run))
    figures = {
        "orderRoundTripsPerSecond": round(best["venue"]),
        "echoRoundTripsPerSecond": round(best["echo"]),
        "ratio": round(best["venue"] / best["echo"], 3),
        "connections": arguments.connections,
        "goal": {"orderRoundTripsPerSecond": GOAL, "ratio": GOAL_RATIO},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one serves, Python {platform.python_version()}",
    }
    if arguments.output == "json":
        print(json.dumps(figures))
        return
    print(f"order and cancel over HTTP, {arguments.connections} connections, best of {arguments.rounds}, one core")
    print(f"  venue       {figures['orderRoundTripsPerSecond']:>8,} round trips/s   (goal {GOAL:,.0f})")
    print(f"  bare echo   {figures['echoRoundTripsPerSecond']:>8,} round trips/s")
    print(f"  ratio       {figures['ratio']:>8}                   (goal {GOAL_RATIO}, either)")
    print(f"  machine     {figures['machine']}")


if __name__ == "__main__":
    main()
