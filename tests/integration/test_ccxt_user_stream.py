"""The user stream over a real WebSocket: ccxt.pro against a small server that speaks Binance's ws-api, and fails."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tradewind.domain.order import OrderState
from tradewind.execution.adapters.ccxt.stream import CcxtUserStream
from tradewind.execution.ports import Answer
from tradewind.kernel.ccxt_client import ClientSettings, make_client

DATA = Path(__file__).parents[1] / "contract" / "data" / "binance_account.json"
ID = "7rhanrzgbfkg57wi2v"


class WsApi:
    """Accepts subscriptions and sends what the test says, after `unavailable` connections and `refuse` others fail."""

    def __init__(self) -> None:
        self.sockets: asyncio.Queue[web.WebSocketResponse] = asyncio.Queue()
        self.refuse = 0
        self.unavailable = 0
        self.answers_pings = True
        self.early: list[dict[str, Any]] = []
        self.open: list[web.WebSocketResponse] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self.unavailable:
            self.unavailable -= 1
            return web.Response(status=503)
        socket = web.WebSocketResponse(autoping=self.answers_pings)
        await socket.prepare(request)
        self.open.append(socket)
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            asked = json.loads(message.data)
            assert asked["method"] == "userDataStream.subscribe.signature"
            assert asked["params"]["signature"]
            if self.refuse:
                self.refuse -= 1
                error = {"code": -1022, "msg": "Signature for this request is not valid."}
                await socket.send_json({"id": asked["id"], "status": 400, "error": error})
                continue
            await socket.send_json({"id": asked["id"], "status": 200, "result": {"subscriptionId": 0}})
            for event in self.early:
                await send(socket, event)
            self.sockets.put_nowait(socket)
        return socket


async def send(socket: web.WebSocketResponse, event: dict[str, Any]) -> None:
    await socket.send_json({"subscriptionId": 0, "event": event})


def report(execution: int, **changes: Any) -> dict[str, Any]:
    told = {
        "e": "executionReport",
        "E": 1_700_000_000_000,
        "s": "BTCUSDT",
        "c": ID,
        "C": "",
        "S": "BUY",
        "o": "LIMIT",
        "f": "GTC",
        "q": "0.01500000",
        "p": "30000.50000000",
        "P": "0.00000000",
        "x": "NEW",
        "X": "NEW",
        "i": 4711,
        "l": "0.00000000",
        "z": "0.00000000",
        "L": "0.00000000",
        "n": "0",
        "N": None,
        "T": 1_700_000_000_000 + execution,
        "t": -1,
        "I": execution,
        "m": False,
    }
    return {**told, **changes}


def traded(execution: int, amount: str, filled: str) -> dict[str, Any]:
    status = "FILLED" if filled == "0.015" else "PARTIALLY_FILLED"
    trade = {"x": "TRADE", "X": status, "l": amount, "z": filled, "L": "30000.5", "n": "0.00001", "N": "BTC"}
    return report(execution, t=execution, **trade)


class Caller:
    """What execution would be: it takes answers and is told of connections."""

    def __init__(self, stream: CcxtUserStream) -> None:
        self.stream = stream
        self.heard: asyncio.Queue[Any] = asyncio.Queue()
        self.pauses: list[float] = []

    async def deliver(self, answer: Answer) -> None:
        self.heard.put_nowait(answer)

    async def reconnected(self) -> None:
        self.heard.put_nowait("connected" if self.stream.connected else "not connected")

    async def next(self) -> Any:
        async with asyncio.timeout(60):
            return await self.heard.get()


@pytest.fixture
async def api() -> AsyncIterator[WsApi]:
    served = WsApi()
    application = web.Application()
    recorded = json.loads(DATA.read_text())["exchangeInfo"]

    async def exchange_info(_: web.Request) -> web.Response:
        return web.json_response(recorded)

    application.router.add_get("/api/v3/exchangeInfo", exchange_info)
    application.router.add_get("/ws-api/v3", served.serve)
    async with TestServer(application) as server:
        served.server = server
        yield served


@pytest.fixture
async def caller(api: WsApi) -> AsyncIterator[Caller]:
    client = make_client(
        ClientSettings(
            "binance",
            api_key="k",
            secret="s",
            rest_url=str(api.server.make_url("/")).rstrip("/"),
            websocket_url=f"ws://{api.server.host}:{api.server.port}",
            rate_limit=False,
            number=str,
            options={"fetchMargins": False},
        )
    )
    client.timeout_on_exit = 0
    troubles: list[Exception] = []

    async def pause(seconds: float) -> None:
        told.pauses.append(seconds)
        await asyncio.sleep(0)

    stream = CcxtUserStream(client, pause=pause, jitter=lambda: 1.0, on_trouble=troubles.append)
    told = Caller(stream)
    told.troubles = troubles
    await client.load_markets()
    running = asyncio.ensure_future(stream.run(told.deliver, told.reconnected))
    yield told
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not stream.connected
    await client.close()
    for socket in api.open:
        await socket.close()


async def test_every_report_is_delivered_in_its_order(api, caller):
    """Two trades of one order that come in one breath are two fills: a cache by order would show the second alone."""
    assert await caller.next() == "connected"
    socket = await api.sockets.get()
    for event in (report(7), traded(8, "0.005", "0.005"), traded(9, "0.01", "0.015")):
        await send(socket, event)
    accepted, partial, whole = [await caller.next() for _ in range(3)]
    assert (accepted.orders[0].state, accepted.updates) == (OrderState.ACCEPTED, ())
    assert [answer.orders[0].state for answer in (partial, whole)] == [OrderState.PARTIALLY_FILLED, OrderState.FILLED]
    fills = [answer.updates[0].fill for answer in (partial, whole)]
    assert [(fill.trade_id, fill.amount, fill.fee, fill.fee_currency) for fill in fills] == [
        ("8", Decimal("0.005"), Decimal("0.00001"), "BTC"),
        ("9", Decimal("0.01"), Decimal("0.00001"), "BTC"),
    ]
    assert caller.stream.last_execution_id == 9
    assert caller.stream.reconnects == 0


async def test_what_comes_right_after_the_subscription_waits_for_the_reconciliation(api, caller):
    api.early = [report(1)]
    assert await caller.next() == "connected"
    assert (await caller.next()).orders[0].client_order_id == ID


async def closed(socket: web.WebSocketResponse) -> None:
    await socket.close()


async def aborted(socket: web.WebSocketResponse) -> None:
    socket._req.transport.abort()


async def terminated(socket: web.WebSocketResponse) -> None:
    await send(socket, {"e": "eventStreamTerminated", "E": 1})


async def unreadable(socket: web.WebSocketResponse) -> None:
    await send(socket, report(8, x="TRADE", X="SOMETHING_NEW"))


@pytest.mark.parametrize("end", [closed, aborted, terminated, unreadable])
async def test_a_lost_stream_is_noticed_opened_again_and_told(api, caller, end):
    assert await caller.next() == "connected"
    socket = await api.sockets.get()
    await send(socket, report(7))
    assert (await caller.next()).orders[0].state is OrderState.ACCEPTED
    await end(socket)
    assert await caller.next() == "connected"
    assert caller.stream.reconnects == 1
    assert caller.troubles
    again = await api.sockets.get()
    await send(again, traded(9, "0.015", "0.015"))
    assert (await caller.next()).orders[0].state is OrderState.FILLED


async def test_what_arrived_before_the_end_is_still_delivered(api, caller):
    assert await caller.next() == "connected"
    socket = await api.sockets.get()
    await send(socket, traded(8, "0.005", "0.005"))
    await send(socket, traded(9, "0.01", "0.015"))
    await socket.close()
    heard = [await caller.next() for _ in range(3)]
    assert [answer.updates[0].fill.trade_id for answer in heard[:2]] == ["8", "9"]
    assert heard[2] == "connected"


async def test_a_line_that_answers_no_ping_is_dead(api, caller):
    """Nothing arrives, nothing is closed: only the pings tell."""
    assert await caller.next() == "connected"
    socket = await api.sockets.get()
    api.answers_pings = False
    caller.stream._client.streaming["keepAlive"] = 30
    await socket.close()
    assert await caller.next() == "connected"
    api.answers_pings = True
    assert await caller.next() == "connected"
    assert caller.stream.reconnects == 2


async def test_a_refused_subscription_is_tried_again_with_growing_pauses(api, caller):
    assert await caller.next() == "connected"
    api.refuse = 3
    await (await api.sockets.get()).close()
    assert await caller.next() == "connected"
    assert caller.pauses == [0.5, 1.0, 2.0]
    assert caller.stream.reconnects == 1


async def test_while_it_is_gone_the_caller_knows_and_nothing_is_left_to_complain_of(api, caller):
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    assert await caller.next() == "connected"
    seen = []
    caller.stream._on_trouble = lambda _: seen.append(caller.stream.connected)
    api.unavailable = 2
    await (await api.sockets.get()).close()
    assert await caller.next() == "connected"
    assert seen[-2:] == [False, False]
    assert len(caller.pauses) == 2
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


async def test_a_caller_that_fails_is_told_so(api, caller):
    async def failing(_: Answer) -> None:
        raise RuntimeError("the store is gone")

    caller.stream.connected = False
    other = CcxtUserStream(caller.stream._client)
    api.early = [report(1)]
    with pytest.raises(RuntimeError, match="the store is gone"):
        async with asyncio.timeout(60):
            await other.run(failing, caller.reconnected)
    assert not other.connected
