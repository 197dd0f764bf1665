"""Requests that the gateway passes on, beside a bare ASGI application that does so with aiohttp.

    python -m bench.gateway

The gateway is the one of a bot: it knows its caller by an API key, counts how often that one asks, gives the service a
token that says on whose behalf it is asked, goes by a circuit and counts what it did. The bare one sends the path on
and the answer back. Both have the same server (uvicorn, h11), one core, and the same service behind them.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
from bench.http_load import answering, beside, rate, serve
from bench.measured import Figure, in_turns, options, report, sides

from tradewind.contracts.api.document import load_bot
from tradewind.gateway.keys import FIRST_KEY_FILE
from tradewind.gateway.service import build
from tradewind.kernel.ask import Answers
from tradewind.kernel.bus.memory import MemoryBus
from tradewind.kernel.clock import SystemClock
from tradewind.kernel.delivery import NoStore
from tradewind.kernel.http.server import Listener, ServiceServers
from tradewind.kernel.runner import ServiceRunner
from tradewind.kernel.security import Peers, ServiceTokens
from tradewind.kernel.service import Context, ServiceState
from tradewind.kernel.settings import GatewaySettings, Settings
from tradewind.kernel.telemetry.logging import configure_logging, logger_for
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.telemetry.tracing import Tracer

BOT = Path(__file__).parents[1] / "manifests" / "samples" / "quickstart.yaml"
PATH = "/api/portfolio/positions"
RATIO_GOAL, RATE_GOAL = 0.6, 4_000.0


async def serve_gateway(upstream: str, directory: Path) -> None:
    """The gateway of a bot whose services are all at `upstream`."""
    configure_logging("info", "json")
    bot = load_bot(BOT)
    tokens = ServiceTokens(b"k" * 32)
    context = Context(
        bot=bot,
        service="gateway",
        clock=SystemClock(),
        store=NoStore(),
        ask=Answers().port("gateway"),
        log=logger_for("gateway", bot.key),
        tracer=Tracer(None, None),
        metrics=Metrics(),
        data_directory=directory,
        settings=Settings(gateway=GatewaySettings(requests_per_minute=1_000_000)),
        peers=Peers(lambda _service: upstream, tokens),
    )
    runner = ServiceRunner(context, MemoryBus())
    runner.compose(build)
    await runner.service.load()
    runner.state = ServiceState.RUNNING
    servers = ServiceServers(Listener(ports={"gateway": 0}), {"gateway": runner}, tokens)
    await servers.start()
    print(servers.addresses["gateway"], flush=True)
    await asyncio.Event().wait()


async def serve_bare(upstream: str) -> None:
    """What one writes by hand."""
    connector = aiohttp.TCPConnector(limit=0)
    session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        headers = {name.decode(): value.decode() for name, value in scope["headers"] if name == b"accept"}
        async with session.get(f"{upstream}{scope['path']}", headers=headers) as answer:
            body = await answer.read()
            kind = answer.headers["content-type"].encode()
            told = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": answer.status, "headers": told})
        await send({"type": "http.response.body", "body": body})

    await serve(app)


async def measure(rounds: int, seconds: float) -> list[Figure]:
    """Both proxies in turns."""
    with tempfile.TemporaryDirectory(prefix="tradewind-bench-") as directory:
        async with answering() as upstream:
            with (
                beside("bench.gateway", "--serve", "gateway", "--upstream", upstream, "--directory", directory) as ours,
                beside("bench.gateway", "--serve", "bare", "--upstream", upstream) as bare,
            ):
                key = (Path(directory) / FIRST_KEY_FILE).read_text().strip()
                headers = {"authorization": f"Bearer {key}", "accept": "*/*"}
                found = await in_turns(
                    rounds, lambda: rate(ours, PATH, headers, seconds), lambda: rate(bare, PATH, headers, seconds)
                )
    goal = RATIO_GOAL if max(found.ours) < RATE_GOAL else 0.0
    return sides("passed on", "requests/s", found, goal)


def main() -> int:
    """Measure, print, and say by the exit code whether the goal is reached."""
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--serve", choices=("gateway", "bare"))
    parser.add_argument("--upstream", default="")
    parser.add_argument("--directory", type=Path, default=Path())
    given = parser.parse_args()
    if given.serve:
        asyncio.run(
            serve_gateway(given.upstream, given.directory) if given.serve == "gateway" else serve_bare(given.upstream)
        )
        return 0
    title = "requests that the gateway passes on, one core, beside bare ASGI and aiohttp (goal: the ratio or 4,000/s)"
    return report(title, asyncio.run(measure(given.rounds, given.seconds)), given.output)


if __name__ == "__main__":
    sys.exit(main())
