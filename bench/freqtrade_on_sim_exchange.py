"""A bot of somebody else trades on the simulated exchange: freqtrade, in live mode, unmodified.

The script starts `tradewind sim-exchange` at a speed, installs freqtrade into a virtual environment outside of the
checkout (kept between runs), points its ccxt addresses at the venue by its configuration alone, and lets it run for
200 candles. It passes when freqtrade opened and closed trades, logged no error, and believes what the venue knows:
every order of its database is at the venue with the same amount filled, and so is what the account holds. Where
freqtrade cannot be installed it says so and ends with 0.

freqtrade asks the wall clock whether its candles are fresh, so the candles are drawn (from a seed) to end about now.

    python bench/freqtrade_on_sim_exchange.py [--candles 200] [--speed 60]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt.pro

from tradewind.market_data.adapters.synthetic import synthetic_series

PRICES = {"ETH/USDT": 2_500.0, "BTC/USDT": 60_000.0}
HISTORY = 200
MINUTE = 60_000
PLACE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tradewind" / "freqtrade"

STRATEGY = '''
from freqtrade.strategy import IStrategy


class Impatient(IStrategy):
    """Buys after a candle that rose and sells after one that fell, so that there is much to do."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    minimal_roi = {"0": 100}
    stoploss = -0.05
    startup_candle_count = 5
    process_only_new_candles = True
    order_types = {
        "entry": "limit",
        "exit": "market",
        "stoploss": "limit",
        "stoploss_on_exchange": True,
        "stoploss_on_exchange_interval": 5,
    }

    def populate_indicators(self, dataframe, metadata):
        dataframe["change"] = dataframe["close"] - dataframe["close"].shift(2)
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["change"] > 0, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe.loc[dataframe["change"] < 0, "exit_long"] = 1
        return dataframe
