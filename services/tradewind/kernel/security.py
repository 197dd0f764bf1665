"""Who may ask what: tokens between services, keys of people, and the roles that keys carry.

A service proves itself to another by a token that lives for a minute at most, signed with a key that only this bot's
services have; the token also says on whose behalf the call is made. A person's key is 256 random bits, so a plain hash
of it can neither be reversed nor guessed and is all that is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import jwt

from tradewind.domain.errors import ConfigError, MachineError, TradewindError
from tradewind.kernel.clock import Clock, SystemClock

SERVICE_HEADER = "X-Service-Auth"
SERVICE_KEY_FILE = "service-token.key"
SIMULATED_VENUE_KEY_FILE = "simulated-venue.key"
TOKEN_LIFETIME = 60.0
CLOCK_SKEW = 5.0
KEY_PREFIX = "tw_"

_ALGORITHM = "HS256"
_SHORTEST_KEY = 32
_MOST_REMEMBERED = 1000


class TokenError(TradewindError):
    """A service token that is missing, forged, for somebody else, or too old."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the service that signed, and the person (or key) on whose behalf, empty for its own."""

    service: str
    actor: str

    @property
    def name(self) -> str:
        """What stands in a log line and in the history of a change."""
        return self.actor or self.service


class ServiceTokens:
    """Makes and checks the tokens of one bot. `key` is at least 32 bytes; all services of a bot share it."""

    def __init__(self, key: bytes, clock: Clock | None = None) -> None:
        if len(key) < _SHORTEST_KEY:
            raise ConfigError(
                SERVICE_KEY_FILE,
                f"{len(key)} bytes",
                f"at least {_SHORTEST_KEY} random bytes",
                "delete the file, and the next start makes one",
            )
        self._key = key
        self._clock = clock or SystemClock()
        self._made: dict[tuple[str, str, str], tuple[float, str]] = {}

    def issue(self, issuer: str, audience: str, actor: str = "") -> str:
        """A token for calls of `issuer` to `audience`; the same one for half its life, because signing costs time."""
        now, identity = self._clock.now(), (issuer, audience, actor)
        made = self._made.get(identity)
        if made is not None and 0 <= now - made[0] < TOKEN_LIFETIME / 2:
            return made[1]
        claims = {"iss": issuer, "aud": audience, "sub": actor, "iat": int(now), "exp": int(now + TOKEN_LIFETIME)}
        token = jwt.encode(claims, self._key, algorithm=_ALGORITHM)
        if len(self._made) >= _MOST_REMEMBERED:
            self._made.clear()
        self._made[identity] = (now, token)
        return token

    def verify(self, token: str, audience: str) -> Caller:
        """Who made `token` for `audience`; raises `TokenError`, which never says which part was right."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                audience=audience,
                # Times are checked below, by the clock that was given.
                options={"require": ["iss", "aud", "iat", "exp"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError as error:
            raise TokenError(f"the service token is not valid for {audience}: {error}") from error
        if not self._in_time(claims["iat"], claims["exp"]):
            raise TokenError(f"the service token is outside its {TOKEN_LIFETIME:.0f} seconds")
        return Caller(str(claims["iss"]), str(claims.get("sub", "")))

    def _in_time(self, issued: Any, expires: Any) -> bool:
        if not isinstance(issued, (int, float)) or not isinstance(expires, (int, float)):
            return False
        return expires - issued <= TOKEN_LIFETIME and issued - CLOCK_SKEW <= self._clock.now() < expires + CLOCK_SKEW


def load_service_key(directory: Path) -> bytes:
    """The signing key in `directory`; the first call makes it."""
    return _key(directory / SERVICE_KEY_FILE, lambda: secrets.token_bytes(_SHORTEST_KEY).hex()).encode()


@dataclass(frozen=True, slots=True)
class VenueKey:
    """An API key of an account at a venue, and the secret that signs its requests."""

    api_key: str
    secret: str = field(repr=False)


def load_simulated_venue_key(directory: Path) -> VenueKey:
    """The key at the simulated venue of the bot whose state is in `directory`; the first call makes it."""
    text = _key(directory / SIMULATED_VENUE_KEY_FILE, lambda: f"{secrets.token_hex(32)} {secrets.token_hex(32)}")
    api_key, secret = text.split()
    return VenueKey(api_key, secret)


def _key(path: Path, make: Callable[[], str]) -> str:
    """The key in the file, made if there is none; raises `MachineError` where it can be neither read nor made."""
    try:
        if not path.exists():
            # Services of one bot start at the same moment, each in its own process: who comes second takes the first's.
            write_private(path, make(), replace=False)
        return path.read_text().strip()
    except OSError as error:
        allowed = f"a readable file with a key, or a folder in which one can be made ({error.strerror})"
        fix = "make it readable for this user, or leave TRADEWIND_KEY_DIRECTORY out"
        raise MachineError(path.name, str(path), allowed, fix) from error


def write_private(path: Path, text: str, *, replace: bool = True) -> None:
    """Write a file that only this user can read, in one step: a reader sees the old content or the new one.

    Without `replace` a file that is there by then stays as it is.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    if replace:
        fresh.replace(path)
        return
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(fresh)
    fresh.unlink()


# ----------------------------------------------------------------------------------------------------- keys of people


class Role(StrEnum):
    """What a key may do; each role may do everything that the ones before it may."""

    VIEWER = "viewer"
    TRADER = "trader"
    ADMIN = "admin"

    def includes(self, needed: Role) -> bool:
        """Whether this role may do what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: its name, its role, and the SHA-256 of the secret in hexadecimal."""

    name: str
    role: Role
    digest: str


def new_api_key() -> str:
    """`tw_` and 43 url-safe characters: 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """What is kept of a key. Not a password hash: there is nothing to guess in 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


class KeyRing:
    """The keys that open a door."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self.keys = tuple(keys)

    def identify(self, secret: str) -> ApiKey | None:
        """The key whose secret this is, or None; every key is compared, so the time it takes says nothing."""
        digest, found = digest_of(secret), None
        for key in self.keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found


Resolver = Callable[[str], str]
"""The base URL of a service, by its name; raises `TemporaryError` where it does not listen."""


def _none_known(service: str) -> Sequence[str]:  # noqa: ARG001
    """The default of `instances`: there is one of each."""
    return ()


@dataclass(frozen=True, slots=True)
class Peers:
    """What a service needs to call another over HTTP: where that one listens, and the token it wants.

    `instances` are the base URLs of all copies of a service that share its work; empty where there is but one.
    """

    address: Resolver
    tokens: ServiceTokens
    instances: Callable[[str], Sequence[str]] = _none_known
