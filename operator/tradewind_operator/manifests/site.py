"""What the installation says, as opposed to the bot: the image, where the operator lives, what the chart has wired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]
"""A Kubernetes object as it stands in JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The same for every bot of an installation.

    `storage_wired` is whether the operator was given the addresses of Redis and PostgreSQL, which it copies into each
    bot's storage Secret; their ports are what a bot's pods may reach. `version` is this Tradewind's, for labels only.
    """

    image: str
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    operator_namespace: str
    storage_wired: bool
    storage_class: str | None = None
    otlp_endpoint: str | None = None
    allow_live: bool = False
    version: str
    postgres_port: int = 5432
    redis_port: int = 6379
