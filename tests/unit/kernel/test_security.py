"""Tokens between services, keys of people: what opens, what does not, and what is kept."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import jwt
import pytest

from tradewind.domain.errors import ConfigError, MachineError
from tradewind.kernel.security import (
    TOKEN_LIFETIME,
    ApiKey,
    KeyRing,
    Role,
    ServiceTokens,
    TokenError,
    digest_of,
    load_service_key,
    load_simulated_venue_key,
    new_api_key,
    write_private,
)

KEY = b"0123456789abcdef0123456789abcdef"


class Clock:
    def __init__(self, now=1_700_000_000.0):
        self.time = now

    def now(self):
        return self.time


def test_a_token_says_who_asks_on_whose_behalf():
    """The service that signed and the person behind it arrive unchanged."""
    tokens = ServiceTokens(KEY)
    caller = tokens.verify(tokens.issue("gateway", "engine", "alice"), "engine")

    assert (caller.service, caller.actor, caller.name) == ("gateway", "alice", "alice")
    assert tokens.verify(tokens.issue("gateway", "engine"), "engine").name == "gateway"


def test_a_token_lives_a_minute_at_most():
    """What leaks is worthless soon; clocks of two pods may differ by a few seconds."""
    clock = Clock()
    tokens = ServiceTokens(KEY, clock)
    token = tokens.issue("gateway", "engine")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] <= TOKEN_LIFETIME

    for later, valid in ((-4, True), (-30, False), (59, True), (64, True), (66, False)):
        clock.time = 1_700_000_000.0 + later
        if valid:
            tokens.verify(token, "engine")
        else:
            with pytest.raises(TokenError):
                tokens.verify(token, "engine")


def test_a_token_is_made_again_before_it_is_old():
    """A token handed out always has half its life left, and signing is not paid for every call."""
    clock = Clock()
    tokens = ServiceTokens(KEY, clock)
    first = tokens.issue("gateway", "engine", "alice")
    clock.time += 29
    assert tokens.issue("gateway", "engine", "alice") == first
    clock.time += 2
    again = tokens.issue("gateway", "engine", "alice")
    assert again != first
    clock.time += 59
    tokens.verify(again, "engine")


def signed(key=KEY, algorithm="HS256", **claims):
    now = 1_700_000_000
    told = {"iss": "gateway", "aud": "engine", "iat": now, "exp": now + 60, **claims}
    return jwt.encode({name: value for name, value in told.items() if value is not None}, key, algorithm=algorithm)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        signed(key=b"x" * 32),
        signed(key=b"x" * 64, algorithm="HS512"),
        signed(key=None, algorithm="none"),
        signed(aud="portfolio"),
        signed(aud=None),
        signed(iss=None),
        signed(exp=None),
        signed(iat=None),
        signed(exp=1_700_000_061),
        signed(iat="yesterday"),
        signed(exp=[1]),
        signed(iat=1_700_000_100, exp=1_700_000_160),
    ],
    ids=range(14),
)
def test_a_token_that_is_not_ours_opens_nothing(token):
    """Forged, unsigned, for somebody else, without a claim, with a longer life, from the future."""
    with pytest.raises(TokenError):
        ServiceTokens(KEY, Clock()).verify(token, "engine")


def test_a_key_that_is_too_short_is_refused():
    """HS256 with less than its own length can be guessed."""
    with pytest.raises(ConfigError, match="received 31 bytes"):
        ServiceTokens(b"x" * 31)


def test_the_signing_key_is_made_once_and_is_this_users_alone(tmp_path):
    """Every service of the bot reads the same one; nobody else on the machine can."""
    first = load_service_key(tmp_path)

    assert load_service_key(tmp_path) == first
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "service-token.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("load", [load_service_key, load_simulated_venue_key])
def test_a_key_that_can_be_neither_read_nor_made_is_told(load, tmp_path):
    """A pod whose Secret is not there says which file it wants, in one line."""
    with pytest.raises(MachineError, match=r"\.key: received .*allowed: a readable file.*TRADEWIND_KEY_DIRECTORY"):
        load(tmp_path / "absent")


def test_the_key_of_the_simulated_venue_is_made_once_and_is_this_users_alone(tmp_path):
    """The venue and all who trade there read the same one, also after a restart; each bot has its own."""
    first = load_simulated_venue_key(tmp_path)
    (file,) = tmp_path.iterdir()
    other = tmp_path / "other"
    other.mkdir()

    assert load_simulated_venue_key(tmp_path) == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(first.api_key) == len(first.secret) == 64
    assert len({first.api_key, first.secret, load_simulated_venue_key(other).secret}) == 3


def test_of_two_processes_that_make_the_key_at_once_both_have_the_first_s(tmp_path, monkeypatch):
    """Else the venue would know one key and who trades there another."""
    path = tmp_path / "simulated-venue.key"
    first = []

    def exists(asked):
        found = os.path.lexists(asked)
        if asked == path and not first:
            first.append(None)
            first[0] = load_simulated_venue_key(tmp_path)  # the other process is quicker
        return found

    monkeypatch.setattr(Path, "exists", exists)
    assert load_simulated_venue_key(tmp_path) == first[0]
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_the_secret_of_a_venue_is_in_no_log(tmp_path):
    """An object that is logged by mistake shows what it is, and not what it opens."""
    key = load_simulated_venue_key(tmp_path)

    assert key.secret not in repr(key) + str(key) + f"{[key]}"


def test_a_private_file_is_replaced_whole(tmp_path):
    """A reader sees the old text or the new one, and never a readable copy beside it."""
    path = tmp_path / "secret"
    write_private(path, "old")
    write_private(path, "new")

    assert path.read_text() == "new\n"
    assert [one.name for one in tmp_path.iterdir()] == ["secret"]


def test_a_key_is_long_random_and_known_by_its_hash_alone():
    """`tw_` and 43 characters; the ring holds no secret and knows each key by its own."""
    secrets = [new_api_key() for _ in range(3)]
    ring = KeyRing(ApiKey(str(index), Role.VIEWER, digest_of(one)) for index, one in enumerate(secrets))

    assert all(one.startswith("tw_") and len(one) == 46 for one in secrets)
    assert [ring.identify(one).name for one in secrets] == ["0", "1", "2"]
    assert ring.identify(new_api_key()) is None
    assert ring.identify("") is None
    assert not any(one in repr(ring.keys) for one in secrets)


@pytest.mark.parametrize(
    ("role", "may"),
    [(Role.VIEWER, {Role.VIEWER}), (Role.TRADER, {Role.VIEWER, Role.TRADER}), (Role.ADMIN, set(Role))],
)
def test_a_role_may_do_what_those_below_it_may(role, may):
    """Viewer reads, trader also trades, admin also clears."""
    assert {needed for needed in Role if role.includes(needed)} == may
