"""What cannot change while a bot exists: the same on a laptop and on a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tradewind.contracts.api.crd import crd
from tradewind.contracts.api.document import parse_bot
from tradewind.contracts.api.transitions import FIXED, fixed_part

Change = Callable[[str, Any], dict[str, Any]]


@pytest.mark.parametrize(
    ("place", "value", "field"),
    [
        ("spec.exchanges.0.name", "kraken", "exchanges"),
        ("spec.pairs.exclude", ["BTC/EUR"], "pairs"),
        ("spec.timeframe", "4h", "timeframe"),
        ("spec.capital.startingBalance", "1", "capital"),
        ("spec.data.path", "sample:other", "data"),
        ("spec.data.speed", "60", None),
        ("spec.risk", {"stopLoss": "0.5"}, None),
        ("spec.profile", "Minimal", None),
        ("spec.suspended", True, None),
    ],
)
def test_what_state_rests_on_is_compared_and_nothing_else(
    minimal: dict[str, Any], change: Change, place: str, value: Any, field: str | None
) -> None:
    """Another account, currency or market is another bot; a faster replay or a tighter stop is not."""
    before, after = parse_bot(minimal, "before").spec, parse_bot(change(place, value), "after").spec
    changed = [name for name in FIXED if fixed_part(before, name) != fixed_part(after, name)]

    assert changed == ([field] if field else [])


def test_the_api_server_guards_the_same_fields() -> None:
    """Each has a rule that looks at the old value and says what to do instead."""
    spec = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    guarded = {
        name: rule["message"]
        for name, node in spec["properties"].items()
        for rule in node.get("x-kubernetes-validations", ())
        if "oldSelf" in rule["rule"]
    }

    assert set(guarded) == set(FIXED)
    assert all("under a new name" in message for message in guarded.values())
    assert "oldSelf.speed" not in str(spec["properties"]["data"]["x-kubernetes-validations"])
