"""Moments as people write them in an option."""

from __future__ import annotations

from datetime import UTC, datetime

from tradewind.domain.errors import ConfigError


def moment(option: str, text: str) -> int:
    """Milliseconds UTC of a date, or of a timestamp with its offset; raises `ConfigError` that names the option."""
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            if len(text) > len("2022-01-01"):
                raise ValueError  # noqa: TRY301 - told below
            found = found.replace(tzinfo=UTC)
        return int(found.timestamp() * 1000)
    except (ValueError, OverflowError):
        allowed = "a date (midnight UTC) or a timestamp that ends in Z or an offset"
        raise ConfigError(option, text, allowed, "write 2022-01-01 or 2022-01-01T00:00:00Z") from None
