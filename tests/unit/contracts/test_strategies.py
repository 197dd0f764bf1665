"""Parameters of strategies as a user writes them: what is understood, and what an error says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest
from pydantic import BaseModel, ValidationError

from tradewind.contracts import strategies as table
from tradewind.contracts.strategies import (
    STRATEGY_KINDS,
    DonchianBreakoutParameters,
    EmaCrossParameters,
    RsiMeanReversionParameters,
    StrategyKind,
    parse_parameters,
)
from tradewind.domain.errors import ConfigError, ConfigErrors

FIELD = "spec.strategies[0]"


def complaints(kind: str, parameters: Mapping[str, object]) -> list[ConfigError]:
    with pytest.raises(ConfigErrors) as caught:
        parse_parameters(FIELD, kind, parameters)
    return caught.value.errors


def test_no_parameters_means_the_defaults() -> None:
    """A strategy needs no parameters; these are the ones it then has."""
    assert parse_parameters(FIELD, "EmaCross", {}) == EmaCrossParameters(fast=20, slow=50)
    assert parse_parameters(FIELD, "RsiMeanReversion", {}) == RsiMeanReversionParameters(
        period=14, entry_below=30.0, exit_above=55.0
    )
    assert parse_parameters(FIELD, "DonchianBreakout", {}) == DonchianBreakoutParameters(
        entry_period=20, exit_period=10
    )


def test_parameters_are_camel_case_on_the_wire() -> None:
    """A manifest says `entryBelow`; Python code may say `entry_below`; what goes out is camelCase."""
    wire = parse_parameters(FIELD, "RsiMeanReversion", {"entryBelow": 25, "exitAbove": 60.5})
    assert wire == parse_parameters(FIELD, "RsiMeanReversion", {"entry_below": 25.0, "exit_above": 60.5})
    assert wire.model_dump(by_alias=True) == {"period": 14, "entryBelow": 25.0, "exitAbove": 60.5}


def test_numbers_may_come_as_text() -> None:
    """`--set` and environment variables only have text."""
    assert parse_parameters(FIELD, "EmaCross", {"fast": "5", "slow": "9"}) == EmaCrossParameters(fast=5, slow=9)


def test_parameters_cannot_be_changed() -> None:
    """A running strategy has warmed up for the parameters it was made with."""
    with pytest.raises(ValidationError):
        EmaCrossParameters().fast = 3  # type: ignore[misc]


def test_an_unknown_kind_names_the_allowed_ones_and_the_closest() -> None:
    """A kind written in another style is recognised in the fix, but not accepted."""
    with pytest.raises(ConfigError) as caught:
        parse_parameters(FIELD, "ema-cross", {})
    assert str(caught.value) == (
        "spec.strategies[0].kind: received ema-cross; allowed: DonchianBreakout, EmaCross, Freqtrade, "
        "RsiMeanReversion; fix: did you mean EmaCross?"
    )


def test_a_kind_like_no_other_gets_no_guess() -> None:
    """A wrong guess would be worse than none."""
    with pytest.raises(ConfigError) as caught:
        parse_parameters(FIELD, "Zzz", {})
    assert caught.value.fix == "use one of the allowed kinds"


def test_every_bad_parameter_is_reported_at_once() -> None:
    """One round of mending, not one per mistake."""
    errors = complaints("EmaCross", {"fast": 0, "slow": 5000, "fst": 3, "colour": "red"})
    assert [(error.field, error.received) for error in errors] == [
        ("spec.strategies[0].parameters.fast", 0),
        ("spec.strategies[0].parameters.slow", 5000),
        ("spec.strategies[0].parameters.fst", 3),
        ("spec.strategies[0].parameters.colour", "red"),
    ]
    assert [error.allowed for error in errors] == [
        "a whole number from 1 to 500",
        "a whole number from 2 to 1000",
        "fast, slow",
        "fast, slow",
    ]
    assert errors[0].fix == "set fast within the limits, or remove it to have 20"
    assert [error.fix for error in errors[2:]] == ["did you mean fast?", "remove colour"]


@pytest.mark.parametrize("value", [True, 2.5, "many", None, [5], float("nan")])
def test_a_period_is_a_whole_number(value: object) -> None:
    """`fast: yes` is a flag to YAML and would pass for 1; half a candle does not exist."""
    (error,) = complaints("EmaCross", {"fast": value})
    assert error.field == "spec.strategies[0].parameters.fast"
    assert error.allowed == "a whole number from 1 to 500"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 100, True])
def test_a_level_is_a_number_on_the_scale(value: object) -> None:
    """NaN compares with nothing, so a strategy with it would never trade and never say why."""
    (error,) = complaints("RsiMeanReversion", {"exitAbove": value})
    assert error.field == "spec.strategies[0].parameters.exitAbove"
    assert error.allowed == "a number from 1.0 to 99.0"


@pytest.mark.parametrize("fast", [50, 60])
def test_fast_must_be_below_slow_even_when_slow_is_the_default(fast: int) -> None:
    """Equal averages never cross, and exchanged ones trade against the trend."""
    (error,) = complaints("EmaCross", {"fast": fast})
    assert str(error) == (
        f"spec.strategies[0].parameters.slow: received 50; allowed: more than fast, which is {fast}; "
        f"fix: raise slow above {fast} or lower fast below 50"
    )


def test_entry_must_be_below_exit() -> None:
    """Otherwise the same candle would enter and leave."""
    (error,) = complaints("RsiMeanReversion", {"entry_below": 60})
    assert error.field == "spec.strategies[0].parameters.exitAbove"
    assert error.allowed == "more than entryBelow, which is 60.0"


def test_a_bad_limit_is_not_reported_twice() -> None:
    """`slow` cannot be compared with a `fast` that is no number; only `fast` is wrong."""
    (error,) = complaints("EmaCross", {"fast": "x", "slow": 2})
    assert error.field == "spec.strategies[0].parameters.fast"


def test_one_parameter_under_both_names_is_refused() -> None:
    """Which of the two was meant is not ours to guess."""
    (error,) = complaints("RsiMeanReversion", {"entryBelow": 20, "entry_below": 25})
    assert (error.received, error.allowed) == (25, "entryBelow once")
    assert error.fix == "remove entry_below, which is entryBelow again"


@pytest.mark.parametrize("kind", STRATEGY_KINDS.values(), ids=STRATEGY_KINDS.keys())
def test_every_parameter_says_what_it_is_and_has_limits(kind: StrategyKind) -> None:
    """The reference page and the custom resource's schema are made from this."""
    assert STRATEGY_KINDS[kind.name] is kind
    assert kind.summary.endswith(".")
    schema = kind.parameters.model_json_schema(by_alias=True)
    assert schema["additionalProperties"] is False
    for name, parameter in schema["properties"].items():
        forms = [parameter, *parameter.get("anyOf", ())]
        bounded = any(
            {"minimum", "maximum"} <= form.keys() or {"pattern", "maxLength"} <= form.keys() for form in forms
        )
        assert bounded, name
        assert "default" in parameter or name in schema["required"], name
        assert parameter["description"].endswith("."), name
        assert "_" not in name


def test_a_kind_may_require_parameters_or_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds added to the table get the same errors, also those without limits or defaults."""

    class Labelled(BaseModel):
        label: str

    class Bare(table.StrategyParameters):
        pass

    monkeypatch.setitem(STRATEGY_KINDS, "Labelled", StrategyKind("Labelled", "Test.", Labelled))
    monkeypatch.setitem(STRATEGY_KINDS, "Bare", StrategyKind("Bare", "Test.", Bare))
    (missing,) = complaints("Labelled", {})
    assert str(missing) == (
        "spec.strategies[0].parameters.label: received nothing; allowed: a string; fix: set label within the limits"
    )
    (surplus,) = complaints("Bare", {"period": 3})
    assert (surplus.allowed, surplus.fix) == ("no parameters", "remove period")


def test_reading_a_manifest_does_not_load_numpy() -> None:
    """`tradewind validate` answers at once because the table needs nothing heavy."""
    probe = "import sys, tradewind.contracts.strategies; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
