"""The keys of the door: made once, kept as hashes, replaced and revoked by name."""

from __future__ import annotations

import json
import stat

import pytest

from tradewind.domain.errors import MachineError, NotFoundError
from tradewind.gateway.keys import add_key, load_keys, revoke_key
from tradewind.kernel.security import Role, new_api_key


def test_the_first_start_makes_one_admin_key_for_this_user_alone(tmp_path):
    """The secret stands in one file that can be moved away; what is kept besides is a hash."""
    ring = load_keys(tmp_path, None)
    secret = (tmp_path / "api-key").read_text().strip()

    assert ring.identify(secret).role is Role.ADMIN
    assert secret not in (tmp_path / "api-keys.json").read_text()
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("api-key", "api-keys.json")} == {0o600}


def test_a_restart_keeps_the_key_even_when_its_secret_was_moved_away(tmp_path):
    """Whoever took the file has the only copy, and it goes on opening the door."""
    load_keys(tmp_path, None)
    secret = (tmp_path / "api-key").read_text().strip()
    (tmp_path / "api-key").unlink()

    assert load_keys(tmp_path, None).identify(secret).name == "admin"
    assert not (tmp_path / "api-key").exists()


def test_a_configured_key_stands_for_the_admins_and_nothing_is_written(tmp_path):
    """A mounted secret is the only way in for an admin; the keys of others stay."""
    load_keys(tmp_path, None)
    earlier = (tmp_path / "api-key").read_text().strip()
    viewer = add_key(tmp_path, "dashboard", Role.VIEWER)
    configured = new_api_key()
    ring = load_keys(tmp_path, configured)

    assert ring.identify(configured).role is Role.ADMIN
    assert ring.identify(earlier) is None
    assert ring.identify(viewer).role is Role.VIEWER
    empty = tmp_path / "empty"
    empty.mkdir()
    load_keys(empty, configured)
    assert list(empty.iterdir()) == []


def test_a_key_is_replaced_and_revoked_by_name(tmp_path):
    """A leaked secret stops working, and the others are not touched."""
    load_keys(tmp_path, None)
    first, other = add_key(tmp_path, "bot", Role.TRADER), add_key(tmp_path, "desk", Role.VIEWER)
    second = add_key(tmp_path, "bot", Role.TRADER)
    ring = load_keys(tmp_path, None)
    assert (ring.identify(first), ring.identify(second).role) == (None, Role.TRADER)

    revoke_key(tmp_path, "bot")
    ring = load_keys(tmp_path, None)
    assert ring.identify(second) is None
    assert ring.identify(other) is not None
    with pytest.raises(NotFoundError, match="no API key bot; there are: admin, desk"):
        revoke_key(tmp_path, "bot")


@pytest.mark.parametrize(
    "text",
    ["{", "{}x", '{"a": 1}', '[{"name": "a"}]', '[{"name": "a", "role": "king", "sha256": "00"}]', "[1]", "[]x"],
)
def test_a_file_that_was_tampered_with_opens_nothing(tmp_path, text):
    """The bot does not start with a door it does not understand, and says which file it is."""
    (tmp_path / "api-keys.json").write_text(text)
    with pytest.raises(MachineError, match=r"api-keys\.json: received a file that cannot be used"):
        load_keys(tmp_path, None)


def test_a_hash_of_the_wrong_length_is_no_key(tmp_path):
    """An empty hash must not become a key that an empty secret could match."""
    (tmp_path / "api-keys.json").write_text(json.dumps([{"name": "a", "role": "admin", "sha256": ""}]))
    with pytest.raises(MachineError):
        load_keys(tmp_path, None)
