"""Filters of recorded instruments: deduced by a written rule, stated in a file, overridden by the manifest."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.domain.candle import Candle
from tradewind.domain.errors import ConfigError
from tradewind.domain.instrument import Instrument
from tradewind.domain.series import CandleSeries
from tradewind.market_data.adapters.instruments import instrument_defaults, load_instruments
from tradewind.market_data.adapters.replay import load_replay


def series(pair, *prices):
    return CandleSeries.of(pair, "1h", [Candle(hour, p, p, p, p, 1.0) for hour, p in enumerate(prices)])


BTC = series("BTC/EUR", 40_000.0, 40_001.0)
DEDUCED = Instrument("BTC/EUR", "BTC", "EUR", Decimal(1), Decimal("0.0000001"), Decimal("0.0000001"), Decimal(5))


@pytest.mark.parametrize(
    ("pair", "prices", "tick", "step", "notional"),
    [
        ("BTC/EUR", (40_000.0, 40_001.0), "1", "0.0000001", "5"),
        ("ETH/EUR", (999.99, 1500.1, 1500.2), "0.01", "0.000001", "5"),
        ("BTC/USDT", (43_000.12, 43_000.5, 43_001.0), "0.1", "0.0000001", "5"),
        ("XRP/USDT:USDT", (1.0713, 1.0720000000000001), "0.0001", "0.001", "5"),
        ("SHIB/USDT", (0.00001234, 0.0000124), "0.00000001", "1", "5"),
        ("ADA/BTC", (0.00005144, 5.145e-05), "0.00000001", "0.001", "0.0001"),
        ("ETH/BTC", (0.10441057000000001, 0.09), "0.0000001", "0.000001", "0.0001"),
        ("BTC/KRW", (60_000_000.0,), "100", "0.0000001", "5000"),
        ("A/EUR", (1 / 3, 2 / 3, 1 / 7), "0.000001", "0.01", "5"),
    ],
)
def test_filters_are_deduced_from_the_prices(pair, prices, tick, step, notional):
    """The decimals seen, capped at a millionth; a step worth a cent; a minimum order of about five euros."""
    instrument = instrument_defaults(series(pair, *prices))
    assert (instrument.price_tick, instrument.amount_step) == (Decimal(tick), Decimal(step))
    assert (instrument.minimum_amount, instrument.minimum_notional) == (Decimal(step), Decimal(notional))
    assert (instrument.pair, instrument.base) == (pair, pair.split("/")[0])


@given(st.floats(1e-9, 1e9), st.sampled_from(["EUR", "USDT", "BTC", "ETH", "KRW"]))
def test_deduced_filters_let_a_normal_order_through(price, quote):
    """Whatever the price: the tick does not swallow it, and ten minimum orders survive the rounding of the amount."""
    instrument = instrument_defaults(series(f"X/{quote}", price))
    exact = Decimal(repr(price))
    assert exact * Decimal("1e-6") <= instrument.price_tick
    amount = instrument.amount(max(instrument.minimum_notional * 10 / exact, instrument.minimum_amount * 10))
    assert instrument.refusal(amount, exact) is None
    assert instrument.amount_step.normalize().as_tuple().digits == (1,)


def test_a_file_beside_the_candles_wins_over_deduction_and_the_manifest_over_both(tmp_path):
    """Each states only what it knows; the rest stays."""
    filters = {"BTC/EUR": {"priceTick": "0.5", "minimumNotional": 10}, "ETH/EUR": {"priceTick": "9"}}
    (tmp_path / "instruments.json").write_text(json.dumps(filters))
    (tmp_path / "BTC-EUR-1h.csv").touch()
    for path, name in ((tmp_path, "minimumNotional"), (tmp_path / "BTC-EUR-1h.csv", "minimum_notional")):
        instruments = load_instruments(str(path), {"BTC/EUR": BTC}, {"BTC/EUR": {name: Decimal(0)}})
        assert instruments == {
            "BTC/EUR": Instrument(
                "BTC/EUR", "BTC", "EUR", Decimal("0.5"), DEDUCED.amount_step, DEDUCED.minimum_amount, Decimal(0)
            )
        }


def test_without_a_file_everything_is_deduced(tmp_path):
    """Also where there is no path at all, as for synthetic candles."""
    assert load_instruments(str(tmp_path), {"BTC/EUR": BTC}) == {"BTC/EUR": DEDUCED}
    assert load_instruments(None, {"BTC/EUR": BTC}, {}) == {"BTC/EUR": DEDUCED}


def test_every_price_of_the_sample_is_a_multiple_of_its_tick():
    """Otherwise a limit order could not rest where the market was."""
    replay = load_replay("sample:bitvavo-2022", ["*"], [], "1h")
    recorded = {pair: checked.series for pair, checked in replay.series.items()}
    instruments = load_instruments("sample:bitvavo-2022", recorded)
    assert instruments["BTC/EUR"].price_tick == 1
    assert instruments["BTC/EUR"].minimum_amount == Decimal("0.0001")
    for pair, candles in recorded.items():
        instrument = instruments[pair]
        assert instrument.minimum_notional == 5
        assert instrument.amount_step == Decimal("0.00000001")
        for candle in candles.candles():
            for price in candle[1:5]:
                assert instrument.price(Decimal(repr(price))) == Decimal(repr(price))


@pytest.mark.parametrize(
    ("text", "field", "received"),
    [
        ("{", "spec.data.path", "Expecting property name"),
        ("[]", "spec.data.path", "no object of objects"),
        ('{"BTC/EUR": 1}', "spec.data.path", "no object of objects"),
        ('{"BTC/EUR": {"tick": "1"}}', "spec.data.path (instruments.json): BTC/EUR", "tick"),
        ('{"BTC/EUR": {"priceTick": "0"}}', "spec.data.path (instruments.json): BTC/EUR.priceTick", "0"),
        ('{"BTC/EUR": {"amountStep": "-1"}}', "spec.data.path (instruments.json): BTC/EUR.amountStep", "-1"),
        ('{"BTC/EUR": {"amountStep": "small"}}', "spec.data.path (instruments.json): BTC/EUR.amountStep", "small"),
        ('{"BTC/EUR": {"minimumAmount": NaN}}', "spec.data.path (instruments.json): BTC/EUR.minimumAmount", "nan"),
        ('{"BTC/EUR": {"minimumAmount": true}}', "spec.data.path (instruments.json): BTC/EUR.minimumAmount", "True"),
    ],
)
def test_a_wrong_file_of_instruments_is_refused_by_name_and_value(tmp_path, text, field, received):
    """A filter that is silently ignored would be found by the venue, with money."""
    (tmp_path / "instruments.json").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_instruments(str(tmp_path), {"BTC/EUR": BTC})
    assert caught.value.field == field
    assert str(caught.value.received).startswith(received)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "field", "received"),
    [
        ({"BTC/EUR": {"priceTick": Decimal(0)}}, "spec.exchanges[].instruments: BTC/EUR.priceTick", "0"),
        ({"BTC/EUR": {"tick": Decimal(1)}}, "spec.exchanges[].instruments: BTC/EUR", "tick"),
        ({"ETH/EUR": {"priceTick": Decimal(1)}}, "spec.exchanges[].instruments", "ETH/EUR"),
    ],
)
def test_a_wrong_override_is_refused(overrides, field, received):
    """The manifest's filters are held to the same, and one for a pair that is not traded is a typing error."""
    with pytest.raises(ConfigError) as caught:
        load_instruments(None, {"BTC/EUR": BTC}, overrides)
    assert (caught.value.field, caught.value.received) == (field, received)
