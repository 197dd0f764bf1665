"""`tradewind deadletters`: what a service could not handle, and giving it again."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from tests.servers.databases import apart
from typer.testing import CliRunner

from tradewind.cli.main import app, exit_code
from tradewind.contracts.api.document import load_bot
from tradewind.contracts.messages import BalancesReported, encode
from tradewind.kernel.bus.redis_streams import Letter, Pace, connection, letters_of, stream_of

BOT = Path(__file__).parents[2] / "manifests" / "samples" / "quickstart.yaml"
KEY = load_bot(BOT).key


def tradewind(*words):
    result = CliRunner().invoke(app, ["deadletters", *words])
    code = exit_code(result.exception) if isinstance(result.exception, Exception) else result.exit_code
    return code, result.stdout, str(result.exception or "")


def redis(url, *command):
    async def run():
        client = connection(url, Pace())
        try:
            return await client.execute_command(*command)
        finally:
            await client.aclose()

    return apart(run())


@pytest.fixture
def letter(redis_server, monkeypatch):
    monkeypatch.setenv("TRADEWIND_BUS_URL", redis_server.url)
    message = BalancesReported(id="balances:1", time=0, bot=KEY, sequence=1, balances={})
    value = Letter("orders.events", "BalancesReported", encode(message), 5, "a defect", 1_700_000_000.0)
    redis(redis_server.url, "HSET", letters_of(KEY, "portfolio"), message.id, msgspec.msgpack.encode(value))
    return redis_server


def test_they_are_listed_and_given_again(letter):
    """And gone afterwards, on their topic again."""
    code, out, _ = tradewind("list", str(BOT), "-o", "json")
    (row,) = json.loads(out)
    assert (code, row["id"], row["service"], row["tries"]) == (0, "balances:1", "portfolio", 5)
    assert "balances:1" in tradewind("list", str(BOT), "--service", "portfolio")[1]
    code, out, _ = tradewind("replay", str(BOT), "balances:1")
    assert (code, out) == (0, "portfolio: balances:1 given again\n")
    assert json.loads(tradewind("list", str(BOT), "-o", "json")[1]) == []
    assert redis(letter.url, "XLEN", stream_of(KEY, "orders.events")) == 1


def test_one_that_does_not_exist_is_refused_and_nothing_is_given(letter):
    """Exit code 4, as for every object asked for by name."""
    code, _, error = tradewind("replay", str(BOT), "balances:1", "nothing")
    assert (code, "nothing" in error) == (4, True)
    assert len(json.loads(tradewind("list", str(BOT), "-o", "json")[1])) == 1


def test_without_a_broker_it_is_said_what_to_set(monkeypatch):
    """One that is away may come back."""
    monkeypatch.delenv("TRADEWIND_BUS_URL", raising=False)
    code, _, error = tradewind("list", str(BOT))
    assert (code, "TRADEWIND_BUS_URL" in error) == (1, True)
    monkeypatch.setenv("TRADEWIND_BUS_URL", "redis://127.0.0.1:1/0")
    assert tradewind("list", str(BOT))[0] == 6
