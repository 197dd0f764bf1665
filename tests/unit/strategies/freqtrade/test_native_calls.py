"""The callbacks of a class under native rules: what it is told, what it sees of its trade, and what it may say."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewind.contracts.api.document import parse_bot
from tradewind.domain.callbacks import Callback, Question, Reply
from tradewind.domain.decision import HeldPosition
from tradewind.domain.errors import ConfigError
from tradewind.domain.timeframe import HOUR
from tradewind.market_data.adapters.synthetic import synthetic_series
from tradewind.strategies.freqtrade.named import named_class
from tradewind.strategies.freqtrade.native import NOT_ASKED
from tradewind.strategies.freqtrade.voting import FileStrategy

D = Decimal
SERIES = synthetic_series("AAA/EUR", "1h", seed=3, candles=60, start_price=100.0, volatility=0.02)
BEGIN = int(SERIES.open_time[0])
CLASS = """
import numpy as np
from freqtrade.strategy import IStrategy

asked = []


class Asked(IStrategy):
    timeframe = "1h"
    stoploss = -0.1
    minimal_roi = {}
    use_custom_stoploss = True

    def populate_indicators(self, dataframe, metadata):
        dataframe["mean"] = dataframe["close"].rolling(5).mean()
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe.index % 7 == 3, ["enter_long", "enter_tag"]] = (1, "seventh")
        dataframe.loc[dataframe.index % 14 == 3, "enter_tag"] = "fourteenth"
        return dataframe

    def custom_stake_amount(self, **arguments):
        asked.append(arguments)
        return STAKE

    def confirm_trade_entry(self, pair, amount, rate, current_time, entry_tag, order_type, side):
        asked.append(dict(pair=pair, amount=amount, rate=rate, entry_tag=entry_tag, side=side, order_type=order_type))
        return CONFIRM

    def confirm_trade_exit(self, **arguments):
        asked.append(arguments)
        return VETO

    def custom_exit(self, **arguments):
        asked.append(arguments)
        return LEAVE

    def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit, **rest):
        asked.append(dict(trade=trade, rest=rest))
        return STOP
