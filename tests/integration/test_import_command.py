"""`tradewind import freqtrade`: a configuration becomes a manifest, and no key of it is lost without a word."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from tradewind.cli.main import app, exit_code
from tradewind.contracts.api.document import load_bot

ROOT = Path(__file__).parents[2]
CANDLES = ROOT / "services" / "tradewind" / "market_data" / "samples" / "bitvavo-2022"
CONFIG = {
    "bot_name": "My Bot",
    "stake_currency": "EUR",
    "stake_amount": "unlimited",
    "dry_run_wallet": {"EUR": 2500, "BTC": 1},
    "max_open_trades": 3,
    "timeframe": "1h",
    "fee": 0.002,
    "stoploss": -0.1,
    "minimal_roi": {"0": 0.04},
    "exchange": {"name": "bitvavo", "pair_whitelist": ["BTC/EUR", "ETH/EUR", "SOL/EUR"], "pair_blacklist": ["S.*/EUR"]},
    "pairlists": [{"method": "StaticPairList"}],
}
STRATEGY = """
import talib.abstract as ta
from freqtrade.strategy import IStrategy


class Mine(IStrategy):
    timeframe = "1h"
    stoploss = -0.07
    minimal_roi = {"0": 0.03, "720": 0.01}
    trailing_stop = True
    trailing_stop_positive = 0.02
    trailing_stop_positive_offset = 0.025
    trailing_only_offset_is_reached = True

    def populate_indicators(self, dataframe, metadata):
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=14)
        longer = self.dp.get_pair_dataframe("ETH/EUR", "4h")
        assert longer["date"].diff().dropna().eq("4h").all()
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["rsi"] < 30, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["rsi"] > 60, "exit_long"] = 1
        return dataframe
"""


@pytest.fixture
def moved(tmp_path):
    """Import a configuration: CONFIG with changes, or a text."""

    def done(*words, text=None, **changes):
        config = tmp_path / "config.json"
        config.write_text(json.dumps(CONFIG | changes) if text is None else text)
        return CliRunner().invoke(app, ["import", "freqtrade", str(config), *map(str, words)])

    return done


def test_what_a_manifest_says_as_well_is_in_it(moved):
    """The blacklist's expressions are applied to the pairs that are named."""
    done = moved()

    assert 0 == done.exit_code, done.output
    spec = yaml.safe_load(done.stdout)["spec"]
    assert "my-bot" == yaml.safe_load(done.stdout)["metadata"]["name"]
    assert ["BTC/EUR", "ETH/EUR"] == spec["pairs"]["include"]
    assert {"currency": "EUR", "startingBalance": "2500", "stakeAmount": "Unlimited", "tradableRatio": "0.99"} == (
        spec["capital"]
    )
    assert {"maxOpenPositions": 3, "stopLoss": "0.1", "takeProfit": {"distance": "0.04"}} == spec["risk"]
    assert ("Paper", True, "1h", {"source": "Exchange"}) == tuple(
        spec[name] for name in ("mode", "suspended", "timeframe", "data")
    )
    assert {"maker": "0.002", "taker": "0.002"} == spec["exchanges"][0]["fees"]
    told = re.findall("^note: ([^:]+):", done.stderr, re.MULTILINE)
    assert ["strategy", "spec.risk", "dry_run_wallet (BTC)"] == told


def test_comments_trailing_commas_and_added_files_are_read_as_freqtrade_reads_them(moved, tmp_path):
    """What the naming file says wins; of files that it adds the last."""
    (tmp_path / "one.json").write_text('{"max_open_trades": 7, "exchange": {"name": "kraken"}, "stoploss": -0.2}')
    (tmp_path / "two.json").write_text('{"stoploss": -0.3, /* more */ "exchange": {"pair_whitelist": ["X/EUR"],},}')
    text = json.dumps({**CONFIG, "add_config_files": ["one.json", "two.json"]}, indent=1)
    text = text.replace(' "stoploss": -0.1,\n', " // stoploss here\n").replace('"My Bot"', '"My // Bot /* 1 */"')
    done = moved(text=text.rstrip("}\n") + ",\n}\n")

    assert 0 == done.exit_code, done.output
    found = yaml.safe_load(done.stdout)
    assert "my-bot-1" == found["metadata"]["name"]
    assert (3, "0.3") == (found["spec"]["risk"]["maxOpenPositions"], found["spec"]["risk"]["stopLoss"])
    assert ("bitvavo", ["BTC/EUR", "ETH/EUR"]) == (
        found["spec"]["exchanges"][0]["name"],
        found["spec"]["pairs"]["include"],
    )


