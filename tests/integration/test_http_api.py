"""The whole bot over HTTP: every route of the gateway, keys and roles, wrong input, probes, and schemas that hold."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tradewind.catalog import by_name
from tradewind.contracts.api.document import load_bot
from tradewind.contracts.messages import FeedStateChanged, TickSettled
from tradewind.domain.errors import MachineError
from tradewind.gateway.keys import add_key
from tradewind.gateway.routes import ROUTES
from tradewind.kernel.http.server import Listener
from tradewind.kernel.security import Role
from tradewind.kernel.settings import GatewaySettings, Settings
from tradewind.kernel.state_directory import StateDirectory
from tradewind.kernel.telemetry.logging import configure_logging
from tradewind.portfolio.backtests import record_backtest, recorded
from tradewind.research.native.given import given_by
from tradewind.research.native.run import backtest, result_of_backtest
from tradewind.research.result import as_document
from tradewind.topology.embedded import EmbeddedBot, EmbeddedOptions

QUICKSTART = Path(__file__).parents[2] / "manifests" / "samples" / "quickstart.yaml"
# Both pairs hold a position at the end of this stretch.
SPAN = ("spec.data.span.start=2022-03-01", "spec.data.span.end=2022-03-28")
EXAMPLES = 6

READS = [route for route in ROUTES if not route.changes]
CHANGES = [route for route in ROUTES if route.changes]
QUERIES = {
    "/api/market/ohlcv": "pair=BTC/EUR&limit=3&timeframe=4h",
    "/api/v1/exchanges/{id}/ticker": "pair=BTC/EUR",
    "/api/v1/exchanges/{id}/ohlcv": "pair=ETH%2FEUR&limit=3",
    "/api/v1/exchanges/{id}/orderbook": "pair=BTC/EUR",
    "/api/v1/exchanges/{id}/trades": "pair=BTC/EUR",
    "/api/v1/orders": "state=all",
}
# A recording of candles has neither.
# A ratio, and how many orders were: what a backtest tells of all its trades is no money.
NO_MONEY = {"/api/v1/backtests/{name}": {"winRate", "filled"}}
ABSENT = {"/api/v1/exchanges/{id}/orderbook", "/api/v1/exchanges/{id}/trades"}
MONEY = re.compile(
    r"^(price|amount|value|cost|fees?|profit|equity|total|open|high|low|close|volume|last|change|filled|remaining|"
    r".*(Rate|Price|Equity|Peak|Balance|Profit|Step|Tick|Notional))$"
)
TIME = re.compile(r"^(time|timestamp|since|after|before|occurredAt|.*Time)$")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")


def options(**changes) -> EmbeddedOptions:
    listen = Listener(ports=dict.fromkeys(by_name(), 0))
    unlimited = Settings(gateway=GatewaySettings(requests_per_minute=1_000_000))
    return EmbeddedOptions(**{"until_end": False, "listen": listen, "settings": unlimited, **changes})


async def play_to_the_end(bot: EmbeddedBot) -> None:
    """Start, and wait until the recording is used up and its last tick settled."""
    feed = bot.bus.subscribe("test", ("market.candles",))
    await bot.start()
    while not any(isinstance(message, FeedStateChanged) for message in await feed.take(1000)):
        pass


class Served:
    """A bot on ephemeral ports, with an event loop and a thread of its own, and a key for each role."""

    def __init__(self, directory: Path, *overrides: str) -> None:
        self.directory = directory
        self.bot = EmbeddedBot(load_bot(QUICKSTART, (*SPAN, *overrides)), StateDirectory(directory), options())
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.call(play_to_the_end(self.bot))
        self.keys = {role: add_key(directory, f"the {role.value}", role) for role in Role}
        self.call(self.bot.runners["gateway"].service.load())

    def call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def address(self, service: str) -> str:
        return self.bot.servers.addresses[service]

    def token(self, service: str) -> dict[str, str]:
        return {"X-Service-Auth": self.bot.servers.tokens.issue("gateway", service, "a test")}

    def stop(self) -> None:
        self.call(self.bot.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    """One bot for everything that only reads, or leaves things as they were."""
    configure_logging("critical", "text")
    one = Served(tmp_path_factory.mktemp("served"))
    given = given_by(load_bot(QUICKSTART, SPAN))
    result = as_document(result_of_backtest(given, backtest(given)), None)
    for place in ("default/crossing", "elsewhere/crossing"):
        one.call(record_backtest(one.bot._store, place, "8a1f", 1_641_200_000_000, result))
    yield one
    one.stop()


@pytest.fixture
async def ask(served):
    """Ask the gateway: `ask(method, path, role or key, body)` gives (status, document, headers)."""
    async with aiohttp.ClientSession() as session:

        async def one(method, path, key=Role.ADMIN, body=None, **more):
            headers = {} if key is None else {"Authorization": f"Bearer {served.keys.get(key, key)}"}
            headers |= more.pop("headers", {})
            url = served.address("gateway") + path
            async with session.request(method, url, headers=headers, json=body, **more) as reply:
                is_json = "json" in reply.headers.get("content-type", "")
                return reply.status, (await reply.json() if is_json else await reply.text()), reply.headers

        yield one


@pytest.fixture
async def path_of(served):
    """The path of a route with names that exist put in."""
    orders = await asyncio.to_thread(served.call, served.bot.ask("execution", "orders"))

    def path(route):
        filled = (
            route.path.replace("{id}", "bitvavo")
            .replace("{name}", "crossing")
            .replace("{clientOrderId}", orders[0].client_order_id)
        )
        return f"{filled}?{QUERIES[route.path]}" if route.path in QUERIES else filled

    return path


def ids(route):
    return f"{route.method} {route.path}"


# --------------------------------------------------------------------------------------------------- routes and answers


@pytest.mark.parametrize("route", READS, ids=ids)
async def test_every_route_reads_for_a_viewer_and_for_nobody_without_a_key(ask, path_of, route):
    """A viewer's key is enough to read everything; without one, or with another, the door stays shut."""
    path = path_of(route)
    status, document, _ = await ask("GET", path, Role.VIEWER)

    assert status == (404 if route.path in ABSENT else 200), document
    for key in (None, "tw_" + "x" * 43, ""):
        status, problem, headers = await ask("GET", path, key)
        assert (status, problem["type"]) == (401, "urn:tradewind:problem:unauthorised")
        assert "X-API-Key" in problem["detail"]
        assert headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("route", [route for route in READS if route.path not in ABSENT], ids=ids)
