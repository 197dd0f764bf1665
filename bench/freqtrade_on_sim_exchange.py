"""A bot of somebody else trades on the simulated exchange: freqtrade, in live mode, unmodified.

The script starts `tradewind sim-exchange` at a speed, installs freqtrade into a virtual environment outside of the
checkout (kept between runs), points its ccxt addresses at the venue by its configuration alone, and lets it trade for
200 candles; then the strategy sells everything. It passes when freqtrade decided on most of the candles, opened and
closed trades, logged no error, and believes what the venue knows: every order, what was filled of it for how much, the
fees, and the balances. Where freqtrade cannot be installed it says why and ends with 0.

freqtrade takes the wall clock for the market's and never asks for candles of its future, so the candles, drawn from a
seed, end about now.

    python bench/freqtrade_on_sim_exchange.py [--candles 200] [--speed 60] [--keep DIRECTORY]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt
from freqtrade_books import Books, beliefs, complaints, decisions, differences, rows

from tradewind.market_data.adapters.synthetic import synthetic_series

VERSION = "2026.9"
PLACE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tradewind" / f"freqtrade-{VERSION}"
PRICES = {"ETH/USDT": 2_500.0, "BTC/USDT": 60_000.0}
BALANCE = 10_000
HISTORY, SPARE = 200, 60
"""Candles before the trading begins, and after it, for the bot to sell what it still has."""
MINUTE = 60_000
SETTLED = 5 * MINUTE
"""How long after the end it may still act on a candle of before."""

STRATEGY = '''
import logging
from datetime import UTC, datetime

from freqtrade.persistence import PairLocks
from freqtrade.strategy import IStrategy

logger = logging.getLogger(__name__)
END = datetime.fromtimestamp({end}, UTC)


class Impatient(IStrategy):
    """Buys after a candle that rose and sells after one that fell, so that there is much to do; in the end sells."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    minimal_roi = {{"0": 100}}
    stoploss = -0.05
    startup_candle_count = 5
    process_only_new_candles = True
    order_types = {{"entry": "limit", "exit": "market", "stoploss": "limit", "stoploss_on_exchange": True}}

    def bot_loop_start(self, current_time, **kwargs):
        # After an exit a pair is locked until the wall's next minute. The candles are earlier than that: for ever.
        PairLocks.unlock_reason("Auto lock", datetime.fromtimestamp(0, UTC))

    def populate_indicators(self, dataframe, metadata):
        logger.info("decides %s %s", metadata["pair"], int(dataframe["date"].iloc[-1].timestamp()))
        dataframe["change"] = dataframe["close"] - dataframe["open"]
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[(dataframe["change"] > 0) & (dataframe["date"] < END), "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[(dataframe["change"] < 0) | (dataframe["date"] >= END), "exit_long"] = 1
        return dataframe
'''


def freqtrade() -> Path | str:
    """The program, installed where it was not yet; where it cannot be, why."""
    program = PLACE / "bin" / "freqtrade"
    if program.exists():
        return program
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        return "there is no uv"
    steps = (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(PLACE)],
        [uv, "pip", "install", "--quiet", "--python", str(PLACE), f"freqtrade=={VERSION}"],
    )
    for step in steps:
        done = subprocess.run(step, check=False, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            shutil.rmtree(PLACE, ignore_errors=True)
            return " ".join(done.stderr.split()) or f"{step[1]} ended with {done.returncode}"
    return program


def write_candles(directory: Path, candles: int) -> tuple[dict[str, Path], int]:
    """Files of one-minute candles that end ten minutes ago, and the time at which trading begins."""
    total = HISTORY + candles + SPARE
    start = time.time_ns() // 1_000_000 // MINUTE * MINUTE - (total + 10) * MINUTE
    files = {}
    for pair, price in PRICES.items():
        series = synthetic_series(pair, "1m", seed=7, candles=total, start_price=price, volatility=0.001)
        rows = [
            f"{start + index * MINUTE},{candle.open},{candle.high},{candle.low},{candle.close},{candle.volume}"
            for index, candle in enumerate(series.candles())
        ]
        files[pair] = directory / f"{pair.replace('/', '-')}-1m.csv"
        files[pair].write_text("time,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    return files, start + HISTORY * MINUTE


@contextlib.contextmanager
def venue(directory: Path, files: dict[str, Path], start: int, speed: float) -> Iterator[dict[str, str]]:
    """The venue as a process of its own; what it said when it was ready. Its own log goes to `venue.log`."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start / 1000))
    program = "from tradewind.cli.main import main; main()"
    command = [sys.executable, "-c", program, "sim-exchange", "--timeframe", "1m", "--port", "0", "-o", "json"]
    command += ["--start", moment, "--speed", str(speed), "--balance", f"USDT={BALANCE}"]
    for pair, file in files.items():
        command += ["--data", f"{pair}={file}"]
    with (
        (directory / "venue.log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def addresses(ready: dict[str, str]) -> dict[str, Any]:
    """What ccxt calls when it trades spot on Binance, at the venue; ccxt joins it with its own table."""
    rest, websocket = ready["url"], ready["websocketUrl"]
    return {
        "public": f"{rest}/api/v3",
        "private": f"{rest}/api/v3",
        "sapi": f"{rest}/sapi/v1",
        "fapiPublic": f"{rest}/fapi/v1",
        "dapiPublic": f"{rest}/dapi/v1",
        "ws": {"spot": f"{websocket}/ws", "ws-api": {"spot": f"{websocket}/ws-api/v3"}},
    }


def configuration(ready: dict[str, str]) -> dict[str, Any]:
    """What freqtrade is told: live, two pairs; what is said of `exchange` points it at the venue and its time."""
    pricing = {"price_side": "other", "use_order_book": True, "order_book_top": 1}
    return {
        "dry_run": False,
        "stake_currency": "USDT",
        "stake_amount": 500,
        "max_open_trades": 2,
        "initial_state": "running",
        "internals": {"process_throttle_secs": 1},
        "unfilledtimeout": {"entry": 10, "exit": 10},
        "entry_pricing": pricing,
        "exit_pricing": pricing,
        "pairlists": [{"method": "StaticPairList"}],
        "exchange": {
            "name": "binance",
            "key": ready["apiKey"],
            "secret": ready["secret"],
            "pair_whitelist": list(PRICES),
            "ccxt_config": {"urls": {"api": addresses(ready)}},
            # Its clock is the wall's, the candles are of the venue's time: minutes old to freqtrade, and still good.
            "outdated_offset": 100_000,
            # It waits for the wall's next minute where it can, and asks in between only as often as it is told here.
            "_ft_has_params": {"ohlcv_max_poll_interval_secs": 0},
        },
    }


def status(ready: dict[str, str]) -> dict[str, Any]:
    """How the venue stands."""
    answer: dict[str, Any] = ccxt.binance().fetch(
        f"{ready['url']}/sim/status", headers={"X-MBX-APIKEY": ready["apiKey"]}
    )
    return answer


def run_bot(program: Path, directory: Path, ready: dict[str, str], end: int) -> str:
    """Run freqtrade until the venue's time is `end` and it has sold everything; its log until it was told to stop.

    It is stopped without having sold when it ended by itself, or when there are no more candles.
    """
    (directory / "strategies").mkdir()
    (directory / "strategies" / "impatient.py").write_text(STRATEGY.format(end=end // 1000))
    (directory / "config.json").write_text(json.dumps(configuration(ready)))
    command = [program, "trade", "--config", directory / "config.json", "--userdir", directory]
    command += ["--strategy", "Impatient", "--db-url", f"sqlite:///{directory}/trades.sqlite"]
    log = directory / "freqtrade.log"
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as bot:
        try:
            while bot.poll() is None and (now := status(ready))["time"] < now["endTime"]:
                if now["time"] > end + SETTLED and not rows(directory, "select 1 from trades where is_open"):
                    break
                time.sleep(0.5)
            # What it says about connections that it closes itself says nothing of the venue.
            said = log.read_text()
            return said if bot.poll() is None else f"{said}\nERROR: freqtrade ended by itself with {bot.poll()}"
        finally:
            bot.send_signal(signal.SIGINT)
            bot.wait(60)


def truth(ready: dict[str, str]) -> Books:
    """What the venue has: asked for by pair, whatever freqtrade says that there is."""
    urls = {"api": addresses(ready)}
    client = ccxt.binance({"apiKey": ready["apiKey"], "secret": ready["secret"], "urls": urls})
    orders: dict[tuple[str, str], tuple[str, float, float]] = {}
    fees: Counter[str] = Counter()
    for pair in PRICES:
        fills = client.fetch_my_trades(pair, limit=1000)
        for order in client.fetch_orders(pair, limit=1000):
            mine = [fill for fill in fills if fill["order"] == order["id"]]
            filled, cost = (sum(fill[name] for fill in mine) for name in ("amount", "cost"))
            orders[pair, order["id"]] = order["status"], filled, cost
        for fill in fills:
            fees[fill["fee"]["currency"]] += fill["fee"]["cost"]
    return Books(orders, fees, client.fetch_balance()["total"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candles", type=int, default=200)
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--keep", type=Path, help="Keep freqtrade's directory here.")
    arguments = parser.parse_args()
    program = freqtrade()
    if isinstance(program, str):
        print(f"skipped: freqtrade cannot be installed here: {program}")
        return
    with tempfile.TemporaryDirectory(prefix="tradewind-freqtrade-") as temporary:
        directory = (arguments.keep or Path(temporary)).absolute()
        directory.mkdir(parents=True, exist_ok=True)
        files, start = write_candles(directory, arguments.candles)
        with venue(directory, files, start, arguments.speed) as ready:
            log = run_bot(program, directory, ready, start + arguments.candles * MINUTE)
            known = truth(ready)
        reasons = [reason for (reason,) in rows(directory, "select iif(is_open, null, exit_reason) from trades")]
        problems = complaints(log, (directory / "venue.log").read_text(), reasons, arguments.candles * len(PRICES))
        problems += differences(beliefs(directory, BALANCE), known)
    print(
        f"freqtrade {VERSION}, live, {arguments.candles} candles, decided on {decisions(log) // len(PRICES)}: "
        f"{len(reasons)} trades, {len(known.orders)} orders, {log.count('WARNING')} warnings"
    )
    print("\n".join(problems) or "no error in its log, and it believes what the venue knows")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
