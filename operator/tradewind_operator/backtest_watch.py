"""What the watch of Backtests brings: kept, and put into the queue to be looked at.

They are watched as children are and not by kopf (ADR 0036). Whoever installs this operator beside a definition of
before has no Backtests: then there is nothing to watch, and the operator does not wait for it to begin with its bots.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tradewind_operator.bots import Bot, Bots, key_of
from tradewind_operator.kinds import Resource, backtest_key
from tradewind_operator.workqueue import WorkQueue

Object = dict[str, Any]


class BacktestSink:
    """Takes over what reflectors bring of Backtests; `on_gone` hears of each that is gone."""

    def __init__(self, known: Bots, queue: WorkQueue, on_gone: Callable[[Bot], None]) -> None:
        self._known, self._queue, self._on_gone = known, queue, on_gone

    def listed(self, resource: Resource, namespace: str | None, objects: list[Object], version: int) -> None:
        """These were all that there were at `version`."""
        there = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in objects}
        keys = {backtest_key(*place) for place in there}
        for key in self._known:
            one = self._known.get(key)
            within = namespace is None or key.startswith(f"{namespace}/")
            if one is not None and within and key not in keys and one.version <= version:
                self._drop(one.resource)
        for found in objects:
            self.changed(resource, found)

    def changed(self, resource: Resource, found: Object) -> None:
        """One is new or different."""
        # What is listed does not say what it is.
        whole = {**found, "apiVersion": resource.api_version, "kind": resource.kind}
        if self._known.put(whole):
            self._queue.add(key_of(whole), changed=True)

    def removed(self, resource: Resource, found: Object) -> None:
        """One is gone."""
        self._drop({**found, "kind": resource.kind})

    def _drop(self, resource: Object) -> None:
        if (gone := self._known.remove(resource)) is not None:
            self._on_gone(gone)