async def test_money_is_text_and_every_time_is_utc(ask, path_of, route):
    """In no answer does a price pass through a JSON number, or a time come without its zone."""
    _, document, _ = await ask("GET", path_of(route), Role.VIEWER)
    seen = list(_values(document))

    assert seen
    for name, value in seen:
        if MONEY.fullmatch(name) and name not in NO_MONEY.get(route.path, ()):
            assert isinstance(value, str), (name, value)
            assert not re.search(r"\dE[-+]", value), (name, value)
        if TIME.fullmatch(name):
            assert MOMENT.fullmatch(value), (name, value)


def _values(node, name=""):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _values(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from _values(value, name)
    elif node is not None:
        yield name, node


@pytest.mark.parametrize("route", CHANGES, ids=ids)
async def test_a_change_needs_its_role_and_the_problem_says_which(ask, route):
    """A viewer changes nothing; a trader trades and does not touch the emergency stop."""
    for role in Role:
        if not role.includes(route.role):
            status, problem, _ = await ask(route.method, route.path, role)
            assert (status, problem["role"]) == (403, route.role.value)
            assert f"the role {route.role.value}" in problem["detail"]


async def test_the_key_may_stand_in_either_header(ask, served):
    """Both forms that clients know."""
    for headers in (
        {"X-API-Key": served.keys[Role.VIEWER]},
        {"Authorization": f"bearer {served.keys[Role.VIEWER]}"},
    ):
        assert (await ask("GET", "/api/v1/balances", None, headers=headers))[0] == 200


async def test_the_index_leads_everywhere_and_probes_need_no_key(ask):
    """Whoever finds the port finds the rest; what an orchestrator asks is answered without a key."""
    status, index, _ = await ask("GET", "/", None)
    assert (status, index["bot"]) == (200, "default/quickstart")
    for path in index["links"].values():
        assert (await ask("GET", path, Role.VIEWER))[0] == 200, path
    for path in ("/healthz", "/readyz", "/health", "/metrics", "/docs", "/api/docs", "/openapi.json"):
        assert (await ask("GET", path, None))[0] == 200, path


async def test_what_is_held_adds_up(ask):
    """Cash and positions at the last close are the equity, and exposure is the sum over pairs."""
    _, positions, _ = await ask("GET", "/api/portfolio/positions")
    _, balances, _ = await ask("GET", "/api/v1/balances")
    _, summary, _ = await ask("GET", "/api/v1/portfolio/summary")
    _, risk, _ = await ask("GET", "/api/v1/risk")

    assert {one["pair"] for one in positions["positions"]} == {"BTC/EUR", "ETH/EUR"}
    assert sum(float(one["value"]) for one in balances["balances"]) == pytest.approx(float(summary["equity"]))
    held = sum(float(one["value"]) for one in positions["positions"])
    assert held == pytest.approx(float(risk["exposure"]))
    assert held == pytest.approx(sum(float(one["value"]) for one in risk["exposureByPair"]))
    realised, unrealised = float(summary["realisedProfit"]), float(summary["unrealisedProfit"])
    assert realised + unrealised == pytest.approx(float(summary["totalProfit"]))
    assert 0.5 <= risk["concentration"] <= 1
    assert 0 < risk["valueAtRisk"] <= risk["conditionalValueAtRisk"] < 1
    assert risk["days"] == 27


async def test_an_order_is_told_with_its_whole_history(ask):
    """Every state in order, from the intention to the end, and the fills that add up to it."""
    _, listed, _ = await ask("GET", "/api/v1/orders?state=all&limit=1000")
    filled = next(one for one in listed["orders"] if one["state"] == "Filled" and one["leg"] == "entry")
    _, order, _ = await ask("GET", f"/api/v1/orders/{filled['clientOrderId']}")

    assert [one["version"] for one in order["states"]] == list(range(len(order["states"])))
    assert [one["state"] for one in order["states"]][:2] == ["Intended", "Submitted"]
    assert sum(float(one["amount"]) for one in order["fills"]) == pytest.approx(float(order["amount"]))
    _, still_open, _ = await ask("GET", "/api/v1/orders")
    assert {one["leg"] for one in still_open["orders"]} <= {"stop", "target"}
    assert still_open["orders"]


async def test_limits_and_points_bound_the_answer(ask):
    """A long history is thinned out evenly, its ends kept; lists give the newest first."""
    _, history, _ = await ask("GET", "/api/v1/history?points=10")
    assert (len(history["points"]), history["ticks"]) == (10, 27 * 24)
    assert (history["points"][0]["time"], history["points"][-1]["time"]) == (
        "2022-03-01T00:00:00Z",
        "2022-03-27T23:00:00Z",
    )
    _, trades, _ = await ask("GET", "/api/v1/trades?limit=3")
    times = [one["closeTime"] for one in trades["trades"]]
    assert (len(times), times) == (3, sorted(times, reverse=True))
    _, decisions, _ = await ask("GET", "/api/v1/decisions?limit=4&pair=BTC/EUR")
    assert {one["pair"] for one in decisions["decisions"]} == {"BTC/EUR"}
    assert len(decisions["decisions"]) == 4


async def test_results_of_backtests_are_those_of_the_namespace(ask):
    """In a list, whole, as trades for a spreadsheet, and gone once somebody has deleted them."""
    _, listed, _ = await ask("GET", "/api/v1/backtests", Role.VIEWER)
    (one,) = listed["backtests"]
    _, whole, _ = await ask("GET", "/api/v1/backtests/crossing", Role.VIEWER)
    assert (one["name"], one["uid"], one["recordedTime"]) == ("crossing", "8a1f", "2022-01-03T08:53:20Z")
    assert (one["trades"], one["profit"]) == (len(whole["trades"]), whole["metrics"]["profit"])
    assert one["trades"] > 5
    _, trades, _ = await ask("GET", "/api/v1/backtests/crossing/trades", Role.VIEWER)
    assert trades == whole["trades"]
    _, text, headers = await ask("GET", "/api/v1/backtests/crossing/trades?format=csv", Role.VIEWER)
    assert headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["profit"] for row in rows] == [trade["profit"] for trade in trades]
    assert list(rows[0]) == list(trades[0])