def test_a_key_that_a_manifest_cannot_say_is_told_with_what_becomes_of_it(moved, tmp_path):
    """In the manifest's head too; a value that changes nothing is not told."""
    left = {
        "unfilledtimeout": {"entry": 10},
        "order_types": {"entry": "limit"},
        "exit_profit_only": True,
        "protections": [{"method": "CooldownPeriod"}],
        "dry_run": False,
        "internals": {"process_throttle_secs": 5},
        "a_key_of_tomorrow": 1,
        "initial_state": "paused",
        "dry_run_wallet": 100,
    }
    done = moved("-o", tmp_path / "bot.yaml", **left, use_exit_signal=True, process_only_new_candles=True)

    assert 0 == done.exit_code, done.output
    told = re.findall("^note: ([a-z_.]+):", done.stderr, re.MULTILINE)
    assert ["strategy", "spec.risk", *list(left)[:-2], "initial_state"] == told
    assert all(f"#   {name}: " in (tmp_path / "bot.yaml").read_text() for name in told)
    assert "my-bot" == load_bot(tmp_path / "bot.yaml").metadata.name


def test_secrets_are_named_and_nowhere_else(moved):
    """Neither in the manifest nor in what is told."""
    exchange = {**CONFIG["exchange"], "key": "S3CR", "secret": "S3CR", "ccxt_config": {"apiKey": "S3CR", "proxies": {}}}
    done = moved(
        exchange=exchange,
        telegram={"enabled": True, "token": "S3CR", "chat_id": 5353},
        api_server={"enabled": True, "jwt_secret_key": "S3CR", "password": "S3CR"},
        db_url="postgresql://user:S3CR@host/x",
    )

    assert 0 == done.exit_code, done.output
    assert "S3CR" not in done.output
    assert "5353" not in done.output
    named = "exchange.key, exchange.secret, exchange.ccxt_config.apiKey, telegram.token, telegram.chat_id,"
    assert f"secret: {named} api_server.jwt_secret_key, api_server.password, db_url: not in the manifest" in done.stderr
    assert "TRADEWIND_CREDENTIALS__BITVAVO__API_KEY_FILE" in done.stderr


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"trading_mode": "futures", "margin_mode": "isolated"}, ["trading_mode: received futures", "margin_mode"]),
        ({"freqai": {"enabled": True}}, ["freqai: received enabled"]),
        ({"position_adjustment_enable": True}, ["position_adjustment_enable: received True"]),
        ({"pairlists": [{"method": "VolumePairList"}]}, ["pairlists: received VolumePairList"]),
        ({"stake_currency": None, "timeframe": None}, ["stake_currency: received nothing", "timeframe: received"]),
        ({"max_open_trades": 1.5}, ["max_open_trades: received 1.5"]),
        ({"stoploss": 0.1}, ["stoploss: received 0.1"]),
        ({"minimal_roi": [1]}, ["minimal_roi: received [1]"]),
        ({"stake_amount": "much"}, ["stake_amount: received much"]),
        ({"exchange": {"name": "x", "pair_whitelist": ["(BTC|ETH)/EUR"]}}, ["exchange.pair_whitelist: received (BTC"]),
        ({"exchange": {"name": "x", "pair_whitelist": []}}, ["exchange.pair_whitelist: received []"]),
        ({"exchange": {"name": "x", "pair_whitelist": ["BTC/EUR"], "pair_blacklist": ["("]}}, ["pair_blacklist"]),
        ({"timeframe": "1x"}, ["spec.timeframe: received 1x"]),
        ({"text": "{"}, ["config.json: received Expecting property name"]),
        ({"text": "[]"}, ["config.json: received list"]),
        ({"add_config_files": ["gone.json"]}, ["gone.json: received No such file"]),
        ({"add_config_files": ["config.json"]}, ["add_config_files: received"]),
        ({"add_config_files": "more.json"}, ["add_config_files: received more.json"]),
    ],
)
def test_what_would_trade_otherwise_is_refused_by_its_key(moved, changes, told):
    """All of it at once, and no manifest is made."""
    done = moved(**changes)

    assert 3 == exit_code(done.exception), done.output
    lines = str(done.exception).splitlines()
    assert len(told) == len(lines)
    assert all(words in line and "; fix: " in line for words, line in zip(told, lines, strict=True))
    assert "" == done.stdout


