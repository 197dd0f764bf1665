"""Two engines, one result: what the compiled engine trades is what the event engine trades, to the last bit."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet, table
from tests.unit.domain.freqtrade.scenes import STEP, market, time_of
from tests.unit.domain.freqtrade.scenes import settings as settings_of
from tests.unit.research.freqtrade.conftest import write_candles

from tradewind.domain.errors import ConfigError
from tradewind.domain.freqtrade.backtest import run_backtest
from tradewind.domain.freqtrade.fills import Book
from tradewind.domain.freqtrade.market import MonthlyTicks, decimals_shown
from tradewind.domain.freqtrade.signals import Callbacks, PairColumns
from tradewind.research.freqtrade import play
from tradewind.research.freqtrade.engine import Engine
from tradewind.research.freqtrade.lines import trade_lines
from tradewind.research.freqtrade.summary import summary

pytest.importorskip("numba", reason="the extra compiled is not installed")

from tradewind.research.freqtrade.compiled import compiling
from tradewind.research.freqtrade.compiled.engine import result_of, run_compiled

PAIRS = ("ETH/BTC", "ADA/BTC", "SOL/BTC", "XRP/BTC")
DAY = 24 * 60 * 60_000

ratios = st.sampled_from([0.0, 0.001, 0.0026, 0.00075, 0.003333333333333333])
roi_tables = st.dictionaries(
    st.sampled_from([0, 5, 10, 17, 30, 33, 60]),
    st.sampled_from([0.0, 0.002, 0.01, 0.03, 0.2, -0.005, -1.0]),
    max_size=4,
)
markets = st.fixed_dictionaries(
    {
        "step": st.sampled_from(["0.001", "0.00000001", "1", "0.03", None]),
        "tick": st.sampled_from(["0.01", "0.00000001", "0.5", "0.025", None]),
        "amount_min": st.sampled_from([None, 0.01, 1.0]),
        "amount_max": st.sampled_from([None, 2.0]),
        "cost_min": st.sampled_from([None, 5.0, 90.0]),
        "cost_max": st.sampled_from([None, 150.0]),
    }
)
rules = st.fixed_dictionaries(
    {
        "fee": ratios,
        "roi": roi_tables,
        "stoploss": st.sampled_from([-0.5, -0.05, -0.02, -0.004, -1.0]),
        "trailing_stop": st.booleans(),
        "trailing_stop_positive": st.sampled_from([0.0, 0.01, 0.003, 0.04]),
        "trailing_stop_positive_offset": st.sampled_from([0.0, 0.004, 0.02]),
        "trailing_only_offset_is_reached": st.booleans(),
        "stake_amount": st.sampled_from([100.0, 33.333333333333336, 400.0, float("inf")]),
        "max_open_trades": st.sampled_from([1, 2, 3]),
        "available_capital": st.sampled_from([0.0, 500.0]),
        "amend_last_stake_amount": st.booleans(),
        "exit_timeout": st.sampled_from([None, 300.0, 600.0]),
        "use_exit_signal": st.booleans(),
        "exit_profit_only": st.booleans(),
        "exit_profit_offset": st.sampled_from([0.0, 0.002, -0.01]),
        "ignore_roi_if_entry_signal": st.booleans(),
    }
)
shapes = st.fixed_dictionaries(
    {
        "first": st.integers(0, 40),
        "count": st.integers(1, 160),
        "scale": st.sampled_from([1.0, 100.0, 27_000.0, 5e-5]),
        "decimals": st.sampled_from([2, 4, 8, 17]),
        "moves": st.sampled_from([0.0005, 0.004, 0.02]),
        "jumps": st.booleans(),
        "dense": st.sampled_from([0.03, 0.2, 0.6]),
        "months": st.booleans(),
    }
)


def columns_of(pair, random, shape, filters):
    """Candles that walk at random, with prices of as many decimals as were asked for; 17 leaves the noise of floats."""
    count = shape["count"]
    moves = random.normal(0, shape["moves"], (4, count))
    close = shape["scale"] * np.exp(np.cumsum(moves[0]))
    before = np.concatenate(([shape["scale"]], close[:-1]))
    open_ = before * np.exp(moves[1]) if shape["jumps"] else before
    high = np.maximum(open_, close) * (1 + np.abs(moves[2]))
    low = np.minimum(open_, close) * (1 - np.abs(moves[3]))
    prices = [
        column.round(shape["decimals"]) if shape["decimals"] < 17 else column for column in (open_, high, low, close)
    ]
    prices = [np.maximum(column, 1e-8) for column in prices]
    times = time_of(shape["first"] + 1) + STEP * np.arange(count)
    ticks = MonthlyTicks.of(times - 20 * DAY, decimals_shown(prices[0])) if shape["months"] else MonthlyTicks((), ())
    enter, leave = random.random((2, count)) < shape["dense"]
    tags = (
        (["", "deep"][number % 2] for number in range(count)),
        (["", "", "busy"][number % 3] for number in range(count)),
    )
    return PairColumns(market(pair, **filters), ticks, times, *prices, prices[0], enter, leave, *map(list, tags))


def shown(trade):
    """Everything about a trade, of its orders those that filled."""
    fields = {name: value for name, value in vars(trade).items() if name not in ("orders", "market")}
    return fields | {"orders": [vars(order) for order in trade.orders if order.filled_at is not None]}


def both(columns, rules, span=None):
    """The results of both engines, in a form that is compared and read."""
    if span is None:
        first = min(int(each.open_time[0]) for each in columns.values()) - STEP
        span = first, max(int(each.open_time[-1]) for each in columns.values())
    run = run_compiled(columns, rules, span)
    rows = {pair: each.rows() for pair, each in columns.items()}
    results = result_of(run, columns, rules, Callbacks(), Book(rules)), run_backtest(rows, rules, Callbacks(), span)
    return [
        {
            "closed": [shown(trade) for trade in result.closed],
            "open": [shown(trade) for trade in result.still_open],
            "balances": result.balances,
            "final": result.final_balance,
            "counts": result.counts,
            "span": (result.start, result.end),
        }
        for result in results
    ]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shapes=st.lists(shapes, min_size=1, max_size=4), filters=markets, changes=rules)
def test_both_engines_make_the_same_trades(seed, shapes, filters, changes):
    """Whatever the candles, signals and settings; several pairs that begin and end at different times."""
    random = np.random.default_rng(seed)
    columns = {pair: columns_of(pair, random, shape, filters) for pair, shape in zip(PAIRS, shapes, strict=False)}

    compiled, event = both(columns, settings_of(**changes))

    assert event == compiled


LEAVE = """
    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[dataframe.index % 6 == 2, ["exit_long", "exit_tag"]] = (1, "sixth")
        return dataframe
