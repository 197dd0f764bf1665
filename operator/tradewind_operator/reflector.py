"""Watching one kind of object in one place: a list, then its changes, from the beginning again where a change was lost.

Bots themselves are watched by kopf. Their children are watched here, because there are many more of them and most of
what the API server could send is not wanted: the selector is applied by the server, Secrets come as metadata alone,
and an event costs a twentieth of what it costs in kopf (ADR 0019).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from http import HTTPStatus
from time import monotonic
from typing import Any, Protocol

import structlog

from tradewind.kernel.backoff import Backoff
from tradewind_operator.apiclient import METADATA, METADATA_LIST, ApiClient, ApiError
from tradewind_operator.kinds import Resource

Object = dict[str, Any]

WATCH_SECONDS = 290
"""How long a watch is asked for; the server sends a bookmark about every minute in between."""
SILENCE = 90.0
"""A watch that has sent nothing, not even a bookmark, for so long is dead."""
LASTING = 10.0
"""A watch that has run for so many seconds worked: what ends it then is no failure after failures."""
ODD = 4
"""So many failures in a row, about three seconds of them, are worth an error in the log."""
PAGE = 500
FIRST_PAUSE, LONGEST_PAUSE = 0.4, 20.0
ESTABLISHED = 5.0
"""Seconds from when a resource is served until it is watched: while its definition is being established the API server
puts another storage in the place of the first, and a watch that was begun on that one hears nothing."""


class Sink(Protocol):
    """What takes over what a watch brings."""

    def listed(self, resource: Resource, namespace: str | None, objects: list[Object], version: int) -> None:
        """These were all that there were at `version`."""

    def changed(self, resource: Resource, found: Object) -> None:
        """An object is new or different."""

    def removed(self, resource: Resource, found: Object) -> None:
        """An object is gone."""


class Reflector:
    """Keeps a sink up to date about one kind of object, for as long as `run` runs."""

    def __init__(
        self,
        client: ApiClient,
        resource: Resource,
        *,
        namespace: str | None,
        selector: str,
        sink: Sink,
        random_source: Callable[[], float] = random.random,
    ) -> None:
        self._client, self._resource, self._namespace = client, resource, namespace
        self._selector, self._sink, self._random = selector, sink, random_source
        self._path = resource.collection(namespace)
        self._log = structlog.get_logger().bind(service="operator", resource=resource.plural, namespace=namespace)
        self.synchronized = asyncio.Event()
        """Set once everything that was there has been told to the sink."""
        self.heard = monotonic()
        """When the API server was last heard of, by the clock that never jumps."""

    @property
    def name(self) -> str:
        """What is watched, in words."""
        where = f" in {self._namespace}" if self._namespace else ""
        return f"{self._resource.plural}{where}"

    async def run(self) -> None:
        """Watch until cancelled."""
        backoff, absent = Backoff(FIRST_PAUSE, LONGEST_PAUSE, self._random), False
        while True:
            began = monotonic()
            try:
                version = await self._list()
                if absent:
                    absent = False
                    await asyncio.sleep(ESTABLISHED)
                    version = await self._list()
                while True:
                    version = await self._follow(version)
                    backoff.reset()
            except ApiError as error:
                absent = error.status == HTTPStatus.NOT_FOUND
                # A list that is answered says nothing of the watch after it: both have to work to begin anew.
                if monotonic() - began > LASTING:
                    backoff.reset()
                pause = max(backoff.pause(), error.retry_after or 0.0)
                # A server that has just started refuses for a moment what it allows: it has not read the roles yet.
                expected = error.passing or error.status == HTTPStatus.GONE or backoff.failures < ODD
                level = self._log.info if expected else self._log.error
                level("watch is begun again", error=str(error), pause=round(pause, 2))
                await asyncio.sleep(pause)

    async def _list(self) -> str:
        objects: list[Object] = []
        parameters = {"labelSelector": self._selector, "limit": str(PAGE)}
        accept = METADATA_LIST if self._resource.metadata_only else None
        while True:
            page = await self._client.read(self._path, parameters, accept)
            objects += page.get("items") or ()
            self.heard = monotonic()
            following = page["metadata"].get("continue")
            if not following:
                break
            parameters = {**parameters, "continue": following}
        version = str(page["metadata"]["resourceVersion"])
        self._sink.listed(self._resource, self._namespace, objects, int(version))
        self.synchronized.set()
        return version

    async def _follow(self, version: str) -> str:
        """Watch once from `version`; the version to go on from."""
        parameters = {
            "labelSelector": self._selector,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        accept = METADATA if self._resource.metadata_only else None
        began = monotonic()
        async with self._client.watch(self._path, parameters, accept, SILENCE) as events:
            async for event in events:
                self.heard = monotonic()
                found = event["object"]
                if event["type"] == "ERROR":
                    code, reason = int(found.get("code", 0)), str(found.get("reason", ""))
                    raise ApiError(code, reason, f"watch of {self._resource.plural}: {found.get('message', reason)}")
                version = found["metadata"]["resourceVersion"]
                self._tell(event["type"], found)
        if monotonic() - began < 1.0:
            # A server that ends watches at once must not be asked in a loop.
            await asyncio.sleep(0.5 + self._random() / 2)
        return version

    def _tell(self, kind: str, found: Object) -> None:
        if kind == "DELETED":
            self._sink.removed(self._resource, found)
        elif kind != "BOOKMARK":
            self._sink.changed(self._resource, found)
