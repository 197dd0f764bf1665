"""`--set` as people type it in a shell: what it changes, and what it says when it cannot."""

from __future__ import annotations

import copy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.contracts.api.document import load_bot, parse_bot
from tradewind.contracts.api.overrides import apply_overrides
from tradewind.contracts.api.v1alpha1 import Spec
from tradewind.domain.errors import ConfigErrors

QUICKSTART = Path(__file__).parents[4] / "manifests" / "samples" / "quickstart.yaml"


def spec(*overrides: str) -> Spec:
    return load_bot(QUICKSTART, overrides).spec


def test_numbers_need_no_quotes() -> None:
    """Decimals are strings on the wire, but nobody quotes twice in a shell: the digits arrive as typed."""
    changed = spec("spec.risk.stopLoss=0.05", "spec.capital.stakeAmount=250", "spec.data.speed=3600")
    assert changed.risk.stop_loss == Decimal("0.05")
    assert (changed.capital.stake_amount, changed.data.speed) == (Decimal(250), Decimal(3600))
    assert spec('spec.risk.stopLoss="0.07"').risk.stop_loss == Decimal("0.07")


@given(digits=st.from_regex(r"0\.[0-9]{1,28}[1-9]", fullmatch=True))
def test_no_digit_is_lost(digits: str) -> None:
    """More digits than a float holds pass through `--set` unrounded."""
    changed, _ = apply_overrides({}, [f"spec.risk.stopLoss={digits}"])
    assert changed["spec"]["risk"]["stopLoss"] == digits


def test_numbers_stay_numbers_where_the_schema_wants_them() -> None:
    """Counts and strategy parameters are numbers, and a list or mapping is settled item by item."""
    changed = spec(
        "spec.risk.maxOpenPositions=3",
        "spec.strategies=[{name: a, kind: EmaCross, weight: 0.50, parameters: {fast: 5, level: 0.5, 7: on}}]",
    )
    assert changed.risk.max_open_positions == 3
    assert changed.strategies[0].weight == Decimal("0.5")
    assert changed.strategies[0].parameters == {"fast": 5, "level": 0.5, "7": "on"}


def test_items_are_found_by_name_or_by_index() -> None:
    """A strategy is called by its name; its place in the list works as well, and the others are left alone."""
    by_name = spec("spec.strategies[breakout].weight=2", "spec.exchanges[bitvavo].fees.maker=0")
    by_index = spec("spec.strategies[1].weight=2", "spec.exchanges[0].fees.maker=0")
    assert by_name == by_index
    assert [strategy.weight for strategy in by_name.strategies] == [1, 2]
    assert by_name.exchanges[0].fees.taker == Decimal("0.0025")


def test_what_the_manifest_leaves_out_can_be_set() -> None:
    """The objects on the way are made; their other fields keep their defaults."""
    changed = spec("spec.exchanges[0].slippage.basisPoints=5", "spec.strategies[trend].parameters.signal.length=9")
    assert changed.exchanges[0].slippage.basis_points == 5
    assert changed.exchanges[0].slippage.volume_share == Decimal("0.25")
    assert changed.strategies[0].parameters["signal"] == {"length": 9}
    assert changed.strategies[0].parameters["fast"] == 20


def test_lists_and_keys_with_dots() -> None:
    """Lists are YAML in flow style; a label's key, which has dots in it, stands in brackets."""
    bot = load_bot(QUICKSTART, ["spec.pairs.include=[ETH/EUR]", "metadata.labels[example.com/team]=7"])
    assert bot.spec.pairs.include == ("ETH/EUR",)
    assert bot.metadata.labels == {"example.com/team": "7"}
    assert spec("spec.pairs.include[1]=SOL/EUR").pairs.include == ("BTC/EUR", "SOL/EUR")


def test_values_are_taken_in_order_from_the_first_equals_sign() -> None:
    """The last word on a field counts, and a value may hold equals signs of its own."""
    assert spec("spec.risk.maxOpenPositions=3", "spec.risk.maxOpenPositions=4").risk.max_open_positions == 4
    assert spec("spec.data.path=runs/a=b.csv").data.path == "runs/a=b.csv"


def test_the_manifest_in_memory_is_not_changed(minimal: dict[str, Any]) -> None:
    """`config diff` compares a bot with and without overrides, so the first must survive the second."""
    before = copy.deepcopy(minimal)
    changed, places = apply_overrides(minimal, ["spec.strategies[trend].weight=2"])
    assert minimal == before
    assert changed != before
    assert places == (("spec", "strategies", 0, "weight"),)