"""
SAYS = {
    "STAKE": "80",
    "CONFIRM": "True",
    "VETO": "True",
    "LEAVE": "f\"{self.dp.get_analyzed_dataframe('AAA/EUR', '1h')[0]['mean'].iloc[-1]:.6f}\"",
    "STOP": "0.04",
}
SPEC = {
    "exchanges": [{"name": "bitvavo", "fees": {"taker": "0.0025"}}],
    "pairs": {"include": ["AAA/EUR"]},
    "timeframe": "1h",
    "risk": {"stopLoss": "0.1"},
    "capital": {"currency": "EUR", "startingBalance": "1000"},
    "data": {"source": "Replay", "path": "nowhere"},
}
UNPROTECTED = {**SPEC, "risk": {}}
HELD = HeldPosition("entry", D("0.5"), D("99.5"), D("90"), None, BEGIN + 11 * HOUR)


@pytest.fixture
def load(tmp_path):
    """The class with other answers or another text, as the vote of a bot."""

    def made(text=CLASS, spec=SPEC, beside=(), **says):
        for name, said in {**SAYS, **says}.items():
            text = text.replace(f"return {name}\n", f"return {said}\n")
        path = tmp_path / "asked.py"
        path.write_text(text)
        strategies = [{"name": "asked", "kind": "Freqtrade", "parameters": {"file": str(path)}}, *beside]
        document = {"apiVersion": "tradewind.dev/v1alpha1", "kind": "TradingBot", "metadata": {"name": "asked"}}
        bot = parse_bot({**document, "spec": {**spec, "strategies": strategies}}, "the manifest")
        return FileStrategy(named_class(bot, 0, ("AAA/EUR",)), lambda _: SERIES)

    return made


def question(callback, hour=20, **fields):
    close = D(str(SERIES.close[hour]))
    return Question(callback, "AAA/EUR", BEGIN + hour * HOUR, close, D("0.5"), **fields)


def about(callback, hour=20, **fields):
    return question(callback, hour, position=HELD, **fields)


def arguments_of(strategy, asked):
    """What the class was given last."""
    strategy.reply(asked)
    return type(strategy._made["1h"][0]).custom_exit.__globals__["asked"][-1]


def test_a_class_has_the_callbacks_of_its_own_that_its_settings_let_anybody_ask(load):
    """Those of the base class answer nothing that is not known."""
    assert frozenset(Callback) == load().callbacks
    idle = CLASS.replace("use_custom_stoploss = True", "use_exit_signal = False")
    assert {Callback.CUSTOM_EXIT, Callback.CUSTOM_STOPLOSS} == set(Callback) - load(idle).callbacks
    assert frozenset() == load(CLASS[: CLASS.index("    def custom_stake")].replace("use_custom", "use")).callbacks


def test_it_says_the_same_whatever_later_candles_it_has_seen(load):
    """A backtest has seen the whole recording, a bot on an exchange what had closed."""
    whole = load()
    whole.stances(SERIES)

    for hour in range(8, 58, 7):
        grown = load()
        grown.stances(SERIES.slice(0, hour + 1))
        for callback in Callback:
            asked = about(callback, hour, stake=D(100), least=D(10), most=D(500), reason="roi")
            assert whole.reply(asked) == grown.reply(asked)
        mean = SERIES.close[hour - 4 : hour + 1].mean()
        assert Reply(f"{mean:.6f}") == whole.reply(about(Callback.CUSTOM_EXIT, hour))


def test_it_is_told_what_freqtrade_tells_at_the_close_of_the_candle(load):
    """Orders are the market orders that they are."""
    strategy = load()
    close = float(D(str(SERIES.close[20])))

    entry = arguments_of(strategy, question(Callback.CONFIRM_TRADE_ENTRY, 17))
    assert ("fourteenth", 0.5, "long", "market") == tuple(
        entry[name] for name in ("entry_tag", "amount", "side", "order_type")
    )
    stake = question(Callback.CUSTOM_STAKE_AMOUNT, 24, stake=D(100), least=D(10), most=D(500))
    stake = arguments_of(strategy, stake)
    assert (100.0, 10.0, 500.0, 1.0, "seventh") == tuple(
        stake[name] for name in ("proposed_stake", "min_stake", "max_stake", "leverage", "entry_tag")
    )
    leave = arguments_of(strategy, about(Callback.CUSTOM_EXIT))
    assert (close, BEGIN + 21 * HOUR) == (leave["current_rate"], round(leave["current_time"].timestamp() * 1000))
    assert leave["current_profit"] == pytest.approx(close * 0.9975 / (99.5 * 1.0025) - 1, abs=1e-8)
    veto = arguments_of(strategy, about(Callback.CONFIRM_TRADE_EXIT, reason="exit_signal"))
    assert ("exit_signal", 0.5, close, "GTC") == tuple(
        veto[name] for name in ("exit_reason", "amount", "rate", "time_in_force")
    )
    assert {"after_fill": False} == arguments_of(strategy, about(Callback.CUSTOM_STOPLOSS))["rest"]


def test_it_sees_its_trade_as_the_bot_holds_it(load):
    """By freqtrade's names, with its own tag and the prices of the candles since it opened."""
    trade = arguments_of(load(), about(Callback.CUSTOM_EXIT))["trade"]

    assert (99.5, 0.5, 49.75) == (trade.open_rate, trade.amount, trade.stake_amount)
    assert ("AAA/EUR", "EUR", "bitvavo", "Asked", 60) == (
        trade.pair,
        trade.stake_currency,
        trade.exchange,
        trade.strategy,
        trade.timeframe,
    )
    assert round(trade.open_date_utc.timestamp() * 1000) == HELD.open_time
    assert ("seventh", "seventh") == (trade.enter_tag, trade.entry_tag)
    assert (90.0, pytest.approx(90 / 99.5 - 1)) == (trade.stop_loss, trade.stop_loss_pct)
    assert (SERIES.low[11:21].min(), SERIES.high[11:21].max()) == (trade.min_rate, trade.max_rate)
    assert (1, 0, False, True) == (
        trade.nr_of_successful_entries,
        trade.nr_of_successful_exits,
        trade.is_short,
        trade.is_open,
    )
    assert trade.calc_profit(110.0) == pytest.approx(0.5 * (110 * 0.9975 - 99.5 * 1.0025), abs=1e-8)
    assert trade.calc_profit_ratio(110.0) == pytest.approx(110 * 0.9975 / (99.5 * 1.0025) - 1, abs=1e-8)
    assert trade.calc_close_trade_value(110.0) == pytest.approx(0.5 * 110 * 0.9975)


