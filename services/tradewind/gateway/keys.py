"""The API keys of a bot: their hashes in one file of the state directory, and the first key, made at the first start.

`api-key` holds that first key for the person at this machine, readable by this user alone; it may be moved away once
it is known. `api-keys.json` holds names, roles and hashes, and is all that the gateway reads afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tradewind.domain.errors import MachineError, NotFoundError
from tradewind.kernel.security import ApiKey, KeyRing, Role, digest_of, new_api_key, write_private

FIRST_KEY_FILE = "api-key"
KEYS_FILE = "api-keys.json"
ADMIN = "admin"


def load_keys(directory: Path, configured: str | None) -> KeyRing:
    """The keys that open the door of the bot whose state is in `directory`; the first call makes an admin's.

    A `configured` key stands for the key named admin, and then none is made and none is written.
    """
    keys = stored_keys(directory)
    if configured is not None:
        return KeyRing([ApiKey(ADMIN, Role.ADMIN, digest_of(configured)), *(key for key in keys if key.name != ADMIN)])
    if not any(key.role is Role.ADMIN for key in keys):
        secret = add_key(directory, ADMIN, Role.ADMIN)
        write_private(directory / FIRST_KEY_FILE, secret)
    return KeyRing(stored_keys(directory))


def add_key(directory: Path, name: str, role: Role) -> str:
    """Make a key, in place of the one of the same name if there is one; returns the secret, which is kept nowhere."""
    secret = new_api_key()
    keys = [key for key in stored_keys(directory) if key.name != name]
    _write(directory, [*keys, ApiKey(name, role, digest_of(secret))])
    return secret


def revoke_key(directory: Path, name: str) -> None:
    """Remove a key; raises `NotFoundError` for one that there is not."""
    keys = stored_keys(directory)
    left = [key for key in keys if key.name != name]
    if len(left) == len(keys):
        raise NotFoundError(f"no API key {name}; there are: {', '.join(key.name for key in keys) or 'none'}")
    _write(directory, left)


def stored_keys(directory: Path) -> list[ApiKey]:
    """The keys in the file, none where there is no file; raises `MachineError` when it is not what was written."""
    path = directory / KEYS_FILE
    if not path.exists():
        return []
    try:
        return [_key(one) for one in json.loads(path.read_text())]
    except (OSError, ValueError, KeyError, TypeError) as error:
        allowed = "a list of keys, each with name, role and sha256"
        fix = "restore the file, or delete it: the next start makes a new admin key"
        raise MachineError(str(path), "a file that cannot be used", allowed, fix) from error


def _key(document: Any) -> ApiKey:
    digest = str(document["sha256"])
    if len(bytes.fromhex(digest)) != 32:
        raise ValueError("a SHA-256 has 64 hexadecimal digits")
    return ApiKey(str(document["name"]), Role(document["role"]), digest)


def _write(directory: Path, keys: Iterable[ApiKey]) -> None:
    documents = [{"name": key.name, "role": key.role.value, "sha256": key.digest} for key in keys]
    write_private(directory / KEYS_FILE, json.dumps(documents, indent=2))
