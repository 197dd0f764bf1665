"""The resource definition and the parser are two readers of one model; these tests hold them to the same answers."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tradewind.contracts.api.crd import crd, render_crd
from tradewind.contracts.api.document import parse_bot

ROOT = Path(__file__).parents[4]
Node = dict[str, Any]


def schema() -> Node:
    root: Node = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return root


def nodes(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    yield path, node
    for name, below in node.get("properties", {}).items():
        yield from nodes(below, f"{path}.{name}")
    if "items" in node:
        yield from nodes(node["items"], f"{path}[]")


def with_defaults(value: Any, node: Node) -> Any:
    """What the API server stores: defaults put in from the outside to the inside."""
    if isinstance(value, dict) and "properties" in node:
        filled = {**{k: copy.deepcopy(n["default"]) for k, n in node["properties"].items() if "default" in n}, **value}
        return {name: with_defaults(below, node["properties"].get(name, {})) for name, below in filled.items()}
    if isinstance(value, list):
        return [with_defaults(item, node.get("items", {})) for item in value]
    return value


def test_the_committed_definition_is_fresh() -> None:
    """`kubectl apply -f manifests/crds` installs what this version of the model says."""
    command = [sys.executable, "-m", "tradewind.contracts.api.crd"]
    printed = subprocess.run(command, capture_output=True, check=True, text=True)
    committed = (ROOT / "manifests" / "crds" / "tradingbots.yaml").read_text()
    assert printed.stderr == ""
    assert printed.stdout == render_crd() == committed, (
        "run: python -m tradewind.contracts.api.crd > manifests/crds/tradingbots.yaml"
    )
    assert yaml.load(committed, yaml.CSafeLoader) == crd()


def test_kubectl_knows_it_by_its_short_name_and_sees_the_main_facts() -> None:
    """`kubectl get tb`, `kubectl get all` and `kubectl wait --for=condition=Ready` rest on these."""
    names, version = crd()["spec"]["names"], crd()["spec"]["versions"][0]
    assert (names["shortNames"], names["categories"]) == (["tb"], ["all", "trading"])
    columns = [(column["name"], column.get("priority", 0)) for column in version["additionalPrinterColumns"]]
    shown = ["Ready", "Mode", "Profile", "Exchange", "Strategies"]
    assert columns == [*((name, 0) for name in shown), ("Reason", 1), ("Age", 0)]
    assert version["subresources"] == {"status": {}}
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    assert status["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    assert status["services"]["x-kubernetes-list-map-keys"] == ["name"]
    assert status["strategies"]["type"] == "string"


def test_the_schema_refuses_what_it_can(malformed: Any) -> None:
    """The API server refuses by schema what can be said in one, and the rest is known to need CEL or the plan."""
    accepted = jsonschema_rs.is_valid(schema(), malformed.document)
    assert accepted == (malformed.server not in ("Schema", "Dropped"))


@given(data=st.data())
def test_what_the_parser_accepts_the_schema_accepts(documents: st.SearchStrategy[Node], data: st.DataObject) -> None:
    """A bot that runs on a laptop can be applied to a cluster."""
    jsonschema_rs.validate(schema(), data.draw(documents))


@given(data=st.data())
def test_server_and_parser_fill_in_the_same_defaults(documents: st.SearchStrategy[Node], data: st.DataObject) -> None:
    """The bot that the operator reads back is the bot that the file meant."""
    document = data.draw(documents)
    assert parse_bot(with_defaults(document, schema()), "server") == parse_bot(document, "file")


def test_every_field_is_explained() -> None:
    """`kubectl explain tb.spec --recursive` has a full sentence for every field."""
    for path, node in nodes(schema()):
        if path.startswith((".spec", ".status")) and not path.endswith("[]"):
            assert re.fullmatch(r"[A-Z].*\.", node["description"]), path


def test_the_schema_is_structural_and_bounded() -> None:
    """Without these the API server refuses the definition, or the cost of its CEL rules."""
    text = render_crd()
    for forbidden in ("$ref", "anyOf", "nullable", "additionalProperties: true", "x-words", "x-example", "x-not-yet"):
        assert forbidden not in text
    for path, node in nodes(schema()["properties"]["spec"]):
        if node["type"] == "string":
            assert "enum" in node or "maxLength" in node, path
        if node["type"] == "array":
            assert "maxItems" in node, path
            assert "x-kubernetes-list-type" in node, path
        if node["type"] == "integer":
            assert {"minimum", "maximum", "format"} <= set(node), path
    free = [path for path, node in nodes(schema()) if node.get("x-kubernetes-preserve-unknown-fields")]
    assert free == [".spec.strategies[].parameters"]


def test_each_rule_says_what_is_allowed() -> None:
    """A refusal by the API server is a sentence too, and limits are rules because a pattern cannot say them."""
    rules = [rule for _, node in nodes(schema()) for rule in node.get("x-kubernetes-validations", ())]
    assert len(rules) >= 20
    assert all(
        re.search(r"must (not )?be|required|allowed|below|(cannot|can) be changed", rule["message"]) for rule in rules
    )
    assert all("\n" not in rule["message"] for rule in rules)
