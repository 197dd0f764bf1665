"""A freqtrade strategy that is searched: what varies, what is asked once, and what an exported file makes of it."""

from __future__ import annotations

import json
import math
import sys
import textwrap
from dataclasses import replace

import pytest
from tests.unit.research.freqtrade.conftest import HEAD, HOUR, START, market, write_candles

from tradewind.domain.errors import ConfigError
from tradewind.research.freqtrade.engine import Engine
from tradewind.research.freqtrade.run import BacktestInput, backtest
from tradewind.research.freqtrade.summary import summary
from tradewind.research.optimize.bench import PARTS, Judge, Window, judged
from tradewind.research.optimize.freqtrade_bench import FreqtradeSetup
from tradewind.research.optimize.freqtrade_subject import StrategySubject
from tradewind.research.optimize.space import Choice, Span, Steps

BODY = """
    timeframe = "1h"
    stoploss = -0.5
    minimal_roi = {"0": 0.2}
    buy_every = IntParameter(3, 9, default=6, space="buy")
    sell_share = DecimalParameter(0.1, 0.9, default=0.5, decimals=1, space="sell")
    sell_kind = CategoricalParameter(["low", None, ["b"]], default=None, space="sell")
    sell_any = RealParameter(0.5, 1.5, default=1.0, space="sell", optimize=False)
    buy_on = BooleanParameter(default=True, space="buy", load=False)

    def populate_indicators(self, dataframe, metadata):
        asked.append("indicators")
        for period in self.buy_every.range:
            dataframe[f"mean_{period}"] = dataframe["close"].rolling(period).mean()
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        asked.append("entry")
        dataframe.loc[(dataframe.index % self.buy_every.value == 2) & self.buy_on.value, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[dataframe.index % 10 == round(10 * self.sell_share.value), "exit_long"] = 1
        return dataframe
"""


@pytest.fixture
def strategy(tmp_path):
    """A setup of a strategy of the given body, on 400 hours of two pairs."""

    def made(body=BODY, *spaces, replaced=(), engine=Engine.AUTO, config=None, count=400, **settings):
        for old, new in replaced:
            assert old in body
            body = body.replace(old, new)
        text = f"{HEAD}asked = []\nclass Mine(IStrategy):\n{textwrap.indent(textwrap.dedent(body), '    ')}"
        (tmp_path / "mine.py").write_text(text)
        pairs = ("BTC/EUR", "ETH/EUR")
        files = {
            (pair, "1h"): write_candles(tmp_path / f"{pair[:3]}.parquet", count, price=lambda n, s=seed: 100 + n % s)
            for seed, pair in zip((7, 11), pairs, strict=True)
        }
        own = config or {}
        given = {
            "stake_currency": "EUR",
            "stake_amount": 100,
            "max_open_trades": 2,
            "dry_run_wallet": 1000,
            "fee": 0.001,
            "exchange": {"name": "binance", "pair_whitelist": list(pairs)},
        }
        markets = {pair: market(pair) for pair in pairs}
        backtested = BacktestInput(tmp_path / "mine.py", given | own | settings, files, markets)
        return FreqtradeSetup(backtested, spaces, own, engine)

    return made


def asked():
    """What methods of the strategy were called since the last question."""
    calls = sys.modules["tradewind_strategy_mine"].asked
    found = list(calls)
    calls.clear()
    return found


def test_the_spaces_of_a_strategy_are_its_parameters_and_how_it_leaves(strategy):
    """Each with its range; what has optimize=False stays as it is."""
    space = strategy(BODY, "all").open().space

    assert ("buy", "sell", "roi", "stoploss", "trailing") == space.spaces
    assert ("buy_every", "buy_on", "sell_kind", "sell_share") == tuple(sorted(space.varied))
    assert Steps.rounded(3, 9, 0) == space.dimensions["buy.buy_every"]
    assert [0.1, 0.2, 0.9] == [space.dimensions["sell.sell_share"].at(place) for place in (0, 1, 8)]
    assert Choice(("low", None, ["b"])) == space.dimensions["sell.sell_kind"]
    # As freqtrade documents them for one hour: the last step between 360 and 2640 minutes, up to 0.711 at once.
    assert "120 to 480 by 1" == str(space.dimensions["roi.roi_t3"])
    highest = sum(float(space.dimensions[f"roi.roi_p{number}"].high) for number in (1, 2, 3))
    assert highest == pytest.approx(0.711, abs=0.002)
    assert "-0.35 to -0.02 by 0.001" == str(space.dimensions["stoploss.stoploss"])
    assert ("buy", "sell", "roi", "stoploss") == strategy().open().space.spaces


