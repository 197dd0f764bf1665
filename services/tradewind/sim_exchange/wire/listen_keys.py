"""Listen keys: how clients of before the WebSocket API name the stream of the account.

A key is made by a call with the API key alone, and whoever knows it may follow the account, so it cannot be guessed.
"""

from __future__ import annotations

import secrets


class ListenKeys:
    """The one listen key of the account, while there is one."""

    def __init__(self) -> None:
        self._key: str | None = None

    def give(self) -> str:
        """The key, made when there is none."""
        self._key = self._key or secrets.token_hex(30)
        return self._key

    def holds(self, key: str) -> bool:
        """Whether `key` is the one."""
        return self._key is not None and secrets.compare_digest(self._key.encode(), key.encode(errors="replace"))

    def drop(self) -> None:
        """Have none."""
        self._key = None
