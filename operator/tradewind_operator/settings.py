"""Settings of the operator: variables `TRADEWIND_OPERATOR_*`, which the chart sets.

What the bots get of them (image, where traces go) is the `Site` of `manifests`; the rest is how this process works.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tradewind.domain.errors import ConfigError, ConfigErrors

PREFIX = "TRADEWIND_OPERATOR_"
_IN_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def _own_namespace() -> str:
    try:
        return _IN_POD.read_text().strip() or "default"
    except OSError:
        return "default"


class OperatorSettings(BaseSettings):
    """How the operator works. Times are in seconds."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    namespaces: Annotated[tuple[str, ...], NoDecode] = ()
    """Where it looks for bots; none means everywhere."""
    namespace: str = Field(default_factory=_own_namespace)
    """Where it runs itself, and its Lease lies."""
    identity: str = Field(default_factory=lambda: f"{socket.gethostname()}_{os.getpid()}", max_length=253)
    """Who holds the Lease; another one in every process."""
    lease_name: str = "tradewind-operator"
    lease_duration: float = Field(default=9.0, ge=0.5, le=300)
    """How long a holder that is silent keeps the Lease: a killed leader is replaced after about this time."""
    workers: int = Field(default=16, ge=1, le=256)
    """How many bots are reconciled at once."""
    port: int = Field(default=8080, ge=0, le=65535)
    """Where `/healthz`, `/readyz` and `/metrics` are answered; 0 takes a free one."""
    host: str = "0.0.0.0"  # noqa: S104 - the probes and Prometheus come from outside the pod
    resync_interval: float = Field(default=600.0, ge=1)
    """How often every bot is looked at without a cause, give or take a fifth."""
    conditions_interval: float = Field(default=30.0, ge=0.2)
    """How often a bot's monitoring is asked for its conditions, give or take a fifth."""
    release_timeout: float = Field(default=30.0, ge=1, le=3600)
    """How long the deletion of a bot waits for its orders to be canceled or its positions to be sold."""
    rollout_timeout: float = Field(default=120.0, ge=1)
    """How long a changed workload may take to be ready before those that depend on it are changed too."""
    service_address: str = "http://{service}.{namespace}.svc:{port}"
    """The base URL of a bot's Service."""
    storage_directory: Path | None = None
    """Where the chart mounted the addresses of Redis and Postgres, a file each; copied into each bot's namespace."""
    image: str = "ghcr.io/tradewind/tradewind:latest"
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    image_pull_secrets: Annotated[tuple[str, ...], NoDecode] = ()
    storage_class: str | None = None
    postgres_port: int = Field(default=5432, ge=1, le=65535)
    redis_port: int = Field(default=6379, ge=1, le=65535)
    """Where the addresses in `storage_directory` lead, which the network policies of bots must open."""
    otlp_endpoint: str | None = None
    allow_live: bool = False
    """Whether bots may trade with money; the other half of the opt-in is `mode: Live` in the resource."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_style: Literal["auto", "text", "json"] = "auto"

    @field_validator("namespaces", "image_pull_secrets", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        """`a,b` is two of them."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("service_address")
    @classmethod
    def _formatted(cls, value: str) -> str:
        try:
            value.format(service="a", namespace="b", port=1, bot="c")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"may use {{bot}}, {{service}}, {{namespace}} and {{port}}, not {error}") from None
        return value


def load_settings() -> OperatorSettings:
    """The settings of this process; raises `ConfigErrors` that name the variables."""
    try:
        return OperatorSettings()
    except ValidationError as error:
        raise ConfigErrors(
            [
                ConfigError(
                    PREFIX + "_".join(str(step) for step in one["loc"]).upper(),
                    str(one["input"]),
                    one["msg"].removeprefix("Input should be ").removeprefix("Value error, "),
                    "change the variable, or leave it out for the default",
                )
                for one in error.errors(include_url=False)
            ]
        ) from None
