"""Every question that a service asks can go over a wire: the bot does the same when each answer has been there."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.topology.recordings import gappy_bot
from tests.topology.test_databases import everything

from tradewind.kernel.ask import Answers
from tradewind.kernel.questions import ANSWERS, decode_answer, encode_answer

SERVICES = Path(__file__).parents[2] / "services" / "tradewind"


def asked():
    """Service and question of every call of an `ask` port by a service."""
    for path in SERVICES.rglob("*.py"):
        if path.parent.name in {"cli", "topology"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "ask"
            # Two words at least: a search asks its study for the next trial, with none.
            if called and len(node.args) > 1 and all(isinstance(one, ast.Constant) for one in node.args):
                yield tuple(one.value for one in node.args)


def test_every_question_is_in_the_table():
    """What is asked nowhere is not in it."""
    found = set(asked())
    indirect = {("engine", "status"), ("market-data", "settled")}
    """Asked by monitoring through a variable, and by whoever begins a process."""
    assert found | indirect == set(ANSWERS)


async def test_a_bot_whose_answers_have_all_been_on_a_wire_trades_the_same(embedded, tmp_path, monkeypatch):
    """Row for row; no answer becomes another thing on the way."""
    manifest = gappy_bot(tmp_path, candles=120)
    async with embedded(sample=manifest, directory=tmp_path / "plain") as bot:
        assert await bot.wait()
        expected = await everything(bot._store)

    sent, register = set(), Answers.register

    def over_a_wire(service, question, answer):
        async def ask(**parameters):
            sent.add((service, question))
            return decode_answer(service, question, encode_answer(await answer(**parameters)))

        return ask if (service, question) in ANSWERS else answer

    def registered(self, service, answers):
        register(self, service, {name: over_a_wire(service, name, answer) for name, answer in answers.items()})

    monkeypatch.setattr(Answers, "register", registered)
    async with embedded(sample=manifest, directory=tmp_path / "wire") as bot:
        assert await bot.wait()
        found = await everything(bot._store)
    assert {("market-data", "instruments"), ("market-data", "series"), ("portfolio", "snapshot")} <= sent
    for name, rows in expected.items():
        assert found[name] == rows, name
