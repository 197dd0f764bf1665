"""How much of a machine a service gets: processor and memory in Kubernetes' own notation.

Of that notation a bounded part is taken (`250m`, `0.5`, `2`; `128Mi`, `1Gi`, `500M`), because everything else it
allows is a spelling of the same amounts, or a mistake: `1m` of memory is a thousandth of a byte there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonValue

from tradewind.contracts.api.part import Part
from tradewind.contracts.api.problems import Problem, refusal
from tradewind.contracts.api.text import Text

_CPU = "([1-9][0-9]{0,5}m|[1-9][0-9]{0,2}(\\.[0-9]{1,3})?|0\\.([1-9][0-9]{0,2}|0[1-9][0-9]?|00[1-9]))"
_MEMORY = "[1-9][0-9]{0,11}(Ki|Mi|Gi|k|M|G)?"
_BYTES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def _cpu_meant(text: str) -> str:
    return re.sub(r"\s*(cores?|cpus?)$", "", text.strip(), flags=re.IGNORECASE)


def _memory_meant(text: str) -> str:
    found = re.fullmatch(r"\s*([0-9]+)\s*([kmg])i?b?\s*", text, flags=re.IGNORECASE)
    return f"{found[1]}{found[2].upper()}i" if found else text.strip()


CpuQuantity = Annotated[
    str, Text("an amount of processor such as 250m (thousandths) or 0.5, above 0", "250m", _CPU, 8, _cpu_meant)
]
MemoryQuantity = Annotated[
    str, Text("an amount of memory in Ki, Mi, Gi, k, M or G, above 0", "128Mi", _MEMORY, 14, _memory_meant)
]


def millicores(quantity: str) -> int:
    """Thousandths of a processor: `250m` is 250, `0.5` is 500."""
    if quantity.endswith("m"):
        return int(quantity[:-1])
    return int(Decimal(quantity) * 1000)


def bytes_of(quantity: str) -> int:
    """Bytes: `128Mi` is 134217728."""
    digits = quantity.rstrip("KkMmGi")
    return int(digits) * _BYTES[quantity[len(digits) :]]


class Amounts(Part):
    """Processor and memory; what is not given is left as it is by default."""

    cpu: CpuQuantity | None = None
    """The processor, such as 250m (a quarter of one) or 2."""
    memory: MemoryQuantity | None = None
    """The memory, such as 256Mi."""


_AMOUNTS: tuple[tuple[str, Callable[[str], int]], ...] = (("cpu", millicores), ("memory", bytes_of))
_RULES: list[JsonValue] = [
    {
        "rule": f"!has(self.requests) || !has(self.requests.{name}) || !has(self.limits) || !has(self.limits.{name})"
        f" || quantity(self.requests.{name}).compareTo(quantity(self.limits.{name})) <= 0",
        "message": f"requests.{name} must be at most limits.{name}: lower the request, or raise the limit",
    }
    for name, _ in _AMOUNTS
]


class ServiceResources(Part):
    """What a service asks of a machine, and what it may not exceed."""

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-validations": _RULES})

    requests: Amounts = Field(default_factory=Amounts)
    """What a node must have left for the service, in processor and memory."""
    limits: Amounts = Field(default_factory=Amounts)
    """What the service may not exceed, in processor and memory."""

    @model_validator(mode="after")
    def _within(self) -> ServiceResources:
        problems = []
        for name, size in _AMOUNTS:
            request, limit = getattr(self.requests, name), getattr(self.limits, name)
            if request is not None and limit is not None and size(request) > size(limit):
                allowed = f"at most limits.{name} ({limit})"
                problems.append(Problem(request, allowed, "lower it, or raise the limit", ("requests", name)))
        if problems:
            raise refusal(*problems)
        return self