@pytest.mark.parametrize(
    "name", ["orders", "realized_profit", "id", "set_custom_data", "get_trades", "initial_stop_loss"]
)
def test_what_a_bot_does_not_know_of_a_trade_is_refused_by_name(load, name):
    """It is not None, and a class that looks whether it is there hears the same."""
    trade = arguments_of(load(), about(Callback.CUSTOM_EXIT))["trade"]

    with pytest.raises(ConfigError, match=f"Asked: Trade.{name}: received it is asked for"):
        hasattr(trade, name)


def test_a_stop_that_does_not_rest_has_no_price(load):
    """0 would be a price."""
    bare = Question(
        Callback.CUSTOM_EXIT, "AAA/EUR", BEGIN + 20 * HOUR, D(100), position=HeldPosition("e", D(1), D(9), None)
    )
    with pytest.raises(ConfigError, match=r"Trade.stop_loss: received no stop rests for it"):
        load(LEAVE="arguments['trade'].stop_loss").reply(bare)


@pytest.mark.parametrize(
    ("callback", "says", "reply"),
    [
        (Callback.CUSTOM_EXIT, {"LEAVE": "None"}, None),
        (Callback.CUSTOM_EXIT, {"LEAVE": "False"}, None),
        (Callback.CUSTOM_EXIT, {"LEAVE": "''"}, None),
        (Callback.CUSTOM_EXIT, {"LEAVE": "True"}, "custom_exit"),
        (Callback.CUSTOM_EXIT, {"LEAVE": "np.bool_(True)"}, "custom_exit"),
        (Callback.CUSTOM_EXIT, {"LEAVE": "np.bool_(False)"}, None),
        (Callback.CUSTOM_EXIT, {"LEAVE": "'stop_loss'"}, "custom_exit stop_loss"),
        (Callback.CUSTOM_STOPLOSS, {"STOP": "np.float64(1e300)"}, 1e300),
        (Callback.CUSTOM_EXIT, {"LEAVE": "'x' * 300"}, "x" * 255),
        (Callback.CONFIRM_TRADE_ENTRY, {"CONFIRM": "__import__('numpy').bool_(False)"}, False),
        (Callback.CONFIRM_TRADE_EXIT, {"VETO": "False"}, False),
        (Callback.CUSTOM_STOPLOSS, {"STOP": "float('nan')"}, None),
        (Callback.CUSTOM_STOPLOSS, {"STOP": "-0.03"}, -0.03),
        (Callback.CUSTOM_STAKE_AMOUNT, {"STAKE": "None"}, None),
    ],
)
def test_what_it_may_say(load, callback, says, reply):
    """As in freqtrade."""
    assert Reply(reply) == load(**says).reply(about(callback))


