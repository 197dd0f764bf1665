"""The watch of TradingBots: kopf lists, watches, reconnects and begins again, and calls us with each event.

Nothing else of kopf is used: no finalizers, no annotations, no retries and no progress of its own, because all of
those are written to the resource and follow edges, while a bot is reconciled by level (see `reconciler`).

kopf has a thread and an event loop of its own here. It takes the signals of the process and cancels every task that it
finds in its loop when it ends, which would be ours; and should it end by itself, it is begun again and nothing else is
disturbed.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import structlog

from tradewind_operator.apiclient import login
from tradewind_operator.framework import kopf
from tradewind_operator.kinds import GROUP_VERSION_PLURAL

IDLE_SECONDS = 0.1
"""How long kopf keeps a worker for a bot that is silent; each holds a task."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
LASTING = 60.0
"""Seconds after which a watch that ends had worked, so that what ended it is no failure after failures."""
END_SECONDS = 10.0

OnEvent = Callable[[str | None, dict[str, Any]], None]
"""Gets the kind of event (None for what a list brought) and the resource."""


class BotWatch:
    """Watches bots in `namespaces`, or everywhere where there are none; `on_event` is called in the caller's loop."""

    def __init__(self, namespaces: Sequence[str], on_event: OnEvent) -> None:
        self._namespaces, self._on_event = list(namespaces), on_event
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = threading.Event()
        self._ended = asyncio.Event()
        self._log = structlog.get_logger().bind(service="operator")
        # It calls each attempt that it repeats an error; what it gives up is told below.
        logging.getLogger("kopf").setLevel(logging.CRITICAL)

    async def run(self) -> None:
        """Watch until cancelled."""
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._watch, name="kopf", daemon=True).start()
        try:
            await self._ended.wait()
        finally:
            self._stop.set()
            try:
                async with asyncio.timeout(END_SECONDS):
                    await self._ended.wait()
            except TimeoutError:
                self._log.warning("the watch of bots does not end")

    def _watch(self) -> None:
        """The thread."""
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            began = monotonic()
            try:
                asyncio.run(self._watch_once())
            except Exception as error:  # noqa: BLE001 - whatever ended it, bots must be watched
                self._log.warning("watch of bots is begun again", error=repr(error), pause=pause)
            if monotonic() - began > LASTING:
                pause = FIRST_PAUSE
            if not self._stop.is_set():
                self._stop.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - a jitter
                pause = min(pause * 2, LONGEST_PAUSE)
        self._in_loop(self._ended.set)

    async def _watch_once(self) -> None:
        await kopf.operator(
            registry=self._registry(),
            settings=_settings(),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=self._stop,
        )

    def _registry(self) -> kopf.OperatorRegistry:
        found = kopf.OperatorRegistry()

        @kopf.on.login(registry=found)
        def credentials(**_: Any) -> kopf.ConnectionInfo:
            return login()

        @kopf.on.event(*GROUP_VERSION_PLURAL, registry=found)
        async def tradingbot(event: kopf.RawEvent, **_: Any) -> None:
            self._in_loop(self._on_event, event["type"], event["object"])

        return found

    def _in_loop(self, callback: Callable[..., object], *arguments: Any) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *arguments)


def _settings() -> kopf.OperatorSettings:
    """It looks for no resources and no namespaces, posts no Events, and is nobody's peer."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.queueing.idle_timeout = IDLE_SECONDS
    settings.watching.server_timeout = 290
    settings.watching.reconnect_backoff = 0.5
    settings.networking.connect_timeout = 5
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = (0.5, 1, 2, 3, 5, 8)
    return settings
