"""The custom resource definition of `TradingBot`, made from the model.

The API server fills in the same defaults and refuses the same values as our parser, with the exceptions that CEL
cannot say: that a span ends after it starts, that timeframes are multiples of each other, and that pairs are quoted
in the bot's currency. Those the operator refuses when it parses the resource. What only a server can refuse is a
change: `transitions` has the rules that compare a bot with what it was.

`python -m tradewind.contracts.api.crd > manifests/crds/tradingbots.yaml` writes the file; a test holds the two
together.
"""

from __future__ import annotations

import sys
from typing import Any

import yaml

from tradewind.contracts.api.schema import Node, bot_schema
from tradewind.contracts.api.status import status_schema
from tradewind.contracts.api.transitions import guarded
from tradewind.contracts.api.v1alpha1 import API_VERSION, KIND

GROUP, VERSION = API_VERSION.split("/")
PLURAL = "tradingbots"
AGE: Node = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
_OURS = ("x-words", "x-example", "x-not-yet")
_HEADER = "# Made by `python -m {module}`; change the model in services/tradewind/contracts/api instead.\n"


def crd() -> dict[str, Any]:
    """The `CustomResourceDefinition` as a mapping, made anew at each call."""
    return definition(KIND, PLURAL, "tb", _columns(), _root())


def definition(kind: str, plural: str, short: str, columns: list[Node], root: Node) -> dict[str, Any]:
    """The `CustomResourceDefinition` of a kind of ours, from its printer columns and the schema of its objects."""
    names = {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
        "shortNames": [short],
        "categories": ["all", "trading"],
    }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
        "schema": {"openAPIV3Schema": root},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def render_crd() -> str:
    """The definition as YAML; the same model gives the same bytes."""
    return as_yaml(crd(), "tradewind.contracts.api.crd")


def as_yaml(found: Node, module: str) -> str:
    """A definition that `module` has made, as the text of its file."""
    return _HEADER.format(module=module) + yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=120)


def _columns() -> list[Node]:
    # A column's path yields its first match only, so the operator writes the names of the strategies as one text.
    ready = '.status.conditions[?(@.type=="Ready")]'
    return [
        column("Ready", f"{ready}.status", "Whether the bot is running and able to trade."),
        column("Mode", ".spec.mode", "Whether real money is at stake."),
        column("Profile", ".spec.profile", "How services are grouped into pods."),
        column("Exchange", ".spec.exchanges[0].name", "The exchange on which the bot trades."),
        column("Strategies", ".status.strategies", "The strategies that vote."),
        {**column("Reason", f"{ready}.reason", "Why the bot is, or is not, ready."), "priority": 1},
        AGE,
    ]


def column(name: str, path: str, description: str) -> Node:
    """A column of `kubectl get`, of the text at `path`."""
    return {"name": name, "type": "string", "jsonPath": path, "description": description}


def _root() -> Node:
    model = bot_schema()
    return root_of(model, guarded(structural(model["properties"]["spec"])), status_schema())


def root_of(model: Node, spec: Node, status: Node) -> Node:
    """The schema of the objects of a kind whose documents are as `model` says."""
    metadata = model["properties"]["metadata"]["properties"]["name"]
    return {
        "type": "object",
        "description": model["description"],
        "required": ["metadata", "spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": model["properties"]["apiVersion"]["description"]},
            "kind": {"type": "string", "description": model["properties"]["kind"]["description"]},
            # The API server allows limits on the name here and nothing else.
            "metadata": {
                "type": "object",
                "properties": {
                    "name": {key: metadata[key] for key in ("type", "maxLength", "pattern")},
                },
            },
            "spec": spec,
            "status": status,
        },
    }


def structural(node: Node) -> Node:
    """A node of our schema as Kubernetes takes it."""
    found = {key: value for key, value in node.items() if key not in (*_OURS, "additionalProperties")}
    if "properties" in found:
        found["properties"] = {name: structural(below) for name, below in found["properties"].items()}
    elif node.get("additionalProperties") is True:
        found["x-kubernetes-preserve-unknown-fields"] = True
    elif "additionalProperties" in node:
        found["additionalProperties"] = structural(node["additionalProperties"])
    if "items" in found:
        found["items"] = structural(found["items"])
    if found["type"] == "integer":
        found["format"] = "int64"
    return found


if __name__ == "__main__":
    sys.stdout.write(render_crd())
