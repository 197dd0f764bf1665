"""ccxt and its Binance, imported as the product does: a server of forks can be told modules only."""

from __future__ import annotations

from tradewind.kernel.ccxt_import import import_ccxt

BINANCE = import_ccxt()[1].binance
