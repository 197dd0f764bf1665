"""Kubernetes Events about bots: for a person who runs `kubectl describe`, and never needed by a program.

One is written when something happened, not at each look; the same again within ten minutes is written once. An Event
that cannot be written is a line in the log.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Literal
from uuid import uuid4

import structlog

from tradewind.contracts.api.v1alpha1 import API_VERSION, KIND
from tradewind.contracts.labels import OPERATOR, OUR_DOMAIN
from tradewind_operator.apiclient import ApiClient, ApiError
from tradewind_operator.fence import NotLeaderError
from tradewind_operator.kinds import EVENT

QUIET_SECONDS = 600.0
_MOST_REMEMBERED = 10_000
LONGEST_NOTE = 1000


class Events:
    """Writes Events as `identity`."""

    def __init__(self, client: ApiClient, identity: str) -> None:
        self._client, self._identity = client, identity
        self._written: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._log = structlog.get_logger().bind(service="operator")

    async def record(
        self,
        bot: Mapping[str, Any],
        reason: str,
        note: str,
        *,
        action: str,
        kind: Literal["Normal", "Warning"] = "Normal",
    ) -> None:
        """Write that `reason` happened to `bot` (its resource, or a Backtest's) while the operator did `action`."""
        metadata = bot["metadata"]
        identity = (metadata["uid"], reason, note)
        if monotonic() - self._written.get(identity, -QUIET_SECONDS) < QUIET_SECONDS:
            return
        self._written[identity] = monotonic()
        self._written.move_to_end(identity)
        if len(self._written) > _MOST_REMEMBERED:
            self._written.popitem(last=False)
        event = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"name": f"{metadata['name']}.{uuid4().hex[:16]}", "namespace": metadata["namespace"]},
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": f"{OUR_DOMAIN}{OPERATOR}",
            "reportingInstance": self._identity[:128],
            "action": action,
            "reason": reason,
            "type": kind,
            "note": note[:LONGEST_NOTE],
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": bot.get("kind") or KIND,
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
            },
        }
        try:
            await self._client.create(EVENT, event)
        except (ApiError, NotLeaderError) as error:
            self._log.info("event is not written", reason=reason, note=note, error=str(error))
