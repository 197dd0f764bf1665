"""A recording as ticks: what a bot sees, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewind.contracts.api.document import load_bot
from tradewind.domain.errors import ConfigError
from tradewind.domain.timeframe import HOUR, close_time
from tradewind.market_data.recording import load_recording

SAMPLES = Path(__file__).parents[3] / "manifests" / "samples"
# Midnight of 1 January 2022: the start of a day, of a 4h candle and of the files below.
BASE = 1_640_995_200_000
HEADER = "timestamp,open,high,low,close,volume\n"


def quickstart(*overrides):
    return load_recording(load_bot(SAMPLES / "quickstart.yaml", overrides))


def write(path, times, close=100.0):
    rows = "".join(f"{BASE + time},{close},{close + 1},{close - 1},{close},10\n" for time in times)
    path.write_text(HEADER + rows)
    return path


def test_the_sample_is_whole():
    """A year of two pairs: every hour one tick of two candles, in the manifest's order."""
    recording = quickstart()

    assert 17_520 == recording.candles
    assert 8_760 == len(recording.ticks)
    assert all([pair for pair, _, _ in tick.candles] == ["BTC/EUR", "ETH/EUR"] for tick in recording.ticks)
    assert [] == recording.notes()


def test_a_longer_candle_is_seen_only_when_it_is_complete():
    """4h candles stand in the tick whose base candle completes them, and never before."""
    recording = quickstart("spec.strategies[0].timeframes=[1h,4h]", "spec.data.span.end=2022-01-10")
    seen = 0
    for tick in recording.ticks:
        for _, timeframe, candle in tick.candles:
            if timeframe == "4h":
                seen += 1
                assert close_time("4h", candle.open_time) == close_time("1h", tick.time)

    assert seen == 2 * 9 * 6


def test_a_longer_candle_whose_last_base_candle_is_missing_comes_with_the_next_tick(tmp_path):
    """A gap at its end does not swallow it, and does not bring it forward."""
    hours = [hour for hour in range(12) if hour not in (3, 4)]
    path = write(tmp_path / "BTC-EUR-1h.csv", [hour * HOUR for hour in hours])
    recording = quickstart(
        f"spec.data.path={path}", "spec.pairs.include=[BTC/EUR]", "spec.strategies[0].timeframes=[1h,4h]"
    )
    arrivals = {
        (c.open_time - BASE) // HOUR: (t.time - BASE) // HOUR
        for t in recording.ticks
        for _, tf, c in t.candles
        if tf == "4h"
    }

    assert {0: 5, 4: 7, 8: 11} == arrivals


def test_pairs_that_begin_later_or_have_gaps_are_just_not_in_the_tick(tmp_path):
    """A tick holds the candles there are; nothing is invented for the others."""
    write(tmp_path / "BTC-EUR-1h.csv", [0, HOUR, 2 * HOUR, 3 * HOUR])
    write(tmp_path / "ETH-EUR-1h.csv", [2 * HOUR])
    recording = quickstart(f"spec.data.path={tmp_path}")

    assert [1, 1, 2, 1] == [len(tick.candles) for tick in recording.ticks]
    assert {"BTC/EUR": 100.0} == recording.closes(BASE + HOUR)
    assert {"BTC/EUR": 100.0, "ETH/EUR": 100.0} == recording.closes(BASE + 3 * HOUR)
    assert [(BASE, {"BTC/EUR": 100.0}), (BASE + HOUR, {"BTC/EUR": 100.0})] == recording.closes_by_tick(BASE + HOUR)


def test_what_was_wrong_is_told(tmp_path):
    """Quarantined rows with their reason and first row, gaps with their size and place, patterns left out."""
    path = write(tmp_path / "BTC-EUR-1h.csv", [hour * HOUR for hour in range(60) if hour not in (7, 8)])
    lines = path.read_text().splitlines()
    lines[5] = f"{BASE + 4 * HOUR},100,90,110,100,10"
    path.write_text("\n".join(lines) + "\n")
    notes = quickstart(f"spec.data.path={path}", "spec.pairs.include=[BTC/EUR]").notes()

    assert 2 == len(notes)
    assert notes[0].startswith("BTC/EUR: 1 row quarantined as HighBelowLow (first: row 4:")
    assert notes[1].startswith("BTC/EUR: 3 candles missing in 2 gap(s), the first after 2022-01-01T03:00")


def test_overrides_of_filters_win():
    """The manifest's instrument filters are those that orders are held to."""
    recording = quickstart("spec.exchanges[0].instruments=[{pair: BTC/EUR, minimumNotional: '50'}]")

    assert "50" == str(recording.instruments["BTC/EUR"].minimum_notional)
    assert "5" == str(recording.instruments["ETH/EUR"].minimum_notional)


def test_the_synthetic_market_is_the_same_every_time():
    """The seed is the market."""
    first, second = (load_recording(load_bot(SAMPLES / "synthetic.yaml")) for _ in range(2))
    other = load_recording(load_bot(SAMPLES / "synthetic.yaml", ["spec.data.synthetic.seed=8"]))

    assert first.ticks == second.ticks
    assert first.ticks != other.ticks


@pytest.mark.parametrize("time", [-1, 0, HOUR // 2])
def test_index_after_is_the_next_tick(tmp_path, time):
    """Resuming between ticks, or before the first, finds the right one."""
    write(tmp_path / "BTC-EUR-1h.csv", [0, HOUR])
    recording = quickstart(f"spec.data.path={tmp_path}", "spec.pairs.include=[BTC/EUR]")

    assert {-1: 0, 0: 1, HOUR // 2: 1}[time] == recording.index_after(BASE + time)


def test_a_synthetic_market_is_traded_over_its_span():
    """The candles that open within it, as they are in the whole market; a span beside it is refused."""
    small = "spec.data.synthetic.candles=500"
    whole = load_recording(load_bot(SAMPLES / "synthetic.yaml", [small]))
    span = ("spec.data.span.start=2024-01-02", "spec.data.span.end=2024-01-03")
    part = load_recording(load_bot(SAMPLES / "synthetic.yaml", [small, *span]))

    assert whole.ticks[96:192] == part.ticks
    with pytest.raises(ConfigError, match=r"spec\.data\.span"):
        load_recording(load_bot(SAMPLES / "synthetic.yaml", [small, "spec.data.span.start=2030-01-01"]))
