"""A class of somebody's in a process of its own: what it says, and what becomes of one that does not say it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from tradewind.contracts.api.document import parse_bot
from tradewind.domain.callbacks import Callback, Question, Reply
from tradewind.domain.decision import HeldPosition
from tradewind.domain.errors import ConfigError, TemporaryError, TradewindError
from tradewind.kernel.telemetry.metrics import Metrics
from tradewind.market_data.adapters.synthetic import synthetic_series
from tradewind.strategies.freqtrade.named import named_class
from tradewind.strategies.freqtrade.voting import FileStrategy
from tradewind.strategy import apart
from tradewind.strategy.apart import ApartStrategy, TimeLimits

SERIES = synthetic_series("AAA/EUR", "1h", seed=3, candles=60, start_price=100.0, volatility=0.02)
OTHER = synthetic_series("BBB/EUR", "1h", seed=5, candles=60, start_price=100.0, volatility=0.02)
CHECKS = "stoploss = -1\n    disable_dataframe_checks = True"
CLASS = """
import os, sys, time
import talib.abstract as ta
from freqtrade.strategy import IStrategy


class Odd(IStrategy):
    timeframe = "1h"
    stoploss = -1
    minimal_roi = {}

    def populate_indicators(self, dataframe, metadata):
        print("not an answer", sorted(name for name in os.environ if name.startswith("TRADEWIND")), flush=True)
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=3)
        what = {58: lambda: dataframe["missing"], 57: lambda: time.sleep(600), 56: lambda: os._exit(7)}
        what.get(len(dataframe), int)()
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["rsi"] < 40, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["rsi"] > 60, "exit_long"] = 1
        return dataframe
