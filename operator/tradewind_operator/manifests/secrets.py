"""The two Secrets of a bot that the operator writes: keys made once, and addresses copied from the installation.

Neither is ever rendered with the other children: what they hold is not a function of the bot. Keys are made when a bot
has none and are never rotated unasked, because every caller of the gateway would be shut out.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping

from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.contracts.labels import MADE_BY, OPERATOR
from tradewind.kernel.security import SERVICE_KEY_FILE, SIMULATED_VENUE_KEY_FILE, new_api_key
from tradewind_operator.manifests.names import WHOLE, child_name, pod_labels
from tradewind_operator.manifests.site import Manifest

API_KEY_FILE = "api-key"
DATABASE_URL_FILE = "database-url"
BUS_URL_FILE = "bus-url"

KEYS = "keys"
STORAGE = "storage"


def _hexadecimal() -> bytes:
    return secrets.token_hex(32).encode()


def _venue_key() -> bytes:
    return f"{secrets.token_hex(32)} {secrets.token_hex(32)}".encode()


def _api_key() -> bytes:
    return new_api_key().encode()


SERVICE_KEY_FILES: Mapping[str, Callable[[], bytes]] = {
    SERVICE_KEY_FILE: _hexadecimal,
    SIMULATED_VENUE_KEY_FILE: _venue_key,
    API_KEY_FILE: _api_key,
}
"""Each file of `<bot>-keys` with its maker, in the form that `tradewind.kernel.security` and the gateway read."""


def service_secret(bot: TradingBot, data: Mapping[str, bytes]) -> Manifest:
    """Secret `<bot>-keys` with `data` by file name."""
    return _secret(bot, KEYS, data)


def storage_secret(bot: TradingBot, data: Mapping[str, bytes]) -> Manifest:
    """Secret `<bot>-storage` with `data` by file name: `database-url` and `bus-url`."""
    return _secret(bot, STORAGE, data)


def _secret(bot: TradingBot, ending: str, data: Mapping[str, bytes]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": child_name(bot, ending),
            "namespace": bot.metadata.namespace,
            # Without a version: a new operator has no reason to write a Secret again.
            "labels": pod_labels(bot, WHOLE),
            "annotations": {MADE_BY: OPERATOR},
        },
        "type": "Opaque",
        "data": {name: base64.b64encode(content).decode() for name, content in sorted(data.items())},
    }