'''


def freqtrade() -> Path | None:
    """The program, installed where it was not yet; None where it cannot be."""
    program = PLACE / "bin" / "freqtrade"
    if program.exists():
        return program
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        return None
    steps = (
        [uv, "venv", "--quiet", str(PLACE)],
        [uv, "pip", "install", "--quiet", "--python", str(PLACE), "freqtrade"],
    )
    for step in steps:
        if subprocess.run(step, check=False).returncode:
            shutil.rmtree(PLACE, ignore_errors=True)
            return None
    return program


def write_candles(directory: Path, candles: int) -> tuple[dict[str, Path], int]:
    """Files of one-minute candles that end ten minutes ago, and the time at which trading begins."""
    total = HISTORY + candles
    end = time.time_ns() // 1_000_000 // MINUTE * MINUTE - 10 * MINUTE
    start = end - total * MINUTE
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
def venue(files: dict[str, Path], start: int, speed: float) -> Iterator[dict[str, str]]:
    """The venue as a process of its own; what it said when it was ready."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start / 1000))
    program = "from tradewind.cli.main import main; main()"
    command = [sys.executable, "-c", program, "sim-exchange", "--timeframe", "1m", "--port", "0", "-o", "json"]
    command += ["--start", moment, "--speed", str(speed), "--balance", "USDT=10000"]
    for pair, file in files.items():
        command += ["--data", f"{pair}={file}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def pointed(value: Any, ready: dict[str, str]) -> Any:
    """The addresses of ccxt with another scheme and host."""
    if isinstance(value, dict):
        return {name: pointed(one, ready) for name, one in value.items()}
    scheme, _, rest = value.partition("://")
    _, slash, path = rest.partition("/")
    return ready["websocketUrl" if scheme.startswith("ws") else "url"] + slash + path


def configuration(ready: dict[str, str]) -> dict[str, Any]:
    """The configuration: live, two pairs, and nothing special but the addresses."""
    return {
        "dry_run": False,
        "timeframe": "1m",
        "stake_currency": "USDT",
        "stake_amount": 500,
        "max_open_trades": 2,
        "trading_mode": "spot",
        "bot_name": "guest",
        "initial_state": "running",
        "internals": {"process_throttle_secs": 1},
        "unfilledtimeout": {"entry": 100_000, "exit": 100_000, "unit": "minutes"},
        "entry_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
        "exit_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
        "pairlists": [{"method": "StaticPairList"}],
        "exchange": {
            "name": "binance",
            "key": ready["apiKey"],
            "secret": ready["secret"],
            "pair_whitelist": list(PRICES),
            # Its clock is the wall's, the candles' is the venue's.
            "outdated_offset": 100_000,
            # A venue whose candles are not the wall's present ones is asked only in the first seconds of each minute of
            # the wall, which at a speed is a few candles of hundreds. So it is to ask in each of its rounds.
            "_ft_has_params": {"ohlcv_max_poll_interval_secs": 1, "ohlcv_candle_grace_secs": 60},
            "ccxt_config": {"urls": {"api": pointed(ccxt.pro.binance().urls["api"], ready)}},
        },
    }


def status(ready: dict[str, str]) -> dict[str, Any]:
    """How the venue stands."""
    client = ccxt.binance()
    answer: dict[str, Any] = client.fetch(f"{ready['url']}/sim/status", headers={"X-MBX-APIKEY": ready["apiKey"]})
    return answer


def run_bot(program: Path, directory: Path, ready: dict[str, str], until: int) -> Path:
    """Run freqtrade until the venue's time is `until`; its log."""
    (directory / "strategies").mkdir()
    (directory / "strategies" / "impatient.py").write_text(STRATEGY)
    (directory / "config.json").write_text(json.dumps(configuration(ready)))
    log = directory / "freqtrade.log"
    command = [program, "trade", "--config", directory / "config.json", "--userdir", directory]
    command += ["--strategy", "Impatient", "--db-url", f"sqlite:///{directory}/trades.sqlite"]
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as bot:
        try:
            while status(ready)["time"] < until and bot.poll() is None:
                time.sleep(0.5)
        finally:
            bot.send_signal(signal.SIGINT)
            bot.wait(60)
    return log


def judge(directory: Path, log: Path, ready: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    """What happened, and what of it should not have."""
    problems = [f"log: {line}" for line in log.read_text().splitlines() if re.search(r"ERROR|CRITICAL|Traceback", line)]
    with contextlib.closing(sqlite3.connect(directory / "trades.sqlite")) as database:
        trades = database.execute("select is_open, amount, pair, exit_reason from trades").fetchall()
        orders = database.execute("select order_id, ft_pair, filled, status from orders").fetchall()
    client = ccxt.binance({"apiKey": ready["apiKey"], "secret": ready["secret"]})
    client.urls["api"] = pointed(client.urls["api"], ready)
    for order_id, pair, filled, state in orders:
        there = client.fetch_order(order_id, pair)
        if Decimal(str(filled or 0)) != Decimal(str(there["filled"])) or state != there["status"]:
            problems.append(f"order {order_id} {pair}: bot {filled} {state}, venue {there['filled']} {there['status']}")
    balance = client.fetch_balance()
    for pair in PRICES:
        base = pair.split("/")[0]
        believed = sum(Decimal(str(amount)) for is_open, amount, its_pair, _ in trades if is_open and its_pair == pair)
        held = Decimal(str(balance["total"].get(base, 0)))
        # The fee in base leaves less than a step of dust with each trade.
        if not Decimal(0) <= held - believed < Decimal("0.01"):
            problems.append(f"{base}: bot believes {believed}, venue holds {held}")
    closed = [trade for trade in trades if not trade[0]]
    if not closed:
        problems.append("no trade was opened and closed")
    figures = {
        "trades": len(trades),
        "closedTrades": len(closed),
        "orders": len(orders),
        "exitReasons": sorted({str(trade[3]) for trade in closed}),
        "warnings": log.read_text().count("WARNING"),
    }
    return figures, problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candles", type=int, default=200)
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--keep", type=Path, help="Keep freqtrade's directory here.")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    arguments = parser.parse_args()
    program = freqtrade()
    if program is None:
        print("skipped: freqtrade cannot be installed here (no uv, or no package index)")
        return
    with tempfile.TemporaryDirectory(prefix="tradewind-freqtrade-") as temporary:
        directory = arguments.keep or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        files, start = write_candles(directory, arguments.candles + 20)
        with venue(files, start, arguments.speed) as ready:
            log = run_bot(program, directory, ready, start + arguments.candles * MINUTE)
            figures, problems = judge(directory, log, ready)
            figures |= {"candles": (status(ready)["time"] - start) // MINUTE, "problems": problems}
    if arguments.output == "json":
        print(json.dumps(figures))
    else:
        print(f"freqtrade, live, for {figures['candles']} candles: {figures['trades']} trades, ", end="")
        print(f"{figures['closedTrades']} closed, {figures['orders']} orders, {figures['warnings']} warnings")
        print("\n".join(problems) or "no error in its log, and it believes what the venue knows")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
