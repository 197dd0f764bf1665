"""A class written for freqtrade trades as a bot: what a backtest of it says, in one process and in several.

Whatever the class does wrong, nothing is decided by what it did not say.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from functools import partial

import pytest
from tests.topology import test_live_market, test_split
from tests.topology.backtests import backtested
from tests.topology.conftest import TRADING
from tests.topology.recordings import gappy_bot
from tests.topology.test_backtest import on_paper
from tests.topology.test_emergency_stop import until
from tests.topology.test_kill_points import _child, _text
from tests.topology.test_live_market import _MANIFEST as MANIFEST
from tests.topology.test_live_market import PAIRS, START, ticks

from tradewind.contracts.api.document import load_bot
from tradewind.domain.errors import ConfigError, TradewindError
from tradewind.domain.timeframe import HOUR
from tradewind.market_data.recording import load_candles
from tradewind.research.native.given import classes_of, given_by

split, expected = test_split.split, test_split.expected
script, live = test_live_market.script, test_live_market.live
CLASS = """
from datetime import timedelta
from freqtrade.strategy import IStrategy, informative
import talib.abstract as ta


class Dips(IStrategy):
    timeframe = "1h"
    startup_candle_count = 8
    stoploss = -0.04
    minimal_roi = {"0": 0.06, "360": -0.01}
    trailing_stop = True
    use_custom_stoploss = True

    @informative("2h", "AAA/{stake}")
    @informative("4h")
    def populate_indicators_4h(self, dataframe, metadata):
        dataframe["average"] = ta.SMA(dataframe, timeperiod=3)
        return dataframe

    def populate_indicators(self, dataframe, metadata):
        print("what a class prints is no answer")
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=5)
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dip = (dataframe["rsi"] < 50) & (dataframe["close"] > 0.97 * dataframe["average_4h"])
        rising = dataframe["aaa_eur_close_2h"] > 0.99 * dataframe["aaa_eur_average_2h"]
        dataframe.loc[dip & rising, "enter_long"] = 1
        dataframe.loc[dip & (dataframe["rsi"] < 40), "enter_tag"] = "deep"
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["rsi"] > 68, "exit_long"] = 1
        return dataframe

    def confirm_trade_entry(self, pair, order_type, amount, rate, time_in_force, current_time, entry_tag, **kwargs):
        candles, moment = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        other = self.dp.get_pair_dataframe("AAA/EUR", "4h")
        assert (moment, rate, order_type) == (current_time, candles["close"].iloc[-1], "market")
        return entry_tag == "deep" or bool(other["close"].iloc[-1] > other["open"].iloc[-1])

    def custom_stake_amount(self, proposed_stake, min_stake, max_stake, entry_tag, **kwargs):
        return min(proposed_stake * 1.2, max_stake) if entry_tag == "deep" else proposed_stake / 2

    def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        return 0.02 if trade.max_rate > 1.015 * trade.open_rate else None

    def confirm_trade_exit(self, pair, trade, exit_reason, current_time, **kwargs):
        return exit_reason != "exit_signal" or current_time - trade.open_date_utc > timedelta(hours=2)

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        candles, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        if trade.enter_tag == "deep" and current_profit > 0.008 and candles["rsi"].iloc[-1] > 50:
            return f"rebound of {trade.open_rate}"
        return current_time - trade.open_date_utc > timedelta(hours=12) or None
