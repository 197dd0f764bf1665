"""The table of venues, and who may trade with money."""

from __future__ import annotations

import pytest

from tradewind.domain.errors import ConfigError
from tradewind.domain.order import Leg, client_order_id
from tradewind.execution.venues import VENUES, refusal_for_live, venue_row


@pytest.mark.parametrize("row", VENUES.values(), ids=VENUES)
def test_every_venue_can_carry_our_ids(row):
    for number in range(50):
        assert row.id_pattern.fullmatch(client_order_id("bot", f"decision-{number}", Leg.STOP))


@pytest.mark.parametrize("row", VENUES.values(), ids=VENUES)
def test_live_needs_everything_proven(row):
    refusal = refusal_for_live(row.exchange)
    assert row.proven == (refusal is None)
    if row.proven:
        # What a resend needs: a late create is refused, and "not there" can be believed.
        assert row.receive_window is not None
        assert row.absence_certain
        assert row.absences
    else:
        assert all(words in str(refusal) for words in row.missing)
        assert row.title in refusal.fix


def test_binance_is_the_one_that_is_proven():
    assert [row.exchange for row in VENUES.values() if row.proven] == ["binance"]


@pytest.mark.parametrize("exchange", ["bitmadeup", "okx", ""])
def test_an_unknown_exchange_is_refused(exchange):
    refusal = refusal_for_live(exchange)
    assert (refusal.field, refusal.received) == ("exchange", exchange)
    assert "binance" in refusal.allowed
    with pytest.raises(ConfigError):
        venue_row(exchange)


def test_a_row_is_found_by_ccxts_name():
    assert venue_row("cryptocom").title == "Crypto.com"
