"""The bots by lists, beside the watch: what the watch has missed, and whether it misses anything.

kopf tells what is there when it begins a watch again, but not what is there no more: a bot that was deleted in between
would be kept running for ever. So what is known is compared with a list at the start, after each such beginning, and
now and then. Lists are of metadata alone; only what was missed is fetched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from time import monotonic
from typing import Any

import structlog

from tradewind.kernel.backoff import Backoff
from tradewind_operator.apiclient import METADATA_LIST, ApiClient, ApiError
from tradewind_operator.bots import Bot, Bots, key_of
from tradewind_operator.kinds import TRADING_BOT
from tradewind_operator.reflector import ESTABLISHED

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
ODD = 4
"""So many failures in a row, about three seconds of them, are worth an error in the log."""
PAGE = 500
MISSED_AFTER = 60.0
"""Seconds after which a version of a bot that a list has shown must have come by the watch as well."""


class BotList:
    """Compares `bots` with what is in `namespaces` (None is all). Tells `on_found` a key, `on_gone` a bot."""

    def __init__(
        self,
        client: ApiClient,
        bots: Bots,
        namespaces: Sequence[str | None],
        *,
        on_found: Callable[[str], None],
        on_gone: Callable[[Bot], None],
    ) -> None:
        self._client, self._bots, self._namespaces = client, bots, namespaces
        self._on_found, self._on_gone = on_found, on_gone
        self._missed: dict[str, tuple[int, float]] = {}
        """Versions that a list has shown before the watch, and since when they are waited for."""
        self._log = structlog.get_logger().bind(service="operator")

    def watched(self, key: str, version: int) -> None:
        """The watch has brought this version of a bot."""
        if key in self._missed and self._missed[key][0] <= version:
            del self._missed[key]

    def deaf(self) -> str:
        """A bot of which the watch should have told long ago; empty where there is none."""
        unheard = self._client.reach.unheard
        return next((key for key, (_, since) in self._missed.items() if unheard(since) > MISSED_AFTER), "")

    async def compare(self) -> None:
        """Take over what the watch has not told; waits for as long as the API server does not answer."""
        for namespace in self._namespaces:
            listed, version = await self._list(namespace)
            for one in listed.values():
                await self._compare(one)
            for key in self._bots:
                bot = self._bots.get(key)
                elsewhere = namespace is not None and not key.startswith(f"{namespace}/")
                if bot is None or elsewhere or key in listed or bot.version > version:
                    continue
                self._end(bot)

    async def confirm(self, bot: Bot) -> bool:
        """Ask whether a bot is still there, and take over the answer."""
        ends = self._bots.ends
        namespace, _, name = bot.key.partition("/")
        found = await self._client.get(TRADING_BOT, namespace, name)
        if found is None or found["metadata"]["uid"] != bot.uid:
            self._end(bot)
        if found is not None and ends == self._bots.ends and self._bots.put(found):
            self._on_found(bot.key)
        return found is not None and found["metadata"]["uid"] == bot.uid

    def _end(self, bot: Bot) -> None:
        if (gone := self._bots.remove(bot.resource)) is not None:
            self._log.info("bot is gone, and the watch did not tell", bot=bot.key)
            self._missed.pop(bot.key, None)
            self._on_gone(gone)

    async def _list(self, namespace: str | None) -> tuple[dict[str, dict[str, Any]], int]:
        """The metadata of all bots of a namespace by key, and the version at which that was so."""
        found: dict[str, dict[str, Any]] = {}
        parameters = {"limit": str(PAGE)}
        backoff, absent = Backoff(FIRST_PAUSE, LONGEST_PAUSE), False
        while True:
            try:
                page = await self._client.read(TRADING_BOT.collection(namespace), parameters, METADATA_LIST)
            except ApiError as error:
                await self._wait(error, backoff)
                if error.status == HTTPStatus.GONE:
                    found, parameters = {}, {"limit": str(PAGE)}
                absent |= error.status == HTTPStatus.NOT_FOUND
                continue
            if absent:
                absent = False
                await asyncio.sleep(ESTABLISHED)
                continue
            found |= {key_of(one): one for one in page.get("items") or ()}
            if not (following := page["metadata"].get("continue")):
                return found, int(page["metadata"]["resourceVersion"])
            parameters = {**parameters, "continue": following}

    async def _wait(self, error: ApiError, backoff: Backoff) -> None:
        pause = max(backoff.pause(), error.retry_after or 0.0)
        # Without the definition of the resource there are no bots yet; without rights there is something to mend, but
        # for a server that has just started and has not read the roles.
        expected = error.passing or error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE) or backoff.failures < ODD
        level = self._log.info if expected else self._log.error
        level("bots are listed again", error=str(error), pause=round(pause, 2))
        await asyncio.sleep(pause)

    async def _compare(self, listed: dict[str, Any]) -> None:
        key, version = key_of(listed), int(listed["metadata"]["resourceVersion"])
        bot = self._bots.get(key)
        if bot is not None and bot.version >= version:
            return
        self._missed.setdefault(key, (version, monotonic()))
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        while True:
            ends = self._bots.ends
            try:
                found = await self._client.get(TRADING_BOT, *key.split("/", 1))
            except ApiError as error:
                await self._wait(error, backoff)
                continue
            if found is None:
                self._missed.pop(key, None)
                return
            # A bot that ended while it was asked for may be this one: the watch does not tell of it a second time.
            if ends == self._bots.ends:
                if self._bots.put(found):
                    self._on_found(key)
                return