@pytest.mark.parametrize(
    ("settings", "follows", "told"),
    [
        ({}, {"distance": "0.1", "activation": "0"}, False),
        ({"trailing_stop_positive_offset": 0.05}, {"distance": "0.1", "activation": "0"}, False),
        (
            {"trailing_stop_positive_offset": 0.02, "trailing_only_offset_is_reached": True},
            {"distance": "0.1", "activation": "0.02"},
            False,
        ),
        (
            {"trailing_stop_positive": 0.01, "trailing_stop_positive_offset": 0.02},
            {"distance": "0.01", "activation": "0.02"},
            True,
        ),
    ],
)
def test_a_trailing_stop_is_as_near_as_a_manifest_can_be(moved, settings, follows, told):
    """And where it is not the same, that is told."""
    done = moved(trailing_stop=True, **settings)

    assert 0 == done.exit_code, done.output
    assert follows == yaml.safe_load(done.stdout)["spec"]["risk"]["trailingStop"]
    assert told == ("note: trailing_stop_positive_offset: the stop stays" in done.stderr)


def test_a_configuration_is_not_written_over(moved, tmp_path):
    assert "--output: received" in str(moved("-o", tmp_path / "config.json").exception)


def test_no_limit_and_patterns_have_their_words(moved):
    """No stop, any number of trades, every pair of a currency but some."""
    exchange = {"name": "binance", "pair_whitelist": [".*/EUR"], "pair_blacklist": ["BNB/.*"]}
    done = moved(
        "--kind", "DonchianBreakout", exchange=exchange, max_open_trades=-1, stoploss=-1, available_capital=500
    )

    assert 0 == done.exit_code, done.output
    spec = yaml.safe_load(done.stdout)["spec"]
    assert {"include": ["*/EUR"], "exclude": ["BNB/*"]} == spec["pairs"]
    assert {"maxOpenPositions": 100, "takeProfit": {"distance": "0.04"}} == spec["risk"]
    assert ("500", "1") == (spec["capital"]["startingBalance"], spec["capital"]["tradableRatio"])
    assert ("DonchianBreakout", False) == (spec["strategies"][0]["kind"], "suspended" in spec)


def test_a_bot_that_was_moved_is_backtested_with_its_strategy(moved, tmp_path):
    """Its class has the settings that the configuration leaves to it, and its signals trade by the native rules."""
    strategy, target = tmp_path / "mine.py", tmp_path / "bot.yaml"
    strategy.write_text(STRATEGY)
    small = {name: value for name, value in CONFIG.items() if name not in {"timeframe", "stoploss", "minimal_roi"}}
    done = moved("--strategy", strategy, "--data", CANDLES, "-o", target, text=json.dumps(small))

    assert 0 == done.exit_code, done.output
    told = "note: minimal_roi: a target that rests does not change with time: the one target is 0.03; later ones are"
    assert told in done.stderr
    risk = yaml.safe_load(target.read_text())["spec"]["risk"]
    assert ("0.07", {"distance": "0.03"}) == (risk["stopLoss"], risk["takeProfit"])
    assert {"distance": "0.02", "activation": "0.025"} == risk["trailingStop"]
    words = ["backtest", str(target), "--strategy", str(strategy), "--timerange", "20220101-20220301", "-o", "json"]
    traded = CliRunner().invoke(app, words)
    assert 0 == traded.exit_code, traded.output
    found = json.loads(traded.stdout)
    assert len(found["trades"]) > 5
    assert {"exit_signal", "stop_loss"} <= {trade["exitReason"] for trade in found["trades"]}
    alone = CliRunner().invoke(app, ["backtest", str(target), *words[4:]])
    untagged = [
        [{**one, "entryTag": ""} for one in told] for told in (found["trades"], json.loads(alone.stdout)["trades"])
    ]
    assert untagged[0] == untagged[1]


def test_a_bot_that_was_moved_with_its_class_trades_by_it(moved, tmp_path):
    """Wherever the manifest is written, the file is beside it; it warms up for as long as the class says."""
    strategy, target = tmp_path / "strategies" / "mine.py", tmp_path / "bots" / "bot.yaml"
    strategy.parent.mkdir()
    target.parent.mkdir()
    strategy.write_text(STRATEGY.replace("    stoploss", "    startup_candle_count = 777\n    stoploss"))
    done = moved("--strategy", strategy, "--data", CANDLES, "-o", target)

    assert 0 == done.exit_code, done.output
    spec = yaml.safe_load(target.read_text())["spec"]
    assert "suspended" not in spec
    expected = {"file": "../strategies/mine.py", "className": "Mine", "configMap": "mine", "startupCandles": 777}
    assert [{"name": "mine", "kind": "Freqtrade", "parameters": expected}] == spec["strategies"]
    assert "kubectl create configmap mine --from-file=../strategies/mine.py" in done.stderr
    peeks = CliRunner().invoke(app, ["lookahead-analysis", str(target), "--timerange", "20220101-20220301"])
    assert 0 == peeks.exit_code, peeks.output
    strategy.write_text(strategy.read_text().replace('["rsi"] < 30', '["close"].shift(-1) > dataframe["close"]'))
    peeks = CliRunner().invoke(app, ["lookahead-analysis", str(target), "--timerange", "20220101-20220301"])
    assert 1 == peeks.exit_code, peeks.output