@pytest.mark.parametrize(
    ("override", "field", "received", "allowed", "fix"),
    [
        ("spec.risk.stopLoss", "--set", "spec.risk.stopLoss", "KEY=VALUE", "an equals sign"),
        ("=5", "--set", "=5", "KEY=VALUE", "the path of a field"),
        ("spec..risk=5", "--set", "spec..risk=5", "KEY=VALUE", "the path of a field"),
        ("spec.strategies[trend.weight=5", "--set", "spec.strategies[trend.weight=5", "KEY=VALUE", "the path"),
        (
            "spec.risk.stoploss=5",
            "--set spec.risk.stoploss",
            "spec.risk.stoploss",
            "maxDrawdown",
            "spec.risk.stopLoss?",
        ),
        ("risk.stopLoss=5", "--set risk.stopLoss", "risk", "only the fields apiVersion", "did you mean spec.risk?"),
        ("spec.riks.stopLoss=5", "--set spec.riks.stopLoss", "spec.riks", "only the fields mode", "mean spec.risk?"),
        ("spec.nothing=5", "--set spec.nothing", "spec.nothing", "only the fields mode", "remove it"),
        (
            "spec.strategies[2].weight=5",
            "--set spec.strategies[2].weight",
            "[2]",
            "an item of spec.strategies: [0], [1], [trend], [breakout]",
            "choose one",
        ),
        ("spec.strategies[-1].weight=5", "--set spec.strategies[-1].weight", "[-1]", "[trend]", "choose one"),
        ("spec.strategies[tend].weight=5", "--set spec.strategies[tend].weight", "[tend]", "[trend]", "choose one"),
        ("spec.strategies.trend.weight=5", "--set spec.strategies.trend.weight", "trend", "[trend]", "choose one"),
        ("spec.exchanges[0].instruments[0].priceTick=5", None, "[0]", "has no items", "spec.exchanges[0].instruments="),
        ("spec.timeframe.unit=5", "--set spec.timeframe.unit", "1h", "no fields", "set spec.timeframe itself"),
        (
            "spec.pairs.include=[*/EUR]",
            "--set spec.pairs.include, line 1, column 3",
            "[*/EUR]",
            "valid YAML",
            '"*/EUR"',
        ),
        ("spec.risk={a: 1, a: 2}", "--set spec.risk, line 1, column 8", "a a second time", "each key once", "remove"),
        (f"spec.risk.stopLoss={'9' * 5000}", "--set spec.risk.stopLoss", "999", "a value in YAML", "shorten it"),
    ],
)
def test_an_override_without_a_place_says_why(
    override: str, field: str | None, received: str, allowed: str, fix: str
) -> None:
    """Each names the override, the part of it that fits nowhere, what would fit, and the fix."""
    with pytest.raises(ConfigErrors) as caught:
        load_bot(QUICKSTART, [override])
    (error,) = caught.value.errors
    assert error.field == (field or f"--set {override.partition('=')[0]}")
    assert str(error.received).startswith(received)
    assert allowed in error.allowed
    assert fix in error.fix
    assert "\n" not in str(error)


def test_all_bad_overrides_are_said_at_once() -> None:
    """Like the problems of a manifest, those of a command line come together."""
    with pytest.raises(ConfigErrors) as caught:
        load_bot(QUICKSTART, ["spec.nothing=1", "spec.risk.stopLoss=0.05", "spec"])
    assert [error.field for error in caught.value.errors] == ["--set spec.nothing", "--set"]


def test_a_value_that_is_not_allowed_is_refused_like_one_in_the_file(minimal: dict[str, Any]) -> None:
    """The message names the field, not the way by which the value came."""
    changed, _ = apply_overrides(minimal, ["spec.risk.stopLoss=5", "spec.emergencyStop=on"])
    with pytest.raises(ConfigErrors) as caught:
        parse_bot(changed, "bot.yaml")
    assert [error.field for error in caught.value.errors] == ["spec.emergencyStop", "spec.risk.stopLoss"]


@pytest.mark.parametrize(
    ("exchange", "words"),
    [
        ("kraken", "Kraken still lacks: a bound after which a create can no longer be accepted"),
        ("binance", "this version sends no orders with money (one writer for each account"),
        ("mtgox", "how this exchange knows an order by the client's id has not been established"),
    ],
)
def test_live_is_refused_by_name_of_what_is_missing(tmp_path, exchange, words):
    """Money at stake is refused where something of it is not proven, and the sentence says what."""
    manifest = tmp_path / "bot.yaml"
    manifest.write_text(QUICKSTART.read_text().replace("name: bitvavo ", f"name: {exchange} "))
    with pytest.raises(ConfigErrors) as caught:
        load_bot(manifest, ["spec.mode=Live"])
    assert [(error.field, error.received, error.allowed) for error in caught.value.errors] == [
        ("spec.mode", "Live", "Paper")
    ]
    assert words in caught.value.errors[0].fix