"""
BOT = {
    "apiVersion": "tradewind.dev/v1alpha1",
    "kind": "TradingBot",
    "metadata": {"name": "odd"},
    "spec": {
        "exchanges": [{"name": "x"}],
        "pairs": {"include": ["AAA/EUR"]},
        "timeframe": "1h",
        "capital": {"currency": "EUR", "startingBalance": "1000"},
        "data": {"source": "Replay", "path": "nowhere"},
    },
}


class Apart:
    """A class of the file, its process and its metrics."""

    def __init__(self, path, limits, pairs):
        strategy = {"name": "odd", "kind": "Freqtrade", "parameters": {"file": str(path)}}
        spec = {**BOT["spec"], "strategies": [strategy], "pairs": {"include": list(pairs)}}
        self.bot = parse_bot({**BOT, "spec": spec}, "the manifest")
        self.named = named_class(self.bot, 0, pairs)
        self.metrics = Metrics()
        context = SimpleNamespace(bot=self.bot, metrics=self.metrics, key=self.bot.key, ask=self.ask)
        self.strategy = ApartStrategy(context, "odd", self.named, limits)

    async def ask(self, _service, _question, *, pair, timeframe):
        assert (pair, timeframe) == ("BBB/EUR", "1h")
        return OTHER

    def failures(self, reason):
        return self.metrics.strategy_failures.labels(self.bot.key, "odd", reason)._value.get()


@pytest.fixture
async def begin(tmp_path):
    begun = []

    def start(text, limit=30.0, pairs=("AAA/EUR",), callback=5.0):
        path = tmp_path / "odd.py"
        path.write_text(text)
        begun.append(Apart(path, TimeLimits(limit, callback), pairs))
        return begun[-1]

    yield start
    for one in begun:
        await one.strategy.stop()


async def test_it_says_what_the_class_says_here_and_may_fail_and_go_on(begin, monkeypatch, capfd):
    """What it prints goes elsewhere, and it sees no variable of ours; a method that raises is told by its name."""
    for name in [one for one in os.environ if one.startswith("TRADEWIND_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TRADEWIND_DATABASE_URL", "postgresql://user:password@host/database")
    odd = begin(CLASS)
    await odd.strategy.start()
    here, there = FileStrategy(odd.named, None).stances(SERIES), await odd.strategy.stances(SERIES)

    assert here.side.tolist() == there.side.tolist()
    assert here.confidence.tolist() == there.confidence.tolist()
    assert here.since.tolist() == there.since.tolist()
    assert {0, 1} == set(there.side.tolist())
    assert ("Odd",) == odd.strategy.reasons(SERIES, 0)
    with pytest.raises(ConfigError, match=r"Odd.populate_indicators: received KeyError: 'missing' \(for AAA/EUR\)"):
        await odd.strategy.stances(SERIES.slice(0, 58))
    assert there.side.tolist() == (await odd.strategy.stances(SERIES)).side.tolist()
    with pytest.raises(TradewindError, match="its process ended with exit code 7; fix: see what it wrote last"):
        await odd.strategy.stances(SERIES.slice(0, 56))
    assert there.side.tolist() == (await odd.strategy.stances(SERIES)).side.tolist()
    assert [0, 1, 1] == [odd.failures(reason) for reason in ("timeout", "refused", "ended")]
    told = capfd.readouterr()
    assert "not an answer []" in told.err
    assert "answer" not in told.out.replace("not an answer ['TRADEWIND_DATABASE_URL']", "")


PLAIN = CLASS.replace("what.get(len(dataframe), int)()", "HERE")


async def test_a_class_that_takes_whatever_is_raised_still_gets_the_candles_it_asks_for(begin):
    """A bare except swallows the question for them; what it says without them no backtest says."""
    asked = """try:
            dataframe["rsi"] = 100 - self.dp.get_pair_dataframe("BBB/EUR", "1h")["close"].rank(pct=True) * 100
        except:
            dataframe["rsi"] = 50.0"""
    odd = begin(PLAIN.replace("HERE", asked), pairs=("AAA/EUR", "BBB/EUR"))
    await odd.strategy.start()

    here, there = FileStrategy(odd.named, lambda _: OTHER).stances(SERIES), await odd.strategy.stances(SERIES)
    assert here.side.tolist() == there.side.tolist()
    assert {0, 1} == set(there.side.tolist())


async def test_what_leaves_the_session_of_its_class_holds_nobody_up(begin, tmp_path):
    """It lives on, with the other end of what the class is asked by: the end of that is not waited for."""
    forks = f"""child = os.fork()
        if not child:
            os.setsid()
            time.sleep(600)
        open({str(tmp_path / "child")!r}, "w").write(str(child))
        time.sleep(600)"""
    odd = begin(PLAIN.replace("HERE", forks), limit=1.0)
    await odd.strategy.start()

    try:
        async with asyncio.timeout(10):
            with pytest.raises(TradewindError, match="did not answer for AAA/EUR 1h within 1 seconds"):
                await odd.strategy.stances(SERIES)
        assert _lives((tmp_path / "child").read_text())
    finally:
        os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)


async def test_a_question_takes_no_longer_than_its_limit_and_a_process_that_begins(begin, monkeypatch):
    """However long it takes to import what the class needs."""
    monkeypatch.setattr(apart, "AGAIN_LIMIT", 0.5)
    odd = begin(CALLED, pairs=("AAA/EUR", "BBB/EUR"), callback=0.5)
    await odd.strategy.start()
    await odd.strategy.stop()
    Path(odd.named.path).write_text("import time\ntime.sleep(600)\n")  # noqa: ASYNC240 - in memory

    late = await odd.strategy.reply(asked(100))
    assert late == Reply(None, late.trouble, silent=True)
    assert "custom_exit was not answered within 1 seconds; its process begins again with the next" in late.trouble
    assert odd.strategy._process is None


@pytest.mark.parametrize("then", ["os._exit(7)", "time.sleep(600)"])
async def test_what_a_class_has_started_ends_with_it_and_holds_nobody_up(begin, then, tmp_path):
    """A child that was forked has the pipe of the answers, too."""
    forks = f"""child = os.fork()
        if not child:
            time.sleep(600)
        open({str(tmp_path / "child")!r}, "w").write(str(child))
        {then}"""
    odd = begin(PLAIN.replace("HERE", forks), limit=1.0)
    await odd.strategy.start()

    async with asyncio.timeout(10):
        with pytest.raises(TradewindError):
            await odd.strategy.stances(SERIES)
    async with asyncio.timeout(10):
        while _lives((tmp_path / "child").read_text()):  # noqa: ASYNC110 - the end of another's child is told nobody
            await asyncio.sleep(0.02)


def _lives(process):
    """Whether it does; one that has ended may wait for whoever asks how."""
    try:
        return Path("/proc", process, "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_class_that_forks_and_goes_on_twice_answers_once(begin):
    """The second answer would be taken for that of the next question."""
    odd = begin(PLAIN.replace("HERE", "len(dataframe) == 60 and os.fork()"))
    await odd.strategy.start()

    for length in (60, 60, 40, 30):
        assert length == len(await odd.strategy.stances(SERIES.slice(0, length)))


async def test_rows_that_are_dropped_are_refused_whatever_the_class_disables(begin):
    """Stances would be of other candles."""
    text = PLAIN.replace("HERE", "dataframe = dataframe.dropna()").replace("stoploss = -1", CHECKS)
    odd = begin(text)
    await odd.strategy.start()

    with pytest.raises(ConfigError, match=r"received 57 rows for 60 candles of AAA/EUR; allowed: a row for every"):
        await odd.strategy.stances(SERIES)
    assert 0 == len(await odd.strategy.stances(SERIES.slice(0, 0)))


async def test_a_file_beside_the_user_is_no_module_of_ours(begin, monkeypatch, tmp_path):
    """The folder that one stands in is not searched, as it is not by the command."""
    (tmp_path / "signal.py").write_text("BUY = 1")
    monkeypatch.chdir(tmp_path)
    await begin(CLASS).strategy.start()


async def test_who_is_too_slow_is_ended(begin):
    """An endless loop holds nobody up for longer than that."""
    odd = begin(CLASS, limit=0.5)
    await odd.strategy.start()
    process = odd.strategy._process

    with pytest.raises(TradewindError, match=r"Odd did not answer for AAA/EUR 1h within 0.5 seconds, and nothing is"):
        await odd.strategy.stances(SERIES.slice(0, 57))
    assert -9 == process.returncode
    assert 1 == odd.failures("timeout")


async def test_a_file_that_is_never_done_is_ended_too(begin, monkeypatch):
    """Before anything trades."""
    monkeypatch.setattr(apart, "START_LIMIT", 1.0)
    odd = begin("import time\ntime.sleep(600)\n")

    with pytest.raises(TradewindError, match=r"odd.py was not loaded within 1 seconds; fix: do less"):
        await odd.strategy.start()


async def test_without_the_extra_it_says_what_to_install(begin, monkeypatch, tmp_path):
    """One error, which names the fix, for a laptop and for an image."""
    (tmp_path / "pandas.py").write_text("raise ModuleNotFoundError('no', name='pandas')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    odd = begin(CLASS)

    with pytest.raises(ConfigError) as caught:
        await odd.strategy.start()
    assert str(caught.value) == (
        "spec.strategies[0].kind: received no pandas; allowed: the extra freqtrade; fix: pip install"
        " 'tradewind[freqtrade]', or build the image with --build-arg EXTRAS=freqtrade"
    )


def test_a_bot_without_such_a_class_loads_nothing_of_it():
    """Neither the service nor who reads the manifest has pandas in its memory."""
    probe = (
        "import sys, tradewind.strategy.service, tradewind.market_data.service, tradewind.engine.service;"
        "sys.exit(bool({'pandas', 'talib'} & set(sys.modules)))"
    )
    assert 0 == subprocess.run([sys.executable, "-c", probe], check=False).returncode


CALLED = CLASS.replace(
    "    def populate_entry_trend",
    """    def custom_exit(self, pair, trade, current_time, current_rate, **kwargs):
        candles, _ = self.dp.get_analyzed_dataframe("BBB/EUR", "1h")
        what = {1.0: lambda: os._exit(7), 2.0: lambda: time.sleep(600), 3.0: lambda: candles["missing"]}
        what.get(current_rate, int)()
        return f"{len(candles)} {candles['rsi'].iloc[-1]:.4f}"

    def populate_entry_trend""",
)


def asked(rate, candle=40):
    position = HeldPosition("entry", Decimal(1), Decimal(100), None, None, int(SERIES.open_time[2]))
    time = int(SERIES.open_time[candle])
    return Question(Callback.CUSTOM_EXIT, "AAA/EUR", time, Decimal(rate), Decimal(1), position=position)


async def test_a_callback_is_asked_in_the_process_that_has_the_class(begin):
    """It sees frames of any pair up to the candle that closed; those that are not there are fetched and made.

    One that ended while nobody asked is begun again: the machine had no memory left, for one. One that was ended for
    good is not: the service has begun another in its place.
    """
    odd = begin(CALLED, pairs=("AAA/EUR", "BBB/EUR"))
    await odd.strategy.start()
    here = FileStrategy(odd.named, lambda _: OTHER)
    for one in (here, odd.strategy):
        said = one.stances(SERIES.slice(0, 41))
        await said if asyncio.iscoroutine(said) else None

    assert (Callback.CUSTOM_EXIT,) == odd.strategy.callbacks
    reply = await odd.strategy.reply(asked(100))
    assert reply == here.reply(asked(100))
    assert str(reply.value).startswith("41 ")
    os.killpg(odd.strategy._process.pid, signal.SIGKILL)
    assert reply == await odd.strategy.reply(asked(100))
    await odd.strategy.close()
    with pytest.raises(TemporaryError, match="strategy odd begins again with its service"):
        await odd.strategy.reply(asked(100))
    assert odd.strategy._process is None


async def test_a_callback_that_fails_says_nothing_and_the_next_one_is_asked_again(begin):
    """Whoever ends the process, or holds it up, is begun again; silent is who takes time to find out."""
    odd = begin(CALLED, pairs=("AAA/EUR", "BBB/EUR"), callback=0.5)
    await odd.strategy.start()

    raised = await odd.strategy.reply(asked(3))
    assert raised == Reply(None, raised.trouble)
    assert "Odd.custom_exit: received KeyError: 'missing' (AAA/EUR at " in raised.trouble
    late = await odd.strategy.reply(asked(2))
    assert late == Reply(None, late.trouble, silent=True)
    assert (
        "Odd.custom_exit did not answer for AAA/EUR within 0.5 seconds; fix: make it faster, or raise" in late.trouble
    )
    assert str((await odd.strategy.reply(asked(100))).value).startswith("41 ")
    ended = await odd.strategy.reply(asked(1))
    assert ended == Reply(None, ended.trouble, silent=True)
    assert "its process ended with exit code 7" in ended.trouble
    # It is asked twice: it might have ended before, while nobody asked.
    assert [1, 1, 2] == [odd.failures(reason) for reason in ("timeout", "refused", "ended")]