async def test_a_result_that_is_deleted_is_gone(served, ask):
    """That of the same name in another namespace is not touched."""
    whole = (await ask("GET", "/api/v1/backtests/crossing"))[1]
    await asyncio.to_thread(served.call, record_backtest(served.bot._store, "default/spare", "1", 0, whole))
    assert (await ask("DELETE", "/api/v1/backtests/spare", Role.VIEWER))[0] == 403
    assert (await ask("DELETE", "/api/v1/backtests/spare", Role.TRADER))[:2] == (200, {"name": "spare"})
    assert (await ask("DELETE", "/api/v1/backtests/spare", Role.TRADER))[0] == 404
    names = [one["name"] for one in (await ask("GET", "/api/v1/backtests"))[1]["backtests"]]
    assert names == ["crossing"]
    kept = await asyncio.to_thread(
        served.call, served.bot._store.read(lambda connection: recorded(connection, "elsewhere"))
    )
    assert len(kept) == 1


async def test_health_is_told_with_its_parts(ask):
    """The number people watch, what makes it up, every service and what the process uses."""
    _, health, _ = await ask("GET", "/health/detailed")

    assert health["application_health"]["health_score"] == 100
    assert sum(part["weight"] for part in health["application_health"]["parts"]) == 100
    assert set(health["services"]) == set(by_name())
    assert all(one["ready"] and one["state"] == "Running" for one in health["services"].values())
    assert health["resources"]["memory_bytes"] > 10**7
    upstream = health["services"]["execution"]["dependencies"]["upstream:monitoring"]  # of the process that they share
    assert (upstream["circuit"], upstream["failures"], upstream["at_once"]) == ("closed", 0, 100)
    _, text, _ = await ask("GET", "/metrics", None)
    assert 'tradewind_circuit_state{bot="default/quickstart",dependency="upstream:monitoring"} 0.0' in text
    assert 'tradewind_health_score{bot="default/quickstart"} 100.0' in text


