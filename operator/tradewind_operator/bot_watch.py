"""The watch of TradingBots: kopf lists, watches, reconnects and begins again, and calls us with each event.

Nothing else of kopf is used: no finalizers, no annotations, no retries and no progress of its own, because all of
those are written to the resource and follow edges, while a bot is reconciled by level (see `reconciler`).

kopf has a thread and an event loop of its own here: it cancels every task that it finds in its loop when it ends, which
would be ours. It ends by itself when a watch brings what it cannot read, or is refused for long; then it is begun again
and nothing else is disturbed. What there is to be watched it finds out once, at its beginning, so it is begun only when
bots could be listed: an operator that is installed before the definition of its resource would never see a bot.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from time import monotonic
from typing import Any

import structlog

from tradewind.kernel.backoff import Backoff
from tradewind_operator.apiclient import login
from tradewind_operator.framework import kopf
from tradewind_operator.kinds import GROUP_VERSION_PLURAL

IDENTITY: Any = "tradewind-operator"
"""What kopf calls this process, which as nobody's peer it tells nobody."""

IDLE_SECONDS = 0.1
"""How long kopf keeps a worker for a bot that is silent; each holds a task."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
LASTING = 60.0
"""Seconds after which a watch that ends had worked, so that what ended it is no failure after failures."""
END_SECONDS = 10.0

OnEvent = Callable[[str | None, Any], None]
"""Gets the kind of event (None for what a list brought) and the resource."""


class BotWatch:
    """Watches bots in `namespaces`, or everywhere where there are none; `on_event` is called in the caller's loop.

    `before` is awaited before each beginning; it returns when bots can be listed.
    """

    def __init__(self, namespaces: Sequence[str], on_event: OnEvent, before: Callable[[], Awaitable[None]]) -> None:
        self._namespaces, self._on_event, self._before = list(namespaces), on_event, before
        self._log = structlog.get_logger().bind(service="operator")
        # It calls each attempt that it repeats an error; what it gives up is told below.
        logging.getLogger("kopf").setLevel(logging.CRITICAL)

    async def run(self) -> None:
        """Watch until cancelled."""
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        while True:
            await self._before()
            began = monotonic()
            why = "it has ended by itself"
            try:
                await self._watch()
            except Exception as error:  # noqa: BLE001 - whatever ended it, bots must be watched
                why = repr(error)
            if monotonic() - began > LASTING:
                backoff.reset()
            pause = backoff.pause()
            self._log.warning("watch of bots is begun again", error=why, pause=round(pause, 2))
            await asyncio.sleep(pause)

    async def _watch(self) -> None:
        """Until kopf ends; raises what ended it."""
        loop, stop = asyncio.get_running_loop(), threading.Event()
        ended: Future[None] = Future()

        def work() -> None:
            try:
                asyncio.run(self._operate(loop, stop))
            except BaseException as error:  # noqa: BLE001 - it is raised again in the loop of who waits
                ended.set_exception(error)
            else:
                ended.set_result(None)

        threading.Thread(target=work, name="kopf", daemon=True).start()
        waiting = asyncio.wrap_future(ended)
        try:
            await asyncio.shield(waiting)
        finally:
            stop.set()
            if not (await asyncio.wait({waiting}, timeout=END_SECONDS))[0]:
                self._log.warning("the watch of bots does not end")

    async def _operate(self, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> None:
        try:
            await kopf.operator(
                registry=self._registry(loop),
                settings=_settings(),
                standalone=True,
                # Else it asks for the name of the user, which a user of a pod does not have.
                identity=IDENTITY,
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                stop_flag=stop,
            )
        finally:
            # kopf waits for it in a thread of this loop's executor, and a loop does not end before its threads.
            stop.set()

    def _registry(self, loop: asyncio.AbstractEventLoop) -> kopf.OperatorRegistry:
        found = kopf.OperatorRegistry()

        @kopf.on.login(registry=found)
        def credentials(**_: Any) -> kopf.ConnectionInfo:
            return login()

        @kopf.on.event(*GROUP_VERSION_PLURAL, registry=found)
        async def tradingbot(event: kopf.RawEvent, **_: Any) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._on_event, event["type"], event["object"])

        return found


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
