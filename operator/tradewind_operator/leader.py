"""One leader among the operators of an installation: whoever holds the Lease, and nobody else writes.

The holder renews it several times per `duration`. Who sees it unchanged for a whole duration takes it; times of other
machines are never compared, only how long a record was seen unchanged here. A holder counts its own time from before
the request that renewed it, and stops writing well before anybody else may begin: `left` is what every write asks and
bounds its own time by.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from time import monotonic
from typing import Any

import structlog

from tradewind_operator.apiclient import ApiClient, ApiError
from tradewind_operator.fence import Fence
from tradewind_operator.kinds import LEASE

WRITING_SHARE = 2 / 3
"""The part of the duration for which a renewal lets its holder write."""
RENEWALS = 5
"""How often the holder renews in one duration."""


class Leadership(Fence):
    """Holds, or waits for, the Lease `namespace/name`. `on_change` is told when this process begins or ends to lead."""

    def __init__(
        self,
        client: ApiClient,
        *,
        namespace: str,
        name: str,
        identity: str,
        duration: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._client, self._namespace, self._name, self._identity = client, namespace, name, identity
        self._duration, self._clock = duration, clock
        self._lease: dict[str, Any] | None = None
        self._seen_at = 0.0
        self._renewed_at: float | None = None
        self._log = structlog.get_logger().bind(service="operator", identity=identity)
        self.on_change: Callable[[bool], None] = lambda _leads: None
        self.looked_at: float | None = None
        """When the Lease was last asked for, whatever came of it; None before the first time."""
        self._told = False

    @property
    def leads(self) -> bool:
        """Whether this process may write now."""
        return self.left() > 0

    def left(self) -> float:
        """Seconds for which this process may still write."""
        if self._renewed_at is None:
            return 0.0
        return self._renewed_at + self._duration * WRITING_SHARE - self._clock()

    async def run(self) -> None:
        """Take and renew until cancelled."""
        while True:
            began = self.looked_at = self._clock()
            try:
                async with asyncio.timeout(self._duration / 3):
                    await self._round(began)
            except (ApiError, TimeoutError) as error:
                if isinstance(error, ApiError) and error.status == HTTPStatus.CONFLICT:
                    self._lease = None  # somebody was quicker: look again
                else:
                    self._log.warning("lease is not renewed", error=str(error) or "no answer in time")
            self._tell()
            pause = self._duration / RENEWALS
            await asyncio.sleep(max(0.0, began + pause * random.uniform(0.8, 1.0) - self._clock()))  # noqa: S311

    async def release(self) -> None:
        """Give the Lease up, so that another takes it at once; without an error where that is not possible."""
        if not self.leads:
            return
        self._renewed_at = None
        self._tell()
        try:
            async with asyncio.timeout(self._duration / 3):
                # The last renewal may have been cut off after it was done, so what is known of it is not the present.
                found = await self._client.get(LEASE, self._namespace, self._name)
                if found is None or found["spec"].get("holderIdentity") != self._identity:
                    return
                spec = {**found["spec"], "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _now()}
                await self._client.put_lease(LEASE, {**found, "spec": spec}, fresh=False, timeout=self._duration / 3)
        except (ApiError, TimeoutError) as error:
            self._log.warning("lease is not released", error=str(error) or "no answer in time")

    async def _round(self, began: float) -> None:
        found = await self._client.get(LEASE, self._namespace, self._name)
        if found is None:
            await self._write(None, began)
            return
        if self._lease is None or found["metadata"]["resourceVersion"] != self._lease["metadata"]["resourceVersion"]:
            self._seen_at = self._clock()
        self._lease = found
        spec = found.get("spec", {})
        holder, duration = spec.get("holderIdentity") or "", float(spec.get("leaseDurationSeconds") or 1)
        if holder == self._identity or not holder or self._clock() - self._seen_at > duration:
            await self._write(found, began)
        else:
            self._renewed_at = None

    async def _write(self, found: dict[str, Any] | None, began: float) -> None:
        spec = (found or {}).get("spec", {})
        mine = spec.get("holderIdentity") == self._identity
        if mine and self._renewed_at is None:
            # Of a process before this one, with the same name: it may still be there for as long as it may write.
            began = max(began, self._seen_at)
        now = _now()
        fresh = {
            **spec,
            "holderIdentity": self._identity,
            # Whole seconds on the wire, never fewer than we go by.
            "leaseDurationSeconds": max(1, -int(-self._duration // 1)),
            "renewTime": now,
            "acquireTime": spec.get("acquireTime", now) if mine else now,
            "leaseTransitions": spec.get("leaseTransitions", 0) + (0 if mine or found is None else 1),
        }
        metadata = found["metadata"] if found else {"name": self._name, "namespace": self._namespace}
        lease = {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": fresh}
        self._lease = await self._client.put_lease(LEASE, lease, fresh=found is None, timeout=self._duration / 3)
        # What came while this process might not write was turned away: after such a gap it begins to lead anew.
        self._tell()
        self._seen_at, self._renewed_at = self._clock(), began

    def _tell(self) -> None:
        if self._told != self.leads:
            self._told = self.leads
            self._log.info("leads" if self._told else "does not lead")
            self.on_change(self._told)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
