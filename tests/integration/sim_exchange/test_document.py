"""The OpenAPI document of the venue: it lists every call, and a running venue answers as it says."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections import defaultdict
from contextlib import suppress
from copy import deepcopy
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tradewind.sim_exchange.wire.admin import ADMIN_ROUTES
from tradewind.sim_exchange.wire.call import Security
from tradewind.sim_exchange.wire.routes import ROUTES

EXAMPLES = 6
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
AT_THE_DOOR = {-1021, -1022, -2014, -2015}
"""What is said to who is not let in."""

# Values of the venue under test: drawn from all that a schema allows, hardly any would ever mean something.
NEAR = {
    "symbol": ["ETHUSDT", "BTCUSDT", "DOGEUSDT"],
    "symbols": ['["ETHUSDT","BTCUSDT"]', "[]", '["DOGEUSDT"]'],
    "quantity": ["0.01", "1", "1000"],
    "price": ["2400", "2600"],
    "stopPrice": ["2400", "2600"],
    "orderId": [1, 2, 3],
    "cancelOrderId": [1, 2, 3],
    "orderListId": [0, 1],
    "origClientOrderId": ["mine", "other"],
    "newClientOrderId": ["mine", "next"],
}


class Signer(requests.auth.AuthBase):
    """The API key and, on calls that want one, the signature of the request as it is about to be sent."""

    def __init__(self, venue, route, *, punctual: bool) -> None:
        self.key = venue.headers
        self.signed = route is not None and route.security is Security.SIGNED
        self.punctual = punctual

    def __call__(self, request):
        request.headers.update(self.key)
        if self.signed:
            address = urlsplit(request.url)
            sent = [pair for pair in parse_qsl(address.query, keep_blank_values=True) if pair[0] != "signature"]
            if self.punctual:
                sent = [pair for pair in sent if pair[0] not in ("timestamp", "recvWindow")]
                sent.append(("timestamp", str(time.time_ns() // 1_000_000)))
            form = urlencode(sent, errors="surrogatepass")
            signature = hmac.new(b"s" * 64, form.encode(), hashlib.sha256).hexdigest()
            request.url = urlunsplit(address._replace(query=f"{form}&signature={signature}"))
        return request


def with_near_values(document):
    """The document with parameters narrowed to what means something at the venue under test."""
    document = deepcopy(document)
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] in NEAR:
                    parameter["schema"] = {"enum": NEAR[parameter["name"]]}
    return document


@pytest.fixture
async def inside(venue):
    """The venue half an hour into a candle, with an open order, an open list and trades."""
    await venue.move(venue.now + venue.hour // 2)
    client = await venue.client()
    price = venue.open_price("ETH/USDT", 0)
    await client.create_order("ETH/USDT", "limit", "buy", 1, price - 100, {"newClientOrderId": "mine"})
    await client.create_order("ETH/USDT", "market", "buy", 1)
    prices = {"price": str(price + 500), "stopPrice": str(price - 500)}
    await client.private_post_order_oco(
        {"symbol": "ETHUSDT", "side": "SELL", "quantity": "1", "listClientOrderId": "mine", **prices}
    )
    return venue


async def fetched(venue):
    async with venue.session.get(f"{venue.url}/openapi.json") as answer:
        assert answer.status == 200
        return await answer.json()


async def test_the_document_lists_every_call_and_no_other(venue):
    """Nobody needs a key to read it, and what it does not list is refused with 404 and 405."""
    document = await fetched(venue)

    listed = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    assert listed == ROUTES.keys() | ADMIN_ROUTES.keys()
    for method, path, status in (("GET", "/api/v3/nothing", 404), ("PATCH", "/sim/clock", 405)):
        async with venue.session.request(method, venue.url + path, headers=venue.headers) as answer:
            assert answer.status == status


async def test_the_document_says_how_an_order_is_made(venue):
    """Names, types, words, who may, and what comes back, as a reader needs them to write a client."""
    operation = (await fetched(venue))["paths"]["/api/v3/order"]["post"]

    parameters = {one["name"]: one for one in operation["parameters"]}
    assert {"symbol", "side", "type", "timestamp"} == {name for name, one in parameters.items() if one["required"]}
    assert ["BUY", "SELL"] == parameters["side"]["schema"]["enum"]
    assert ["GTC", "IOC", "FOK"] == parameters["timeInForce"]["schema"]["enum"]
    assert "decimal" == parameters["quantity"]["schema"]["format"]
    assert [{"apiKey": [], "signature": []}] == operation["security"]
    assert {"200", "400", "401", "418", "429", "500", "503"} == operation["responses"].keys()


RIGHT = {
    "symbol": "ETHUSDT",
    "side": "BUY",
    "type": "MARKET",
    "quantity": "1",
    "interval": "1h",
    "price": "2600",
    "stopPrice": "2400",
    "aboveType": "LIMIT_MAKER",
    "belowType": "STOP_LOSS",
    "cancelReplaceMode": "ALLOW_FAILURE",
    "cancelOrderId": "1",
}


async def test_what_the_document_calls_required_is_required(inside):
    """Each call without one of its required parameters is refused by that parameter's name (-1102)."""
    left_out = 0
    for (method, path), route in ROUTES.items():
        for missing in route.needs:
            sent = {field.name: RIGHT[field.name] for field in route.needs if field is not missing}
            if "cancelReplaceMode" in sent:
                sent["cancelOrderId"] = RIGHT["cancelOrderId"]
            address = requests.Request(
                method, inside.url + path, params=sent, auth=Signer(inside, route, punctual=True)
            )
            prepared = address.prepare()
            async with inside.session.request(method, prepared.url, headers=dict(prepared.headers)) as answer:
                told = await answer.json()
            assert (400, -1102) == (answer.status, told["code"]), (method, path, missing.name, told)
            assert f"'{missing.name}'" in told["msg"]
            left_out += 1
    assert left_out > 30


@pytest.mark.parametrize("near", [False, True], ids=["anything", "values of this market"])
async def test_the_venue_answers_as_its_document_says(inside, near):
    """Valid and invalid requests drawn from the document: documented statuses, JSON of the documented form, no 5xx."""
    document = await fetched(inside)
    schema = schemathesis.openapi.from_dict(with_near_values(document) if near else document)
    codes: dict[tuple[str, str], set[int]] = defaultdict(set)

    def ask(case):
        call = (case.operation.method.upper(), case.operation.path)
        punctual = case.meta.generation.mode is GenerationMode.POSITIVE
        reply = case.call(base_url=inside.url, auth=Signer(inside, ROUTES.get(call), punctual=punctual))
        case.validate_response(reply, checks=CHECKS)
        codes[call].add(0 if reply.status_code == 200 else reply.json()["code"])
        if call == ("POST", "/sim/faults"):
            # What was asked for may be a ban or an hour of silence; asking for it is what is tested here.
            requests.delete(f"{inside.url}/sim/faults", headers=inside.headers, timeout=10)

    def run():
        for result in schema.get_all_operations():
            for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
                cases = result.ok().as_strategy(generation_mode=mode)
                drawn = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), database=None)
                # Of a call without parameters nothing can be got wrong.
                with suppress(Unsatisfiable):
                    drawn(given(cases)(ask))()

    await asyncio.to_thread(run)
    assert codes.keys() == ROUTES.keys() | ADMIN_ROUTES.keys()
    shut = {call for call, found in codes.items() if found <= AT_THE_DOOR}
    assert not shut, "the signature was not got past"
    if near:
        silent = {call for call, found in codes.items() if call[0] == "GET" and 0 not in found}
        assert not silent, "nothing was ever told"