"""


@pytest.fixture
def engines(monkeypatch):
    """Which engines have been at work."""
    seen = []
    for place, name, engine in ((play, "run_backtest", "event"), (play, "_compiled", "compiled")):
        original = getattr(place, name)
        monkeypatch.setattr(
            place, name, lambda *a, original=original, engine=engine, **k: (seen.append(engine), original(*a, **k))[1]
        )
    return seen


class TestChoice:
    def test_a_strategy_gives_the_same_lines_and_figures_by_both(self, run):
        """Tags, orders and balances included; one of them was asked for on the command line."""
        event, compiled = (run(LEAVE, engine=engine) for engine in (Engine.EVENT, Engine.COMPILED))

        assert "sixth" == trade_lines(compiled.result.closed)[0]["exit_reason"]
        assert trade_lines(event.result.closed) == trade_lines(compiled.result.closed)
        assert summary(event) == summary(compiled)

    def test_few_candles_are_not_worth_a_compiler(self, run, engines, monkeypatch):
        """By itself the compiled engine is taken where there are many, and nothing needs the other."""
        run(LEAVE)
        monkeypatch.setattr(play, "WORTH", 100)
        run(LEAVE)
        run(LEAVE + "    def custom_exit(self, **kwargs):\n        return None\n")

        assert ["event", "compiled", "event"] == engines

    def test_without_numba_the_event_engine_plays(self, run, engines, monkeypatch):
        """And who asks for the other is told what to install."""
        monkeypatch.setattr(play, "WORTH", 100)
        monkeypatch.setattr(play, "find_spec", lambda name: None)
        run(LEAVE)
        monkeypatch.setitem(sys.modules, "tradewind.research.freqtrade.compiled", None)

        assert ["event"] == engines
        with pytest.raises(ConfigError, match=r"pip install 'tradewind\[compiled\]'"):
            run(LEAVE, engine=Engine.COMPILED)

    @pytest.mark.parametrize(
        ("body", "config", "needs"),
        [
            ("def custom_exit(self, **kwargs): return None", {}, "custom_exit"),
            ("def bot_loop_start(self, **kwargs): pass", {}, "bot_loop_start"),
            ("use_custom_stoploss = True", {}, "custom_stoploss"),
            (
                "def adjust_trade_position(self, **kwargs): return 1",
                {"position_adjustment_enable": True},
                "adjust_trade",
            ),
            ("protections = [{'method': 'CooldownPeriod'}]", {"enable_protections": True}, "protections"),
        ],
    )
    def test_what_only_the_event_engine_honours_is_refused_by_name(self, run, body, config, needs):
        with pytest.raises(ConfigError, match=f"compiled, with {needs}") as refused:
            run(body + "\n", engine=Engine.COMPILED, **config)
        assert ("--engine", "use --engine event, or auto") == (refused.value.field, refused.value.fix)

    def test_callbacks_that_are_switched_off_are_in_nobodys_way(self, run):
        """Neither engine would ask them."""
        never = "def adjust_trade_position(self, **kwargs): return 1\ndef custom_stoploss(self, **kwargs): return 1\n"

        assert run(never, engine=Engine.COMPILED).result.closed

    def test_an_entry_that_has_to_wait_is_left_to_the_event_engine(self, run, engines, tmp_path, monkeypatch):
        """Such candles show on the way; asked for by name, the compiled engine says which."""
        path = write_candles(tmp_path / "odd.parquet")
        read = parquet.read_table(path).to_pydict()
        read["high"] = [high - 20 if number == 12 else high for number, high in enumerate(read["high"])]
        parquet.write_table(table(read), path)
        monkeypatch.setattr(play, "WORTH", 100)
        files = {("BTC/EUR", "1h"): path}

        assert run(LEAVE, files=files).result.closed
        assert ["compiled", "event"] == engines
        with pytest.raises(ConfigError, match="entry of BTC/EUR at 2021-01-01T12:00:00Z that waits"):
            run(LEAVE, files=files, engine=Engine.COMPILED)


def test_months_are_walked_by_the_calendar():
    """They are of no fixed length; a pair may have no candle at all."""
    opens = [1_514_764_800_000, 1_517_443_200_000, 1_519_862_400_000, 1_522_540_800_000]
    prices = [np.array([100.0, 110.0, 90.0, 95.0]) + shift for shift in (0.0, 5.0, -5.0, 1.0)]
    rules = replace(settings_of(stoploss=-0.053), timeframe="1M")
    signals = np.array([True, False, True, False]), np.array([False, True, False, False])
    arrays = [np.array(opens), *prices, prices[0], *signals]
    whole = PairColumns(market(), MonthlyTicks((), ()), *arrays)
    none = PairColumns(market(PAIRS[1]), MonthlyTicks((), ()), *(array[:0] for array in arrays))

    compiled, event = both({PAIRS[0]: whole, PAIRS[1]: none}, rules, span=(1_512_086_400_000, opens[-1]))

    assert [("exit_signal", opens[1]), ("stop_loss", opens[2])] == [
        (str(trade["exit_reason"]), trade["close_time"]) for trade in compiled["closed"]
    ]
    assert event == compiled


def test_what_was_compiled_of_other_rules_is_never_met(monkeypatch, tmp_path):
    """The folder is named by the text of all rules, and lies where the user keeps such things."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "stop.py").write_text("one")
    monkeypatch.setattr(compiling, "_SOURCES", (tmp_path / "rules",))
    before = compiling._folder()
    (tmp_path / "rules" / "stop.py").write_text("another")

    assert tmp_path / "tradewind" / "compiled" == before.parent
    assert before != compiling._folder()
