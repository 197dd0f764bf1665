"""`self.wallets`: balances of the run in progress."""

from __future__ import annotations

from typing import NamedTuple

from tradewind.domain.freqtrade.fills import Book


class Wallet(NamedTuple):
    """The balance of one currency."""

    currency: str
    free: float
    used: float
    total: float


class Wallets:
    """Balances in the stake currency, and of what open trades hold."""

    def __init__(self, book: Book, stake_currency: str) -> None:
        self._book, self._currency = book, stake_currency

    def get_all_balances(self) -> dict[str, Wallet]:
        """Every balance, by currency."""
        book = self._book
        free, tied = book.wallet.free(book.open.values()), book.wallet.tied(book.open.values())
        found = {self._currency: Wallet(self._currency, free, tied, free + tied)}
        for trade in book.open.values():
            base = trade.pair.partition("/")[0]
            found[base] = Wallet(base, trade.amount, 0.0, trade.amount)
        return found

    def get_free(self, currency: str) -> float:
        """What is not tied in trades."""
        return self._of(currency).free

    def get_used(self, currency: str) -> float:
        """What is tied in trades."""
        return self._of(currency).used

    def get_total(self, currency: str) -> float:
        """What there is."""
        return self._of(currency).total

    def get_starting_balance(self) -> float:
        """What the run began with."""
        return self._book.wallet.rules.dry_run_wallet

    def get_total_stake_amount(self) -> float:
        """What may be used for trading, tied or not."""
        return self._book.wallet.total_stake(self._book.open.values())

    def get_available_stake_amount(self) -> float:
        """What the next order may cost."""
        return self._book.wallet.available(self._book.open.values())

    def get_trade_stake_amount(self, pair: str, max_open_trades: float = 0, update: bool = True) -> float:
        """The stake that the configuration gives the next trade, 0 where there is not enough."""
        return self._book.wallet.proposed_stake(self._book.open.values())

    def _of(self, currency: str) -> Wallet:
        return self.get_all_balances().get(currency, Wallet(currency, 0.0, 0.0, 0.0))
