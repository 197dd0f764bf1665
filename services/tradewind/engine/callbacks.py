"""Asks the class that a bot trades by, where one has callbacks: of strategy, beside which its process runs.

One question at a time, in the middle of a cycle, while the event loop goes on. Who does not answer in time is asked no
more in that cycle, so a class holds it up once. While strategy cannot be reached no cycle runs, as without its
evaluations. What a person commands at once (an emergency stop, a force exit) waits for no class: what is being asked
is put off, with the cycle that asks it, which begins again after the command and decides by what then holds.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from tradewind.domain.callbacks import Callback, Deciding, Question, Reply
from tradewind.domain.decision import Decision
from tradewind.domain.errors import TemporaryError
from tradewind.kernel.service import Context
from tradewind.plan import has_class


class Callbacks:
    """What is asked in the present cycle, and of whom."""

    def __init__(self, context: Context) -> None:
        self.asked: frozenset[Callback] = frozenset()
        self._context = context
        self._has_class = has_class(context.bot)
        self._silence = self._put_off = ""
        self._asking: asyncio.Future[Reply] | None = None

    async def begin(self) -> None:
        """A cycle begins. Raises `TemporaryError` while nobody knows what is to be asked."""
        self._silence = ""
        if self._has_class:
            # Each time: strategy may have begun again with another file.
            self.asked = frozenset(map(Callback, await self._context.ask("strategy", "callbacks")))

    async def decided(self, asking: Deciding) -> Decision | None:
        """The decision, when all is asked. Raises `TemporaryError` while strategy cannot be, or where it is put off."""
        try:
            question = next(asking)
            while True:
                question = asking.send(await self._reply(question))
        except StopIteration as decided:
            decision: Decision | None = decided.value
            return decision

    def put_off(self, reason: str) -> None:
        """Have the cycle that waits for a reply begin again later: `decided` raises `TemporaryError`."""
        if self._asking is not None and self._asking.cancel():
            self._put_off = reason

    async def _reply(self, question: Question) -> Reply:
        reply = Reply(None, self._silence) if self._silence else await self._asked(question)
        if reply.silent:
            self._silence = f"not asked: {reply.trouble}"
        facts: dict[str, Any] = {"callback": question.callback.value, "pair": question.pair, "time": question.time}
        if reply.trouble:
            self._context.log.warning("no reply of the class", reason=reply.trouble, **facts)
        elif question.callback is Callback.CONFIRM_TRADE_EXIT and reply.value is False:
            # A refused entry is stored with its gates; of an exit that is not made nothing else tells.
            self._context.log.info("exit not confirmed", reason=question.reason, **facts)
        return reply

    async def _asked(self, question: Question) -> Reply:
        about = msgspec.to_builtins(question)
        self._asking = asyncio.ensure_future(self._context.ask("strategy", "callback", about=about))
        try:
            return await self._asking
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._put_off or (task is not None and task.cancelling()):
                raise
            raise TemporaryError(f"the cycle begins again: {self._put_off}", retry_after=0.0) from None
        finally:
            self._asking, self._put_off = None, ""
