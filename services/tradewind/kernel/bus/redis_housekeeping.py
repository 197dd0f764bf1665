"""What is done now and then: notice that Redis is another one, trim the streams, measure how far behind groups are."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redis.exceptions import ResponseError

from tradewind.contracts.messages import MESSAGES
from tradewind.kernel.bus.redis_streams import Pace, marker_of, place, stream_of, topic_of
from tradewind.kernel.telemetry.metrics import Metrics

TOPICS = tuple(dict.fromkeys(kind.topic for kind in MESSAGES.values()))


class Housekeeping:
    """Looks at the server every few seconds. `groups` are the streams of each service here that has a group."""

    def __init__(self, client: Any, bot: str, pace: Pace, metrics: Metrics | None, on_gap: Callable[[], None]) -> None:
        self.groups: Mapping[str, Sequence[str]] = {}
        self._client, self._bot, self._pace, self._metrics, self._on_gap = client, bot, pace, metrics, on_gap
        self._identity: tuple[str, bytes] | None = None

    async def first(self) -> None:
        """Remember which server this is."""
        self._identity = await self._who()

    async def pass_by(self) -> None:
        """Wait, and look once."""
        await asyncio.sleep(self._pace.housekeeping)
        await self.look()

    async def look(self) -> None:
        """A server that was started again may have lost its last second, one without our marker everything."""
        identity = await self._who()
        if identity != self._identity:
            self._identity = identity
            self._on_gap()
        await self._trim()
        await self._measure()

    async def _who(self) -> tuple[str, bytes]:
        marker = marker_of(self._bot)
        run = (await self._client.info("server"))["run_id"]
        await self._client.set(marker, uuid.uuid4().hex, nx=True)
        return run, await self._client.get(marker) or b""

    async def _trim(self) -> None:
        seconds, _ = await self._client.time()
        oldest = f"{round((seconds - self._pace.retention) * 1000)}-0"
        for topic in TOPICS:
            stream = stream_of(self._bot, topic)
            keep = oldest if topic.startswith("market.") else await self._needed(stream, oldest)
            await self._client.xtrim(stream, minid=keep, approximate=True)

    async def _needed(self, stream: str, oldest: str) -> str:
        """The oldest entry that must stay: that from which on some group has not had or not done all."""
        for group in await self._groups_of(stream):
            needed = group["last-delivered-id"].decode()
            if group["pending"]:
                summary = await self._client.xpending(stream, group["name"])
                needed = (summary["min"] or group["last-delivered-id"]).decode()
            oldest = min(oldest, needed, key=place)
        return oldest

    async def _measure(self) -> None:
        if self._metrics is None:
            return
        for service, streams in self.groups.items():
            for stream in streams:
                for group in await self._groups_of(stream):
                    if group["name"] == service.encode():
                        behind = (group.get("lag") or 0) + group["pending"]
                        self._metrics.bus_lag.labels(self._bot, service, topic_of(stream)).set(behind)

    async def _groups_of(self, stream: str) -> list[Any]:
        try:
            return list(await self._client.xinfo_groups(stream))
        except ResponseError:
            return []  # no such stream
