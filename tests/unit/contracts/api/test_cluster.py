"""What a bot says about a cluster: which of it is named where there is none, and amounts as numbers."""

from __future__ import annotations

from typing import Any

import pytest

from tradewind.contracts.api.cluster import cluster_only
from tradewind.contracts.api.document import bot_document, brief_document, parse_bot, read_resource
from tradewind.contracts.api.resources import bytes_of, millicores


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        ({}, ()),
        ({"deletionPolicy": "CancelOrders", "services": [], "storage": {}, "telemetry": {"samplingRatio": "1.0"}}, ()),
        ({"suspended": True, "emergencyStop": True, "profile": "Minimal"}, ()),
        ({"deletionPolicy": "Leave"}, ("spec.deletionPolicy",)),
        ({"services": [{"name": "engine"}]}, ("spec.services",)),
        ({"storage": {"redisSecretRef": {"name": "redis"}}}, ("spec.storage",)),
        ({"telemetry": {"samplingRatio": "0"}}, ("spec.telemetry",)),
        (
            {"exchanges": [{"name": "binance", "credentialsSecretRef": {"name": "keys"}}]},
            ("spec.exchanges[0].credentialsSecretRef",),
        ),
    ],
)
def test_what_means_nothing_on_a_laptop_is_named(
    minimal: dict[str, Any], spec: dict[str, Any], fields: tuple[str, ...]
) -> None:
    """Only what somebody set, by the path that stands in the file."""
    minimal["spec"] |= spec
    assert cluster_only(parse_bot(minimal, "a test")) == fields


@pytest.mark.parametrize(("text", "amount"), [("250m", 250), ("0.5", 500), ("2", 2000), ("1.25", 1250), ("0.005", 5)])
def test_processor_is_counted_in_thousandths(text: str, amount: int) -> None:
    """As the scheduler counts it."""
    assert millicores(text) == amount


@pytest.mark.parametrize(
    ("text", "amount"), [("128Mi", 134_217_728), ("1Gi", 1_073_741_824), ("500M", 500_000_000), ("2k", 2000), ("7", 7)]
)
def test_memory_is_counted_in_bytes(text: str, amount: int) -> None:
    """Mi is 1024 times 1024, M is a million: the difference is 5 %, and a limit that is too low kills."""
    assert bytes_of(text) == amount


def test_a_resource_is_read_as_the_server_gives_it(minimal: dict[str, Any]) -> None:
    """Status and what the server keeps in metadata are no fields of a bot, whatever a later server adds to them."""
    bot = parse_bot(minimal, "file")
    resource = {**bot_document(bot), "status": {"conditions": [{"type": "Ready"}]}}
    resource["metadata"] |= {"uid": "1", "generateName": "momentum-", "managedFields": [{}], "somethingNew": {"a": 1}}
    assert read_resource(resource) == bot


def test_what_is_written_for_older_versions_leaves_out_what_is_as_by_default(minimal: dict[str, Any]) -> None:
    """A version that lacks the newest fields reads it, as long as the bot makes no use of them."""
    bot = parse_bot(minimal, "file")
    assert brief_document(bot) == minimal
    assert parse_bot(brief_document(bot), "file") == bot
