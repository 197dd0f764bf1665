"""A process gets ccxt with the exchanges it talks to, and everybody else still gets all of it."""

from __future__ import annotations

import subprocess
import sys


def output_of(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_one_client_imports_one_exchange():
    found = output_of(
        "import sys\n"
        "from tradewind.kernel.ccxt_client import ClientSettings, make_client\n"
        "client = make_client(ClientSettings('binance'))\n"
        "names = ('binance', 'kraken', 'bybit', 'okx')\n"
        "print(client.id, *sorted(m for m in sys.modules if m.startswith('ccxt.') and m.endswith(names)))"
    )
    assert found == ["binance", "ccxt.abstract.binance", "ccxt.async_support.binance", "ccxt.pro.binance"]


def test_every_other_exchange_is_still_there_by_its_name():
    found = output_of(
        "from tradewind.kernel.ccxt_import import import_ccxt\n"
        "import_ccxt()\n"
        "import ccxt, ccxt.pro, ccxt.async_support\n"
        "from ccxt.async_support import okx\n"
        "for package in (ccxt, ccxt.async_support, ccxt.pro):\n"
        "    print(package.kraken.__module__, len(package.exchanges) > 50, hasattr(package, 'nonsense'))\n"
        "print(issubclass(ccxt.pro.binanceus, ccxt.pro.binance), okx.__module__)"
    )
    expected = [
        word for name in ("ccxt", "ccxt.async_support", "ccxt.pro") for word in (f"{name}.kraken", "True", "False")
    ]
    assert found == [*expected, "True", "ccxt.async_support.okx"]


def test_threads_that_ask_at_once_get_the_same():
    found = output_of(
        "import sys\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from tradewind.kernel.ccxt_client import ClientSettings, make_client\n"
        "with ThreadPoolExecutor(4) as pool:\n"
        "    made = list(pool.map(lambda _: make_client(ClientSettings('binance')), range(8)))\n"
        "print(len({type(one) for one in made}), type(made[0]).__module__)"
    )
    assert found == ["1", "ccxt.pro.binance"]


def test_where_ccxt_was_imported_before_it_is_taken_as_it_is():
    found = output_of(
        "import ccxt.pro\n"
        "from tradewind.kernel.ccxt_import import import_ccxt\n"
        "print(import_ccxt()[1] is ccxt.pro, 'ccxt.pro.kraken' in __import__('sys').modules)"
    )
    assert found == ["True", "True"]
