"""Messages are a promise: a change may add a message or an optional field, and nothing else."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tradewind.catalog import CATALOG
from tradewind.contracts.messages import MESSAGES, OrderFilled, decode, encode
from tradewind.contracts.schemas import message_schemas
from tradewind.domain.order import Leg, Side

GOLDEN = json.loads((Path(__file__).parent / "messages.json").read_text())
NOW = json.loads(json.dumps(message_schemas()))
# The kernel says it for every service.
EVERYBODYS = {"ServiceStateChanged"}


def test_the_golden_file_is_fresh():
    """`make generate` was run after the last change of a message."""
    assert GOLDEN == NOW


def narrowed(old, new):
    """What a reader of the old schema could not read any more, as texts."""
    found = [f"{name}: gone" for name in old["properties"] if name not in new["properties"]]
    found += [
        f"{name}: changed"
        for name, schema in old["properties"].items()
        if name in new["properties"] and schema != new["properties"][name]
    ]
    return found + [f"{name}: required now" for name in set(new["required"]) - set(old["required"])]


@pytest.mark.parametrize("name", sorted(GOLDEN["messages"]))
def test_a_message_only_ever_grows_optional_fields(name):
    """Every message of the golden file is still there, with every field as it was."""
    now = NOW["messages"][name]

    assert [] == narrowed(GOLDEN["messages"][name]["schema"], now["schema"])
    assert GOLDEN["messages"][name]["topic"] == now["topic"]


def test_the_comparison_sees_what_it_must():
    """A field that goes, changes its type or becomes required is found."""
    old = {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a"]}
    new = {"properties": {"a": {"type": "integer"}, "c": {}}, "required": ["a", "c"]}

    assert ["b: gone", "a: changed", "c: required now"] == narrowed(old, new)


def test_decimals_travel_exactly():
    """Money on the wire is text, digit for digit."""
    filled = OrderFilled(
        id="fill:1",
        time=1,
        trade_id="1",
        client_order_id="c",
        decision_id="d",
        pair="BTC/EUR",
        leg=Leg.ENTRY,
        side=Side.BUY,
        amount=Decimal("0.10000000000000000000000001"),
        price=Decimal("41528.10"),
        fee=Decimal("1E-8"),
        fee_currency="EUR",
        maker=False,
        remaining=Decimal(0),
    )

    assert filled == decode("OrderFilled", encode(filled))
    assert b"0.10000000000000000000000001" in encode(filled)


def test_an_unknown_field_is_read_over_and_a_wrong_one_refused():
    """A newer publisher may say more; a broken one is not believed."""
    fields = msgspec.msgpack.decode(encode(MESSAGES["TickSettled"](id="x", time=1)))

    assert decode("TickSettled", msgspec.msgpack.encode({**fields, "later": 1})).id == "x"
    with pytest.raises(msgspec.ValidationError):
        decode("TickSettled", msgspec.msgpack.encode({**fields, "time": "soon"}))


def test_every_message_is_published_by_exactly_one_service_and_read_by_somebody():
    """The catalog is the map of messages: no orphan, and one writer for each sequence of a topic."""
    publishers = {
        name: [spec.name for spec in CATALOG if name in spec.publishes] for name in MESSAGES if name not in EVERYBODYS
    }
    stored_topics = {
        kind.topic: {p for n, k in MESSAGES.items() if k.topic == kind.topic and k.stored for p in publishers[n]}
        for kind in MESSAGES.values()
        if kind.stored
    }

    assert dict.fromkeys(publishers, 1) == {name: len(found) for name, found in publishers.items()}
    assert dict.fromkeys(stored_topics, 1) == {topic: len(found) for topic, found in stored_topics.items()}
