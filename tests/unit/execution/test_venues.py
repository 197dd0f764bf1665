"""The table of venues, and who may trade with money."""

from __future__ import annotations

import pytest

from tradewind.contracts.exchanges import EXCHANGES, PROVEN, missing_for_live
from tradewind.domain.errors import ConfigError
from tradewind.domain.order import Leg, client_order_id
from tradewind.execution.venues import VENUES, venue_row


@pytest.mark.parametrize("row", VENUES.values(), ids=VENUES)
def test_every_venue_can_carry_our_ids(row):
    for number in range(50):
        assert row.id_pattern.fullmatch(client_order_id("bot", f"decision-{number}", Leg.STOP))


@pytest.mark.parametrize("row", VENUES.values(), ids=VENUES)
def test_live_needs_everything_proven(row):
    missing = EXCHANGES[row.exchange].missing
    assert (row.exchange in PROVEN) == (missing_for_live(row.exchange) == "") == (not missing)
    if not missing:
        # What a resend needs: a late create is refused, and "not there" can be believed.
        assert row.receive_window is not None
        assert row.absence_certain
        assert row.absences
    else:
        assert all(words in missing_for_live(row.exchange) for words in (row.title, *missing))


def test_binance_is_the_one_that_is_proven():
    assert PROVEN == ("binance",)


@pytest.mark.parametrize("exchange", ["bitmadeup", "okx", ""])
def test_an_unknown_exchange_is_refused(exchange):
    with pytest.raises(ConfigError) as error:
        venue_row(exchange)
    refusal = error.value
    assert (refusal.field, refusal.received) == ("exchange", exchange)
    assert "for mode Live one of binance" in refusal.allowed
    assert missing_for_live(exchange) in refusal.fix


def test_a_row_is_found_by_ccxts_name():
    assert venue_row("cryptocom").title == "Crypto.com"