@pytest.mark.parametrize(
    ("callback", "says", "told"),
    [
        (Callback.CONFIRM_TRADE_ENTRY, {"CONFIRM": "None"}, "Asked.confirm_trade_entry: received None for AAA/EUR;"),
        (Callback.CONFIRM_TRADE_EXIT, {"VETO": "'no'"}, "Asked.confirm_trade_exit: received 'no' for AAA/EUR;"),
        (Callback.CUSTOM_EXIT, {"LEAVE": "0.5"}, "Asked.custom_exit: received 0.5 for AAA/EUR; allowed: a reason in"),
        (Callback.CUSTOM_EXIT, {"LEAVE": "'two\\nlines'"}, "Asked.custom_exit: received 'two\\nlines' for"),
        (Callback.CUSTOM_EXIT, {"LEAVE": "np.zeros(2)"}, "Asked.custom_exit: received array([0., 0.]) for AAA/EUR;"),
        (Callback.CUSTOM_STOPLOSS, {"STOP": "True"}, "Asked.custom_stoploss: received True for AAA/EUR;"),
        (Callback.CUSTOM_STAKE_AMOUNT, {"STAKE": "float('inf')"}, "Asked.custom_stake_amount: received inf for"),
        (Callback.CUSTOM_STAKE_AMOUNT, {"STAKE": "10**400"}, "Asked.custom_stake_amount: received 1000000"),
        (Callback.CUSTOM_STOPLOSS, {"STOP": "10**5000"}, "Asked.custom_stoploss: received without end for AAA/EUR;"),
        (Callback.CUSTOM_EXIT, {"LEAVE": "missing"}, "Asked.custom_exit: received NameError: name 'missing' is not"),
        (
            Callback.CUSTOM_EXIT,
            {"LEAVE": "self.wallets.get_free('EUR')"},
            "Asked.wallets.get_free: received asked by the class",
        ),
        (
            Callback.CUSTOM_EXIT,
            {"LEAVE": "self.dp.get_analyzed_dataframe('AAA/EUR', '4h')"},
            "Asked.dp: received get_analyzed_dataframe of AAA/EUR 4h;",
        ),
        (
            Callback.CUSTOM_EXIT,
            {"LEAVE": "self.lock_pair('AAA/EUR', 0)"},
            "strategy: received Trade or PairLocks, asked by the class itself;",
        ),
    ],
)
def test_what_it_may_not_say(load, callback, says, told):
    """It is told by its name; whoever asks knows what is safe then."""
    with pytest.raises(ConfigError) as caught:
        load(**says).reply(about(callback))
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("callback", NOT_ASKED)
def test_what_nobody_asks_is_refused_when_the_class_is_loaded(load, callback):
    """With the reason."""
    text = CLASS.replace("use_custom", "position_adjustment_enable = True\n    use_custom")
    text = text.replace(
        "    def custom_exit(", f"    def {callback}(self, **arguments):\n        pass\n\n    def custom_exit("
    )
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert str(caught.value).startswith(
        f"Asked: received {callback}; allowed: no {callback}: {NOT_ASKED[callback]}; fix"
    )


def test_callbacks_of_a_class_that_has_not_the_only_vote_are_refused(load):
    """They would decide about positions of others."""
    other = {"name": "trend", "kind": "EmaCross"}
    told = r"Asked: received confirm_trade_entry, .*allowed: callbacks of a class that votes alone, in the timeframe of"
    with pytest.raises(ConfigError, match=told):
        load(beside=[other])
    plain = CLASS[: CLASS.index("    def custom_stake")].replace("use_custom", "use")
    assert frozenset() == load(plain, beside=[other]).callbacks


@pytest.mark.parametrize(
    ("old", "new", "spec", "told"),
    [
        (
            "current_profit, **rest",
            "current_profit, after_fill, **rest",
            SPEC,
            "Asked.custom_stoploss: received a param",
        ),
        (
            "stoploss = -0.1",
            "stoploss = -1",
            {**SPEC, "risk": {}},
            "spec.risk.stopLoss: received nothing, while Asked has",
        ),
    ],
)
def test_a_stop_that_no_bot_could_move_is_refused(load, old, new, spec, told):
    """There is none before the first fill, and none without one in the manifest."""
    with pytest.raises(ConfigError) as caught:
        load(CLASS.replace(old, new), spec)
    assert str(caught.value).startswith(told)


