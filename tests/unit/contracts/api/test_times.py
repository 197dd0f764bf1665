"""Timeframes and moments as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tradewind.contracts.api.times import Moment, Timeframe
from tradewind.domain.timeframe import TIMEFRAMES

TIMEFRAME, MOMENT = TypeAdapter[str](Timeframe), TypeAdapter[datetime](Moment)


def refused(kind: TypeAdapter[Any], value: Any) -> dict[str, Any]:
    with pytest.raises(ValidationError) as caught:
        kind.validate_python(value)
    context: dict[str, Any] = caught.value.errors()[0]["ctx"]
    return context


def test_every_timeframe_of_the_domain_is_accepted() -> None:
    """The manifest and the candles speak of the same timeframes."""
    assert [TIMEFRAME.validate_python(timeframe) for timeframe in TIMEFRAMES] == list(TIMEFRAMES)


@pytest.mark.parametrize(
    ("value", "proposed"),
    [
        ("1H", "1h"),
        ("5M", "5m"),
        ("60m", "1h"),
        ("24h", "1d"),
        ("7d", "1w"),
        ("1min", "1m"),
        ("1mo", "1M"),
        ("1 D", "1d"),
    ],
)
def test_a_timeframe_written_otherwise_is_recognised(value: str, proposed: str) -> None:
    """The message says that case matters, and names the timeframe of the length that was meant."""
    problem = refused(TIMEFRAME, value)
    assert problem["allowed"].endswith("(m is minute and M is month)")
    assert problem["fix"] == f"write {proposed}"


@pytest.mark.parametrize("value", ["2M", "10m", "", "h", "0h", 60, None, ["1h"]])
def test_a_timeframe_that_no_venue_has_gets_an_example(value: Any) -> None:
    """Where nothing was recognisably meant, the message still shows the form."""
    assert refused(TIMEFRAME, value)["fix"] == "write one of them, such as 1h"


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(moment=st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=OFFSETS))  # noqa: DTZ001
def test_a_moment_survives_the_wire_in_any_offset(moment: datetime) -> None:
    """A moment is the same moment whatever the clock it was written by, and is written in UTC."""
    read = MOMENT.validate_python(moment.isoformat())
    assert read == moment
    assert read.tzinfo is UTC
    written = MOMENT.dump_python(read, mode="json")
    assert written.endswith("Z")
    assert MOMENT.validate_python(written) == moment


@pytest.mark.parametrize(
    ("value", "proposed"),
    [
        ("2022-01-01T10:00", "write 2022-01-01T10:00:00Z"),
        ("2022-01-01 10:00:05", "write 2022-01-01T10:00:05Z"),
        (datetime(2022, 1, 1), "write 2022-01-01T00:00:00Z"),  # noqa: DTZ001
        ("01.02.2022", "write for example 2022-01-01 or 2022-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00+10:00", "write for example 2022-01-01 or 2022-01-01T00:00:00Z"),
        (1640995200, "write for example 2022-01-01 or 2022-01-01T00:00:00Z"),
    ],
)
def test_a_moment_must_say_its_offset(value: Any, proposed: str) -> None:
    """A time without an offset would be another candle on every machine."""
    assert refused(MOMENT, value)["fix"] == proposed