@pytest.mark.parametrize(
    ("spaces", "change", "words"),
    [
        (("sell", "moon"), {}, "--spaces: received moon; allowed: buy, sell, roi"),
        (("protection",), {}, "others have nothing to vary"),
        (("roi",), {"config": {"minimal_roi": {"0": 1}}}, "minimal_roi in the configuration"),
        (("trailing",), {"config": {"trailing_stop": True}}, "trailing_stop in the configuration"),
        (
            ("protection",),
            {
                "replaced": [
                    ('buy_on = BooleanParameter(default=True, space="buy"', 'p = BooleanParameter(space="protection"'),
                    ("self.buy_on", "self.p"),
                ]
            },
            "protections turned off",
        ),
        (
            ("buy",),
            {"replaced": [('space="buy", load', "space=None, load"), ("buy_on", "on")]},
            "on: received no space",
        ),
        (
            ("roi",),
            {
                "replaced": [
                    (
                        "    buy_on",
                        "    class HyperOpt:\n        def roi_space():\n            return [1/0]\n    buy_on",
                    )
                ]
            },
            "HyperOpt.roi_space: received ZeroDivisionError",
        ),
        (
            ("roi",),
            {
                "replaced": [
                    (
                        "    buy_on",
                        "    class HyperOpt:\n        def generate_estimator():\n            pass\n    buy_on",
                    )
                ]
            },
            "HyperOpt.generate_estimator",
        ),
    ],
)
def test_a_space_that_would_be_varied_in_vain_is_refused(strategy, spaces, change, words):
    """With what stands in the way."""
    with pytest.raises(ConfigError, match=words):
        strategy(BODY, *spaces, **change).open()


HYPEROPT = """
    class HyperOpt:
        def stoploss_space():
            return [SKDecimal(-0.05, -0.01, decimals=2, name="stoploss")]
        def roi_space():
            return [Integer(10, 20, name="minutes"), Real(0.1, 0.2, name="most")]
        def generate_roi_table(params):
            return {0: params["most"], params["minutes"]: 0}
        def trailing_space():
            return [Categorical([True, False], name="trailing_stop")]
        def generate_trailing_params(params):
            return {**params, "trailing_stop_positive": 0.02}
"""


def test_a_strategy_may_have_ranges_and_tables_of_its_own(strategy):
    """In a class HyperOpt, as freqtrade documents it."""
    setup = strategy(BODY + HYPEROPT, "roi", "stoploss", "trailing")
    text = setup.given.strategy.read_text()
    setup.given.strategy.write_text(
        f"from freqtrade.optimize.space import Categorical, Integer, Real, SKDecimal\n{text}"
    )
    space = setup.open().space

    assert {
        "roi.minutes": Steps.rounded(10, 20, 0),
        "roi.most": Span(0.1, 0.2),
        "stoploss.stoploss": Steps.rounded(-0.05, -0.01, 2),
        "trailing.trailing_stop": Choice((True, False)),
    } == space.dimensions
    values = {"roi.minutes": 15, "roi.most": 0.13, "stoploss.stoploss": -0.03, "trailing.trailing_stop": True}
    assert {
        "roi": {"0": 0.13, "15": 0},
        "stoploss": {"stoploss": -0.03},
        "trailing": {"trailing_stop": True, "trailing_stop_positive": 0.02},
    } == space.parameters_of(values)