def test_a_class_without_a_stop_has_none_and_targets_are_numbers(load):
    """It trades by the manifest's; what is no table of targets is told by its name."""
    assert () == load(CLASS.replace("    stoploss = -0.1\n", "").replace("use_custom", "use")).set_aside
    with pytest.raises(ConfigError, match=r"Asked.minimal_roi: received \{'soon': 1\}; allowed: minutes to ratios"):
        load(CLASS.replace("minimal_roi = {}", "minimal_roi = {'soon': 1}"))


def test_what_the_manifest_has_otherwise_is_told(load):
    """Its stops and targets hold; of a class that has the same there is nothing to tell."""
    risk = {"stopLoss": "0.1", "takeProfit": {"distance": "0.05"}, "trailingStop": {"distance": "0.03"}}
    spec, own = {**SPEC, "risk": risk}, "minimal_roi = {}"
    trails = "\n    trailing_stop = True\n    trailing_stop_positive = 0.03"

    same = CLASS.replace(own, 'minimal_roi = {"0": 0.05}' + trails)
    assert () == load(same, spec).set_aside
    other = 'minimal_roi = {"0": 0.06, "60": 0.01, "120": 100}' + trails.replace("0.03", "0.02")
    assert load(CLASS.replace(own, other).replace("stoploss = -0.1", "stoploss = -0.04"), spec).set_aside == (
        "Asked.minimal_roi {0: 0.06, 60: 0.01}: spec.risk.takeProfit 0.05 holds in its place, at any age",
        "Asked.stoploss -0.04: spec.risk.stopLoss 0.1 holds in its place",
        "Asked.trailing_stop 0.02 from 0.0: spec.risk.trailingStop 0.03 from 0 holds in its place",
    )


@pytest.mark.parametrize(("hour", "rate", "reply"), [(12, "100.49", None), (20, "101", None), (20, "101.6", "roi")])
def test_a_target_of_later_is_looked_at_when_a_candle_closes(load, hour, rate, reply):
    """Where the manifest has the one of the beginning; what the class itself wants to leave for comes first."""
    own = CLASS[: CLASS.index("    def custom_stake")].replace("use_custom", "use")
    text = own.replace("minimal_roi = {}", 'minimal_roi = {"0": 0.05, "120": 0.018, "240": 0.015, "6000": 0}')
    spec = {**SPEC, "risk": {"stopLoss": "0.1", "takeProfit": {"distance": "0.05"}}}
    strategy = load(text, spec)
    strategy.stances(SERIES)
    asked = Question(Callback.CUSTOM_EXIT, "AAA/EUR", BEGIN + hour * HOUR, D(rate), D("0.5"), position=HELD)

    assert ({Callback.CUSTOM_EXIT}, ()) == (set(strategy.callbacks), strategy.set_aside)
    assert Reply(reply) == strategy.reply(asked)
    ends = CLASS.replace("minimal_roi = {}", 'minimal_roi = {"0": 0.05, "1": -1}')
    assert Reply("mine") == load(ends, spec, LEAVE="'mine'").reply(asked)
    idle = ends.replace("use_custom_stoploss", "use_exit_signal = False\n    use_custom_stoploss")
    assert Reply("roi") == load(idle, spec, LEAVE="'mine'").reply(asked)


def test_what_was_never_a_number_is_told_where_it_entered_nowhere(load):
    """Of a whole recording: a backtest of no trades would be taken for a strategy that found none."""
    hollow = CLASS.replace('dataframe["mean"]', 'dataframe["empty"] = float("nan")\n        dataframe["mean"]')
    entered, idle = load(hollow), load(hollow.replace("% 7 == 3", "< 0"))
    for one in (entered, idle):
        one.stances(SERIES)

    entered.check_entered()
    with pytest.raises(ConfigError, match=r"Asked.populate_indicators: received nothing but not-a-number in empty;"):
        idle.check_entered()
