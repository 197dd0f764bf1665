"""Backtests with detail candles, from files: what is read, which engine plays them, what is refused."""

from __future__ import annotations

import math

import pytest
from tests.unit.research.freqtrade.conftest import HOUR, START, write_candles

from tradewind.domain.errors import ConfigError
from tradewind.research.freqtrade import play
from tradewind.research.freqtrade.engine import Engine

QUARTER = HOUR // 4
STOPPED = 'stoploss = -0.01\nminimal_roi = {"0": 0.01}\n'
"""Both are reached within hours by candles that swing as those of the fixture do."""


@pytest.fixture
def files(tmp_path):
    """Eight days of hours, and the quarters of an hour inside of them; `left_out` are quarters that are missing."""

    def written(left_out=()):
        return {
            ("BTC/EUR", "1h"): write_candles(tmp_path / "BTC-EUR-1h.parquet"),
            ("BTC/EUR", "15m"): write_candles(
                tmp_path / "BTC-EUR-15m.parquet",
                800,
                step=QUARTER,
                left_out=left_out,
                price=lambda n: 100 + 3 * math.sin(n / 5),
            ),
        }

    return written


def closed(output):
    return [(trade.open_time, trade.close_time, trade.exit_reason) for trade in output.result.closed]


def test_trades_close_where_the_detail_candles_say(run, files):
    """At quarters of an hour, and others than the hours would say; entries stay at the hour."""
    whole, inside = run(STOPPED, files=files()), run(STOPPED, files=files(), timeframe_detail="15m")

    assert closed(whole) != closed(inside)
    assert len(inside.result.closed) > 20
    assert not {(opened - START) % HOUR for opened, _, _ in closed(inside)[:-1]} - {0}
    assert {(time - START) % HOUR // QUARTER for _, time, _ in closed(inside)} > {0, 1}


def test_hours_without_details_are_looked_at_as_hours(run, files):
    """With the first half of them missing, the trades of that half are those of the hours, and the others are not."""
    half = START + 100 * HOUR
    whole, inside = run(STOPPED, files=files()), run(STOPPED, files=files(), timeframe_detail="15m")
    mixed = run(STOPPED, files=files(range(400)), timeframe_detail="15m")

    def before(output):
        return [trade for trade in closed(output) if trade[1] < half]

    assert before(whole) == before(mixed) != before(inside)
    assert closed(mixed)[-3:] == closed(inside)[-3:] != closed(whole)[-3:]


def test_a_strategy_is_asked_at_the_time_of_the_detail_candle_and_sees_what_closed_by_then(run, files):
    """Of its own candles the last that closed, of the detail candles each that did; `bot_loop_start` once an hour."""
    seen = []
    body = """
    def bot_loop_start(self, current_time, **kwargs):
        self.config["seen"].append(("loop", current_time.minute, 0, 0))
    def custom_exit(self, pair, trade, current_time, **kwargs):
        own, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        other = self.dp.get_pair_dataframe(pair, "15m")
        minutes = [(current_time - frame["date"].iloc[-1]).total_seconds() // 60 for frame in (own, other)]
        self.config["seen"].append(("exit", current_time.minute, *minutes))
    """
    run(body, files=files(), seen=seen, timeframe_detail="15m")

    exits = {each[1:] for each in seen if each[0] == "exit"}
    assert {(0, 60, 15), (15, 75, 15), (30, 90, 15), (45, 105, 15)} == exits
    assert {0} == {minute for name, minute, *_ in seen if name == "loop"}


def test_the_compiled_engine_is_refused_by_name_and_not_taken_by_itself(run, files, monkeypatch):
    """Even where it would be worth it."""
    with pytest.raises(ConfigError, match="compiled, with a detail timeframe of 15m"):
        run(files=files(), timeframe_detail="15m", engine=Engine.COMPILED)

    monkeypatch.setattr(play, "WORTH", 1)
    monkeypatch.setattr(play, "_compiled", lambda _: pytest.fail("compiled"))
    assert run(files=files(), timeframe_detail="15m").result.closed


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ("1h", "received 1h, with candles of 1h; allowed: a shorter timeframe that divides 1h: 1m, 3m, 5m, 15m, 30m"),
        ("4h", "received 4h, with candles of 1h"),
        ("7m", "received 7m, with candles of 1h"),
        ("soon", "received soon, with candles of 1h"),
        ("5m", "received no candles of BTC/EUR 5m; allowed: BTC/EUR 15m, BTC/EUR 1h; fix: add"),
    ],
)
def test_details_that_cannot_be_are_one_clear_error(run, files, detail, words):
    """By what was received, what is allowed and the fix."""
    with pytest.raises(ConfigError) as refused:
        run(files=files(), timeframe_detail=detail)

    assert words in str(refused.value)
