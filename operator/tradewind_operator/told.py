"""What bots say of themselves: each one's monitoring is asked now and then, give or take a fifth, by a few at a time.

Here is also where the spec is held against what the bot says: `emergencyStop` goes to a running bot by HTTP, to its
engine, and to execution alone where that one is silent, until the engine has confirmed it. And execution that crashes
again and again halts entries, because orders that nobody follows are worse than none.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

import structlog

from tradewind.domain.errors import PermanentError, TemporaryError
from tradewind_operator.bots import Bot, Bots
from tradewind_operator.children import Children, PodFacts
from tradewind_operator.events import Events
from tradewind_operator.running_bot import RunningBots
from tradewind_operator.status import Condition

AT_ONCE = 16
STOP_AGAIN = 2.0
"""Seconds after which an emergency stop that was not confirmed is sent again."""
SOON = 1.0
"""Seconds after which a bot that has just become ready is asked for the first time."""


class Told:
    """The conditions that bots told last. `on_change` gets the key of a bot that says something else than before."""

    def __init__(
        self,
        bots: Bots,
        *,
        children: Children,
        running: RunningBots,
        events: Events,
        interval: float,
        may_ask: Callable[[], bool],
    ) -> None:
        self._bots, self._children, self._running, self._events = bots, children, running, events
        self._interval, self._may_ask = interval, may_ask
        self._told: dict[str, tuple[str, tuple[Condition, ...]]] = {}
        self._asking: set[str] = set()
        self._stopped: dict[str, tuple[str, int]] = {}
        """By key: uid and generation of the spec whose emergency stop an engine has confirmed."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._log = structlog.get_logger().bind(service="operator")
        self.on_change: Callable[[str], None] = lambda _key: None

    def of(self, bot: Bot) -> tuple[Condition, ...] | None:
        """What a bot told last; None where it is silent."""
        uid, conditions = self._told.get(bot.key, ("", ()))
        return conditions if uid == bot.uid else None

    def forget(self, key: str) -> None:
        """The bot is gone."""
        self._told.pop(key, None)
        self._stopped.pop(key, None)

    def ask_soon(self, key: str) -> None:
        """Ask a bot out of turn, unless that is being done."""
        if key not in self._asking:
            self._asking.add(key)
            self._spawn(key, SOON * random.uniform(0.1, 1.0))  # noqa: S311 - a jitter

    def stop_now(self, bot: Bot) -> None:
        """See to it that the emergency stop of a spec is confirmed; nothing to do where it is."""
        if not self._is_confirmed(bot) and bot.key not in self._asking:
            self._asking.add(bot.key)
            self._spawn(bot.key, 0.0)

    async def run(self) -> None:
        """Ask everybody in turn until cancelled."""
        while True:
            keys = list(self._bots)
            pause = self._interval / max(1, len(keys))
            for key in keys:
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - a jitter
                if self._may_ask() and key not in self._asking:
                    self._asking.add(key)
                    self._spawn(key, 0.0)
            if not keys:
                await asyncio.sleep(pause)

    async def close(self) -> None:
        """Stop asking."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, key: str, after: float) -> None:
        task = asyncio.create_task(self._ask(key, after))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, key: str, after: float) -> None:
        try:
            await asyncio.sleep(after)
            async with self._slots:
                bot = self._bots.get(key)
                if bot is not None and bot.deleted_at is None and self._may_ask():
                    await self._confirm_stop(bot)
                    self._take(bot, await self._listen(bot) if self._runs(key) else None)
        finally:
            self._asking.discard(key)

    async def _listen(self, bot: Bot) -> tuple[Condition, ...] | None:
        try:
            found = await self._running.conditions(bot.resource)
            if await self._held_against(bot, found):
                found = await self._running.conditions(bot.resource)
        except TemporaryError as error:
            self._log.debug("bot is silent", bot=bot.key, error=str(error))
            return None
        except PermanentError as error:
            self._log.warning("bot refuses the operator", bot=bot.key, error=str(error))
            return None
        return found

    def _is_confirmed(self, bot: Bot) -> bool:
        return self._stopped.get(bot.key) == (bot.uid, bot.generation)

    async def _confirm_stop(self, bot: Bot) -> None:
        """Send the emergency stop of the spec until the engine has it; execution cancels what it can meanwhile."""
        resource = bot.resource
        if not resource["spec"].get("emergencyStop"):
            self._stopped.pop(bot.key, None)
            return
        if self._is_confirmed(bot) or not self._children.pods(bot.key):
            return
        try:
            done = await self._running.emergency_stop(resource, "spec.emergencyStop is true")
        except (TemporaryError, PermanentError) as error:
            self._log.warning("emergency stop does not reach the engine", bot=bot.key, error=str(error))
            with suppress(TemporaryError, PermanentError):
                canceled = await self._running.cancel_orders(resource)
                self._log.warning("orders canceled by execution alone", bot=bot.key, canceled=canceled["canceled"])
            asyncio.get_running_loop().call_later(STOP_AGAIN, self.stop_now, bot)
            return
        note = f"trading is stopped; {done['canceled']} orders were canceled"
        if done["troubles"]:
            note += f"; {'; '.join(done['troubles'])}"
            asyncio.get_running_loop().call_later(STOP_AGAIN, self.stop_now, bot)
        else:
            self._stopped[bot.key] = (bot.uid, bot.generation)
        await self._events.record(resource, "EmergencyStopped", note, action="EmergencyStop", kind="Warning")

    async def _held_against(self, bot: Bot, found: tuple[Condition, ...]) -> bool:
        """Tell the bot what its spec or its pods ask for and it does not do yet; whether anything was told."""
        trading = next((one for one in found if one.type == "Trading"), None)
        if trading is None:
            return False
        resource = bot.resource
        if resource["spec"].get("emergencyStop") and trading.reason != "EmergencyStopped":
            # Cleared behind our back, or a new pod that does not know of it: in force is the field or the latch.
            self._stopped.pop(bot.key, None)
            await self._confirm_stop(bot)
            return True
        if trading.status == "True" and (trouble := self._execution_trouble(bot.key)):
            await self._running.pause(resource, f"execution crashes again and again: {trouble}")
            note = f"entries are halted until a person resumes trading: {trouble}"
            await self._events.record(resource, "EntriesHalted", note, action="Pause", kind="Warning")
            return True
        return False

    def _execution_trouble(self, key: str) -> str:
        pods = (child.facts for child in self._children.pods(key))
        return next(
            (one.trouble for one in pods if isinstance(one, PodFacts) and one.looping and one.component == "execution"),
            "",
        )

    def _runs(self, key: str) -> bool:
        """Whether any pod of the bot could answer."""
        return any(isinstance(pod.facts, PodFacts) and pod.facts.ready for pod in self._children.pods(key))

    def _take(self, bot: Bot, found: tuple[Condition, ...] | None) -> None:
        before = self.of(bot)
        if found is None:
            self._told.pop(bot.key, None)
        else:
            self._told[bot.key] = (bot.uid, found)
        if _gist(before) != _gist(found):
            self.on_change(bot.key)


def _gist(conditions: tuple[Condition, ...] | None) -> object:
    return conditions and tuple((one.type, one.status, one.reason) for one in conditions)