# --------------------------------------------------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/api/market/ohlcv?pair=DOGE/EUR", 404, "there are: BTC/EUR, ETH/EUR"),
        ("/api/v1/exchanges/bitvavo/ticker?pair=X", 404, "there are: BTC/EUR, ETH/EUR"),
        ("/api/v1/exchanges/kraken/ticker?pair=BTC/EUR", 404, "there are: bitvavo"),
        ("/api/v1/exchanges/bitvavo/orderbook?pair=BTC/EUR", 404, "holds no order book"),
        ("/api/v1/exchanges/bitvavo/trades?pair=BTC/EUR", 404, "holds no trades"),
        ("/api/v1/decisions?pair=DOGE/EUR", 404, "there are: BTC/EUR, ETH/EUR"),
        ("/api/v1/trades?pair=DOGE/EUR", 404, "there are: BTC/EUR, ETH/EUR"),
        ("/api/v1/signals?pair=DOGE/EUR", 404, "there are: BTC/EUR, ETH/EUR"),
        ("/api/v1/signals?strategy=hodl", 404, "there are: trend, breakout"),
        ("/api/v1/orders?pair=DOGE/EUR", 404, "there are: BTC/EUR, ETH/EUR"),
        ("/api/v1/orders/nope", 404, "no order nope"),
        ("/api/v1/backtests/nope", 404, "no result of a Backtest nope in namespace default"),
        ("/api/v1/backtests/nope/trades", 404, "no result of a Backtest nope"),
        ("/api/v1/backtests/crossing/trades?format=xls", 422, "query.format"),
        ("/api/v1/config/nope", 404, "no section nope"),
        ("/api/v1/nope", 404, "nothing is answered"),
        ("/api/market/ohlcv", 422, "query.pair"),
        ("/api/market/ohlcv?pair=BTC/EUR&limit=0", 422, "query.limit"),
        ("/api/market/ohlcv?pair=BTC/EUR&limit=1001", 422, "query.limit"),
        ("/api/market/ohlcv?pair=BTC/EUR&timeframe=1H", 422, "query.timeframe"),
        ("/api/market/ohlcv?pair=BTC/EUR&timeframe=15m", 422, "a multiple of 1h"),
        ("/api/market/ohlcv?pair=BTC/EUR&since=soon", 422, "query.since"),
        ("/api/v1/history?points=1", 422, "query.points"),
        ("/api/v1/orders?state=closed", 422, "query.state"),
        ("/api/v1/decisions?limit=x", 422, "query.limit"),
    ],
)
async def test_wrong_input_is_answered_by_what_there_is(ask, path, status, words):
    """The problem comes through the gateway as the service wrote it, with the id of this request."""
    told, problem, headers = await ask("GET", path)

    assert (told, problem["status"]) == (status, status)
    assert words in problem["detail"]
    assert headers["Content-Type"] == "application/problem+json"
    assert problem["requestId"] == headers["X-Request-Id"]
    assert problem["instance"] == path.partition("?")[0]