def test_a_class_with_callbacks_becomes_a_bot_too(moved, tmp_path):
    """Its stop too, where the configuration and the class say the same of it."""
    strategy, target = tmp_path / "mine.py", tmp_path / "bot.yaml"
    stop = "    def custom_stoploss(self, pair, trade, current_rate, current_profit, **kwargs):\n        return 0.02\n"
    text = STRATEGY.replace("    stoploss", "    use_custom_stoploss = True\n    stoploss")
    strategy.write_text(f"{text}\n{stop}    def custom_exit(self, current_profit, **kwargs):\n        return True\n")
    done = moved("--strategy", strategy, "--data", CANDLES, "-o", target)

    assert 0 == done.exit_code, done.output
    assert "suspended" not in yaml.safe_load(target.read_text())["spec"]
    words = ["backtest", str(target), "--timerange", "20220101-20220201", "-o", "json"]
    traded = CliRunner().invoke(app, words)
    assert 0 == traded.exit_code, traded.output
    assert "custom_exit" in {trade["exitReason"] for trade in json.loads(traded.stdout)["trades"]}

    done = moved("--strategy", strategy, "--data", CANDLES, "-o", target, use_custom_stoploss=False)
    assert 3 == exit_code(done.exception), done.output
    told = (
        "use_custom_stoploss: received False; allowed: True, as Mine has it: a bot reads the class alone; fix: set Mine"
    )
    assert str(done.exception).startswith(told)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("stoploss =", "protections = [{'method': 'CooldownPeriod'}]\n    stoploss =", "Mine.protections: received"),
        ('{"0": 0.03, "720": 0.01}', '{"720": 0.01}', "spec.risk.takeProfit: received nothing, while Mine.minimal_roi"),
        ("stoploss =", "leverage = lambda self, **kwargs: 2.0\n    stoploss =", "Mine.leverage: received a method"),
    ],
)
def test_a_class_that_no_bot_honours_becomes_none(moved, tmp_path, old, new, told):
    """Nothing is written, and what is in the way is told by its name."""
    strategy, target = tmp_path / "mine.py", tmp_path / "bot.yaml"
    assert old in STRATEGY
    strategy.write_text(STRATEGY.replace(old, new, 1))
    text = json.dumps({name: value for name, value in CONFIG.items() if name != "minimal_roi"})
    done = moved("--strategy", strategy, "-o", target, text=text)

    assert 3 == exit_code(done.exception), done.output
    assert str(done.exception).startswith(told)
    assert not target.exists()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            "    def order_filled(self, **kwargs):\n        return None\n",
            "Mine: received order_filled; allowed: no order_filled: fills are known",
        ),
        ("    exit_profit_only = True\n", "Mine.exit_profit_only: received True"),
        ("    def bot_start(self, **kwargs):\n        1 / 0\n", "Mine.bot_start: received ZeroDivisionError"),
        (
            "    def informative_of(self):\n        pass\n".replace("informative_of", "populate_exit_trend")
            .replace("(self)", "(self, dataframe, metadata)")
            .replace("pass", "self.dp.get_pair_dataframe('SOL/EUR', '1h')"),
            "spec.pairs: received no candles of SOL/EUR 1h",
        ),
    ],
    ids=["callback", "setting", "start", "pair"],
)
def test_a_class_that_native_rules_cannot_honour_is_refused_by_name(moved, tmp_path, body, told):
    strategy, target = tmp_path / "mine.py", tmp_path / "bot.yaml"
    strategy.write_text(STRATEGY + "\n" + body)
    assert 0 == moved("--data", CANDLES, "-o", target, trailing_stop=True).exit_code

    done = CliRunner().invoke(app, ["backtest", str(target), "--strategy", str(strategy)])

    assert 3 == exit_code(done.exception), done.output
    assert str(done.exception).startswith(told)
