"""The analyses of a strategy written for freqtrade: what looks ahead is named, what does not is passed."""

from __future__ import annotations

import math
import textwrap

import pytest
from tests.unit.research.freqtrade.conftest import HEAD, HOUR, START, market, write_candles

from tradewind.domain.errors import ConfigError
from tradewind.research.analyses.columns import Role
from tradewind.research.analyses.lookahead import lookahead
from tradewind.research.analyses.recursive import lengths_of, recursive
from tradewind.research.freqtrade.stage import BacktestInput
from tradewind.research.freqtrade.subject import Candles, StrategySubject

HONEST = """
    startup_candle_count = 30
    @informative("4h")
    def populate_higher(self, dataframe, metadata):
        dataframe["fast"] = ta.EMA(dataframe, timeperiod=3)
        return dataframe
    def populate_indicators(self, dataframe, metadata):
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=14)
        dataframe["before"] = dataframe["close"].shift(1)
        dataframe["mean"] = dataframe["close"].expanding().mean()
        other = self.dp.get_pair_dataframe(metadata["pair"], "4h")
        dataframe = merge_informative_pair(dataframe, other, self.timeframe, "4h", append_timeframe=False, suffix="own")
        return dataframe
    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["rsi"] < 40, ["enter_long", "enter_tag"]] = (1, "low")
        return dataframe
"""


def indicators(*lines, entry="dataframe['x'] > dataframe['close']"):
    """A strategy that computes `x` and enters by it."""
    body = "\n        ".join(lines)
    return f"""
    def populate_indicators(self, dataframe, metadata):
        {body}
        return dataframe
    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[{entry}, "enter_long"] = 1
        return dataframe
"""