async def test_a_request_keeps_its_id_through_the_services(ask):
    """One id joins the lines of gateway and service."""
    _, problem, headers = await ask("GET", "/api/v1/orders/nope", headers={"X-Request-Id": "my-id-1"})

    assert (problem["requestId"], headers.getall("X-Request-Id")) == ("my-id-1", ["my-id-1"])


async def test_a_service_itself_answers_services_only(served):
    """The ports of the services are no way around the gateway."""
    paths = {"engine": "/api/v1/trading/status", "monitoring": "/conditions", "execution": "/api/v1/orders"}
    async with aiohttp.ClientSession() as session:
        for service, path in paths.items():
            url = served.address(service) + path
            for headers, status in (
                ({}, 401),
                ({"Authorization": f"Bearer {served.keys[Role.ADMIN]}"}, 401),
                (served.token("portfolio"), 401),
                (served.token(service), 200),
            ):
                async with session.get(url, headers=headers) as reply:
                    assert reply.status == status, (service, headers)
            async with session.get(served.address(service) + "/readyz") as reply:
                assert reply.status == 200


# -------------------------------------------------------------------------------------------------------------- config


async def test_the_effective_manifest_is_shown_and_a_new_one_is_checked(ask, served):
    """What runs, defaults included; and whether another one would, with the errors of the command line."""
    _, whole, _ = await ask("GET", "/api/v1/config/all", Role.VIEWER)
    _, risk, _ = await ask("GET", "/api/v1/config/risk", Role.VIEWER)
    assert whole["spec"]["risk"] == risk["value"]
    assert whole["spec"]["capital"]["tradableRatio"] == "0.99"

    assert (await ask("POST", "/api/v1/config/validate", Role.VIEWER, whole))[:2] == (
        200,
        {"valid": True, "bot": "default/quickstart"},
    )
    text = QUICKSTART.read_bytes()
    assert (await ask("POST", "/api/v1/config/validate", Role.VIEWER, data=text))[0] == 200
    wrong = text.replace(b"timeframe: 1h", b"timeframe: 1H").replace(b"kind: DonchianBreakout", b"kind: Donchian")
    status, problem, _ = await ask("POST", "/api/v1/config/validate", Role.VIEWER, data=wrong)
    assert status == 422
    assert problem["errors"][0]["field"] == "spec.timeframe"
    assert problem["errors"][0]["fix"] == "write 1h"
    assert (await ask("POST", "/api/v1/config/validate", None, data=text))[0] == 401
    assert (await ask("POST", "/api/v1/config/validate", data=b" " * 70_000))[0] == 413


async def test_the_document_of_the_gateway_describes_every_route(ask):
    """A client for the whole bot can be generated from one document, and it says which role a route needs."""
    _, document, _ = await ask("GET", "/openapi.json", None)
    schemas = document["components"]["schemas"]

    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        assert f"needs the role {route.role.value}" in operation["description"]
        assert operation["security"] == [{"bearer": []}, {"apiKey": []}]
        assert "200" in operation["responses"], route.path
    references = set(re.findall(r"#/components/schemas/([^']+)'", str(document)))
    assert references <= set(schemas)


# ------------------------------------------------------------------------------------------------------------- trading


async def test_a_trader_pauses_and_resumes_and_it_is_seen_everywhere(ask):
    """The state, who asked and why; a condition that flips and keeps the time of its flip."""

    async def paused():
        _, conditions, _ = await ask("GET", "/conditions", Role.VIEWER)
        return next(one for one in conditions if one["type"] == "Paused")

    before = await paused()
    status, told, _ = await ask("POST", "/api/trading/pause", Role.TRADER, {"reason": "lunch"})
    assert (status, told["state"], told["actor"], told["reason"]) == (200, "Paused", "the trader", "lunch")
    flipped = await paused()
    assert (before["status"], flipped["status"]) == ("False", "True")
    assert flipped["lastTransitionTime"] > before["lastTransitionTime"]
    assert await paused() == flipped

    status, told, _ = await ask("POST", "/api/trading/resume", Role.TRADER)
    assert (status, told["state"]) == (200, "Running")
    assert (await paused())["status"] == "False"


