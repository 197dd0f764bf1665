"""The faults of a simulated venue: server and parser read them alike, and the venue has every one of them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from tradewind.contracts.api.crd import crd
from tradewind.contracts.api.document import parse_bot
from tradewind.contracts.api.faults import Fault, FaultKind
from tradewind.sim_exchange import faults as at_the_venue
from tradewind.sim_exchange.service import fault_table

Change = Callable[[str, Any], dict[str, Any]]
VALUES = {"seconds": "2.5", "milliseconds": -90_000, "fraction": "0.4"}
NEEDED = {"DelayBeyondTimeout": "seconds", "Ban": "seconds", "ClockSkew": "milliseconds", "PartialFill": "fraction"}
KINDS = [kind.value for kind in FaultKind]


def a_fault(kind: str) -> dict[str, Any]:
    """A fault of `kind` with the value that it needs."""
    return {"kind": kind} | ({NEEDED[kind]: VALUES[NEEDED[kind]]} if kind in NEEDED else {})


def rules() -> dict[str, set[str]]:
    """Which kinds need which value, as the rules of the resource definition say it."""
    node = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    written = node["exchanges"]["items"]["properties"]["faults"]["items"]["x-kubernetes-validations"]
    found = {}
    for rule in written:
        kinds, value = re.fullmatch(r"\(self\.kind (?:in|==) (.*)\) == has\(self\.(\w+)\)", rule["rule"]).groups()  # type: ignore[union-attr]
        found[value] = set(re.findall(r"'(\w+)'", kinds))
    return found


def accepted(document: dict[str, Any]) -> bool:
    try:
        Fault.model_validate(document)
    except ValidationError:
        return False
    return True


def test_the_rules_of_the_server_are_those_of_the_parser() -> None:
    """A manifest that runs on a laptop is taken by a cluster, and the other way round: for every kind and value."""
    needs = rules()
    assert needs.keys() == VALUES.keys()
    for kind, given in itertools.product(KINDS, itertools.chain.from_iterable(
        itertools.combinations(VALUES, count) for count in range(len(VALUES) + 1)
    )):  # fmt: skip
        by_rules = all((kind in kinds) == (value in given) for value, kinds in needs.items())
        assert accepted({"kind": kind, **{value: VALUES[value] for value in given}}) == by_rules, (kind, given)


@pytest.mark.parametrize("kind", KINDS)
def test_the_venue_has_every_fault_that_a_manifest_can_name(change: Change, kind: str) -> None:
    """With its number, its pair in the venue's own writing, and its value."""
    faults = [{**a_fault(kind), "count": 3, "pair": "BTC/EUR"}]
    bot = parse_bot(change("spec.exchanges", [{"name": "bitvavo", "venue": "Simulated", "faults": faults}]), "bot.yaml")
    (fault,) = fault_table(bot).waiting().values()
    assert fault == at_the_venue.Fault(
        kind=at_the_venue.FaultKind(kind),
        count=3,
        symbol="BTCEUR",
        seconds=2.5 if NEEDED.get(kind) == "seconds" else None,
        milliseconds=-90_000 if NEEDED.get(kind) == "milliseconds" else None,
        fraction=Decimal("0.4") if NEEDED.get(kind) == "fraction" else None,
    )


def test_a_manifest_can_name_every_fault_that_the_venue_has() -> None:
    """A fault that only the admin API knows could not be part of a test run."""
    assert KINDS == [kind.value for kind in at_the_venue.FaultKind]


def test_what_the_parser_takes_the_admin_api_takes() -> None:
    """One vocabulary: what is tried by hand can be written down."""
    for kind in KINDS:
        document = a_fault(kind)
        if "seconds" in document:
            document["seconds"] = float(document["seconds"])
        assert at_the_venue.parse_fault(document).kind == kind


def test_faults_wait_in_the_order_of_the_manifest_once_each_for_any_pair(change: Change) -> None:
    """The defaults are the least surprising ones."""
    faults = [{"kind": "Reject"}, {"kind": "Ban", "seconds": "1"}, {"kind": "Reject", "pair": "ETH/EUR"}]
    bot = parse_bot(change("spec.exchanges", [{"name": "bitvavo", "venue": "Simulated", "faults": faults}]), "bot.yaml")
    waiting = list(fault_table(bot).waiting().values())
    assert [(fault.kind.value, fault.count, fault.symbol) for fault in waiting] == [
        ("Reject", 1, None),
        ("Ban", 1, None),
        ("Reject", 1, "ETHEUR"),
    ]


@pytest.mark.parametrize("venue", ["Paper", "Simulated"])
def test_a_venue_that_does_nothing_wrong_needs_no_simulation(change: Change, venue: str) -> None:
    """An empty list is no fault."""
    document = change("spec.exchanges", [{"name": "bitvavo", "venue": venue, "faults": []}])
    assert fault_table(parse_bot(document, "bot.yaml")).waiting() == {}
