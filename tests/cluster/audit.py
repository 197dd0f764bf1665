"""Who changed what: the API server's audit log, read.

The metrics of kube-apiserver count requests by verb and resource, but not by client. Whether *the operator* wrote
nothing in a minute can be told from the audit log alone (`audit-policy.yaml` says what goes into it).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Write:
    """One request, of those that wanted to change something, whatever came of it; `read_requests` has reads too.

    Attributes:
        at: when the API server received it (UTC).
        user: who was authenticated, as `system:serviceaccount:NAMESPACE:NAME` or the name in a certificate.
        user_agent: what the client calls itself.
        verb: create, update, patch, delete or deletecollection; or get, list or watch.
        resource: `deployments.apps`, `pods`, with the subresource as `tradingbots.tradewind.dev/status`.
        namespace: of the object; empty where it has none.
        name: of the object; empty where the request names none.
        code: the HTTP status of the answer.
        dry_run: it was asked to change nothing.
    """

    at: datetime
    user: str
    user_agent: str
    verb: str
    resource: str
    namespace: str
    name: str
    code: int
    dry_run: bool


READS = frozenset({"get", "list", "watch"})


def read_writes(log: Path, since: datetime | None = None) -> list[Write]:
    """The writes that the API server received at `since` or later, in the order of their answers.

    A request that is being answered is in the log a moment after its client has the answer.
    """
    return [one for one in read_requests(log) if one.verb not in READS and (since is None or one.at >= since)]


def read_requests(log: Path) -> list[Write]:
    """Everything that is in the log: reads only of those whose reads the policy has written down."""
    if not log.exists():
        return []
    # The last line may be half written.
    lines = log.read_bytes().split(b"\n")[:-1]
    return [_write(json.loads(line)) for line in lines]


def _write(event: dict[str, Any]) -> Write:
    reference = event.get("objectRef", {})
    group, subresource = reference.get("apiGroup"), reference.get("subresource")
    resource = reference.get("resource", event["requestURI"])
    return Write(
        at=datetime.fromisoformat(event["requestReceivedTimestamp"]),
        user=event["user"].get("username", ""),
        user_agent=event.get("userAgent", ""),
        verb=event["verb"],
        resource=resource + (f".{group}" if group else "") + (f"/{subresource}" if subresource else ""),
        namespace=reference.get("namespace", ""),
        name=reference.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        dry_run="dryRun=All" in event["requestURI"],
    )
