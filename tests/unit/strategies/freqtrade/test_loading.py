"""A strategy file becomes the object that runs, or a line that says what is in the way."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

from tradewind.domain.errors import ConfigError
from tradewind.strategies.freqtrade.configuration import settings_of
from tradewind.strategies.freqtrade.imports import MODULES, freqtrade_imports
from tradewind.strategies.freqtrade.loading import load_strategy

CONFIG = {"stake_currency": "EUR", "stake_amount": 100, "max_open_trades": 3, "dry_run_wallet": 1000}


@pytest.fixture
def load(tmp_path):
    """Load a strategy of the given body, with the given configuration."""

    def loaded(body, *, head="", parameters=None, **config):
        text = f"from freqtrade.strategy import IStrategy\n{head}\nclass Mine(IStrategy):\n    stoploss = -0.1\n"
        (tmp_path / "mine.py").write_text(text + textwrap.indent(textwrap.dedent(body), "    ") + "\n    pass\n")
        if parameters is not None:
            (tmp_path / "mine.json").write_text(json.dumps({"strategy_name": "Mine", "params": parameters}))
        return load_strategy(tmp_path / "mine.py", {**CONFIG, **config})

    return loaded


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("can_short = True", "Mine.can_short"),
        ("use_custom_roi = True", "Mine.use_custom_roi"),
        ("order_types = {'entry': 'market', 'exit': 'limit'}", "Mine.order_types"),
        ("order_time_in_force = {'entry': 'FOK'}", "Mine.order_time_in_force"),
        ("def adjust_order_price(self, **kwargs): pass", "Mine.adjust_order_price"),
        ("def adjust_entry_price(self, **kwargs): pass", "Mine.adjust_entry_price"),
        ("def custom_roi(self, **kwargs): pass", "Mine.custom_roi"),
        ("def populate_buy_trend(self, d, m): return d", "Mine.populate_buy_trend"),
        ("def set_freqai_targets(self, d, m): return d", "Mine.set_freqai_targets"),
        ("timeframe = '7m'", "Mine.timeframe"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_its_name(load, body, field):
    """With the fix in the same line."""
    with pytest.raises(ConfigError) as refused:
        load(body)

    assert field == refused.value.field
    assert refused.value.fix


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"trading_mode": "futures"}, "trading_mode"),
        ({"freqai": {"enabled": True}}, "freqai"),
        ({"timeframe_detail": "1m"}, "timeframe_detail"),
        ({"pairlists": [{"method": "VolumePairList"}]}, "pairlists"),
    ],
)
def test_a_configuration_that_cannot_be_honoured_is_refused_by_its_name(load, config, field):
    """Futures, FreqAI, detail timeframes and lists of pairs that change."""
    with pytest.raises(ConfigError) as refused:
        load("", **config)

    assert field == refused.value.field


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_of_that_name", "nothing_of_that_name"),
        ("import freqtrade.rpc", "Tradewind has no freqtrade.rpc"),
        ("1 / 0", "ZeroDivisionError"),
        ("def broken(:", "SyntaxError"),
        ("", "no class that derives from IStrategy"),
        ("from freqtrade.strategy import IStrategy\nclass A(IStrategy): pass\nclass B(IStrategy): pass", "holds A, B"),
        ("from freqtrade.strategy import IStrategy\nclass A(IStrategy):\n  def __init__(self): pass", "TypeError"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_in_one_line(tmp_path, text, words):
    """It does not import, or holds no strategy, or several."""
    (tmp_path / "bad.py").write_text(text)

    with pytest.raises(ConfigError, match=words) as refused:
        load_strategy(tmp_path / "bad.py", dict(CONFIG))

    assert 1 == len(str(refused.value).splitlines())


def test_a_file_that_is_not_there_is_named(tmp_path):
    """Whatever its ending."""
    with pytest.raises(ConfigError, match=r"none\.py"):
        load_strategy(tmp_path / "none.py", dict(CONFIG))


def test_of_several_classes_the_configuration_names_one(tmp_path):
    """One may derive from the other, and from a module beside it."""
    (tmp_path / "base_of_it.py").write_text("from freqtrade.strategy import IStrategy\nclass Base(IStrategy):\n  a = 1")
    (tmp_path / "two.py").write_text(
        "from base_of_it import Base\nclass One(Base):\n  stoploss = -0.1\nclass Two(One):\n  a = 2"
    )

    strategy = load_strategy(tmp_path / "two.py", {**CONFIG, "strategy": "Two"})

    assert ("Two", 2, -0.1) == (strategy.get_strategy_name(), strategy.a, strategy.stoploss)


def test_what_stands_beside_a_strategy_is_its_own(tmp_path):
    """Two people may have called a module the same; the first one keeps what it has imported."""
    loaded = {}
    for name, number in (("one", 1), ("two", 2), ("again", 3)):
        folder = tmp_path / name
        (folder / "parts").mkdir(parents=True)
        (folder / "levels_of_it.py").write_text(f"LEVEL = {number}\n")
        (folder / "parts" / "deep.py").write_text(f"DEPTH = {number}\n")
        (folder / "mine.py").write_text(
            "from freqtrade.strategy import IStrategy\nimport levels_of_it\nfrom parts import deep\n"
            "class Mine(IStrategy):\n  stoploss = -0.1\n  def told(self): return levels_of_it.LEVEL, deep.DEPTH"
        )
        loaded[number] = load_strategy(folder / "mine.py", dict(CONFIG))

    assert [(number, number) for number in loaded] == [one.told() for one in loaded.values()]


def test_the_configuration_wins_over_the_parameter_file_and_that_over_the_strategy(load):
    """Attributes, and the values of parameters by their space; those with load=False keep their default."""
    strategy = load(
        """
        minimal_roi = {"0": 0.5}
        trailing_stop = False
        buy_params = {"buy_level": 33, "fast": 7}
        buy_level = IntParameter(10, 50, default=30, space="buy")
        buy_shift = DecimalParameter(0, 1, default=0.12345)
        sell_level = IntParameter(50, 90, default=70, load=False)
        enter_side = CategoricalParameter(["a", "b"], default="b")
        fast = IntParameter(5, 20, default=10, space="buy")
        wait = BooleanParameter(default=True, space="protection")
        """,
        head="from freqtrade.strategy import BooleanParameter, CategoricalParameter, DecimalParameter, IntParameter",
        parameters={
            "buy": {"buy_level": 41, "buy_shift": 0.45678, "enter_side": "a"},
            "sell": {"sell_level": 88},
            "protection": {"wait": False},
            "roi": {"0": 0.02},
            "stoploss": {"stoploss": -0.2},
            "trailing": {"trailing_stop": True, "trailing_stop_positive": 0.01},
        },
        trailing_stop_positive=0.03,
    )

    assert (41, 0.457, 70, "a", False) == tuple(
        parameter.value
        for parameter in (
            strategy.buy_level,
            strategy.buy_shift,
            strategy.sell_level,
            strategy.enter_side,
            strategy.wait,
        )
    )
    assert [41] == list(strategy.buy_level.range)
    assert ({"0": 0.02}, -0.2, True, 0.03) == (
        strategy.minimal_roi,
        strategy.stoploss,
        strategy.trailing_stop,
        strategy.trailing_stop_positive,
    )


def test_without_a_file_the_parameters_of_the_class_count(load):
    """And without those the defaults; one file's values do not leak into the next load."""
    head = "from freqtrade.strategy import IntParameter, RealParameter"
    body = (
        'buy_params = {"buy_a": 33}\nbuy_a = IntParameter([10, 50], default=30)\nb = RealParameter(0, 1, default=0.5)'
    )

    strategy = load(body, head=head)

    assert (33, 0.5, "IntParameter(33)") == (strategy.buy_a.value, strategy.b.value, repr(strategy.buy_a))
    assert 30 == type(strategy).buy_a.value


