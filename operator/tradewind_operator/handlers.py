"""What kopf does here: it watches TradingBots, reconnects, lists again, and calls us with each event.

Nothing else of it is used: no finalizers, no annotations, no retries and no progress of its own, because all of those
are written to the resource and follow edges, while a bot is reconciled by level (see `reconciler`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tradewind_operator.apiclient import login
from tradewind_operator.bots import Bot, Bots, key_of
from tradewind_operator.framework import kopf
from tradewind_operator.kinds import GROUP_VERSION_PLURAL
from tradewind_operator.workqueue import WorkQueue

IDLE_SECONDS = 0.1
"""How long kopf keeps a worker for a bot that is silent; each holds a task."""


def watch_settings() -> kopf.OperatorSettings:
    """Kopf's settings: it looks for no resources and no namespaces, posts no Events, and is nobody's peer."""
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
    settings.process.ultimate_exiting_timeout = 20
    return settings


def registry(
    bots: Bots, queue: WorkQueue, *, on_heard: Callable[[], None], on_gone: Callable[[Bot], None]
) -> kopf.OperatorRegistry:
    """The handlers of one operator."""
    found = kopf.OperatorRegistry()

    @kopf.on.login(registry=found)
    def credentials(**_: Any) -> kopf.ConnectionInfo:
        return login()

    @kopf.on.event(*GROUP_VERSION_PLURAL, registry=found)
    async def tradingbot(event: kopf.RawEvent, **_: Any) -> None:
        on_heard()
        resource: Any = event["object"]
        if event["type"] == "DELETED":
            if (gone := bots.remove(resource)) is not None:
                on_gone(gone)
        elif bots.put(resource):
            queue.add(key_of(resource), urgent=event["type"] is not None)

    return found