async def test_a_cycle_now_decides_nothing_twice(ask):
    """The last candles were decided on already."""
    status, cycle, _ = await ask("POST", "/cycle", Role.TRADER)

    assert (status, cycle["symbolsProcessed"], cycle["orders"]) == (200, 2, 0)
    assert cycle["seconds"] > 0


async def test_a_forced_exit_names_what_is_open_and_never_means_all_by_accident(ask):
    """Leaving out the pair is refused; null is all."""
    assert (await ask("POST", "/api/v1/trading/force-exit", Role.TRADER, {}))[0] == 422
    status, problem, _ = await ask("POST", "/api/v1/trading/force-exit", Role.TRADER, {"pair": "DOGE/EUR"})
    assert (status, "BTC/EUR" in problem["detail"]) == (404, True)


async def test_the_emergency_stop_latches_until_an_admin_clears_it(tmp_path):
    """Orders are canceled, start is refused, a restart changes nothing; cleared it is stopped, and then started."""
    key = None
    for step in ("stop", "still stopped"):
        async with running(tmp_path, start=play_to_the_end) as (bot, get):
            key = (tmp_path / "api-key").read_text().strip()
            if step == "stop":
                body = {"reason": "a test", "flatten": True}
                status, told = await get(bot, "POST", "/api/v1/trading/emergency-stop", key, body)
                assert (status, told["state"], told["troubles"], told["stored"]) == (200, "EmergencyStopped", [], True)
                assert told["canceled"] > 0
                assert set(told["exits"]) == {"BTC/EUR", "ETH/EUR"}
            else:
                assert (await get(bot, "POST", "/api/trading/start", key))[0] == 409
                _, conditions = await get(bot, "GET", "/conditions", key)
                assert {"Trading": "EmergencyStopped"}.items() <= {c["type"]: c["reason"] for c in conditions}.items()
                status, told = await get(bot, "DELETE", "/api/v1/trading/emergency-stop?reason=fixed", key)
                assert (status, told["state"], told["reason"], told["actor"]) == (200, "Stopped", "fixed", "admin")
                assert (await get(bot, "POST", "/api/trading/start", key))[1]["state"] == "Running"


# ---------------------------------------------------------------------------------------------------- start, stop, time


@asynccontextmanager
async def running(directory, *overrides, start=EmbeddedBot.start, **changes):
    """A bot in the test's own loop, and `get(bot, method, path, key, body)` from its gateway."""
    configure_logging("critical", "text")
    bot = EmbeddedBot(load_bot(QUICKSTART, (*SPAN, *overrides)), StateDirectory(directory), options(**changes))
    async with aiohttp.ClientSession() as session:

        async def get(bot, method, path, key=None, body=None):
            headers = {"X-API-Key": key} if key else {}
            url = bot.servers.addresses["gateway"] + path
            async with session.request(method, url, headers=headers, json=body) as reply:
                return reply.status, await reply.json()

        try:
            await start(bot)
            yield bot, get
        finally:
            await bot.stop()


async def test_no_candle_of_the_future_is_told(tmp_path):
    """A replay at one candle a second: what is told ends at its present, whatever is asked for."""

    async def play_two_ticks(bot):
        cycles = bot.bus.subscribe("test", ("cycles",))
        await bot.start()
        settled = 0
        while settled < 2:
            settled += sum(isinstance(message, TickSettled) for message in await cycles.take(1000))

    async with running(tmp_path, "spec.data.speed=3600", start=play_two_ticks) as (bot, get):
        key = (tmp_path / "api-key").read_text().strip()
        for query in ("", "&timeframe=4h", "&since=2022-03-20", "&timeframe=1d&since=2022-03-01", "&timeframe=1M"):
            _, told = await get(bot, "GET", f"/api/market/ohlcv?pair=BTC/EUR{query}", key)
            _, exchanges = await get(bot, "GET", "/api/v1/exchanges", key)
            present = exchanges["exchanges"][0]["time"]
            assert "2022-03-01T01:00:00Z" <= present < "2022-03-02"
            assert all(candle["openTime"] < present for candle in told["candles"]), query
        _, ticker = await get(bot, "GET", "/api/v1/exchanges/bitvavo/ticker?pair=BTC/EUR", key)
        assert ticker["time"] < "2022-03-02"
        _, health = await get(bot, "GET", "/health/detailed", key)
        data = next(part for part in health["application_health"]["parts"] if part["name"] == "data")
        assert (data["score"], "late after 5 s" in data["detail"]) == (100, True)


