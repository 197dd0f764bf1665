"""What of a bot cannot change while it exists, because its orders and balances rest on it.

A bot that finds the state of another one (another account, another currency, another market) would count money that is
not there. On a laptop `tradewind serve` and `tradewind run --resume` compare the manifest with the one that the state
was written under; on a cluster the API server compares the new resource with the old one, by these rules, before
anything is stopped. Both read `FIXED`, so neither lets through what the other refuses.

How fast a replay is played is no part of what is traded. Moving a bot between a database of its own (profile Minimal
without a PostgreSQL) and a shared one would leave its state behind, so that is refused as well, and likewise another
Secret with the address of a database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradewind.contracts.api.schema import Node
    from tradewind.contracts.api.v1alpha1 import Spec

FIXED = ("mode", "exchanges", "pairs", "timeframe", "capital", "data")
"""The fields of `spec` that cannot change; of `data` all but its speed."""

_UNCOUNTED = {"data": ("speed",)}
_INSTEAD = (
    "Create another bot under a new name, or delete this one (spec.deletionPolicy says what becomes of open orders and"
    " positions) and create it again"
)
_FIX = f"its orders and balances rest on it. {_INSTEAD}"


def fixed_part(spec: Spec, field: str) -> Any:
    """What of `spec.<field>` cannot change, as a value that can be compared."""
    value = getattr(spec, field)
    left_out = _UNCOUNTED.get(field)
    return value.model_dump(exclude=set(left_out)) if left_out else value


def guarded(spec: Node) -> Node:
    """The schema of `spec` with the rules that guard its changes; they are asked only when there is an old value."""
    properties = dict(spec["properties"])
    for field in FIXED:
        properties[field] = _with_rules(properties[field], *_unchanged(field, properties[field]))
    return _with_rules({**spec, "properties": properties}, *_same_database())


def _with_rules(node: Node, *rules: Node) -> Node:
    return {**node, "x-kubernetes-validations": [*node.get("x-kubernetes-validations", ()), *rules]}


def _unchanged(field: str, node: Node) -> list[Node]:
    left_out = _UNCOUNTED.get(field)
    if left_out is None:
        return [{"rule": "self == oldSelf", "message": f"spec.{field} cannot be changed in a bot that exists: {_FIX}"}]
    counted = [name for name in node["properties"] if name not in left_out]
    return [
        {
            "rule": " && ".join(_same(name) for name in counted),
            "message": f"of spec.{field} only {', '.join(left_out)} can be changed in a bot that exists: {_FIX}",
        }
    ]


def _same(path: str) -> str:
    """Equal, or there before and after in neither; the server takes an optional value (`?.`) to cost too much."""
    return f"has(self.{path}) == has(oldSelf.{path}) && (!has(self.{path}) || self.{path} == oldSelf.{path})"


def _same_database() -> list[Node]:
    own = "({0}.profile == 'Minimal' && !has({0}.storage.postgresSecretRef))"
    return [
        {
            "rule": f"{own.format('self')} == {own.format('oldSelf')}",
            "message": "profile cannot be changed from or to Minimal in a bot that exists, unless"
            " spec.storage.postgresSecretRef names a database, the same before and after: without one a Minimal bot"
            f" keeps its state on a volume of its own, which no other profile reads. {_INSTEAD}",
            "fieldPath": ".profile",
            "reason": "FieldValueInvalid",
        },
        {
            "rule": _same("storage.postgresSecretRef"),
            "message": f"storage.postgresSecretRef cannot be changed in a bot that exists: {_FIX}."
            " Another address of the same database goes into the same Secret",
            "fieldPath": ".storage",
            "reason": "FieldValueInvalid",
        },
    ]