@pytest.mark.parametrize("call", ["IntParameter(1, default=1)", "CategoricalParameter(['a'])"])
def test_a_parameter_that_makes_no_sense_is_told_when_the_file_is_read(load, call):
    """Its bounds are missing, or its choice."""
    with pytest.raises(ConfigError, match=r"ValueError|TypeError"):
        load(f"a = {call}", head="from freqtrade.strategy import CategoricalParameter, IntParameter")


def test_a_broken_parameter_file_is_named(load, tmp_path):
    """Not silently left out."""
    (tmp_path / "mine.json").write_text("[]")

    with pytest.raises(ConfigError, match=r"mine\.json"):
        load("")


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_module_that_is_offered_can_be_imported(name):
    """By its name, in the process that loads strategies."""
    with freqtrade_imports():
        assert name == __import__(name, fromlist=["x"]).__name__


def test_the_imports_of_a_strategy_leave_other_processes_alone():
    """Nothing named freqtrade is installed: outside of the loading there is none."""
    code = "import tradewind.strategies.freqtrade.loading, importlib.util as u; print(u.find_spec('freqtrade'))"

    assert "None" == subprocess.check_output([sys.executable, "-c", code], text=True).strip()


def test_where_freqtrade_itself_is_loaded_it_keeps_its_modules(tmp_path):
    """In such a process strategies are refused, in words; its own classes stay its own."""
    (tmp_path / "freqtrade").mkdir()
    (tmp_path / "freqtrade" / "__init__.py").write_text("name = 'the real one'")
    (tmp_path / "mine.py").write_text("from freqtrade.strategy import IStrategy")
    code = (
        "import freqtrade, sys, pathlib\n"
        "from tradewind.strategies.freqtrade.loading import load_strategy\n"
        "try:\n    load_strategy(pathlib.Path(sys.argv[1]), {})\n"
        "except Exception as error:\n    print(error)\n"
        "print(freqtrade.name)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "mine.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "freqtrade itself is loaded" in told
    assert told.endswith("the real one\n")


def test_where_freqtrade_is_only_installed_ours_is_found(tmp_path):
    """It is not imported, so nothing mixes."""
    (tmp_path / "freqtrade").mkdir()
    (tmp_path / "freqtrade" / "__init__.py").write_text("raise RuntimeError('the real one')")
    (tmp_path / "mine.py").write_text(
        "from freqtrade.strategy import IStrategy\nclass A(IStrategy):\n  stoploss = -0.1"
    )
    code = (
        "import sys, pathlib\nfrom tradewind.strategies.freqtrade.loading import load_strategy\n"
        f"print(load_strategy(pathlib.Path(sys.argv[1]), {CONFIG!r}).get_strategy_name())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "mine.py")]

    assert "A" == subprocess.check_output(command, cwd=tmp_path, text=True).strip()


class TestSettings:
    """What the rules are given."""

    def test_defaults_are_those_that_are_documented(self, load):
        found = settings_of(load(""), {**CONFIG, "unfilledtimeout": {"entry": 2, "unit": "seconds"}}, 0.002)

        assert (0.002, 2.0, None, True, False, -1) == (
            found.fee,
            found.entry_timeout,
            found.exit_timeout,
            found.use_exit_signal,
            found.exit_profit_only,
            found.max_entry_position_adjustment,
        )
        assert (100.0, 3.0, 1000.0, 0.99) == (
            found.stakes.stake_amount,
            found.stakes.max_open_trades,
            found.stakes.dry_run_wallet,
            found.stakes.tradable_balance_ratio,
        )

    def test_a_wallet_of_several_currencies_counts_the_stake_currency(self, load):
        config = {**CONFIG, "dry_run_wallet": {"EUR": 700, "BTC": 1}, "available_capital": 300}

        assert (700.0, 300.0) == (
            settings_of(load(""), config, 0.0).stakes.dry_run_wallet,
            settings_of(load(""), config, 0.0).stakes.available_capital,
        )

    def test_minus_one_slots_are_no_limit(self, load):
        strategy = load("", max_open_trades=-1)

        assert float("inf") == settings_of(strategy, strategy.config, 0.0).stakes.max_open_trades

    @pytest.mark.parametrize(
        ("body", "config", "field"),
        [
            ("stoploss = 0.1", {}, "Mine.stoploss"),
            ("minimal_roi = {'a': 1}", {}, "Mine.minimal_roi"),
            ("trailing_only_offset_is_reached = True", {}, "Mine.trailing_only_offset_is_reached"),
            ("trailing_stop_positive = 0.0", {}, "Mine.trailing_stop_positive"),
            ("", {"available_capital": 0}, "available_capital"),
            ("", {"stake_amount": None}, "stake_amount"),
            ("", {"stake_amount": "much"}, "stake_amount"),
            ("", {"stake_amount": "unlimited", "max_open_trades": -1}, "stake_amount"),
            ("", {"max_open_trades": -3}, "max_open_trades"),
            ("", {"unfilledtimeout": {"unit": "hours"}}, "unfilledtimeout.unit"),
            ("protections = [{'method': 'Luck'}]", {"enable_protections": True}, "protections.method"),
            (
                "protections = [{'method': 'CooldownPeriod', 'unlock_at': '26:00'}]",
                {"enable_protections": True},
                "protections.unlock_at",
            ),
        ],
    )
    def test_a_setting_that_makes_no_sense_is_named(self, load, body, config, field):
        strategy = load(body, **config)

        with pytest.raises(ConfigError) as refused:
            settings_of(strategy, strategy.config, 0.0)

        assert field == refused.value.field

    def test_protections_count_only_if_enabled_and_those_of_the_configuration_win(self, load):
        body = "protections = [{'method': 'CooldownPeriod', 'stop_duration_candles': 1}]"
        rules = [
            {"method": "StoplossGuard", "lookback_period": 90, "unlock_at": "18:00"},
            {"method": "MaxDrawdown", "lookback_period_candles": 4, "stop_duration": 1, "calculation_mode": "equity"},
        ]

        assert () == settings_of(load(body), CONFIG, 0.0).protections
        (own,) = settings_of(load(body), {**CONFIG, "enable_protections": True}, 0.0).protections
        assert ("for 1 candle", 5) == (own.stop_text, own.stop_duration)
        guard, fall = settings_of(
            load(body), {**CONFIG, "enable_protections": True, "protections": rules}, 0
        ).protections
        assert ("until 18:00", 1080, 90, 10) == (guard.stop_text, guard.unlock_at, guard.lookback, guard.trade_limit)
        assert ("for 1 minute", 20, "4 candles", True) == (
            fall.stop_text,
            fall.lookback,
            fall.lookback_text,
            fall.relative_drawdown,
        )