"""


def bot_of(directory, text=CLASS, parameters="", candles=90):
    """The manifest of a bot of that class over four pairs with gaps."""
    (directory / "dips.py").write_text(text)
    path = gappy_bot(directory, candles=candles)
    head, _, rest = path.read_text().partition("  strategies:\n")
    risk = rest[rest.index("  risk:") :]
    file = f"{{file: {directory / 'dips.py'}{parameters}}}"
    path.write_text(f"{head}  strategies: [{{name: dips, kind: Freqtrade, parameters: {file}}}]\n{risk}")
    return path


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return bot_of(tmp_path_factory.mktemp("class"))


@pytest.fixture(scope="module")
def known():
    return {}


async def test_a_class_trades_on_paper_as_in_a_backtest(embedded, manifest):
    """To the last digit, on a market with gaps; with several kinds of exit."""
    paper = await on_paper(embedded, manifest)

    reasons = {trade["exit_reason"] for trade in paper["trades"]}
    assert len(paper["trades"]) > 10
    assert {"stop_loss", "exit_signal", "trailing_stop_loss", "custom_exit"} <= reasons
    assert any(reason.startswith("rebound of ") for reason in reasons)
    # A target of later: the one that rests is at 6 %.
    assert any(trade["exit_reason"] == "roi" and trade["profit_ratio"] < 0.05 for trade in paper["trades"])
    assert paper == backtested(manifest)


async def test_what_the_class_says_is_told_by_the_decision(embedded, manifest):
    """Each entry that it confirmed, each that it did not, and why it left."""
    async with embedded(sample=manifest, services=TRADING) as bot:
        await bot.wait()
        decisions = await bot.ask("engine", "decisions", limit=1000)
        (counted,) = bot.metrics.trades_closed.collect()
    closed = {one.labels["exit_reason"]: one.value for one in counted.samples if one.name.endswith("_total")}

    gates = {
        (one["verdict"], gate["verdict"], gate["value"])
        for one in decisions
        for gate in one["gates"]
        if gate["gate"] == "confirmation"
    }
    assert gates == {("GO", "GO", "confirmed"), ("NO-GO", "NO-GO", "not confirmed")}
    assert any(one["reason"].startswith("rebound of ") for one in decisions if one["action"] == "Exit")
    # What a class calls its reasons makes no metric of its own.
    assert closed["custom_exit"] > 2
    assert not any(name.startswith("rebound") for name in closed)


def test_a_bot_that_knows_no_later_candle_says_the_same(manifest):
    """Of a pair and of the other one that it looks at: what a bot on an exchange says on each candle."""
    bot = load_bot(manifest)
    recording = load_candles(bot)
    (dips,) = classes_of(bot, recording).values()

    for pair in recording.checked:
        series = recording.series[pair, "1h"]
        whole = dips.stances(series)
        for length in range(12, len(series), 5):
            grown = dips.stances(series.slice(0, length))
            assert (whole.side[length - 1], whole.confidence[length - 1]) == (grown.side[-1], grown.confidence[-1])


def test_killed_half_way_and_begun_again_it_decides_the_same(manifest, tmp_path):
    """A class that is loaded anew says of the next candle what it would have said."""
    assert os.WTERMSIG(_child(tmp_path, manifest, "after commit", 40)) == signal.SIGKILL
    assert 0 == _child(tmp_path, manifest)

    trades = json.loads((tmp_path / "outcome.json").read_text())["trades"]
    assert json.loads(json.dumps(backtested(manifest)["trades"], default=_text)) == trades


async def test_in_processes_it_stores_what_it_stores_in_one(split, expected):
    """Row for row: strategy alone has the class, and the engine waits for what it says, also while it is away."""
    await test_split.traded_with_restarts(split, "strategy")
    test_split.same(await test_split.rows(split), expected)


LIVE = """
import time
from freqtrade.strategy import IStrategy


class Often(IStrategy):
    timeframe = "1h"
    stoploss = -1
    minimal_roi = {}
    startup_candle_count = 300

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        if len(dataframe) > 501:
            time.sleep(600)
        return dataframe
"""


async def test_on_a_candle_without_an_answer_nothing_is_decided(live, script, tmp_path, monkeypatch):
    """It is asked again, and then the bot ends with the reason: what it did not say is not taken for anything."""
    monkeypatch.setattr("tradewind.kernel.runner.RETRY_PAUSES", (0.01,))
    (tmp_path / "often.py").write_text(LIVE)
    parameters = f"{{file: {tmp_path / 'often.py'}, timeLimit: 1.5}}"
    (tmp_path / "live.yaml").write_text(_live(parameters))
    async with live() as bot:
        for pair in PAIRS:
            script.tell(pair, 600)
        await ticks(bot, 600)
        before = await bot.ask("engine", "decisions")
        for pair in PAIRS:
            script.tell(pair, 601)
        with pytest.raises(TradewindError, match=r"within 1.5 seconds, and nothing is decided") as caught:
            async with asyncio.timeout(60):
                await bot.wait()
        after = await bot.ask("engine", "decisions")
        failed = _failures(bot, "timeout")

    assert "strategy often: Often did not answer for BTC/EUR 1h" in str(caught.value)
    assert {PAIRS[0]} <= {one["pair"] for one in before}
    assert before == after
    assert failed >= 2


BALKY = f"""
import time
from freqtrade.strategy import IStrategy


