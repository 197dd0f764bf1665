"""What it costs to know what a service does: requests per second of FastAPI with the telemetry of the kernel, and bare.

    python -m bench.telemetry

Both applications answer the same typed document by FastAPI on the same server (uvicorn, h11) with one core. One has the
kernel's middleware before it, as each service has: the request's id, its count and its time as metrics, its line of log
where that is asked for, and its span, by the SDK's own batches, under the trace of its caller. The spans are given to
an exporter that lets them go. Without an endpoint for traces, as a bot has by itself, it costs less; that is shown too.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from bench.http_load import beside, rate, serve
from bench.measured import Figure, in_turns, options, report, sides
from fastapi import FastAPI
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from pydantic import BaseModel

from tradewind.kernel.http.middleware import RequestMiddleware
from tradewind.kernel.telemetry.logging import configure_logging, logger_for
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.kernel.telemetry.tracing import Tracing

PATH = "/positions/BTC"
HEADERS = {"accept": "*/*", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
SIDES = ("bare", "metrics", "tracing")
GOAL = 0.85


class Position(BaseModel):
    """An answer as services give it."""

    pair: str
    amount: str
    entry_price: str
    orders: list[str]


class Nowhere(SpanExporter):
    """Lets every span go."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002
        return SpanExportResult.SUCCESS


def application(side: str) -> FastAPI:
    """FastAPI, with its own telemetry off on both sides."""
    off: Any = {"tracing": False, "metrics": False, "logs": False}
    app = FastAPI(telemetry=off)

    @app.get("/positions/{pair}")
    async def position(pair: str) -> Position:
        return Position(pair=pair, amount="0.5", entry_price="20000.5", orders=["a", "b", "c"])

    if side != "bare":
        configure_logging("info", "json")
        tracing = Tracing(Nowhere() if side == "tracing" else None, "0", "default")
        context = SimpleNamespace(
            log=logger_for("portfolio", "default/bench"),
            tracer=tracing.tracer("portfolio"),
            service="portfolio",
            key="default/bench",
            metrics=Metrics(),
        )
        app.add_middleware(RequestMiddleware, context=context)  # type: ignore[arg-type]
    return app


async def measure(rounds: int, seconds: float) -> list[Figure]:
    """Each kind of telemetry and nothing in turns."""
    figures: list[Figure] = []
    for side, words in (("metrics", "metrics"), ("tracing", "metrics and traces")):
        with (
            beside("bench.telemetry", "--serve", side) as ours,
            beside("bench.telemetry", "--serve", "bare") as bare,
        ):
            found = await in_turns(
                rounds,
                lambda address=ours: rate(address, PATH, HEADERS, seconds),  # type: ignore[misc]
                lambda address=bare: rate(address, PATH, HEADERS, seconds),  # type: ignore[misc]
            )
        figures += sides(words, "requests/s", found, GOAL)
    return figures


def main() -> int:
    """Measure, print, and say by the exit code whether the goals are reached."""
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--serve", choices=SIDES)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(application(given.serve)))
        return 0
    title = "requests that FastAPI answers with telemetry, one core, beside those without"
    return report(title, asyncio.run(measure(given.rounds, given.seconds)), given.output)


if __name__ == "__main__":
    sys.exit(main())