@pytest.fixture
def subject(tmp_path):
    """One pair of a strategy on 200 candles of an hour, 50 of four hours."""

    def made(body, count=200, startup=0, **config):
        text = HEAD + "class Mine(IStrategy):\n    timeframe = '1h'\n    stoploss = -0.5\n"
        text += f"    startup_candle_count = {startup}\n"
        (tmp_path / "mine.py").write_text(text + textwrap.indent(textwrap.dedent(body), "    "))
        files = {
            ("BTC/EUR", "1h"): write_candles(tmp_path / "base.parquet", count),
            ("BTC/EUR", "4h"): write_candles(tmp_path / "higher.parquet", count // 4, step=4 * HOUR),
        }
        settings = {"stake_currency": "EUR", "stake_amount": 100, "max_open_trades": 1} | config
        settings["exchange"] = {"name": "binance", "pair_whitelist": ["BTC/EUR"]}
        given = BacktestInput(tmp_path / "mine.py", settings, files, {"BTC/EUR": market("BTC/EUR")})
        return StrategySubject(given, "BTC/EUR", Candles(given))

    return made


class TestLookahead:
    def test_a_strategy_that_looks_at_the_past_alone_is_passed(self, subject):
        """With recursion, a higher timeframe by decorator and by hand, and signals to ask at."""
        found = lookahead(subject(HONEST), 6)

        assert () == found.biases
        assert {"rsi", "fast_4h", "close_own", "enter_long", "enter_tag"} <= set(found.columns)
        assert found.moments > 6

    @pytest.mark.parametrize(
        ("lines", "ahead"),
        [
            (["dataframe['x'] = dataframe['close'].shift(-1)"], 1),
            (["dataframe['x'] = dataframe['close'].shift(-3)"], 3),
            (["dataframe['x'] = dataframe['close'].rolling(5, center=True).mean()"], 2),
            (["dataframe['x'] = dataframe['close'].mean()"], 100),
            (["dataframe['x'] = dataframe['high'][::-1].cummax()[::-1]"], 2),
            (
                [
                    "higher = self.dp.get_pair_dataframe(metadata['pair'], '4h')",
                    "higher = higher.rename(columns={'high': 'x'})[['date', 'x']]",
                    "dataframe = dataframe.merge(higher, on='date', how='left').ffill()",
                ],
                1,
            ),
            (
                [
                    "self.kept = type(self).__dict__.get('kept')",
                    "if self.kept is None:",
                    "    type(self).kept = dataframe['close'].shift(-1)",
                    "dataframe['x'] = type(self).kept[:len(dataframe)]",
                ],
                1,
            ),
        ],
        ids=["shift", "three", "centred", "mean of all", "highest to come", "early informative", "kept in the class"],
    )
    def test_a_strategy_that_peeks_is_caught_in_its_indicator_and_in_its_signal(self, subject, lines, ahead):
        """By name, with the first candles at fault and what was said of them."""
        margin = 0.3 if "'high'" in "".join(lines) else 0
        found = lookahead(subject(indicators(*lines, entry=f"dataframe['x'] > dataframe['close'] + {margin}")), 10)
        named = {bias.column: bias for bias in found.biases}

        assert {"x", "enter_long"} == set(named)
        assert [Role.SIGNAL, Role.INDICATOR] == [bias.role for bias in found.biases]
        assert named["x"].ahead >= ahead
        first = named["x"].first[0]
        assert first.value != first.later
        assert START <= first.candle <= first.known
        assert first.known - first.candle < named["x"].ahead * HOUR

    def test_how_far_a_shift_looks_is_told_exactly(self, subject):
        """Three candles, the last of which is the one that was known."""
        (bias,) = lookahead(
            subject(indicators("dataframe['x'] = dataframe['close'].shift(-3)", entry="dataframe['close'] < 0")), 5
        ).biases

        assert (3, 5) == (bias.ahead, bias.moments)
        assert [2 * HOUR, HOUR, 0] == [fault.known - fault.candle for fault in bias.first]
        assert [None] * 3 == [fault.value for fault in bias.first]

    @pytest.mark.parametrize(
        ("entry", "said"),
        [
            ("dataframe['close'].shift(-1) > dataframe['close']", (0.0, 1.0)),
            ("(dataframe['close'] < 99) & ~(dataframe['close'].shift(-1) < dataframe['close'])", (1.0, 0.0)),
        ],
        ids=["made by a peek", "filtered by a peek"],
    )
    def test_a_peek_of_the_signal_alone_is_caught(self, subject, entry, said):
        """Where no indicator keeps it: at the signals that there are, and at those that there would have been."""
        (bias,) = lookahead(subject(indicators("dataframe['x'] = 1", entry=entry)), 3).biases

        assert ("enter_long", 1) == (bias.column, bias.ahead)
        assert said == (bias.first[0].value, bias.first[0].later)

    def test_a_strategy_that_draws_lots_is_refused(self, subject):
        """Its columns change whether candles are cut away or not."""
        with pytest.raises(ConfigError, match="other values of x each time it is asked about BTC/EUR"):
            lookahead(subject(indicators("dataframe['x'] = np.random.default_rng().random(len(dataframe))")), 2)

    def test_a_strategy_that_fails_with_fewer_candles_says_with_how_many(self, subject):
        """And not only what it said itself."""
        line = "dataframe['x'] = dataframe['close'] / (1 / (len(dataframe) // 200))"
        with pytest.raises(ConfigError, match=r"ZeroDivisionError.* with the candles up to 2021-01-01T09:00:00Z alone"):
            lookahead(subject(indicators(line)), 2)

    def test_too_few_candles_are_told(self, subject):
        with pytest.raises(ConfigError, match="timerange: received 20 candles; allowed: more than 30 candles"):
            lookahead(subject(HONEST, count=20), 2)


class TestRecursive:
    def test_an_average_that_never_forgets_depends_on_its_warm_up(self, subject):
        """The window does not, once it is full; before that it has no value."""
        body = indicators(
            "dataframe['x'] = dataframe['close'].ewm(span=50, adjust=False).mean()",
            "dataframe['window'] = dataframe['close'].rolling(40).mean()",
            "dataframe['text'] = 'a'",
        )
        found = recursive(subject(body, startup=20), (20, 60, 100, 199))
        named = {one.column: one for one in found.columns}

        assert START + 199 * HOUR == found.candle
        assert named["x"].depends()
        distances = [abs(each) for each in named["x"].differences]
        assert sorted(distances, reverse=True) == distances
        assert distances[0] > 0.001 > distances[-1] == 0.0
        assert (None, 0.0, 0.0, 0.0) == tuple(each and round(each, 12) for each in named["window"].differences)
        assert 60 == named["window"].steady_from(found.lengths, 1e-9)
        assert not named["enter_long"].depends()
        assert ("text",) == found.never

    def test_the_usual_lengths_are_those_that_the_candles_allow(self, subject):
        """With the strategy's own; what cannot be tried is told."""
        asked = subject(HONEST)

        assert (30, 199) == lengths_of(asked, ())
        assert (5, 10) == lengths_of(asked, (10, 5, 5))
        with pytest.raises(ConfigError, match="--startup: received 200; allowed: from 1 to 199 candles"):
            lengths_of(asked, (200,))
        with pytest.raises(ConfigError, match=r"--startup: received 5 .*; allowed: two lengths or more"):
            lengths_of(asked, (5,))

    def test_a_value_beside_a_zero_is_infinitely_far(self, subject):
        body = indicators("dataframe['x'] = float(len(dataframe) < 100)", entry="dataframe['close'] < 0")

        found = recursive(subject(body), (50, 150))

        assert (math.inf, 0.0) == next(one for one in found.columns if one.column == "x").differences
