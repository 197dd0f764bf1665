"""The part of Kubernetes' pod template that a bot may add to: where a pod may run, what it is called, how it ranks.

It has the shape of Kubernetes' own, so that what its documentation says can be copied. Everything that could undo what
a pod of a bot must be (its containers, its volumes, its security context, its service account) is not part of it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonValue

from tradewind.contracts.api.part import ListAtomic, ListMap, Part, Whole
from tradewind.contracts.api.problems import Problem, refusal
from tradewind.contracts.api.text import AnnotationValue, LabelValue, QualifiedName, SecretName
from tradewind.contracts.labels import KUBERNETES_DOMAIN, OUR_DOMAIN

OUR_DOMAINS = (KUBERNETES_DOMAIN, OUR_DOMAIN)


def _not_ours(names: dict[str, str]) -> dict[str, str]:
    problems = [
        Problem(name, f"names outside {' and '.join(OUR_DOMAINS)}, which are the operator's", "remove it", (name,))
        for name in names
        if name.startswith(OUR_DOMAINS)
    ]
    if problems:
        raise refusal(*problems)
    return names


_OURS_RULE: JsonValue = {
    "rule": f"self.all(name, {' && '.join(f'!name.startsWith({domain!r})' for domain in OUR_DOMAINS)})",
    "message": f"names must not begin with {' or '.join(OUR_DOMAINS)}, which are the operator's: remove them",
}
_BOUNDED = {"maxProperties": 32}
_NAMED: dict[str, JsonValue] = {**_BOUNDED, "x-kubernetes-validations": [_OURS_RULE]}

Labels = Annotated[
    dict[QualifiedName, LabelValue], Field(max_length=32, json_schema_extra=_NAMED), AfterValidator(_not_ours)
]
Annotations = Annotated[
    dict[QualifiedName, AnnotationValue], Field(max_length=32, json_schema_extra=_NAMED), AfterValidator(_not_ours)
]


class PodMetadata(Part):
    """What the pods are called beside the operator's own labels."""

    labels: Labels = Field(default_factory=dict)
    """Further labels of the pods."""
    annotations: Annotations = Field(default_factory=dict)
    """Further annotations of the pods."""


class TaintOperator(StrEnum):
    """How a toleration compares."""

    EQUAL = "Equal"
    EXISTS = "Exists"


class TaintEffect(StrEnum):
    """What a taint does to pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


_TOLERATION_RULES: list[JsonValue] = [
    {
        "rule": "self.operator != 'Exists' || !has(self.value)",
        "message": "value is allowed only with the operator Equal: remove it",
        "fieldPath": ".value",
        "reason": "FieldValueForbidden",
    },
    {
        "rule": "self.operator != 'Equal' || has(self.key)",
        "message": "key is required with the operator Equal: add it",
        "fieldPath": ".key",
        "reason": "FieldValueRequired",
    },
]


class Toleration(Part):
    """A taint of nodes that does not keep the pods away."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-validations": _TOLERATION_RULES})

    key: QualifiedName | None = None
    """The key of the taint; without it, and with the operator Exists, every taint."""
    operator: TaintOperator = TaintOperator.EQUAL
    """Whether the taint's value must be Equal, or the taint only needs to be there (Exists)."""
    value: LabelValue | None = None
    """The value of the taint."""
    effect: TaintEffect | None = None
    """The effect of the taint; without it every effect."""

    @model_validator(mode="after")
    def _compares(self) -> Toleration:
        if self.operator is TaintOperator.EXISTS and self.value is not None:
            raise refusal(Problem(self.value, "a value only with the operator Equal", "remove it", ("value",)))
        if self.operator is TaintOperator.EQUAL and self.key is None:
            allowed = "the key of a taint: the operator Equal needs it"
            raise refusal(Problem(None, allowed, "add key, or set operator: Exists", ("key",)))
        return self


class Unsatisfiable(StrEnum):
    """What happens to a pod that cannot be spread."""

    DO_NOT_SCHEDULE = "DoNotSchedule"
    SCHEDULE_ANYWAY = "ScheduleAnyway"


class TopologySpread(Part):
    """How evenly the pods of one workload are spread over a kind of place; the operator adds their selector."""

    topology_key: QualifiedName
    """The label of nodes that tells places apart, such as topology.kubernetes.io/zone."""
    max_skew: Annotated[Whole, Field(ge=1, le=100)] = 1
    """How many more pods one place may have than another."""
    when_unsatisfiable: Unsatisfiable = Unsatisfiable.SCHEDULE_ANYWAY
    """Whether a pod that cannot be spread waits (DoNotSchedule) or runs (ScheduleAnyway)."""


class PodSpec(Part):
    """Where the pods may run and how they rank."""

    node_selector: Annotated[dict[QualifiedName, LabelValue], Field(max_length=32, json_schema_extra=_BOUNDED)] = Field(
        default_factory=dict
    )
    """The labels that a node must have."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16), ListAtomic()] = ()
    """The taints that do not keep the pods away."""
    priority_class_name: SecretName | None = None
    """The PriorityClass of the pods."""
    topology_spread_constraints: Annotated[
        tuple[TopologySpread, ...], Field(max_length=8), ListMap("topology_key")
    ] = ()
    """How the pods are spread, where it should differ from evenly over nodes and zones."""


class PodTemplate(Part):
    """What to add to the pods of a service."""

    metadata: PodMetadata = Field(default_factory=PodMetadata)
    """Further labels and annotations."""
    spec: PodSpec = Field(default_factory=PodSpec)
    """Where the pods may run and how they rank."""