VALUES = {
    "buy.buy_every": 4,
    "buy.buy_on": True,
    "sell.sell_share": 0.3,
    "sell.sell_kind": ["b"],
    "roi.roi_t1": 100,
    "roi.roi_t2": 90,
    "roi.roi_t3": 60,
    "roi.roi_p1": 0.01,
    "roi.roi_p2": 0.01,
    "roi.roi_p3": 0.02,
    "stoploss.stoploss": -0.03,
    "trailing.trailing_stop": True,
    "trailing.trailing_stop_positive": 0.01,
    "trailing.trailing_stop_positive_offset_p1": 0.005,
    "trailing.trailing_only_offset_is_reached": True,
}


@pytest.mark.parametrize("engine", list(Engine))
def test_a_backtest_with_the_exported_file_makes_the_trades_of_the_trial(strategy, engine):
    """So what a search says of its best is what somebody gets who uses it; by each engine."""
    if engine is Engine.COMPILED:
        pytest.importorskip("numba", reason="the extra compiled is not installed")
    setup = strategy(BODY, "all", engine=engine)
    subject = StrategySubject.of(setup)
    tried = subject.bench.trade(VALUES, None)
    assert summary(backtest(setup.given))["total_trades"] != len(tried.trades) > 10

    setup.given.strategy.with_suffix(".json").write_text(subject.export(VALUES))
    found = summary(backtest(setup.given))

    assert len(tried.trades) == found["total_trades"]
    assert float(tried.profit) == pytest.approx(found["profit_total_abs"], abs=1e-9)
    assert tried.metrics().sharpe == found["sharpe"]
    assert ["buy_on: load=False, so no parameter file sets it; write the value into the strategy"] == subject.notes()


def test_an_export_keeps_what_a_file_held_of_other_spaces(strategy):
    """And the parameters of its own spaces that do not vary."""
    setup = strategy(BODY, "sell")
    held = {"buy": {"buy_every": 8}, "stoploss": {"stoploss": -0.2}}
    beside = setup.given.strategy.with_suffix(".json")
    beside.write_text(json.dumps({"strategy_name": "Mine", "params": held}))
    subject = StrategySubject.of(setup)
    before = subject.begun_with() if subject.bench.trade(None, None) else {}

    document = json.loads(subject.export({"sell.sell_share": 0.2, "sell.sell_kind": None}))

    sell = {"sell_share": 0.2, "sell_kind": None, "sell_any": 1.0}
    assert ("Mine", 1) == (document["strategy_name"], document["ft_stratparam_v"])
    assert held | {"sell": sell} == document["params"]
    # A study goes on with the file that it has exported beside the strategy, and not with other parameters there.
    for params, same in ((document["params"], True), ({**held, "buy": {"buy_every": 7}}, False)):
        beside.write_text(json.dumps({"strategy_name": "Mine", "params": params}))
        again = StrategySubject.of(setup)
        again.bench.trade(None, None)
        assert (again.begun_with() == before) is same


def test_a_parameter_file_of_another_strategy_is_refused(strategy):
    """It would change nothing, or the wrong things."""
    setup = strategy()
    setup.given.strategy.with_suffix(".json").write_text(json.dumps({"strategy_name": "Other", "params": {}}))

    with pytest.raises(ConfigError, match=r"mine\.json with parameters of Other"):
        setup.open()


def test_what_does_not_depend_on_what_varies_is_asked_once(strategy):
    """Indicators for all of a range at once; signals again where a value that they read has changed."""
    bench = strategy(BODY, "buy", "sell", "stoploss").open()
    values = {"buy.buy_every": 4, "buy.buy_on": True, "sell.sell_share": 0.3, "sell.sell_kind": None}
    first = bench.trade({**values, "stoploss.stoploss": -0.03}, None)
    assert ["indicators", "entry"] * 2 == asked()

    stopped = bench.trade({**values, "stoploss.stoploss": -0.02}, None)
    assert [] == asked()
    other = bench.trade({**values, "stoploss.stoploss": -0.02, "buy.buy_every": 9}, None)
    assert ["entry"] * 2 == asked()
    again = bench.trade({**values, "stoploss.stoploss": -0.03}, None)

    assert first == again
    assert first != stopped != other
    fresh = strategy(BODY, "buy", "sell", "stoploss").open()
    assert other == fresh.trade({**values, "stoploss.stoploss": -0.02, "buy.buy_every": 9}, None)


