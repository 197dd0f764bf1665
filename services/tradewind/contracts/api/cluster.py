"""What a bot asks of a cluster: Secrets by name, single services' resources, replicas and pods, where traces go.

One process on a laptop has no use for any of this; `cluster_only` names what a manifest sets of it, so that the
commands which run a bot there can say so instead of ignoring it silently.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonValue

from tradewind.contracts.api.part import ListMap, Part, Whole
from tradewind.contracts.api.pod_template import PodTemplate
from tradewind.contracts.api.problems import Problem, refusal
from tradewind.contracts.api.quantities import Ratio
from tradewind.contracts.api.resources import ServiceResources
from tradewind.contracts.api.text import EnvironmentValue, SecretName, Url, VariableName
from tradewind.contracts.services import WITH_REPLICAS, ServiceName

if TYPE_CHECKING:
    from tradewind.contracts.api.v1alpha1 import TradingBot

OURS = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "POD_NAME",
    "POD_NODE",
    "POD_UID",
    "TRADEWIND_ADVERTISED_HOST",
    "TRADEWIND_BUS_URL_FILE",
    "TRADEWIND_DATABASE_URL_FILE",
    "TRADEWIND_ENVIRONMENT",
    "TRADEWIND_GATEWAY__API_KEY_FILE",
    "TRADEWIND_HOST",
    "TRADEWIND_KEY_DIRECTORY",
    "TRADEWIND_LOG_STYLE",
    "TRADEWIND_PEER_ADDRESS",
    "TRADEWIND_STATE_DIRECTORY",
    "TRADEWIND_STRATEGY_DIRECTORY",
)
OUR_PREFIXES = ("TRADEWIND_CREDENTIALS__", "TRADEWIND_PORTS__")
"""What pods get from the operator: a bot cannot set these variables, nor any that begin like these."""


class DeletionPolicy(StrEnum):
    """What becomes of what is open when the bot is deleted."""

    CANCEL_ORDERS = "CancelOrders"
    FLATTEN = "Flatten"
    LEAVE = "Leave"


class SecretReference(Part):
    """A Secret in the namespace of the bot."""

    name: SecretName
    """The name of the Secret."""


class Storage(Part):
    """Where state and messages are kept, where it should differ from what the installation has."""

    postgres_secret_ref: SecretReference | None = None
    """The Secret whose key database-url is the address of the bot's PostgreSQL database."""
    redis_secret_ref: SecretReference | None = None
    """The Secret whose key bus-url is the address of the Redis that carries the bot's messages."""


class Telemetry(Part):
    """Where the traces of the bot go."""

    otlp_endpoint: Url | None = None
    """The address that takes OTLP over HTTP, such as http://jaeger:4318; without it the installation's, if any."""
    sampling_ratio: Ratio = Decimal(1)
    """The part of traces that is kept, as a ratio from 0 to 1."""


_AUTOSCALING_RULES: list[JsonValue] = [
    {
        "rule": "self.minReplicas <= self.maxReplicas",
        "message": "minReplicas must be at most maxReplicas: lower it, or raise maxReplicas",
    }
]


class Autoscaling(Part):
    """How many pods a service may have, and what decides it."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-validations": _AUTOSCALING_RULES})

    min_replicas: Annotated[Whole, Field(ge=1, le=20)] = 1
    """The least number of pods."""
    max_replicas: Annotated[Whole, Field(ge=1, le=20)] = 4
    """The greatest number of pods."""
    target_cpu_utilization: Annotated[Whole, Field(ge=10, le=95, alias="targetCPUUtilization")] = 70
    """The use of the requested processor that is aimed at, in percent."""

    @model_validator(mode="after")
    def _in_order(self) -> Autoscaling:
        if self.min_replicas > self.max_replicas:
            allowed = f"at most maxReplicas ({self.max_replicas})"
            raise refusal(Problem(self.min_replicas, allowed, "lower it, or raise maxReplicas", ("minReplicas",)))
        return self


_VARIABLE_RULES: list[JsonValue] = [
    {
        "rule": f"!(self.name in {list(OURS)!r})"
        + "".join(f" && !self.name.startsWith({prefix!r})" for prefix in OUR_PREFIXES),
        "message": "name must not be a variable that the operator sets itself: remove this entry",
    }
]


class EnvironmentVariable(Part):
    """A variable of the environment of a service; no place for secrets, which everybody who sees the bot would see."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-validations": _VARIABLE_RULES})

    name: VariableName
    """The name of the variable, such as TRADEWIND_LOG_LEVEL."""
    value: EnvironmentValue
    """The value of the variable, as text."""

    @model_validator(mode="after")
    def _not_ours(self) -> EnvironmentVariable:
        if self.name in OURS or self.name.startswith(OUR_PREFIXES):
            allowed = "a variable that the operator does not set itself"
            raise refusal(Problem(self.name, allowed, "remove this entry", ("name",)))
        return self


_NAMES_WITH_REPLICAS = " and ".join(WITH_REPLICAS)
_SERVICE_RULES: list[JsonValue] = [
    {
        "rule": f"!has(self.autoscaling) || self.name in {[str(name) for name in WITH_REPLICAS]!r}",
        "message": f"autoscaling is allowed only for {_NAMES_WITH_REPLICAS}: of every other service one instance runs,"
        " because two would trade the same account",
        "fieldPath": ".autoscaling",
        "reason": "FieldValueForbidden",
    }
]


class ServiceOptions(Part):
    """How one service runs on a cluster, where it should differ from the default."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-validations": _SERVICE_RULES})

    name: ServiceName
    """The service that this is about."""
    resources: ServiceResources | None = None
    """The processor and memory of the service; in a pod of several services their amounts are added up."""
    autoscaling: Autoscaling | None = None
    """The number of pods of the service, for gateway and strategy where they have pods of their own."""
    env: Annotated[tuple[EnvironmentVariable, ...], Field(max_length=32), ListMap("name")] = ()
    """Further variables of the environment of the service; services that share a pod share these."""
    pod_template: PodTemplate | None = None
    """What to add to the pods of the service."""

    @model_validator(mode="after")
    def _may_scale(self) -> ServiceOptions:
        if self.autoscaling is not None and self.name not in WITH_REPLICAS:
            allowed = f"autoscaling only for {_NAMES_WITH_REPLICAS}: two of {self.name.value} would trade one account"
            received = self.autoscaling.model_dump(mode="json", by_alias=True)
            raise refusal(Problem(received, allowed, "remove it", ("autoscaling",)))
        return self


def cluster_only(bot: TradingBot) -> tuple[str, ...]:
    """The fields that `bot` sets and that mean nothing in one process on a laptop."""
    spec, plain = bot.spec, type(bot.spec).model_fields
    fields = ("deletion_policy", "services", "storage", "telemetry")
    changed = [name for name in fields if getattr(spec, name) != plain[name].get_default(call_default_factory=True)]
    found = [f"spec.{plain[name].alias or name}" for name in changed]
    found += [
        f"spec.exchanges[{index}].credentialsSecretRef"
        for index, exchange in enumerate(spec.exchanges)
        if exchange.credentials_secret_ref is not None
    ]
    return tuple(found)