class Balky(IStrategy):
    timeframe = "1h"
    stoploss = -1
    minimal_roi = {{}}
    startup_candle_count = 300

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe

    def confirm_trade_entry(self, pair, current_time, **kwargs):
        match pair, round(current_time.timestamp() - {START // 1000}) // 3600 - 1:
            case "BTC/EUR", 600:
                time.sleep(600)
            case "ETH/EUR", 601:
                raise KeyError("missing")
        return True

    def custom_exit(self, pair, current_time, **kwargs):
        match pair, round(current_time.timestamp() - {START // 1000}) // 3600 - 1:
            case "BTC/EUR", 602:
                return 7
            case "BTC/EUR", 603:
                time.sleep(600)
            case "BTC/EUR", 604:
                return "enough"
"""


async def test_a_callback_without_an_answer_enters_nothing_and_leaves_nothing(live, script, tmp_path):
    """The bot goes on, decides all else on that candle, and asks again on the next one."""
    (tmp_path / "balky.py").write_text(BALKY)
    (tmp_path / "live.yaml").write_text(_live(f"{{file: {tmp_path / 'balky.py'}, callbackTimeLimit: 2.5}}"))
    async with live() as bot:
        for hour in range(600, 606):
            for pair in PAIRS:
                script.tell(pair, hour)
            await ticks(bot, hour)
        decisions = await bot.ask("engine", "decisions")
        troubles = [(await bot.ask(name, "state"))["failures"] for name in ("engine", "strategy")]
        failed = [_failures(bot, reason) for reason in ("timeout", "refused", "ended")]

    told = [(one["time"], one["pair"], one["verdict"], one["reason"]) for one in reversed(decisions)]
    assert sorted(((time - START) // HOUR, *rest) for time, *rest in told) == [
        (600, "BTC/EUR", "NO-GO", "confirmation"),
        (600, "ETH/EUR", "NO-GO", "confirmation"),
        (601, "BTC/EUR", "GO", "consensus"),
        (602, "ETH/EUR", "GO", "consensus"),
        (604, "BTC/EUR", "GO", "enough"),
    ]
    values = {one["pair"]: one["gates"][-1]["value"] for one in decisions if one["verdict"] == "NO-GO"}
    silent = "Balky.confirm_trade_entry did not answer for BTC/EUR within 2.5 seconds"
    assert silent in values["BTC/EUR"]
    # Who is silent is asked no more in that cycle: the bot waits for it once.
    assert values["ETH/EUR"].startswith(f"not asked: strategy often: {silent}")
    assert (troubles, failed) == ([0, 0], [2, 2, 0])


@pytest.mark.parametrize(
    ("callback", "flatten"), [("custom_exit", True), ("confirm_trade_entry", False)], ids=["held", "entering"]
)
async def test_an_emergency_stop_waits_for_no_class(embedded, tmp_path, callback, flatten):
    """What is being asked is put off: nothing is entered, and what is held is sold."""
    asked = tmp_path / "asked"
    hangs = f"{callback}(self, pair, **kwargs):\n        open({str(asked)!r}, 'w').write(pair)\n        time.sleep(600)"
    text = CLASS.replace(f"def {callback}(self, pair,", f"def {hangs}\n\n    def unused_{callback}(self, pair,")
    path = bot_of(tmp_path, "import time" + text, ", callbackTimeLimit: 20")
    async with embedded(sample=path) as bot:
        await until(partial(_is_written, asked))
        pair = asked.read_text()
        async with asyncio.timeout(10):
            answer = await bot.ask("engine", "emergency_stop", actor="test", reason="test", flatten=flatten)
        await until(partial(_sold, bot))
        decisions = await bot.ask("engine", "decisions", pair=pair)
        orders = await bot.ask("execution", "summary")

    assert (answer["state"], answer["troubles"]) == ("EmergencyStopped", [])
    if flatten:
        assert pair in answer["exits"]
        assert "emergency_exit" == decisions[0]["reason"]
    else:
        assert "GO" not in {one["verdict"] for one in decisions}
        assert 0 == orders["filled"]


async def _is_written(path):
    return path.exists() and path.read_text()


async def _sold(bot):
    return not (await bot.ask("portfolio", "snapshot"))["positions"]


def _failures(bot, reason):
    return bot.metrics.strategy_failures.labels(bot.bot.key, "often", reason)._value.get()


def _live(parameters):
    head, _, rest = MANIFEST.partition("  strategies: ")
    tail = rest.partition("\n")[2]
    return f"{head}  strategies: [{{name: often, kind: Freqtrade, parameters: {parameters}}}]\n{tail}"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("return dataframe\n\n    def populate_ind", "return dataframe[1:]\n\n    def populate_ind", " rows for "),
        ("stoploss = -0.04", "stoploss = -0.04\n    exit_profit_only = True", "Dips.exit_profit_only: received True"),
        ("stoploss = -0.04", "stoploss = -0.04\n    startup_candle_count = 401", "write 401"),
        ('informative("4h")', 'informative("4h", "BTC/{stake}")', "spec.pairs: received no candles of BTC/EUR 4h;"),
        ('informative("4h")', 'informative("30m")', "spec.pairs: received no candles of CCC/EUR 30m;"),
        ('dataframe["rsi"] =', 'self.wallets.get_free("EUR")\n        dataframe["rsi"] =', "Dips.wallets.get_free"),
        (
            'dataframe["rsi"] =',
            'self.dp.ticker("AAA/EUR")\n        dataframe["rsi"] =',
            "Dips.dp: received ticker of AAA",
        ),
        ('dataframe["rsi"] =', 'self.lock_pair("AAA/EUR", 0)\n        dataframe["rsi"] =', "Trade or PairLocks"),
        (
            "def populate_exit_trend",
            "def order_filled(self):\n        pass\n\n    def populate_exit_trend",
            "Dips: received order_filled; allowed: no order_filled: fills are known when the next candle",
        ),
        (
            "def populate_exit_trend",
            "def leverage(self):\n        pass\n\n    def populate_exit_trend",
            "Dips.leverage",
        ),
        ("class Dips(IStrategy)", "class Dips(IStrategy, Missing)", "name 'Missing' is not defined"),
        ("import IStrategy", "import IStrategy, Nothing", "cannot import name 'Nothing'"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(tmp_path, old, new, told):
    """A backtest refuses what the bot would refuse: they load the class by the same function."""
    assert old in CLASS
    path = bot_of(tmp_path, CLASS.replace(old, new, 1), candles=60)

    with pytest.raises(ConfigError) as caught:
        given_by(load_bot(path))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("stop_loss", "spec.risk.stopLoss: received nothing, while Dips.stoploss is -0.04;"),
        ("take_profit", "spec.risk.takeProfit: received nothing, while Dips.minimal_roi is {'0': 0.06, '360': -0.01};"),
        ("trailing_stop", "spec.risk.trailingStop: received nothing, while Dips.trailing_stop is True;"),
    ],
)
def test_a_stop_that_the_class_has_and_the_manifest_has_not_is_refused(manifest, override, told):
    """Nobody would place it."""
    bot = load_bot(manifest)
    risk = bot.spec.risk.model_copy(update={override: None})
    silent = bot.model_copy(update={"spec": bot.spec.model_copy(update={"risk": risk})})

    with pytest.raises(ConfigError) as caught:
        given_by(silent)
    assert told in str(caught.value)


async def test_a_bot_without_its_file_says_where_it_should_be(embedded, tmp_path):
    """Before anything trades."""
    path = bot_of(tmp_path)
    (tmp_path / "dips.py").unlink()

    with pytest.raises(ConfigError, match=r"spec.strategies\[0\].parameters.file: received .*dips.py; allowed"):
        async with embedded(sample=path):
            """It does not begin."""
