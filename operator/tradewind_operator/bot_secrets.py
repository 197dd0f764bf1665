"""The two Secrets of a bot: its own keys, made once and never again unasked, and the addresses of Redis and Postgres.

The keys are created and not applied, so that a second operator, or this one after a restart, can never replace them:
what is there stays, and only what is missing is added. No other Secret is read.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tradewind.contracts.api.v1alpha1 import TradingBot
from tradewind.contracts.labels import APPLIED_HASH
from tradewind.domain.errors import TemporaryError
from tradewind_operator.apiclient import ApiClient, ApiError
from tradewind_operator.applying import Applying
from tradewind_operator.bots import Bot
from tradewind_operator.child_writes import taken_over
from tradewind_operator.desired import hash_of
from tradewind_operator.kinds import SECRET
from tradewind_operator.manifests import SERVICE_KEY_FILES, Manifest, service_secret, storage_secret, uses_site_storage
from tradewind_operator.manifests.secrets import DATABASE_URL_FILE, KEYS, STORAGE
from tradewind_operator.storage_addresses import StorageAddresses

_PROCESS_KEY = secrets.token_hex(16)
_KEYS_CONTENT = hash_of(sorted(SERVICE_KEY_FILES))


class BotSecrets:
    """Keeps the Secrets of bots. `storage` is where the chart mounted the addresses, None where it did not."""

    def __init__(self, client: ApiClient, applying: Applying, storage: Path | None) -> None:
        self._client, self._applying, self._storage = client, applying, StorageAddresses(storage)

    def wired(self) -> bool:
        """Whether the installation gives its bots Redis and Postgres."""
        return bool(self._storage.read())

    def complete(self, bot: Bot, *, site_storage: bool) -> bool:
        """Whether both are known to be as they should be."""
        prefix = bot.key.partition("/")[2]
        if not self._applying.remembers(bot, (SECRET.kind, f"{prefix}-{KEYS}"), _KEYS_CONTENT):
            return False
        addresses = self._storage.read()
        if not addresses or not site_storage:
            return True
        return self._applying.remembers(bot, (SECRET.kind, f"{prefix}-{STORAGE}"), _content(addresses))

    async def ensure(self, bot: Bot, model: TradingBot, owner: Mapping[str, Any]) -> None:
        """Both are there and complete."""
        await self._ensure_keys(bot, model, owner)
        addresses = self._storage.read()
        if addresses and uses_site_storage(model):
            manifest = _owned(storage_secret(model, addresses), owner, STORAGE)
            await self._applying.ensure(bot, SECRET, manifest, _content(addresses))

    async def ensure_database(self, backtest: Bot, secret: Manifest, owner: Mapping[str, Any]) -> None:
        """The address of the installation's database is in `secret`, which is of a Backtest and holds no more."""
        addresses = {name: one for name, one in self._storage.read().items() if name == DATABASE_URL_FILE}
        data = {name: base64.b64encode(one).decode() for name, one in addresses.items()}
        manifest = _owned({**secret, "data": data}, owner, STORAGE)
        await self._applying.ensure(backtest, SECRET, manifest, _content(addresses))

    async def _ensure_keys(self, bot: Bot, model: TradingBot, owner: Mapping[str, Any]) -> None:
        name = (SECRET.kind, f"{model.metadata.name}-{KEYS}")
        if self._applying.remembers(bot, name, _KEYS_CONTENT):
            return
        manifest = _owned(service_secret(model, _fresh_keys()), owner, _KEYS_CONTENT)
        try:
            answer: Mapping[str, Any] = await self._client.create(SECRET, manifest)
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            answer = await self._complete(bot, manifest)
        self._applying.remember(bot, SECRET, _KEYS_CONTENT, answer)

    async def _complete(self, bot: Bot, fresh: Manifest) -> Mapping[str, Any]:
        """Add to the keys that are there what they lack."""
        namespace, name = fresh["metadata"]["namespace"], fresh["metadata"]["name"]
        found = await self._client.get(SECRET, namespace, name)
        if found is None:
            raise ApiError(0, "Gone", f"Secret {name} was deleted while it was looked at")
        taken_over(bot, SECRET, found)
        lacks = {file: value for file, value in fresh["data"].items() if not found.get("data", {}).get(file)}
        metadata = {name: fresh["metadata"][name] for name in ("labels", "annotations", "ownerReferences")}
        right = all(found["metadata"].get(field) == value for field, value in metadata.items())
        if not lacks and right:
            return found
        condition = {"resourceVersion": found["metadata"]["resourceVersion"]}
        try:
            return await self._client.merge(
                SECRET, namespace, name, {"metadata": {**metadata, **condition}, "data": lacks}
            )
        except ApiError as error:
            if error.status in (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND):
                raise TemporaryError(f"Secret {name} was changed while it was looked at", retry_after=0.2) from error
            raise


def _fresh_keys() -> dict[str, bytes]:
    return {file: make() for file, make in SERVICE_KEY_FILES.items()}


def _content(addresses: Mapping[str, bytes]) -> str:
    """What is remembered of addresses, under a key of this process: a hash of a password is a way to guess it."""
    return hash_of([_PROCESS_KEY, {name: value.decode("latin-1") for name, value in addresses.items()}])


def _owned(manifest: Manifest, owner: Mapping[str, Any], content: str) -> Manifest:
    annotations = {**manifest["metadata"].get("annotations", {}), APPLIED_HASH: content}
    metadata = {**manifest["metadata"], "annotations": annotations, "ownerReferences": [dict(owner)]}
    return {**manifest, "metadata": metadata}
