"""Asking a class from within a cycle: of strategy, as often as it must be, and for no longer than a person waits."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog

from tradewind.contracts.api.document import load_bot
from tradewind.domain.callbacks import Callback, Question, Reply
from tradewind.domain.errors import TemporaryError
from tradewind.engine.callbacks import Callbacks

SAMPLES = Path(__file__).parents[3] / "manifests" / "samples"


class Strategy:
    """Answers for the class what the test says; an event is waited for, an error raised."""

    def __init__(self, *replies):
        self.replies, self.asked, self.callbacks = list(replies), [], ["custom_exit"]

    async def __call__(self, service, question, **parameters):
        assert service == "strategy"
        self.asked.append(parameters.get("about", {}).get("pair", question))
        if question == "callbacks":
            return self.callbacks
        reply = self.replies.pop(0)
        if isinstance(reply, asyncio.Event):
            reply.set()
            await asyncio.Event().wait()
        if isinstance(reply, Exception):
            raise reply
        return reply


def callbacks_of(strategy, sample="freqtrade"):
    log = structlog.get_logger()
    return Callbacks(SimpleNamespace(bot=load_bot(SAMPLES / f"{sample}.yaml"), ask=strategy, log=log))


def asking(*pairs):
    """A decision that asks about each of `pairs`, and is what was replied."""
    found = []
    for pair in pairs:
        reply = yield Question(Callback.CUSTOM_EXIT, pair, 0, Decimal(100))
        found.append(reply)
    return found


async def test_what_is_to_be_asked_is_asked_for_with_each_cycle():
    """Strategy may have begun again with another file. A bot without a class asks nobody."""
    strategy = Strategy()
    callbacks = callbacks_of(strategy)

    await callbacks.begin()
    assert callbacks.asked == {Callback.CUSTOM_EXIT}
    strategy.callbacks = ["confirm_trade_entry", "custom_exit"]
    await callbacks.begin()
    assert callbacks.asked == {Callback.CONFIRM_TRADE_ENTRY, Callback.CUSTOM_EXIT}

    plain = callbacks_of(strategy, "quickstart")
    await plain.begin()
    assert (plain.asked, strategy.asked) == (frozenset(), ["callbacks", "callbacks"])


async def test_who_is_silent_is_asked_no_more_in_that_cycle():
    """One that is wrong about a pair is asked about the next one."""
    wrong, silent, fine = Reply(None, "wrong"), Reply(None, "late", silent=True), Reply("enough")
    strategy = Strategy(wrong, silent, fine)
    callbacks = callbacks_of(strategy)

    found = await callbacks.decided(asking("AAA/EUR", "BBB/EUR", "CCC/EUR"))
    assert found == [wrong, silent, Reply(None, "not asked: late")]
    assert strategy.asked == ["AAA/EUR", "BBB/EUR"]
    await callbacks.begin()
    assert await callbacks.decided(asking("CCC/EUR")) == [fine]


async def test_while_strategy_cannot_be_reached_nothing_is_decided():
    """The cycle is begun again when it can: nothing was said, and nothing is taken for it."""
    with pytest.raises(TemporaryError):
        await callbacks_of(Strategy(TemporaryError("away"))).decided(asking("AAA/EUR"))


async def test_what_is_put_off_is_asked_again_after_the_command():
    """What was answered in the same moment stands: the command finds it decided."""
    begun, fine = asyncio.Event(), Reply("enough")
    strategy = Strategy(begun, fine)
    callbacks = callbacks_of(strategy)

    deciding = asyncio.ensure_future(callbacks.decided(asking("AAA/EUR", "BBB/EUR")))
    await begun.wait()
    callbacks.put_off("stop requested")
    with pytest.raises(TemporaryError, match="the cycle begins again: stop requested"):
        await deciding
    await callbacks.begin()
    deciding = asyncio.ensure_future(callbacks.decided(asking("AAA/EUR")))
    while callbacks._asking is None or not callbacks._asking.done():  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0)
    callbacks.put_off("stop requested")
    assert await deciding == [fine]
    callbacks.put_off("nobody asks")


async def test_whoever_ends_the_bot_ends_the_question():
    """That puts nothing off: the cycle ends with it."""
    begun = asyncio.Event()
    deciding = asyncio.ensure_future(callbacks_of(Strategy(begun)).decided(asking("AAA/EUR")))
    await begun.wait()
    deciding.cancel()

    with pytest.raises(asyncio.CancelledError):
        await deciding
