"""Column types that both databases keep exactly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Dialect, String
from sqlalchemy.types import TypeDecorator

from tradewind.domain.money import plain


class DecimalText(TypeDecorator[Decimal]):
    """A decimal as text: SQLite has no exact number, and a float is never money."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To the column."""
        return None if value is None else plain(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """From the column."""
        return None if value is None else Decimal(value)