@pytest.mark.parametrize(
    "line",
    [
        "dataframe['a'] = self.buy_every.value",
        "dataframe['a'] = self.stoploss",
        "self.noted = 1",
        "self.notes.append(metadata['pair'])",
        "self.table['a']",
        "dataframe['a'] = len(vars(self))",
    ],
)
def test_a_method_that_looks_at_what_may_change_is_asked_each_time(strategy, line):
    """A value that varies, an attribute of a space, or anything that may be its memory."""
    tables = ("    timeframe", "    notes, table = [], DataFrame({'a': [1]})\n    timeframe")
    body = BODY.replace('        asked.append("indicators")', f'        asked.append("indicators")\n        {line}')
    bench = strategy(body, "buy", "stoploss", replaced=[tables]).open()
    for every, stop in ((4, -0.03), (5, -0.02)):
        bench.trade({"buy.buy_every": every, "buy.buy_on": True, "stoploss.stoploss": stop}, None)

    assert 4 == asked().count("indicators")


def test_a_hopeless_trial_of_the_event_engine_sees_no_candle_more(strategy):
    """The callbacks of the rest are not called."""
    body = BODY + "\n    def bot_loop_start(self, current_time, **kwargs):\n        asked.append(current_time)\n"
    bench = strategy(body, "buy").open()
    values = {"buy.buy_every": 4, "buy.buy_on": True}
    heard = []

    def hear(part, loss):
        heard.append((part, loss))
        return part < 2

    judge = Judge("profit", 1)
    whole = judged(bench, judge, values, None, None)
    candles = len(asked()) - 4
    ended = judged(bench, judge, values, None, hear)

    assert ("done", "ended early") == (whole.ending, ended.ending)
    assert [1, 2] == [part for part, _ in heard]
    assert candles * 2 / PARTS == pytest.approx(len(asked()), abs=3)


def test_a_window_has_nothing_of_candles_after_it(strategy, tmp_path):
    """Not even of a longer candle that is open when it ends; other prices after it change nothing before."""
    body = """
    timeframe = "1h"
    stoploss = -0.5
    startup_candle_count = 10
    buy_at = DecimalParameter(0.0, 1.0, default=0.5, decimals=1, space="buy")
    def populate_entry_trend(self, dataframe, metadata):
        higher = self.dp.get_pair_dataframe(metadata["pair"], "4h")
        asked.append((dataframe["date"].iloc[0], dataframe["date"].iloc[-1], higher["date"].iloc[-1]))
        # A strategy that cheats as much as it can.
        least = higher["high"].iloc[-1] * self.buy_at.value
        dataframe.loc[dataframe["close"].shift(-3).fillna(0) > least, "enter_long"] = 1
        return dataframe
    """
    setup = strategy(body, "buy")
    files = {key: path for key, path in setup.given.files.items() if key[0] == "BTC/EUR"}
    files["BTC/EUR", "4h"] = write_candles(tmp_path / "higher.parquet", 100, step=4 * HOUR)
    config = {**setup.given.config, "exchange": {"name": "binance", "pair_whitelist": ["BTC/EUR"]}}
    setup = replace(setup, given=replace(setup.given, files=files, config=config))
    split = START + 102 * HOUR
    window = Window(START + 50 * HOUR, split)
    before = setup.open().trade({"buy.buy_at": 0.5}, window)
    ((first, last, higher),) = asked()

    write_candles(files["BTC/EUR", "1h"], 400, price=lambda n: 100 + n % 7 if n < 102 else 900 + n % 5)
    write_candles(
        files["BTC/EUR", "4h"], 100, step=4 * HOUR, price=lambda n: 100 + 5 * math.sin(n / 8) if n < 25 else 9
    )

    assert [40, 101, 96] == [round((each.timestamp() * 1000 - START) / HOUR) for each in (first, last, higher)]
    assert before == setup.open().trade({"buy.buy_at": 0.5}, window)
    assert len(before.trades) > 0