async def test_probes_answer_while_the_bot_still_loads_and_once_it_stops(tmp_path):
    """Alive from the first moment; ready only in between; the reason is the state."""
    bot = EmbeddedBot(load_bot(QUICKSTART, SPAN), StateDirectory(tmp_path), options())
    gates = {"load": asyncio.Event(), "drain": asyncio.Event()}
    reached = {"load": asyncio.Event(), "drain": asyncio.Event()}
    compose = bot._compose

    def composed(name, store):
        compose(name, store)
        if name == "engine":
            service = bot.runners[name].service
            for what in gates:
                setattr(service, what, held(what, getattr(service, what)))

    def held(what, work):
        async def wait():
            reached[what].set()
            await gates[what].wait()
            await work()

        return wait

    async def probes(get):
        alive, _ = await get(bot, "GET", "/healthz", service="engine")
        ready, told = await get(bot, "GET", "/readyz", service="engine")
        return alive, ready, told["reasons"]

    bot._compose = composed
    async with aiohttp.ClientSession() as session:

        async def get(bot, method, path, service):
            async with session.request(method, bot.servers.addresses[service] + path) as reply:
                return reply.status, await reply.json()

        starting = asyncio.create_task(bot.start())
        await reached["load"].wait()
        assert await probes(get) == (200, 503, {"service": "Starting"})
        gates["load"].set()
        await starting
        assert await probes(get) == (200, 200, {})
        stopping = asyncio.create_task(bot.stop())
        await reached["drain"].wait()
        assert await probes(get) == (200, 503, {"service": "Stopping"})
        gates["drain"].set()
        await stopping


async def test_a_port_in_use_stops_the_start_and_leaves_nothing_behind(tmp_path):
    """One line names port, service and variable; the state directory is free for the next start."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        listen = Listener(ports={**dict.fromkeys(by_name(), 0), "gateway": port})

        with pytest.raises(MachineError, match=rf"port {port} \(gateway\): received in use.*TRADEWIND_PORTS__GATEWAY"):
            async with running(tmp_path, listen=listen):
                """Never reached."""

    async with running(tmp_path) as (bot, get):
        assert (await get(bot, "GET", "/health"))[1]["status"] == "healthy"


async def test_whoever_asks_too_often_is_told_when_to_come_back(tmp_path):
    """429 with the seconds to wait; probes are answered still."""
    few = Settings(gateway=GatewaySettings(requests_per_minute=3))
    async with running(tmp_path, settings=few) as (bot, _), aiohttp.ClientSession() as session:
        headers = {"X-API-Key": (tmp_path / "api-key").read_text().strip()}
        url = bot.servers.addresses["gateway"]
        for status in (200, 200, 200, 429):
            async with session.get(url + "/api/v1/balances", headers=headers) as reply:
                assert reply.status == status
        assert 0 < int(reply.headers["Retry-After"]) <= 60
        async with session.get(url + "/readyz") as reply:
            assert reply.status == 200


# ------------------------------------------------------------------------------------------------------------- schemas


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory) -> Iterator[Served]:
    """A bot to which anything may happen."""
    configure_logging("critical", "text")
    one = Served(tmp_path_factory.mktemp("fuzzed"))
    yield one
    one.stop()


# The bot's thread draws random numbers meanwhile, for the masks of its WebSocket; no strategy does.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize("service", [spec.name for spec in by_name().values() if not spec.networked])
def test_no_request_that_a_schema_allows_or_forbids_is_a_failure_of_ours(fuzzed, service):
    """Valid and invalid requests drawn from each service's own document: never a status of 500 and more.

    The simulated exchange has a document of another kind, and a test of its own in sim_exchange/test_document.py.
    """
    address = fuzzed.address(service)
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    key = {"X-API-Key": fuzzed.keys[Role.ADMIN]}
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 4

    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
            def no_failure(case):
                headers = key if service == "gateway" else fuzzed.token(service)
                reply = case.call(headers=headers)
                assert reply.status_code < 500, (case.as_curl_command(), reply.content)
                if reply.status_code >= 400:
                    assert reply.headers["content-type"][0] == "application/problem+json", case.as_curl_command()

            # Of a route without parameters nothing can be got wrong.
            with suppress(Unsatisfiable):
                no_failure()
