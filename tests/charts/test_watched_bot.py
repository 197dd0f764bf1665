"""A real Prometheus reads a bot that trades, draws every panel, and tells of its emergency stop where it was told to.

There is no cluster here: the bot is in this process, and what a pod's labels would say stands in the configuration.
Rules and queries are those of the chart. The dashboard of the operator has no part in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
import yaml
from aiohttp import web
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.charts.queries import DASHBOARDS, RULES, drawn
from tests.cluster.processes import Process, reserved_ports

from tradewind.catalog import by_name
from tradewind.contracts.api.document import load_bot
from tradewind.kernel.http.server import Listener
from tradewind.kernel.state_directory import StateDirectory
from tradewind.topology.embedded import EmbeddedBot, EmbeddedOptions

QUICKSTART = Path(__file__).parents[2] / "manifests" / "samples" / "quickstart.yaml"
# Ten candles a second: the first trade is closed after some seconds, and the rest takes longer than the test.
PACED = ("spec.data.span.start=2022-03-01", "spec.data.speed=36000", "spec.exchanges[0].venue=Paper")
BOARDS = [path for path in DASHBOARDS if path.stem != "operator"]
PATIENCE = 120.0

NOT_OF_THIS_BOT = {
    "sum by (bot, service) (tradewind_bus_lag_messages": "Redis",
    "dependency_at_once_calls": "a network",
}
"""Second lines of panels about what this bot does not use."""


@pytest.fixture
def prometheus(programs):
    return programs["prometheus"]


@pytest.fixture
async def receiver():
    """In the place of Alertmanager: keeps the alerts that it is told of, by name."""
    told: dict[str, dict] = {}

    async def take(request):
        for alert in await request.json():
            told[alert["labels"]["alertname"]] = alert
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/api/v2/alerts", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    told["address"] = "{}:{}".format(*runner.addresses[0])
    yield told
    await runner.cleanup()


@pytest.fixture
def spans():
    return InMemorySpanExporter()


@pytest.fixture
async def bot(tmp_path, spans):
    """The quickstart, at its ports, while it trades."""
    options = EmbeddedOptions(until_end=False, listen=Listener(ports=dict.fromkeys(by_name(), 0)), exporter=spans)
    one = EmbeddedBot(load_bot(QUICKSTART, PACED), StateDirectory(tmp_path / "state"), options)
    await one.start()
    yield one
    await one.stop()


def configuration(folder: Path, bot: EmbeddedBot, alertmanager: str) -> Path:
    """What the chart's would come to for one pod that is read every second."""
    rules = folder / "rules"
    rules.mkdir()
    for path in RULES:
        # Recording once a minute is often enough for two weeks, and too rare for this test.
        (rules / path.name).write_text(path.read_text().replace("interval: 1m", "interval: 1s"))
    labels = {"namespace": "default", "pod": "quickstart-bot", "container": "bot"}
    target = urlsplit(bot.servers.addresses["gateway"]).netloc
    document = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [f"{rules}/*.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [
            {
                "job_name": "tradewind-bots",
                "honor_labels": True,
                "static_configs": [{"targets": [target], "labels": labels}],
            }
        ],
    }
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(document))
    return file


async def until(ready):
    """Wait for the first true answer of `ready`, and return it."""
    async with asyncio.timeout(PATIENCE):
        # Prometheus tells nobody when it has read or judged.
        while not (found := await ready()):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    return found


async def test_a_bot_that_trades_fills_every_panel_and_its_alert_arrives(prometheus, receiver, bot, spans, tmp_path):
    """After one trade no panel is empty, and a latency leads to its trace; the emergency stop is told with its page."""
    with reserved_ports(1) as (port,):
        command = [
            str(prometheus),
            f"--config.file={configuration(tmp_path, bot, receiver['address'])}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--enable-feature=exemplar-storage",
        ]
        process = Process("prometheus", command, tmp_path / "prometheus.log")
        process.start()
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:

                async def asked(query):
                    try:
                        async with client.get("/api/v1/query", params={"query": query}) as answer:
                            return (await answer.json())["data"]["result"]
                    except aiohttp.ClientConnectionError:
                        return []

                await until(lambda: asked("sum(tradewind_trades_closed_total) > 0"))
                await until(lambda: asked("count(bot:tradewind_slo_budget_left:ratio) == 7"))
                empty = [one for one in drawn(BOARDS) if not any(part in one[1] for part in NOT_OF_THIS_BOT)]

                async def filled():
                    empty[:] = [one for one in empty if not await asked(one[1])]
                    return not empty

                with contextlib.suppress(TimeoutError):
                    await until(filled)
                assert empty == []

                seconds = {"query": "tradewind_order_fill_seconds_bucket", "start": "0", "end": f"{time.time()}"}
                async with client.get("/api/v1/query_exemplars", params=seconds) as answer:
                    found = (await answer.json())["data"]
                traces = {one["labels"]["trace_id"] for series in found for one in series["exemplars"]}
                bot.tracing.flush()
                fills = {f"{span.context.trace_id:032x}" for span in spans.get_finished_spans() if span.name == "fill"}
                assert traces
                assert traces <= fills

                await bot.ask("engine", "emergency_stop", actor="test", reason="a drill")

                async def arrived():
                    return receiver.get("TradewindEmergencyStopped")

                alert = await until(arrived)
        except BaseException as error:
            error.add_note(process.tail())
            raise
        finally:
            process.stop()

    assert alert["labels"]["bot"] == "default/quickstart"
    assert (alert["labels"]["severity"], alert["labels"]["priority"]) == ("critical", "P0")
    assert alert["annotations"]["summary"] == "default/quickstart is stopped by emergency"
    assert alert["annotations"]["runbook_url"].endswith("docs/runbooks/TradewindEmergencyStopped.md")
