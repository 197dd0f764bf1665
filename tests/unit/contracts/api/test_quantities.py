"""Decimals and texts on the wire: what passes, what is refused, and that the proposed fix is itself accepted."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tradewind.contracts.api.quantities import Distance, Share, Speed, Stake
from tradewind.contracts.api.text import Currency, PairPattern, StrategyName

RATIO = TypeAdapter[Decimal](Distance)


def fix(kind: TypeAdapter[Any], value: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        kind.validate_python(value)
    context: dict[str, Any] = caught.value.errors()[0]["ctx"]
    return str(context["fix"])


@given(value=st.decimals("0.000001", "0.999999", places=12))
def test_a_decimal_survives_the_wire(value: Decimal) -> None:
    """Every digit of a price or ratio arrives, in plain digits."""
    text = RATIO.dump_python(value, mode="json")
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", text)
    assert RATIO.validate_python(text) == value


@given(value=st.floats(min_value=0.001, max_value=0.999))
def test_a_bare_number_is_refused_with_its_quoted_form(value: float) -> None:
    """Pasting the fix into the file mends it."""
    match = re.fullmatch(r'write "(.*)"', fix(RATIO, value))
    assert match is not None
    assert RATIO.validate_python(match[1]) == Decimal(repr(value))


@given(value=st.text() | st.integers() | st.floats() | st.booleans() | st.none() | st.lists(st.integers()))
def test_whatever_is_written_is_read_or_refused_with_a_fix(value: Any) -> None:
    """No input, however odd, ends in anything but a decimal within the limits or a refusal with a fix."""
    try:
        number = RATIO.validate_python(value)
    except ValidationError:
        assert fix(RATIO, value).startswith("write ")
    else:
        assert isinstance(value, str)
        assert 0 < number < 1


def test_limits_are_exact() -> None:
    """An open end is open and a closed one closed, to the last digit that a float would lose."""
    assert TypeAdapter[Decimal](Share).validate_python("1.000") == 1
    assert RATIO.validate_python("0.99999999999999999999") < 1
    for kind, value in ((Share, "1.00000000000000000001"), (Share, "0.0"), (Distance, "1"), (Distance, "NaN")):
        fix(TypeAdapter[Decimal](kind), value)


def test_words_beside_decimals_are_kept() -> None:
    """`max` and `Unlimited` are values of their own, written exactly so."""
    speed, stake = TypeAdapter[Any](Speed), TypeAdapter[Any](Stake)
    assert speed.validate_python("max") == speed.dump_python("max", mode="json") == "max"
    assert stake.validate_python("Unlimited") == "Unlimited"
    assert speed.dump_python(Decimal("1E+3"), mode="json") == "1000"
    assert "such as" in fix(speed, "Unlimited")


@pytest.mark.parametrize(
    ("kind", "value", "proposed"),
    [
        (StrategyName, "My Trend_1", "my-trend-1"),
        (StrategyName, "emaCross", "ema-cross"),
        (Currency, "usdt", "USDT"),
        (PairPattern, "eth_eur", "ETH/EUR"),
        (PairPattern, "*-eur", "*/EUR"),
        (PairPattern, "BTC/USDT:USDT", "BTC/USDT"),
    ],
)
def test_near_misses_are_proposed_as_they_should_be(kind: Any, value: str, proposed: str) -> None:
    """The usual slips are answered with the value that was meant, and that value is accepted."""
    assert fix(TypeAdapter[str](kind), value) == f"write {proposed}"
    assert TypeAdapter[str](kind).validate_python(proposed) == proposed


def test_a_line_break_is_no_part_of_a_name() -> None:
    """A pattern's `$` would let one pass at the end, and it would break logs and paths."""
    fix(TypeAdapter[str](StrategyName), "trend\n")
