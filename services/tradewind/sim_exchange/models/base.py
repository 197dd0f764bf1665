"""The base of all values here, and the refusal, which any of them may become instead."""

from __future__ import annotations

import msgspec

from tradewind.domain.errors import TradewindError


class RefusalError(TradewindError):
    """The venue says no: `code` and `message` as the API gives them, `status` the HTTP status that carries them."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        self.code, self.message, self.status = code, message, status
        super().__init__(f"{code}: {message}")


class Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of everything here."""
